"""Volume groups, their disks and their volumes, as LVM reports them: lvmreport(7)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hostwright.lvm import names


@dataclass(frozen=True)
class PhysicalVolume:
    name: str
    uuid: str
    extents: int
    allocated: int
    tags: tuple[str, ...]
    missing: bool
    allocatable: bool

    @property
    def lent(self) -> bool:
        return self.uuid.startswith(names.LENT)


@dataclass(frozen=True)
class Volume:
    """A logical volume; sizes in extents."""

    name: str
    uuid: str
    extents: int
    layout: tuple[str, ...]
    role: tuple[str, ...]
    segment_types: tuple[str, ...]
    disks: tuple[str, ...]
    tags: tuple[str, ...]
    origin: str
    device: str
    """MAJOR:MINOR, empty when it is not active"""
    attributes: str = "-wi-ao----"
    """as lvs(8) shows them"""
    read_ahead: str = "auto"
    """or sectors"""
    allocation: str = "inherit"
    profile: str = ""

    @property
    def node(self) -> str:
        """As the kernel calls its device."""
        return f"dm-{self.device.rpartition(':')[2]}"


@dataclass(frozen=True)
class Group:
    """A volume group; extent_size in bytes."""

    name: str
    uuid: str
    extent_size: int
    extents: int
    free: int
    sequence: int
    exported: bool
    partial: bool
    clustered: bool
    disks: tuple[PhysicalVolume, ...]
    volumes: tuple[Volume, ...]
    tags: tuple[str, ...] = ()

    def volume(self, name: str) -> Volume | None:
        return next((volume for volume in self.volumes if volume.name == name), None)


def _words(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def parse_report(text: str) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """The groups, and the lent disks in none of them; nothing where LVM did not give a report."""
    try:
        reports: list[dict[str, list[dict[str, str]]]] = json.loads(text)["report"]
    except (ValueError, KeyError):
        return (), ()
    groups = tuple(_group(report) for report in reports if report.get("vg"))
    alone = [disk for report in reports if not report.get("vg") for disk in report.get("pv", [])]
    lent = tuple(disk["pv_name"] for disk in alone if disk["pv_uuid"].startswith(names.LENT))
    return groups, lent


def _group(report: Mapping[str, Sequence[Mapping[str, str]]]) -> Group:
    row = report["vg"][0]
    size = int(row["vg_extent_size"])
    segments = report.get("seg", [])
    return Group(
        name=row["vg_name"],
        uuid=row["vg_uuid"],
        extent_size=size,
        extents=int(row["vg_extent_count"]),
        free=int(row["vg_free_count"]),
        sequence=int(row["vg_seqno"]),
        exported=row["vg_attr"][2] == "x",
        partial=row["vg_attr"][3] == "p" or int(row["vg_missing_pv_count"]) > 0,
        clustered=row["vg_attr"][5] in "cs",
        disks=tuple(
            PhysicalVolume(
                name=disk["pv_name"],
                uuid=disk["pv_uuid"],
                extents=int(disk["pv_pe_count"]),
                allocated=int(disk["pv_pe_alloc_count"]),
                tags=_words(disk["pv_tags"]),
                missing="m" in disk["pv_attr"],
                allocatable=disk["pv_attr"].startswith("a"),
            )
            for disk in report.get("pv", [])
        ),
        volumes=tuple(_volume(volume, size, segments) for volume in report.get("lv", [])),
        tags=_words(row["vg_tags"]),
    )


def _volume(row: Mapping[str, str], extent_size: int, segments: Sequence[Mapping[str, str]]) -> Volume:
    own = [segment for segment in segments if segment["lv_uuid"] == row["lv_uuid"]]
    active = row["lv_kernel_major"] not in ("", "-1")
    return Volume(
        name=row["lv_name"].strip("[]"),
        uuid=row["lv_uuid"],
        extents=int(row["lv_size"]) // extent_size,
        layout=_words(row["lv_layout"]),
        role=_words(row["lv_role"]),
        segment_types=tuple(dict.fromkeys(segment["segtype"] for segment in own)),
        disks=tuple(
            dict.fromkeys(re.sub(r"\(\d+\)$", "", device) for segment in own for device in _words(segment["devices"]))
        ),
        tags=_words(row["lv_tags"]),
        origin=row["origin"],
        device=f"{row['lv_kernel_major']}:{row['lv_kernel_minor']}" if active else "",
        attributes=row["lv_attr"],
        read_ahead=_sectors(row["lv_read_ahead"]),
        allocation=row["lv_allocation_policy"],
        profile=row["lv_profile"],
    )


def _sectors(read_ahead: str) -> str:
    """The report has bytes; lvcreate takes sectors."""
    return str(int(read_ahead) // 512) if read_ahead.isdigit() else read_ahead
