"""Hosts as the facts describe them, for the plans to decide about."""

from dataclasses import replace
from typing import Any

from hostwright.lvm.facts.devices import BlockDevice, Scratch
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.groups import Group, PhysicalVolume, Volume
from hostwright.lvm.facts.mounts import FstabLine, Mount
from hostwright.lvm.facts.storage import Job, Staging, Storage
from hostwright.lvm.facts.survey import Survey
from hostwright.lvm.file_systems import kind_of, packages

EXTENT = 4 * 1024**2
GIB = 1024**3
UUID = "a00d34e4-13a7-46c4-bcb8-5f0cff4e66f6"

XFS_DETAIL = (
    "meta-data=/dev/mapper/centos-home isize=512    agcount=4, agsize=327424 blks",
    "         =                       sectsz=512   attr=2, projid32bit=1",
    "         =                       crc=1        finobt=1, sparse=1, rmapbt=0",
    "         =                       reflink=1    bigtime=1 inobtcount=1 nrext64=0",
    "data     =                       bsize=4096   blocks={blocks}, imaxpct=25",
    "naming   =version 2              bsize=4096   ascii-ci=0, ftype=1",
    "log      =internal log           bsize=4096   blocks=16384, version=2",
    "realtime =none                   extsz=4096   blocks=0, rtextents=0",
)
EXT_DETAIL = (
    "Filesystem features:      has_journal ext_attr resize_inode dir_index filetype needs_recovery extent 64bit",
    "Filesystem state:         clean",
    "Errors behavior:          Continue",
    "Inode count:              327680",
    "Block count:              {blocks}",
    "Reserved block count:     65484",
    "Block size:               4096",
    "Inode size:               256",
)
BTRFS_DETAIL = (
    "Label: 'home'  uuid: a00d34e4-13a7-46c4-bcb8-5f0cff4e66f6",
    "\tTotal devices 1 FS bytes used 147456",
    "\tdevid    1 size {size} used 562036736 path /dev/mapper/centos-home",
)


def told(system: FileSystem, *detail: str) -> FileSystem:
    """The same, of which its tool says this."""
    kind = kind_of(system.kind)
    said = kind.parse(detail)
    return replace(system, said=said, spans=kind.spans(said))


def detail_of(kind: str, size: int) -> tuple[str, ...]:
    detail = {"xfs": XFS_DETAIL, "btrfs": BTRFS_DETAIL}.get(kind, EXT_DETAIL if kind.startswith("ext") else ())
    return tuple(line.replace("{blocks}", str(size // 4096)).replace("{size}", str(size)) for line in detail)


def file_system(kind: str, extents: int, mounted: str, *, used: int = 100 * 1024**2, **other: Any) -> FileSystem:
    size = extents * EXTENT
    plain = FileSystem(kind, UUID, "", mounted, size, size - used, 1000)
    return replace(told(plain, *detail_of(kind, size)), **other)


def volume(name: str, extents: int, minor: int, **other: Any) -> Volume:
    plain = Volume(
        name, f"{name}-uuid", extents, ("linear",), ("public",), ("linear",), ("/dev/vda",), (), "", f"253:{minor}"
    )
    return replace(plain, **other)


def storage(
    *,
    home: int = 1279,
    root: int = 768,
    free: int = 0,
    kind: str = "xfs",
    root_kind: str = "xfs",
    home_used: int = 100 * 1024**2,
    root_free: int = 2 * GIB,
    scratch: Scratch | None = None,
    **other: Any,
) -> Storage:
    """A CentOS-like host; sizes in extents of 4 MiB, `home_used` and `root_free` in bytes."""
    extents = home + root + free
    group = Group(
        "centos",
        "group-uuid",
        EXTENT,
        extents,
        free,
        7,
        False,
        False,
        False,
        (PhysicalVolume("/dev/vda", "disk-uuid", extents, extents - free, (), False, True),),
        (volume("root", root, 0), volume("home", home, 1)),
    )
    options = ("rw", "relatime")
    swap = kind == "swap"
    mounts = [Mount("/", "253:0", "/", root_kind, "/dev/mapper/centos-root", options)]
    fstab = [FstabLine("/dev/mapper/centos-root / xfs defaults 0 0", "/dev/mapper/centos-root", "/", "xfs", "defaults")]
    if not swap:
        mounts.append(Mount("/home", "253:1", "/", kind, "/dev/mapper/centos-home", options))
        line = f"/dev/mapper/centos-home /home {kind} defaults 0 0"
        fstab.append(FstabLine(line, "/dev/mapper/centos-home", "/home", kind, "defaults"))
    plain = Storage(
        host={
            "uid": "0",
            "kernel": "6.1.0",
            "xfsprogs": "6.1.0",
            "manager": "apt-get",
            "memavailable": str(GIB),
            "lsattr_projects": "yes",
        },
        tools=frozenset({*packages(), "lvm"}),
        job=Job(False, "", ""),
        groups=(group,),
        lvm_error="",
        mounts=tuple(mounts),
        fstab=tuple(fstab),
        marker="",
        swaps=(),
        devices=(
            BlockDevice("vda", (), "disk", False),
            BlockDevice("dm-0", ("vda",), "lvm", False),
            BlockDevice("dm-1", ("vda",), "lvm", False),
            BlockDevice("vdb", (), "disk", False),
        ),
        file_systems={
            "home": file_system(kind, home, "" if swap else "/home", used=home_used),
            "root": file_system(root_kind, root, "/"),
        },
        staging=Staging(True, "/", "253:0", root * EXTENT, root_free),
        scratch=scratch,
    )
    return replace(plain, **other)


def survey(*, data: int = 100 * 1024**2, inodes: int = 1000, **other: Any) -> Survey:
    """What is in home: `data` bytes in `inodes` entries."""
    return replace(Survey(inodes=inodes, entries=inodes, allocated=data, largest=data), **other)
