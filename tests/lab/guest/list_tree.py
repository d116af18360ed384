"""Runs in the guest: writes a directory's tree to stdout as JSON, name by name, with all that a copy must keep.

Argument: directory. The caller sees to it that reading changes no access time.
"""

import errno
import fcntl
import hashlib
import json
import os
import stat
import struct
import sys

BLOCK = 4096
# ioctl_iflags(2), linux/fs.h; the numbers are those of 64-bit machines.
FS_IOC_GETFLAGS = 0x80086601
FS_IOC_FSGETXATTR = 0x801C581F
# Those that a person sets: not what says how the file system stores the file (extents, index, inline data).
FLAGS = {
    "s": 0x1,
    "u": 0x2,
    "c": 0x4,
    "S": 0x8,
    "i": 0x10,
    "a": 0x20,
    "d": 0x40,
    "A": 0x80,
    "m": 0x400,
    "j": 0x4000,
    "t": 0x8000,
    "D": 0x10000,
    "T": 0x20000,
    "C": 0x800000,
    "x": 0x2000000,
    "P": 0x20000000,
    "F": 0x40000000,
}
KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}
Entry = dict[str, object]


def main(top: bytes) -> None:
    os.chdir(top)
    # What is not on disk yet counts in no file's blocks.
    os.sync()
    found = {b".": os.lstat(b".")}
    walk(b".", found)
    first_names: dict[int, bytes] = {}
    for path in sorted(found):
        first_names.setdefault(found[path].st_ino, path)
    entries = {text(path): entry(path, found[path], first_names[found[path].st_ino]) for path in sorted(found)}
    json.dump(entries, sys.stdout)


def text(name: bytes) -> str:
    return name.removeprefix(b"./").decode("utf-8", "surrogateescape")


def walk(directory: bytes, found: dict[bytes, os.stat_result]) -> None:
    for name in os.listdir(directory):
        path = directory + b"/" + name
        found[path] = os.lstat(path)
        if stat.S_ISDIR(found[path].st_mode) and found[path].st_dev == found[b"."].st_dev:
            walk(path, found)


def entry(path: bytes, status: os.stat_result, first_name: bytes) -> Entry:
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    known: Entry = {
        "type": kind,
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "uid": status.st_uid,
        "gid": status.st_gid,
        "nlink": status.st_nlink,
        "mtime_ns": status.st_mtime_ns,
        "atime_ns": status.st_atime_ns,
        "xattrs": {
            text(os.fsencode(name)): os.getxattr(path, name, follow_symlinks=False).hex()
            for name in sorted(os.listxattr(path, follow_symlinks=False))
        },
    }
    if kind != "directory" and status.st_nlink > 1:
        known["same_as"] = text(first_name)
    if kind == "symlink":
        known["target"] = text(os.readlink(path))
    if kind.endswith("device"):
        known["device"] = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    if kind in ("file", "directory"):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        known["flags"] = flags(handle)
        known["project"] = project(handle)
        if kind == "file":
            # A directory's size is the file system's own affair.
            known["size"] = status.st_size
            known["allocated"] = status.st_blocks * 512
            known["sha256"] = content(handle, status.st_size)
        os.close(handle)
    return known


def flags(handle: int) -> str:
    buffer = bytearray(8)
    fcntl.ioctl(handle, FS_IOC_GETFLAGS, buffer)
    (value,) = struct.unpack_from("=I", buffer)
    return "".join(letter for letter, bit in FLAGS.items() if value & bit)


def project(handle: int) -> int:
    buffer = bytearray(28)
    try:
        fcntl.ioctl(handle, FS_IOC_FSGETXATTR, buffer)
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.EOPNOTSUPP):
            raise
        return 0
    return int(struct.unpack_from("=5I", buffer)[3])


def content(handle: int, size: int) -> str:
    """One digest for one content, wherever its holes are: blocks of zeros do not count, holes only save time."""
    digest = hashlib.sha256()
    zeros = bytes(BLOCK)
    offset = 0
    while offset < size:
        try:
            # Data may begin within a block that has been read with what was before it.
            offset = max(offset, os.lseek(handle, offset, os.SEEK_DATA) // BLOCK * BLOCK)
            end = os.lseek(handle, offset, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break
        while offset < end:
            chunk = os.pread(handle, 256 * BLOCK, offset)
            if not chunk:
                break
            for start in range(0, len(chunk), BLOCK):
                block = chunk[start : start + BLOCK]
                if block != zeros[: len(block)]:
                    digest.update((offset + start).to_bytes(8, "little") + block)
            offset += -(-len(chunk) // BLOCK) * BLOCK
    return digest.hexdigest()


main(os.fsencode(sys.argv[1]))
