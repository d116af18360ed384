"""What `deploys/lock.py` does: it shows who holds the locks of a host, and breaks one."""

from hostwright import planned
from hostwright.base.settings import validated
from hostwright.lock.operations import show
from hostwright.lock.settings import LockSettings


def deploy() -> None:
    wish = validated(LockSettings, planned.told(LockSettings))
    show(wish.name, wish.break_owner)
