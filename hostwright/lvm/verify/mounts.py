"""What is mounted, and what fstab wants mounted.

Sources: proc_pid_mountinfo(5), proc_swaps(5), fstab(5), findmnt(8), findfs(8).
"""

import re
from typing import NamedTuple

from hostwright.base.verify import Host, answer, lines, output


class Mount(NamedTuple):
    """One mount; `device` is the source as the kernel names it, `options` are the mount's and the file system's."""

    point: str
    device: str
    kind: str
    options: tuple[str, ...]


class FstabLine(NamedTuple):
    spec: str
    point: str
    kind: str
    options: tuple[str, ...]


def mounts(host: Host) -> list[Mount]:
    """All mounts, a later one over an earlier one of the same point

    >>> mounts(host)[-1]
    Mount(point='/home', device='/dev/mapper/centos-home', kind='xfs', options=('rw', 'relatime', 'attr2'))
    """
    return [_mount(line) for line in lines(host, "cat /proc/self/mountinfo")]


def mount_points(host: Host, device: str) -> list[str]:
    """Where a device is mounted, by whichever of its names

    >>> mount_points(host, "/dev/centos/home")
    ['/home']
    """
    return [_unescape(point) for point in answer(host, "findmnt -n -r -o TARGET -S %s", device).split("\n") if point]


def fstab(host: Host) -> list[FstabLine]:
    """The lines of fstab, without comments

    >>> fstab(host)[-1]
    FstabLine(spec='UUID=a00d34e4-13a7-46c4-bcb8-5f0cff4e66f6', point='/home', kind='xfs', options=('defaults',))
    """
    rows = (re.findall("[^ \t]+", line) for line in lines(host, "cat /etc/fstab"))
    return [
        FstabLine(
            words[0],
            _unescape(words[1]).rstrip("/") or "/",
            words[2],
            tuple(words[3].split(",")) if len(words) > 3 else (),
        )
        for words in rows
        if len(words) > 2 and not words[0].startswith("#")
    ]


def swaps(host: Host) -> dict[str, int]:
    """Swap spaces in use, by device or file, with their bytes

    >>> swaps(host)
    {'/dev/dm-1': 2147479552}
    """
    rows = (re.findall("[^ \t]+", line) for line in lines(host, "cat /proc/swaps")[1:])
    return {_unescape(words[0]): int(words[2]) * 1024 for words in rows}


def device_of(host: Host, spec: str) -> str:
    """The kernel's device of a path or of a tag like those in fstab; empty where there is none

    >>> device_of(host, "UUID=a00d34e4-13a7-46c4-bcb8-5f0cff4e66f6") == device_of(host, "/dev/centos/home")
    True
    """
    if "=" in spec and not spec.startswith("/"):
        spec = answer(host, "findfs %s", spec.replace('"', ""))
    return output(host, "readlink -f -- %s", spec) if spec.startswith("/dev/") else ""


def _mount(line: str) -> Mount:
    before, after = line.split(" - ", 1)
    _, _, _, _, point, options, *_ = before.split(" ")
    kind, source, super_options = after.split(" ")
    together = dict.fromkeys([*options.split(","), *super_options.split(",")])
    return Mount(_unescape(point), _unescape(source), kind, tuple(together))


def _unescape(text: str) -> str:
    """The kernel and fstab write octal, findmnt hexadecimal."""
    text = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
    return re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), text)
