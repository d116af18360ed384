"""Where disks are replayed: an XFS of our own in a sparse file, in which a file or part of it is copied in no time."""

import ctypes
import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.call import LabError, call

SIZE = 32 * 1024**3
BLOCK = 4096
FICLONE = 0x40049409
FICLONERANGE = 0x4020940D
FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE = 1, 2

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def arena(directory: Path) -> Iterator[Path]:
    """A directory below the given one, on the XFS; both are gone in the end."""
    directory.mkdir(parents=True, exist_ok=True)
    image = directory / "arena.img"
    with image.open("wb") as file:
        file.truncate(SIZE)
    try:
        call(["mkfs.xfs", "-q", "-f", "-m", "reflink=1", str(image)])
        with mounted(image, directory / "arena", "xfs", "loop,noatime"):
            yield directory / "arena"
    finally:
        image.unlink()


@contextmanager
def mounted(what: Path, at: Path, kind: str, options: str) -> Iterator[Path]:
    at.mkdir(exist_ok=True)
    call(["mount", "-t", kind, "-o", options, str(what), str(at)])
    try:
        yield at
    finally:
        _unmount(at)
        at.rmdir()


def _unmount(at: Path) -> None:
    """What looks at every mount of the machine, as a lab's tools do at times, holds one for a moment."""
    for patience in range(50):
        try:
            call(["umount", str(at)])
            return
        except LabError:
            if patience == 49:
                raise
            time.sleep(0.1)


def clone(source: Path, target: Path) -> Path:
    with source.open("rb") as old, target.open("wb") as new:
        fcntl.ioctl(new, FICLONE, old.fileno())
    return target


def clone_pieces(source: Path, pieces: list[tuple[int, int]], target: Path) -> Path:
    """Make a file of parts of another one: offset and length of each, in whole blocks."""
    at = 0
    with source.open("rb") as old, target.open("wb") as new:
        for offset, length in pieces:
            fcntl.ioctl(new, FICLONERANGE, struct.pack("=qQQQ", old.fileno(), offset, length, at))
            at += length
    return target


def punch(file: int, at: int, length: int) -> None:
    """These bytes read as zeros, and take no space."""
    mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
    if _libc.fallocate(file, mode, ctypes.c_long(at), ctypes.c_long(length)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
