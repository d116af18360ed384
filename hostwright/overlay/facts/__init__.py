"""What a host's overlays are like, and who uses them."""

from hostwright.overlay.facts.holders import Holder, OverlayHolders, parse_holders
from hostwright.overlay.facts.host import HostOverlays, Overlays, Place, Unit, origin_inode, parse_overlays
from hostwright.overlay.facts.mounted import Line, Mount, Overlay, fstab_line, mount_point, parse_overlay

__all__ = [
    "Holder",
    "HostOverlays",
    "Line",
    "Mount",
    "Overlay",
    "OverlayHolders",
    "Overlays",
    "Place",
    "Unit",
    "fstab_line",
    "mount_point",
    "origin_inode",
    "parse_holders",
    "parse_overlay",
    "parse_overlays",
]
