"""Show who holds the locks of a host, and break one: `pyinfra inventory deploys/lock.py`."""

from hostwright import lock

lock.deploy()
