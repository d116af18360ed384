"""What volume groups and volumes are made of: disks, mount points, and whether a volume is blank.

Sources: pvs(8), blkid(8), wipefs(8), dmsetup(8), initramfs-tools(7).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from typing_extensions import override

from hostwright.base.observe import ScriptFact, pairs, parsing
from hostwright.base.scripts import NONCE, script, sections
from hostwright.lvm.facts.devices import parse_signs
from hostwright.lvm.facts.storage import ALWAYS, SECTIONS, Storage, header, parse_storage
from hostwright.lvm.facts.survey import Holder, parse_holders


@dataclass(frozen=True)
class Disk:
    """A block device that was asked for; size in bytes, `holds` is what speaks against its being blank."""

    exists: bool
    name: str = ""
    size: int = 0
    read_only: bool = False
    physical_volume: bool = False
    group: str = ""
    holds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    """The directory on which a volume is to be mounted."""

    real: str
    entries: tuple[str, ...] = ()
    odd: bool = False
    """it is there, but no directory"""


@dataclass(frozen=True)
class Blocks:
    """+ volume: `VG/NAME` that was asked for; the file systems are those of its group, what follows is about it alone
    + signs: what speaks against its being blank
    + open: how many times its device is open
    + libdevmapper: its version, where the initramfs activates groups side by side; `early` if that is safe all the same
    """

    storage: Storage
    disks: Mapping[str, Disk] = field(default_factory=dict)
    volume: str = ""
    signs: tuple[str, ...] = ()
    open: int = 0
    point: Point | None = None
    holders: tuple[Holder, ...] = ()
    libdevmapper: tuple[int, ...] = ()
    early: bool = False


def _disk(lines: Sequence[str]) -> Disk:
    values = pairs(lines)
    if "KNAME" not in values:
        return Disk(exists=False)
    return Disk(
        True,
        values["KNAME"],
        int(values["SIZE"]),
        "READONLY" in values,
        "GROUP" in values,
        values.get("GROUP", ""),
        parse_signs(lines),
    )


def _point(lines: Sequence[str]) -> Point:
    entries = tuple(line.split("=", 1)[1] for line in lines if line.startswith("ENTRY="))
    return Point(pairs(lines).get("REAL", ""), entries, "ODD=yes" in lines)


@parsing()
def parse_blocks(lines: list[str], nonce: str = "") -> Blocks:
    found = sections(lines, nonce, SECTIONS)
    signs, point = found.get("signs", []), found.get("point")
    initramfs = pairs(found.get("initramfs", []))
    return Blocks(
        storage=parse_storage(lines, nonce),
        disks={name.removeprefix("disk "): _disk(found[name]) for name in found if name.startswith("disk ")},
        volume=pairs(signs).get("VOLUME", ""),
        signs=parse_signs(signs),
        open=int(pairs(signs).get("OPEN", 0) or 0),
        point=None if point is None else _point(point),
        holders=parse_holders(found.get("holders", [])),
        libdevmapper=tuple(int(part) for part in initramfs.get("LIBRARY", "").split(".") if part),
        early="EARLY" in initramfs,
    )


class LvmBlocks(ScriptFact[Blocks]):
    """The storage of one host, with what is about to become part of it.

    + devices: paths of disks, without white space
    + vg, volume: the names of the logical volume in question
    + point: where it is to be mounted
    + staging, scratch: what a shrink may use for a copy
    + holders: `yes` to look for what keeps the volume's file system busy
    """

    what = "what storage it has"
    always = (*ALWAYS, "initramfs", "signs")

    @override
    def text(
        self,
        devices: str = "",
        vg: str = "",
        volume: str = "",
        point: str = "",
        staging: str = "",
        scratch: str = "",
        holders: str = "",
    ) -> str:
        more = {"DEVICES": devices, "POINT": point, "HOLDERS": holders}
        variables = header(vg, volume, staging, scratch) | more
        return script("disks", **variables)

    @override
    def parsed(self, output: list[str]) -> Blocks:
        return parse_blocks(output, NONCE)
