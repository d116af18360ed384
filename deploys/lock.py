"""Show who holds the locks of a host, and break one: `pyinfra inventory deploys/lock.py`."""

from pyinfra import host

from hostwright.operations import lock

lock.show(
    name=host.data.get("lock_name", "deploy"),
    break_owner=host.data.get("lock_break"),
)
