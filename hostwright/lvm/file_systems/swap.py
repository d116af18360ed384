"""Swap. Sources: mkswap(8), swapon(8)."""

from hostwright.lvm.file_systems.kind import Kind


class Swap(Kind):
    files = False
