"""What a host's volumes, file systems and disks are like, each read with one command.

Sources: lvmreport(7), fstab(5), proc_pid_mountinfo(5), xfs_info(8), dumpe2fs(8), btrfs-filesystem(8).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from typing_extensions import override

from hostwright.base import job
from hostwright.base.observe import ScriptFact, pairs, parsing
from hostwright.base.scripts import NONCE, script, sections
from hostwright.lvm import names
from hostwright.lvm.facts.devices import BlockDevice, Scratch, parse_devices, parse_scratch
from hostwright.lvm.facts.file_system import FileSystem, parse_file_system
from hostwright.lvm.facts.groups import Group, parse_report
from hostwright.lvm.facts.mounts import (
    FstabLine,
    Mount,
    MountUnit,
    Swap,
    fstab_lines,
    parse_mount,
    parse_swap,
    parse_unit,
)
from hostwright.lvm.file_systems import packages

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
    run_free: int | None = None
    """bytes on /run; None where that is not known"""

    @property
    def lvm_complaint(self) -> str:
        """The last of what LVM has to say."""
        return next(reversed(self.lvm_error.splitlines()), "nothing").strip()

    def group(self, name: str) -> Group | None:
        return next((group for group in self.groups if group.name == name), None)


@parsing()
def parse_storage(lines: list[str], nonce: str = "") -> Storage:
    found = sections(lines, nonce, SECTIONS)
    host = pairs(found.get("host", []))
    groups, lent = parse_report("\n".join(found.get("lvm", [])))
    running = pairs(found.get("job", []))
    staging, scratch = found.get("staging"), found.get("scratch")
    run = [int(number) for number in host.get("run_free", "").split()]
    return Storage(
        host={key: value for key, value in host.items() if key not in ("tool", "run_free")},
        tools=frozenset(line[5:] for line in found.get("host", []) if line.startswith("tool=")),
        job=Job(running.get("running") == "yes", running.get("id", ""), running.get("status", "")),
        groups=groups,
        lvm_error="\n".join(found.get("lvm complaints", [])).strip(),
        mounts=tuple(parse_mount(line) for line in found.get("mountinfo", [])),
        fstab=fstab_lines(found.get("fstab", []), found.get("fstab leads", [])),
        marker=next((line for line in found.get("fstab", []) if line.startswith(f"{names.MARK} ")), ""),
        swaps=tuple(parse_swap(line) for line in found.get("swaps", [])[1:]),
        devices=parse_devices(found.get("lsblk", [])),
        file_systems={
            name.removeprefix("volume "): parse_file_system(
                lines, found.get(f"detail {name.removeprefix('volume ')}", [])
            )
            for name, lines in found.items()
            if name.startswith("volume ")
        },
        staging=None if staging is None else _staging(pairs(staging)),
        scratch=None if scratch is None else parse_scratch(scratch),
        lent=lent,
        lvm_told=found.get("lvm status", []) == ["0"],
        unit=parse_unit(found.get("unit", [])),
        run_free=run[0] * run[1] if run else None,
        active=_active(found.get("activation", [])),
    )


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


def header(vg: str, shrink: str, staging: str = "", scratch: str = "") -> dict[str, str]:
    """Of storage.sh."""
    image = names.image_path(staging, vg, shrink)
    return {
        "VG": vg,
        "SHRINK": shrink,
        "STAGING": staging,
        "SCRATCH": scratch,
        "STAGED_IMAGE": image,
        "STAGED_LISTS": names.lists_directory(image),
        "MARK": names.MARK,
        "JOBS": f"{job.DIRECTORY}/{names.PROCEDURE}",
        "TOOLS": " ".join(["lvm", *packages()]),
    }


class LvmStorage(ScriptFact[Storage]):
    """Volume groups, file systems, mounts, fstab, disks and a job at work, of one host.

    + vg, shrink: names of the volume group, and of the volume that shrinks
    + staging, scratch: the directory and the disk offered, if any
    """

    what = "what storage it has"
    always = ALWAYS

    @override
    def text(self, vg: str, shrink: str, staging: str = "", scratch: str = "") -> str:
        return script("storage", **header(vg, shrink, staging, scratch))

    @override
    def parsed(self, output: list[str]) -> Storage:
        return parse_storage(output, NONCE)
