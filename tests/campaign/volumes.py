"""The logical volumes of a disk that nobody activates, as LVM itself reads them from its metadata."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.campaign import arena
from tests.lab.call import LabError, call

# LVM's own area, in front of the first extent: the same bytes make the same volumes.
AREA = 1024**2
# No device mapper is needed, and the machine's own volumes and settings have no say.
CONFIG = """
    global { activation = 0 use_lvmpolld = 0 }
    devices { hints = "none" use_devicesfile = 0 obtain_device_list_from_udev = 0 external_device_info_source = "none" }
    backup { backup = 0 archive = 0 }
"""
FIELDS = "lv_name,lv_uuid,vg_name,vg_uuid,lv_tags,vg_extent_size,segtype,seg_size,devices"


# Offset and length.
Piece = tuple[int, int]


class Unreadable(Exception):
    """LVM does not take its own metadata for valid."""


@dataclass(frozen=True)
class Volume:
    """
    + pieces: its segments on the disk
    """

    group: str
    name: str
    dm_uuid: str
    tags: str
    pieces: tuple[Piece, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The paths below /dev by which a running host finds it."""
        mapped = "-".join(part.replace("-", "--") for part in (self.group, self.name))
        return (
            f"/dev/mapper/{mapped}",
            f"/dev/{self.group}/{self.name}",
            f"/dev/disk/by-id/dm-name-{mapped}",
            f"/dev/disk/by-id/dm-uuid-{self.dm_uuid}",
        )

    @property
    def size(self) -> int:
        return sum(length for _, length in self.pieces)

    def copy(self, disk: Path, target: Path) -> Path:
        return arena.clone_pieces(disk, list(self.pieces), target)


class Volumes:
    """Remembers what LVM said of which metadata, since most writes leave those alone."""

    def __init__(self, partitions: Sequence[Piece]) -> None:
        self.partitions = partitions
        self._known: dict[bytes, tuple[Volume, ...]] = {}

    def of(self, disk: Path) -> tuple[Volume, ...]:
        digest = hashlib.sha256()
        with disk.open("rb") as file:
            for start, _ in self.partitions:
                file.seek(start)
                digest.update(file.read(AREA))
        if digest.digest() not in self._known:
            self._known[digest.digest()] = _read(disk, self.partitions)
        return self._known[digest.digest()]


def _read(disk: Path, partitions: Sequence[Piece]) -> tuple[Volume, ...]:
    with ExitStack() as stack:
        attached = {stack.enter_context(_attached(disk, *partition)): partition[0] for partition in partitions}
        try:
            _lvm("vgck", attached)
            disks = _report("pvs", "pv", attached, "pv_name,pe_start")
            rows = _report("lvs", "seg", attached, FIELDS, "--all", "--segments")
        except (LabError, json.JSONDecodeError) as error:
            # It complains in the middle of the JSON, if it likes.
            raise Unreadable(str(error)) from error
    starts = {row["pv_name"]: attached[row["pv_name"]] + int(row["pe_start"]) for row in disks}
    segments: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        segments.setdefault(row["lv_name"].strip("[]"), []).append(row)
    return tuple(
        Volume(
            first["vg_name"],
            name,
            "LVM-" + (first["vg_uuid"] + first["lv_uuid"]).replace("-", ""),
            first["lv_tags"],
            tuple(_pieces(name, segments, starts)),
        )
        for name, (first, *_) in segments.items()
        # What an ended pvmove leaves for a moment maps to nothing.
        if not first["lv_name"].startswith("[") and {row["segtype"] for row in segments[name]} != {"error"}
    )


def _pieces(name: str, segments: Mapping[str, list[dict[str, str]]], starts: Mapping[str, int]) -> Iterator[Piece]:
    """Where the volume is on the disk, through the mirror that pvmove puts beneath it while it works."""
    for row in segments[name]:
        if row["segtype"] not in ("linear", "mirror"):
            raise Unreadable(f"{name} has a segment that is {row['segtype']}")
        # What is not yet the same on both sides of a mirror is read from the first one.
        where, _, number = row["devices"].split(",")[0].rstrip(")").partition("(")
        start, length = int(number) * int(row["vg_extent_size"]), int(row["seg_size"])
        if where in starts:
            yield starts[where] + start, length
            continue
        at = 0
        for offset, size in _pieces(where.strip("[]"), segments, starts):
            first, last = max(start, at), min(start + length, at + size)
            if first < last:
                yield offset + first - at, last - first
            at += size


def _report(command: str, kind: str, devices: Iterable[str], fields: str, *flags: str) -> list[dict[str, str]]:
    form = ["--readonly", "--reportformat", "json", "--units", "b", "--nosuffix", "-o", fields]
    rows: list[dict[str, str]] = json.loads(_lvm(command, devices, *flags, *form))["report"][0][kind]
    return rows


def _lvm(command: str, devices: Iterable[str], *flags: str) -> str:
    quiet = ["env", "LVM_SUPPRESS_FD_WARNINGS=1"]
    return call([*quiet, "lvm", command, "--config", CONFIG, "--devices", ",".join(devices), *flags])


@contextmanager
def _attached(disk: Path, start: int, size: int) -> Iterator[str]:
    where = ["--offset", str(start), "--sizelimit", str(size)]
    device = call(["losetup", "--find", "--show", "--read-only", *where, str(disk)]).strip()
    try:
        yield device
    finally:
        call(["losetup", "--detach", device])
