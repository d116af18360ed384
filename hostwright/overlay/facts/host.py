"""Overlays of a host, what they are made of, and what a boot finds (sh/overlays.sh writes what is read here)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from typing_extensions import override

from hostwright.base.observe import ScriptFact, pairs, parsing
from hostwright.base.refusal import DidNotTell
from hostwright.base.scripts import NONCE, script, sections
from hostwright.overlay.facts.mounted import Line, Mount, Overlay, fstab_line, parse_mount, parse_overlay, unescaped

_SECTIONS = (
    *("who", "host", "parameters", "mountinfo", "fstab", "engines", "leftovers", "paths", "real", "above", "stat"),
    *("room", "ftype", "targets", "target *", "work *", "work/work *", "work/index *", "work/work/incompat *"),
    *("origin *", "units", "fragments", "unit *", "wants", "others", "identities", "told"),
)
_UNKNOWN = Mount("", "", "", "/", "", "", read_only=False)


@dataclass(frozen=True)
class Place:
    """What there is of a path.

    + real: without links
    + above: itself, or the nearest directory above that is there
    + identity: DEVICE:INODE of that
    + free: bytes that its file system has left; inodes None where that counts none
    """

    real: str
    above: str
    identity: str
    kind: str
    free: int
    inodes: int | None

    @property
    def exists(self) -> bool:
        return self.real == self.above

    @property
    def inode(self) -> int:
        return int(self.identity.partition(":")[2])


@dataclass(frozen=True)
class Unit:
    """The unit of systemd that mounts a target.

    + text: of the file in /etc/systemd/system, if that is there
    + elsewhere: a file in another place
    + wants: links to it in directories of targets
    """

    name: str
    text: str | None = None
    elsewhere: str = ""
    wants: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostOverlays:
    """
    + kernel: its release
    + util_linux, systemd: their versions; () and 0 where they are not known, or not at work
    + supported: the kernel has overlays
    + parameters: defaults of the kernel's module; nothing where it is not loaded yet
    + engines: directories that container engines were told to use, beside their usual ones
    + leftovers: what a run that died left beside fstab
    + places: by path, as it was asked for
    + real: of paths of mounted overlays
    + entries: what is in a target, by its real path
    + strangers: what is in a work directory that the kernel does not leave there
    + origins: the inode of the first lower that an upper was mounted with, where that is known
    + ftype: by mount point of an XFS: 0, 1 or `unknown`
    """

    user: str
    root: bool
    kernel: str = ""
    util_linux: tuple[int, ...] = ()
    systemd: int = 0
    supported: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    others: tuple[Overlay, ...] = ()
    fstab: tuple[Line, ...] = ()
    engines: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    real: Mapping[str, str] = field(default_factory=dict)
    entries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    strangers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origins: Mapping[str, int] = field(default_factory=dict)
    ftype: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, Unit] = field(default_factory=dict)

    def overlays_at(self, point: str) -> list[Overlay]:
        return [one for one in self.overlays if one.point == point]

    def below(self, path: str, target: str = "") -> Mount:
        """The mount that a path is on.

        + target: an overlay on this one is not looked at
        """
        numbers = {mount.number for mount in self.mounts}
        roots = (one for one in self.mounts if one.point == "/" and one.parent not in numbers - {one.number})
        at = next(roots, _UNKNOWN)
        parts = [part for part in path.split("/") if part]
        for prefix in ("/", *("/" + "/".join(parts[: end + 1]) for end in range(len(parts)))):
            while found := next(
                (
                    one
                    for one in self.mounts
                    if one.parent == at.number and one.point == prefix and one is not at
                    if one.kind != "overlay" or one.point != target
                ),
                None,
            ):
                at = found
        return at


@parsing()
def parse_overlays(lines: list[str], nonce: str = "") -> HostOverlays:
    found = sections(lines, nonce, _SECTIONS)
    user, uid = found["who"]
    if uid != "0":
        return HostOverlays(user, root=False)
    if "told" not in found:
        raise DidNotTell("its answer is not whole")
    host = pairs(found["host"])
    real = dict(zip(found["paths"], found["real"], strict=True))
    points = dict(_kept(found["others"]))
    identities = dict(_identities(found["identities"]))
    return HostOverlays(
        user=user,
        root=True,
        kernel=host["kernel"],
        util_linux=tuple(int(part) for part in host.get("util_linux", "").split(".") if part),
        systemd=int(host.get("systemd") or 0),
        supported="lacks" not in host,
        parameters=pairs(found["parameters"]),
        mounts=tuple(map(parse_mount, found["mountinfo"])),
        overlays=tuple(one for line in found["mountinfo"] if (one := parse_overlay(line))),
        others=tuple(_others(found["others"], points, identities)),
        fstab=tuple(line for text in found["fstab"] if (line := fstab_line(text))),
        engines=tuple(path for path in found.get("engines", []) if path.startswith("/") and path.strip("/")),
        leftovers=tuple(found.get("leftovers", [])),
        places=dict(_places(real, found)),
        real=real,
        entries={
            name.removeprefix("target "): tuple(some) for name, some in found.items() if name.startswith("target ")
        },
        strangers=_strangers(found),
        origins={
            name.removeprefix("origin "): inode
            for name, some in found.items()
            if name.startswith("origin ") and some and (inode := origin_inode(bytes.fromhex(some[0]))) is not None
        },
        ftype={point: said for said, point in (line.split(" ", 1) for line in found["ftype"])},
        units=_units(found),
    )


def _places(real: Mapping[str, str], found: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Place]]:
    rows = zip(found["paths"], found["above"], found["stat"], found["room"], strict=True)
    for path, above, stat, room in rows:
        device, inode, kind = stat.split(" ", 2)
        size, free, inodes, left = map(int, room.split(" "))
        yield (
            path,
            Place(real[path], above, f"{device}:{inode}", kind, size * free, left if inodes else None),
        )


def _strangers(found: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    strangers: dict[str, tuple[str, ...]] = {}
    for name, some in found.items():
        place, _, directory = name.partition(" ")
        if place.partition("/")[0] == "work":
            inner = place.removeprefix("work").removeprefix("/")
            names = (f"{inner}/{one}".removeprefix("/") for one in some)
            strangers[directory] = (*strangers.get(directory, ()), *names)
    return strangers


def _kept(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if line.startswith("kept "):
            _, space, path = line.split(" ", 2)
            yield space, unescaped(path)


def _identities(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        identity, path = line.split(" ", 1)
        yield path, identity


def _others(lines: Sequence[str], kept: Mapping[str, str], identities: Mapping[str, str]) -> Iterator[Overlay]:
    for line in lines:
        said = re.match(r"/proc/(\w+)/mountinfo:(.*)", line)
        one = parse_overlay(said[2], said[1]) if said else None
        if one:
            root = f"/proc/{one.space}/root"
            layers = {path: identities[root + path] for path in (one.upper, one.work) if root + path in identities}
            yield replace(one, space=kept.get(one.space, f"process {one.space}"), identities=layers)


def origin_inode(handle: bytes) -> int | None:
    """The inode in a file handle as overlayfs keeps it (struct ovl_fb: version, magic, length, flags, type, uuid, fid).

    ext4, and XFS with small numbers: inode, generation; tmpfs: generation, inode; XFS and Btrfs: inode, of 64 bits.
    """
    if len(handle) < 5 or handle[1] != 0xFB or len(handle) < handle[2]:
        return None
    kind, fid = handle[4], handle[21 : handle[2]]
    if kind == 1 and len(fid) == 8:
        return int.from_bytes(fid[:4], "little")
    if kind == 1 and len(fid) == 12:
        return int.from_bytes(fid[4:12], "little")
    return int.from_bytes(fid[:8], "little") if kind in (0x81, 0x4D) else None


def _units(found: Mapping[str, Sequence[str]]) -> dict[str, Unit]:
    """By the real path of the target."""
    fragments = dict(_fragments(found.get("fragments", [])))
    units = {}
    for target, name in zip(found["targets"] if found["units"] else (), found["units"], strict=True):
        own = found.get(f"unit {name}")
        text = None if own is None else "".join(f"{line[1:]}\n" for line in own)
        path = fragments.get(name, "")
        ours = f"/etc/systemd/system/{name}"
        elsewhere = "" if path == ours or path.startswith("/run/systemd/generator") else path
        wants = tuple(link for link in found.get("wants", []) if link.endswith(f".wants/{name}"))
        units[target] = Unit(name, text, elsewhere, wants)
    return units


def _fragments(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    said: dict[str, str] = {}
    for key, _, value in (line.partition("=") for line in lines):
        said[key] = value
        if len(said) == 2:
            yield said["Id"], said["FragmentPath"]
            said = {}


class Overlays(ScriptFact[HostOverlays]):
    """Overlays of the host, and what there is of the layers and targets that are asked for: paths, one a line."""

    what = "what overlays it has"

    @override
    def text(self, targets: str = "", lowers: str = "", uppers: str = "", works: str = "", indexed: str = "") -> str:
        return script("overlays", TARGETS=targets, LOWERS=lowers, UPPERS=uppers, WORKS=works, INDEXED=indexed)

    @override
    def parsed(self, output: list[str]) -> HostOverlays:
        return parse_overlays(output, NONCE)
