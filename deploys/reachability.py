"""Show who can reach what of the hosts; changes nothing: `pyinfra inventory deploys/reachability.py`."""

from hostwright import reachability

reachability.deploy()
