"""Checks of volumes, file systems and mounts, in the manner of testinfra: each asks its host when it is asked."""

from hostwright.lvm.verify.file_system import FileSystem
from hostwright.lvm.verify.volumes import LogicalVolume, PhysicalVolume, VolumeGroup

__all__ = ["FileSystem", "LogicalVolume", "PhysicalVolume", "VolumeGroup"]
