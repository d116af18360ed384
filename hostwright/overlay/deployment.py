"""What `deploys/overlay.py` does: it mounts overlays, and keeps them across boots."""

from hostwright.overlay.operations import mounts
from hostwright.overlay.settings import OverlaySettings
from hostwright.planned import told_about


def deploy() -> None:
    if said := told_about(OverlaySettings, "mounts"):
        mounts(said)
