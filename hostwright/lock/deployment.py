"""What `deploys/lock.py` does: it shows who holds the locks of a host, and breaks one."""

from pyinfra import host

from hostwright.lock.operations import show


def deploy() -> None:
    show(name=host.data.get("lock_name", "deploy"), break_owner=host.data.get("lock_break"))
