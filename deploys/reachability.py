"""Show who can reach what of the hosts; changes nothing: `pyinfra inventory deploys/reachability.py`."""

from pyinfra import host

from hostwright.operations import reachability
from hostwright.settings_reachability import ReachabilitySettings

reachability.report({name: host.data.get(f"reachability_{name}") for name in ReachabilitySettings.model_fields})
