"""Overlays that are mounted, and lines of fstab: proc_pid_mountinfo(5), overlayfs.rst of the kernel, fstab(5)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_LAYERS = ("lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir")


@dataclass(frozen=True)
class Overlay:
    """An overlay that is mounted.

    + lowers, upper, work: as they were typed, without the kernel's escapes
    + flags: the options of the mount itself
    + options: those of the overlay, as far as the kernel shows them
    + read_only: by the kernel's own decision, or as it was mounted
    + space: the process in whose mount namespace it is, or the file that keeps that; nothing: it is in ours
    """

    point: str
    lowers: tuple[str, ...]
    upper: str
    work: str
    flags: frozenset[str]
    options: Mapping[str, str]
    read_only: bool
    space: str = ""
    identities: Mapping[str, str] = field(default_factory=dict)
    """DEVICE:INODE of upper and work, by path, where it is not in our namespace"""


@dataclass(frozen=True)
class Mount:
    number: str
    parent: str
    device: str
    point: str
    kind: str
    source: str
    read_only: bool


@dataclass(frozen=True)
class Line:
    """A line of fstab, without escapes."""

    text: str
    point: str
    kind: str
    options: tuple[str, ...]


def unescaped(text: str) -> str:
    """What the kernel and fstab write in octal: bytes."""
    said = text.encode(errors="surrogateescape")
    plain = re.sub(rb"\\([0-3][0-7]{2})", lambda match: bytes([int(match[1], 8)]), said)
    return plain.decode(errors="surrogateescape")


def mount_point(line: str) -> str:
    """Of mountinfo."""
    return unescaped(line.split(" ")[4])


def parse_overlay(line: str, space: str = "") -> Overlay | None:
    before, _, after = line.partition(" - ")
    words, (kind, _, shown) = before.split(" "), [*after.split(" ", 2), "", ""][:3]
    if kind != "overlay":
        return None
    said = [option.partition("=")[::2] for option in shown.split(",")]
    named: dict[str, list[str]] = {}
    for name, value in said:
        named.setdefault(name, []).append(unescaped(value))
    lowers = [path for text in named.get("lowerdir", []) for path in _layers(text)]
    options = {name: some[-1] for name, some in named.items() if name not in (*_LAYERS, "ro", "rw")}
    if options.pop("fsync", "") == "volatile":
        options["volatile"] = ""
    return Overlay(
        point=unescaped(words[4]),
        lowers=(*lowers, *named.get("lowerdir+", []), *named.get("datadir+", [])),
        upper=_plain(named.get("upperdir", [""])[0]),
        work=_plain(named.get("workdir", [""])[0]),
        flags=frozenset(words[5].split(",")),
        options=options,
        read_only=said[0][0] == "ro",
        space=space,
    )


def _layers(text: str) -> list[str]:
    """Of `lowerdir=`, where a backslash takes the meaning of what follows it."""
    return [_plain(one) for one in re.findall(r"(?:[^:\\]|\\.)+", text, re.S)]


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.S)


def parse_mount(line: str) -> Mount:
    before, after = line.split(" - ", 1)
    number, parent, device, _, point, flags, *_ = before.split(" ")
    kind, source, shown = [*after.split(" ", 2), "", ""][:3]
    read_only = "ro" in flags.split(",") or "ro" in shown.split(",")
    return Mount(number, parent, device, unescaped(point), kind, unescaped(source), read_only)


def fstab_line(text: str) -> Line | None:
    words = text.split()
    if len(words) < 2 or words[0].startswith("#"):
        return None
    point = unescaped(words[1])
    if point.startswith("/"):
        point = f"/{'/'.join(part for part in point.split('/') if part not in ('', '.'))}"
    kind, options = [*words[2:4], "", ""][:2]
    return Line(text, point, kind, tuple(options.split(",")))
