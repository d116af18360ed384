"""What `deploys/lock.py` does: it shows who holds the locks of a host, and breaks one."""

from hostwright import planned
from hostwright.lock.operations import show
from hostwright.lock.settings import LockSettings


def deploy() -> None:
    said = planned.told(LockSettings)
    show(**{name: said[name] for name in ("name", "break_owner") if said[name] is not None})
