"""Overlay mounts: found by their target, there after a boot."""

from hostwright.overlay.deployment import deploy
from hostwright.overlay.operations import mount, mounts

__all__ = ["deploy", "mount", "mounts"]
