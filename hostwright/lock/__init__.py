"""The host lock: two deploys never work on one machine at the same time."""

from hostwright.lock.deployment import deploy
from hostwright.lock.held import acquire, fenced, held, release
from hostwright.lock.operations import show

__all__ = ["acquire", "deploy", "fenced", "held", "release", "show"]
