"""Mounted file systems, and how large they say they are.

Sources: xfs_info(8), dumpe2fs(8), btrfs-filesystem(8), blkid(8), blockdev(8).
"""

import shlex
from typing import NamedTuple

from hostwright.base.verify import Host, answer, output
from hostwright.lvm.file_systems import KINDS
from hostwright.lvm.file_systems.kind import Kind
from hostwright.lvm.verify.mounts import Mount, mounts


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
        if mount.kind not in KINDS or not KINDS[mount.kind].files:
            known = ", ".join(kind.name for kind in KINDS.values() if kind.files)
            raise NotImplementedError(f"{mount.point} is {mount.kind}: only {known} are known")
        kind = KINDS[mount.kind]
        return extent(kind, output(self.host, kind.ask(shlex.quote(mount.device), shlex.quote(mount.point))))


def extent(kind: Kind, report: str) -> Extent:
    """From what the tool of its kind prints."""
    said = kind.parse(report.splitlines())
    size = kind.spans(said)
    assert size, f"a {kind.name} file system does not tell its size: {report!r}"
    return Extent(size, kind.slack(said))
