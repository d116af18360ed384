"""Reads what QEMU's blklogwrites wrote: the writes and flushes of a disk, in the order in which the guest gave them.

The format is dm-log-writes': a superblock in the first sector, then entry by entry a sector that describes it, and what
was written. All numbers are little-endian, 64 bits wide.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4


@dataclass(frozen=True)
class Entry:
    """
    + at, length: which bytes of the disk, none of a flush alone
    + data: where in the log they are
    + end: where in the log the next entry begins
    """

    at: int
    length: int
    flags: int
    data: int
    end: int

    @property
    def flushes(self) -> bool:
        return bool(self.flags & FLUSH)

    @property
    def discards(self) -> bool:
        return bool(self.flags & DISCARD)

    @property
    def durable(self) -> bool:
        """Whether it is on disk once it is done, without a flush."""
        return bool(self.flags & FUA)

    def __str__(self) -> str:
        names = [name for name, flag in (("flush", FLUSH), ("fua", FUA), ("discard", DISCARD)) if self.flags & flag]
        return f"{'+'.join(names) or 'write'} {self.length} bytes at {self.at}"


def entries(path: Path) -> Iterator[Entry]:
    """The superblock's count may be behind if QEMU was killed, so the file's length decides."""
    size = path.stat().st_size
    with path.open("rb") as file:
        magic, _version, _count, sector = struct.unpack("<QQQI", file.read(28))
        if magic != MAGIC or sector != SECTOR:
            raise ValueError(f"{path} is no log of writes in sectors of {SECTOR} bytes")
        at = SECTOR
        while at + SECTOR <= size:
            file.seek(at)
            where, sectors, flags, _marker = struct.unpack("<QQQQ", file.read(32))
            data = at + SECTOR
            at = data if flags & DISCARD else data + sectors * SECTOR
            if at > size:
                return
            yield Entry(where * SECTOR, sectors * SECTOR, flags, data, at)
