"""What a host's volumes, file systems and disks are like, each read with one command.

Sources: lvmreport(7), fstab(5), proc_pid_mountinfo(5), xfs_info(8), dumpe2fs(8), btrfs-filesystem(8).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from typing_extensions import override

from hostwright.base.observe import ScriptFact, pairs, parsing
from hostwright.base.refusal import DidNotTell
from hostwright.base.scripts import NONCE, script, sections

# A disk that is lent to us is known by this beginning of its physical volume's UUID (shell/lvm.sh makes it).
LENT = "hostwr-ight-"
# Of storage.sh, and of disks.sh, which goes on after it.
ALWAYS = (
    *("host", "job", "mountinfo", "fstab", "fstab leads", "swaps", "lsblk", "lvm", "lvm complaints", "lvm status"),
    *("unit", "activation"),
)
SECTIONS = (
    *(*ALWAYS, "volume *", "detail *", "staging", "scratch"),
    *("disk *", "initramfs", "signs", "point", "holders"),
)


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
        return self.uuid.startswith(LENT)


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


@dataclass(frozen=True)
class Mount:
    point: str
    device: str
    """MAJOR:MINOR"""
    root: str
    kind: str
    source: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class FstabLine:
    """+ spec, point: what is mounted, and where, without escapes; a point as the kernel will show it
    + real: the device that a path leads to
    """

    text: str
    spec: str
    point: str
    kind: str
    options: str
    real: str = ""


@dataclass(frozen=True)
class FileSystem:
    """What a volume carries; sizes in bytes. `detail` is what the file system says of itself."""

    kind: str
    uuid: str
    label: str
    mounted: str
    size: int
    free: int
    inodes_used: int
    detail: tuple[str, ...]
    foreseen: bool = False
    """not looked at, but what a plan will leave: it fills its volume"""


@dataclass(frozen=True)
class BlockDevice:
    name: str
    parents: tuple[str, ...]
    type: str
    removable: bool
    uuid: str = ""
    label: str = ""


@dataclass(frozen=True)
class Swap:
    path: str
    used: int


@dataclass(frozen=True)
class Staging:
    """The file system that a staging directory is on; sizes in bytes."""

    exists: bool
    mount: str = ""
    device: str = ""
    size: int = 0
    free: int = 0
    image: int = 0
    """what a staged copy that is there already takes"""
    owned: bool = True
    """nobody but root can put anything there in the place of what root made"""
    lists: bool = False
    """a lost run left lists there"""


@dataclass(frozen=True)
class Scratch:
    """A disk offered for borrowing; size in bytes, `holds` is what was found on it, but for what a lost run left."""

    exists: bool
    name: str = ""
    size: int = 0
    holds: tuple[str, ...] = ()
    lent: bool = False


@dataclass(frozen=True)
class MountUnit:
    """What systemd mounts home by.

    + path: a unit that is not made of fstab, or a drop-in that says what is mounted
    + options: those that it says
    """

    known: bool = True
    path: str = ""
    options: str = ""


@dataclass(frozen=True)
class Job:
    running: bool
    id: str
    status: str


@dataclass(frozen=True)
class Storage:
    """Everything the plan of a rebalance needs to know, but for what a search through home tells."""

    host: Mapping[str, str]
    tools: frozenset[str]
    job: Job
    groups: tuple[Group, ...]
    lvm_error: str
    mounts: tuple[Mount, ...]
    fstab: tuple[FstabLine, ...]
    marker: str
    swaps: tuple[Swap, ...]
    devices: tuple[BlockDevice, ...]
    file_systems: Mapping[str, FileSystem]
    staging: Staging | None = None
    scratch: Scratch | None = None
    lent: tuple[str, ...] = ()
    """disks in no volume group that a lost run had borrowed"""
    lvm_told: bool = True
    """LVM's report is whole"""
    unit: MountUnit = field(default=MountUnit())
    active: tuple[tuple[str, ...], ...] | None = ()
    """what each list of lvm.conf allows to be active; None where LVM did not tell"""

    def group(self, name: str) -> Group | None:
        return next((group for group in self.groups if group.name == name), None)


@dataclass(frozen=True)
class Holder:
    """Who keeps a file system busy: a process, or a thing of another kind that `command` names.

    + unit: what stops the process and starts it again (shell/holders.sh, units_of)
    """

    kind: str
    command: str
    pid: str = ""
    user: str = ""
    unit: str = ""
    how: str = ""


@dataclass(frozen=True)
class Survey:
    """What is in a file system that is to move, and who uses it; sizes in bytes.

    + encrypted, verity: how many entries are, or None where there is no tool that tells
    + unreadable: the first of what could not be looked at
    """

    inodes: int = 0
    entries: int = 0
    """names; a file may have several"""
    allocated: int = 0
    largest: int = 0
    encrypted: int | None = 0
    verity: int | None = 0
    unreadable: tuple[str, ...] = ()
    holders: tuple[Holder, ...] = ()
    kernel_errors: tuple[str, ...] = field(default=())
    paths: int = 0
    """bytes of the paths of files and directories"""
    long: bool = False
    """some path in it has more than 4,000 bytes"""


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _groups(text: str) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """The groups, and the lent disks in none of them; nothing where LVM did not give a report."""
    try:
        reports: list[dict[str, list[dict[str, str]]]] = json.loads(text)["report"]
    except (ValueError, KeyError):
        return (), ()
    groups = tuple(_group(report) for report in reports if report.get("vg"))
    alone = [disk for report in reports if not report.get("vg") for disk in report.get("pv", [])]
    lent = tuple(disk["pv_name"] for disk in alone if disk["pv_uuid"].startswith(LENT))
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
                tags=_names(disk["pv_tags"]),
                missing="m" in disk["pv_attr"],
                allocatable=disk["pv_attr"].startswith("a"),
            )
            for disk in report.get("pv", [])
        ),
        volumes=tuple(_volume(volume, size, segments) for volume in report.get("lv", [])),
        tags=_names(row["vg_tags"]),
    )


def _volume(row: Mapping[str, str], extent_size: int, segments: Sequence[Mapping[str, str]]) -> Volume:
    own = [segment for segment in segments if segment["lv_uuid"] == row["lv_uuid"]]
    active = row["lv_kernel_major"] not in ("", "-1")
    return Volume(
        name=row["lv_name"].strip("[]"),
        uuid=row["lv_uuid"],
        extents=int(row["lv_size"]) // extent_size,
        layout=_names(row["lv_layout"]),
        role=_names(row["lv_role"]),
        segment_types=tuple(dict.fromkeys(segment["segtype"] for segment in own)),
        disks=tuple(
            dict.fromkeys(re.sub(r"\(\d+\)$", "", device) for segment in own for device in _names(segment["devices"]))
        ),
        tags=_names(row["lv_tags"]),
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


def _mount(line: str) -> Mount:
    before, after = line.split(" - ", 1)
    _, _, device, root, point, options, *_ = before.split(" ")
    kind, source, superblock = [*after.split(" "), "", ""][:3]
    return Mount(
        _unescape(point),
        device,
        _unescape(root),
        kind,
        _unescape(source),
        tuple(options.split(",") + superblock.split(",")),
    )


def fstab_lines(lines: Sequence[str], leads: Sequence[str] = ()) -> tuple[FstabLine, ...]:
    """+ leads: where the device and the directory of each line lead to that names a device of this host"""
    found = []
    rows = [(line, [word for word in re.split("[ \t]", line) if word]) for line in lines]
    rows = [(line, words) for line, words in rows if len(words) > 1 and not words[0].startswith("#")]
    local = [line for line, words in rows if re.match("/dev/|[A-Z]+=", words[0])]
    pairs_led = list(zip(leads[::2], leads[1::2], strict=False))
    led = dict(zip(local, pairs_led, strict=True)) if len(leads) == 2 * len(local) else {}
    for line, words in rows:
        real, point = led.get(line, ("", words[1]))
        kind, options = [*words[2:4], "", ""][:2]
        spec = _unescape(words[0])
        point = _plain(_unescape(point)) if words[1].startswith("/") else words[1]
        found.append(FstabLine(line, spec, point, kind, options or "defaults", real if spec.startswith("/") else ""))
    return tuple(found)


def _plain(path: str) -> str:
    return f"/{'/'.join(part for part in path.split('/') if part not in ('', '.'))}"


def _devices(lines: Sequence[str]) -> tuple[BlockDevice, ...]:
    rows = [dict(re.findall(r'(\S+?)="([^"]*)"', line)) for line in lines]
    parents: dict[str, list[str]] = {}
    for row in rows:
        parents.setdefault(row["KNAME"], []).extend([row["PKNAME"]] if row.get("PKNAME") else [])
    by_name = {row["KNAME"]: row for row in rows}
    return tuple(
        BlockDevice(
            name,
            tuple(dict.fromkeys(parents[name])),
            row["TYPE"],
            row["RM"] == "1",
            row.get("UUID", ""),
            _unescape_hex(row.get("LABEL", "")),
        )
        for name, row in by_name.items()
    )


def _file_system(lines: Sequence[str], detail: Sequence[str]) -> FileSystem:
    values = pairs(lines)
    block = int(values.get("BLOCK", 0))
    return FileSystem(
        kind=values.get("TYPE", ""),
        uuid=values.get("UUID", ""),
        label=_unescape_hex(values.get("LABEL", "")),
        mounted=values.get("MOUNTED", ""),
        size=block * int(values.get("BLOCKS", 0)),
        free=block * int(values.get("FREE", 0)),
        inodes_used=int(values.get("INODES", 0)) - int(values.get("INODES_FREE", 0)),
        detail=tuple(detail),
    )


def _unescape_hex(text: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), text)


@parsing()
def parse_storage(lines: list[str], nonce: str = "") -> Storage:
    found = sections(lines, nonce, SECTIONS)
    host = pairs(found.get("host", []))
    groups, lent = _groups("\n".join(found.get("lvm", [])))
    job = pairs(found.get("job", []))
    staging, scratch = found.get("staging"), found.get("scratch")
    return Storage(
        host={key: value for key, value in host.items() if key != "tool"},
        tools=frozenset(line[5:] for line in found.get("host", []) if line.startswith("tool=")),
        job=Job(job.get("running") == "yes", job.get("id", ""), job.get("status", "")),
        groups=groups,
        lvm_error="\n".join(found.get("lvm complaints", [])).strip(),
        mounts=tuple(_mount(line) for line in found.get("mountinfo", [])),
        fstab=fstab_lines(found.get("fstab", []), found.get("fstab leads", [])),
        marker=next((line for line in found.get("fstab", []) if line.startswith("# hostwright-lvm ")), ""),
        swaps=tuple(
            Swap(_unescape(words[0]), int(words[3]) * 1024)
            for words in (line.split() for line in found.get("swaps", [])[1:])
        ),
        devices=_devices(found.get("lsblk", [])),
        file_systems={
            name.removeprefix("volume "): _file_system(lines, found.get(f"detail {name.removeprefix('volume ')}", []))
            for name, lines in found.items()
            if name.startswith("volume ")
        },
        staging=None if staging is None else _staging(pairs(staging)),
        scratch=None if scratch is None else _scratch(scratch),
        lent=lent,
        lvm_told=found.get("lvm status", []) == ["0"],
        unit=_unit(found.get("unit", [])),
        active=_active(found.get("activation", [])),
    )


# Where systemd puts what it makes of fstab.
_GENERATED = "/run/systemd/generator"


def _unit(lines: Sequence[str]) -> MountUnit:
    values = pairs(lines)
    if lines and "FragmentPath" not in values:
        return MountUnit(known=False)
    said = [re.match(r"SET=(.*?): *(\w+?) *= *(.*)", line) for line in lines]
    own = [(one[1], one[2], one[3].strip()) for one in said if one and not one[1].startswith(_GENERATED)]
    paths = [values.get("FragmentPath", ""), *(path for path, key, _ in own if key == "What")]
    path = next((path for path in paths if path and not path.startswith(_GENERATED)), "")
    return MountUnit(path=path, options=",".join(value for _, key, value in own if key == "Options"))


def _active(lines: Sequence[str]) -> tuple[tuple[str, ...], ...] | None:
    lists = [re.findall(r'"([^"]*)"', line) for line in lines if "volume_list=" in line]
    return None if lines and not lists else tuple(tuple(one) for one in lists)


def _staging(values: Mapping[str, str]) -> Staging:
    if "MISSING" in values:
        return Staging(exists=False)
    block = int(values["BLOCK"])
    return Staging(
        True,
        values["MOUNT"],
        values["DEVICE"],
        block * int(values["BLOCKS"]),
        block * int(values["FREE"]),
        int(values.get("IMAGE", 0)) * 512,
        "OWNED" in values,
        "LISTS" in values,
    )


def _scratch(lines: Sequence[str]) -> Scratch:
    values = pairs(lines)
    if "MISSING" in values:
        return Scratch(exists=False)
    holds = [line.split("=", 1)[1] for line in lines if line.startswith(("TYPE=", "PTTYPE=", "SIGNATURE="))]
    holds += [f"used by {line.split('=', 1)[1]}" for line in lines if line.startswith("HOLDER=")]
    if "NONZERO" in values and not holds:
        holds = ["data in its first MiB"]
    lent = values.get("UUID", "").startswith(LENT)
    return Scratch(True, values["KNAME"], int(values["SIZE"]), () if lent else tuple(dict.fromkeys(holds)), lent)


def parse_survey(lines: list[str], nonce: str = "") -> Survey | None:
    """Nothing where the host did not tell all: a file system has at least its top directory."""
    try:
        found = sections(lines, nonce, ("files", "holders", "kernel", "end"))
    except DidNotTell:
        return None
    if not {"files", "holders", "kernel", "end"} <= found.keys():
        return None
    values = pairs(found["files"])
    try:
        inodes, complaints = int(values["inodes"]), int(values["complaints"])
        unreadable = tuple(line.split("=", 1)[1] for line in found["files"] if line.startswith("unreadable="))
        if inodes < 1 or bool(complaints) != bool(unreadable):
            return None
        told = "lsattr" not in values
        return Survey(
            inodes=inodes,
            entries=int(values["entries"]),
            allocated=int(values["allocated"]),
            largest=int(values["largest"]),
            encrypted=int(values["encrypted"]) if told else None,
            verity=int(values["verity"]) if told else None,
            unreadable=tuple(dict.fromkeys(unreadable)),
            holders=holders(found["holders"]),
            kernel_errors=tuple(found["kernel"]),
            paths=int(values["paths"]) if told else 0,
            long=values["long"] != "0",
        )
    except (KeyError, ValueError):
        return None


def holders(lines: Sequence[str]) -> tuple[Holder, ...]:
    return tuple(_holder(line.split("\t")) for line in lines)


def _holder(words: Sequence[str]) -> Holder:
    if words[0] == "process":
        _, pid, user, unit, how, command = words
        return Holder("process", command.strip(), pid, user, "" if unit == "-" else unit, how)
    kind, what = words
    return Holder(kind, what)


class LvmStorage(ScriptFact[Storage]):
    """Volume groups, file systems, mounts, fstab, disks and a job at work, of one host.

    + vg, shrink: names of the volume group, and of the volume that shrinks
    + staging, scratch: the directory and the disk offered, if any
    """

    what = "what storage it has"
    always = ALWAYS

    @override
    def text(self, vg: str, shrink: str, staging: str = "", scratch: str = "") -> str:
        return script("processes", "ownership", "storage", VG=vg, SHRINK=shrink, STAGING=staging, SCRATCH=scratch)

    @override
    def parsed(self, output: list[str]) -> Storage:
        return parse_storage(output, NONCE)


class LvmSurvey(ScriptFact[Survey]):
    """What is in a mounted file system, who holds it, and what the kernel has said of it.

    + mount_point: where it is mounted
    + device: the kernel's name of its device, such as dm-1
    """

    what = "what is in {mount_point} and who uses it"

    @override
    def text(self, mount_point: str, device: str) -> str:
        return script("holders", "survey", MOUNT=mount_point, DEVICE=device)

    @override
    def parsed(self, output: list[str]) -> Survey:
        survey = parse_survey(output, NONCE)
        if survey is None:
            raise DidNotTell("its answer is not whole")
        return survey
