"""The logical volumes of a disk that nobody activates, as LVM itself reads them from its metadata."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
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


class Unreadable(Exception):
    """LVM does not take its own metadata for valid."""


@dataclass(frozen=True)
class Volume:
    """
    + pieces: offset and length of its segments on the disk
    """

    group: str
    name: str
    dm_uuid: str
    tags: str
    pieces: tuple[tuple[int, int], ...]

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

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Volume, ...]] = {}

    def of(self, disk: Path) -> tuple[Volume, ...]:
        with disk.open("rb") as file:
            key = hashlib.sha256(file.read(AREA)).digest()
        if key not in self._known:
            self._known[key] = _read(disk)
        return self._known[key]


def _read(disk: Path) -> tuple[Volume, ...]:
    with _attached(disk) as device:
        try:
            _lvm("vgck", device)
            starts = {row["pv_name"]: int(row["pe_start"]) for row in _report("pvs", "pv", device, "pv_name,pe_start")}
            rows = _report("lvs", "seg", device, FIELDS, "--all", "--segments")
        except (LabError, json.JSONDecodeError) as error:
            # It complains in the middle of the JSON, if it likes.
            raise Unreadable(str(error)) from error
    found: dict[str, Volume] = {}
    for row in rows:
        if row["segtype"] != "linear":
            raise Unreadable(f"{row['lv_name']} has a segment that is {row['segtype']}")
        where, _, extent = row["devices"].rstrip(")").partition("(")
        piece = starts[where] + int(extent) * int(row["vg_extent_size"]), int(row["seg_size"])
        name, uuid = row["lv_name"], f"LVM-{row['vg_uuid']}{row['lv_uuid']}".replace("-", "")
        earlier = found[name].pieces if name in found else ()
        dm_uuid = uuid.replace("LVM", "LVM-", 1)
        found[name] = Volume(row["vg_name"], name, dm_uuid, row["lv_tags"], (*earlier, piece))
    return tuple(found.values())


def _report(command: str, kind: str, device: str, fields: str, *flags: str) -> list[dict[str, str]]:
    form = ["--readonly", "--reportformat", "json", "--units", "b", "--nosuffix", "-o", fields]
    rows: list[dict[str, str]] = json.loads(_lvm(command, device, *flags, *form))["report"][0][kind]
    return rows


def _lvm(command: str, device: str, *flags: str) -> str:
    words = ["env", "LVM_SUPPRESS_FD_WARNINGS=1", "lvm", command, "--config", CONFIG, "--devices", device, *flags]
    return call(words)


@contextmanager
def _attached(disk: Path) -> Iterator[str]:
    device = call(["losetup", "--find", "--show", "--read-only", str(disk)]).strip()
    try:
        yield device
    finally:
        call(["losetup", "--detach", device])
