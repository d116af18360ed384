"""Mounted file systems, and how large they say they are.

Sources: xfs_info(8), dumpe2fs(8), btrfs-filesystem(8), blkid(8), blockdev(8).
"""

import re
from typing import NamedTuple

from hostwright.base.verify import Host, answer, output
from hostwright.lvm.verify.mounts import Mount, mounts

MIB = 1024**2
SECTOR = 4096


class Extent(NamedTuple):
    """Bytes that a file system spans, and bytes behind it from which on it could have spanned more."""

    size: int
    least_growth: int


class FileSystem:
    """Test the file system that is mounted at a mount point

    >>> FileSystem(host, "/home").exists
    True
    """

    def __init__(self, host: Host, mount_point: str) -> None:
        self.host = host
        self.mount_point = mount_point

    def __repr__(self) -> str:
        return f"<file system {self.mount_point}>"

    @property
    def exists(self) -> bool:
        return any(mount.point == self.mount_point for mount in mounts(self.host))

    @property
    def kind(self) -> str:
        """
        >>> FileSystem(host, "/home").kind
        'xfs'
        """
        return self._mount().kind

    @property
    def device(self) -> str:
        """The device as it was given to mount(8)

        >>> FileSystem(host, "/home").device
        '/dev/mapper/centos-home'
        """
        return self._mount().device

    @property
    def options(self) -> list[str]:
        """Options of the mount and of the file system: `ro` is among them when either cannot be written

        >>> FileSystem(host, "/home").options
        ['rw', 'relatime', 'attr2', 'inode64', 'noquota']
        """
        return list(self._mount().options)

    @property
    def uuid(self) -> str:
        """
        >>> FileSystem(host, "/home").uuid
        'a00d34e4-13a7-46c4-bcb8-5f0cff4e66f6'
        """
        return answer(self.host, "blkid -p -o value -s UUID %s", self.device)

    @property
    def label(self) -> str:
        """Its label, empty when it has none

        >>> FileSystem(host, "/home").label
        'home'
        """
        return answer(self.host, "blkid -p -o value -s LABEL %s", self.device)

    @property
    def size(self) -> int:
        """Bytes that it says it spans, with all that it keeps for itself

        >>> FileSystem(host, "/home").size
        53687091200
        """
        return self._extent(self._mount()).size

    @property
    def fills_volume(self) -> bool:
        """Whether it spans all of its device that a file system of its kind can span, and no more

        >>> FileSystem(host, "/home").fills_volume
        True
        """
        mount = self._mount()
        size, least_growth = self._extent(mount)
        unused = int(output(self.host, "blockdev --getsize64 %s", mount.device)) - size
        return 0 <= unused < least_growth

    def _mount(self) -> Mount:
        found = [mount for mount in mounts(self.host) if mount.point == self.mount_point]
        assert found, f"nothing is mounted at {self.mount_point}"
        return found[-1]

    def _extent(self, mount: Mount) -> Extent:
        if mount.kind == "xfs":
            return xfs_extent(output(self.host, "xfs_info %s", mount.point))
        if mount.kind.startswith("ext"):
            return ext_extent(output(self.host, "dumpe2fs -h %s", mount.device))
        if mount.kind == "btrfs":
            return btrfs_extent(output(self.host, "btrfs filesystem show --raw %s", mount.point))
        raise NotImplementedError(f"{mount.point} is {mount.kind}: only XFS, ext2, ext3, ext4 and btrfs are known")


def xfs_extent(report: str) -> Extent:
    """From what xfs_info prints."""
    data = report[report.index("\ndata ") :]
    block, blocks, stripe = (int(re.findall(rf"{name}=(\d+)", data)[0]) for name in ("bsize", "blocks", "sunit"))
    # The kernel adds no allocation group below 64 blocks; mkfs makes groups of whole stripes, and none below 16 MiB.
    return Extent(block * blocks, 16 * MIB if stripe else 64 * block)


def ext_extent(report: str) -> Extent:
    """From what dumpe2fs prints of the superblock."""
    values = dict(re.findall(r"^([^:\n]+):\s+(.*)$", report, re.MULTILINE))
    block, blocks = int(values["Block size"]), int(values["Block count"])
    groups = -(-blocks // int(values["Blocks per group"]))
    descriptors = -(-groups * int(values.get("Group descriptor size", 32)) // block)
    # A last group that would hold little more than its own tables is left out (resize2fs, mke2fs).
    tables = 3 + int(values["Inode blocks per group"]) + descriptors + int(values.get("Reserved GDT blocks", 0))
    return Extent(block * blocks, (tables + 50) * block)


def btrfs_extent(report: str) -> Extent:
    """From what btrfs filesystem show prints of one that is on one device."""
    return Extent(sum(int(size) for size in re.findall(r"devid\s+\d+\s+size\s+(\d+)", report)), SECTOR)
