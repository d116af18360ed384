"""What each kind of file system needs for itself, how a smaller one of the same make is made, and what it may not have.

Sources: mkfs.xfs(8), mke2fs(8), mkfs.btrfs(8), xfs(5), ext4(5), btrfs(5).
"""

import re
from collections.abc import Iterator
from math import ceil

from hostwright.lvm.facts.storage import FileSystem, Survey

MIB = 1024**2
EXT = ("ext2", "ext3", "ext4")
SHRINKABLE = ("xfs", *EXT, "btrfs")
GROWABLE = ("xfs", "ext4", "ext3", "ext2", "btrfs")
XFS_LEAST = 300 * MIB

TOOLS = {
    "rsync": "rsync",
    "getfattr": "attr",
    "e2fsck": "e2fsprogs",
    "lsattr": "e2fsprogs",
    "filefrag": "e2fsprogs",
    "resize2fs": "e2fsprogs",
    "mke2fs": "e2fsprogs",
    "tune2fs": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "xfs_repair": "xfsprogs",
    "xfs_growfs": "xfsprogs",
    "xfs_admin": "xfsprogs",
    "btrfs": "btrfs-progs",
    "mkfs.btrfs": "btrfs-progs",
    "btrfstune": "btrfs-progs",
    "setquota": "quota",
    "repquota": "quota",
    "xfs_quota": "xfsprogs",
}
COPYING = ("rsync", "getfattr", "lsattr", "filefrag")
QUOTAS = {"xfs": ("xfs_quota",)} | dict.fromkeys(EXT, ("setquota", "repquota"))
GROWING = {"xfs": ("xfs_growfs",), "btrfs": ("btrfs",)} | dict.fromkeys(EXT, ("resize2fs",))
MAKING = {
    "xfs": ("mkfs.xfs", "xfs_repair", "xfs_admin"),
    "btrfs": ("mkfs.btrfs", "btrfs", "btrfstune"),
} | dict.fromkeys(EXT, ("mke2fs", "e2fsck", "tune2fs"))


def value(system: FileSystem, name: str) -> str:
    """A value of `name=value` (xfs_info) or `Name: value` (dumpe2fs)."""
    for line in system.detail:
        if match := re.search(rf"(?:^|[\s,]){re.escape(name)}=(\S+?)(?:,|\s|$)", line):
            return match[1]
        if line.lower().startswith(f"{name.lower()}:"):
            return line.split(":", 1)[1].strip()
    return ""


def size_by_itself(system: FileSystem) -> int:
    """Bytes of its device that the file system says it spans; 0 where it does not say."""
    if system.kind == "xfs":
        data = next((line for line in system.detail if line.startswith("data ")), "")
        match = re.search(r"bsize=(\d+)\s+blocks=(\d+)", data)
        return int(match[1]) * int(match[2]) if match else 0
    if system.kind in EXT:
        count, size = value(system, "Block count"), value(system, "Block size")
        return int(count) * int(size) if count.isdigit() and size.isdigit() else 0
    if system.kind == "btrfs":
        own = [match for line in system.detail if (match := re.match(r"own size (\d+)", line))]
        sizes = [match for line in system.detail if (match := re.search(r"devid\s+\d+ size (\d+)", line))]
        known = own or sizes
        return int(known[0][1]) if len(known) == 1 else 0
    return 0


def lags(system: FileSystem, volume_bytes: int, extent_size: int) -> bool:
    """Whether it leaves an extent or more of its volume unused; the tail that it cannot use is smaller than 4 MiB."""
    known = size_by_itself(system)
    return bool(known) and volume_bytes - known >= max(extent_size, 4 * MIB)


def data_bytes(survey: Survey) -> int:
    """What the files take as separate copies: reflinked blocks count each time."""
    return survey.allocated + survey.inodes * 512


def own_bytes(system: FileSystem, size: int, used: int) -> int:
    """What a new file system of `size` bytes keeps for itself: log, inode tables, reserves."""
    if system.kind == "xfs":
        return max(64 * MIB, min(size // 2048, 2048 * MIB)) + size * 15 // 1000 + 8 * MIB
    if system.kind in EXT:
        journal = 0 if system.kind == "ext2" else max(16 * MIB, min(size // 64, 1024 * MIB))
        return journal + size * 3 // 100
    return used // 10 + 256 * MIB


def least_bytes(system: FileSystem, survey: Survey) -> int:
    """The smallest size that holds the files and what the file system itself needs."""
    data = data_bytes(survey)
    if system.kind == "xfs":
        return max(XFS_LEAST, ceil((data + 72 * MIB) / 0.985))
    if system.kind in EXT:
        return ceil((data + 16 * MIB) / (1 - 0.03 - 1 / 64))
    return ceil(data * 1.1) + 256 * MIB


def make_command(system: FileSystem, survey: Survey, size: int) -> tuple[str, ...]:
    """The command that makes a new file system of the same make; the device is its last word, still to be added."""
    return tuple({"xfs": _make_xfs, "btrfs": _make_btrfs}.get(system.kind, _make_ext)(system, survey, size))


def _make_xfs(system: FileSystem, _survey: Survey, _size: int) -> Iterator[str]:
    yield from ("mkfs.xfs", "-q", "-f", "-K")
    data = next((line for line in system.detail if line.startswith("data ")), "")
    if block := re.search(r"bsize=(\d+)", data):
        yield from ("-b", f"size={block[1]}")
    crc = value(system, "crc")
    meta = [f"{name}={setting}" for name in _XFS_META if (setting := value(system, name))]
    yield from ("-m", ",".join([f"crc={crc or 0}", *(meta if crc == "1" else [])]))
    inode = [f"size={value(system, 'isize') or 256}", f"maxpct={value(system, 'imaxpct') or 25}"]
    if crc == "1":
        inode += [f"{name}={setting}" for name in ("sparse", "nrext64", "exchange") if (setting := value(system, name))]
    yield from ("-i", ",".join(inode))
    naming = next((line for line in system.detail if line.startswith("naming ")), "")
    options = [f"size={block[1]}"] if (block := re.search(r"bsize=(\d+)", naming)) else []
    if value(system, "ascii-ci") == "1":
        options.append("version=ci")
    if value(system, "parent") == "1":
        options.append("parent=1")
    if crc != "1" and value(system, "ftype") == "1":
        options.append("ftype=1")
    if options:
        yield from ("-n", ",".join(options))


_XFS_META = ("finobt", "rmapbt", "reflink", "bigtime", "inobtcount")
_PASSING = {"needs_recovery", "orphan_present", "shared_blocks"}


def _make_ext(system: FileSystem, survey: Survey, size: int) -> Iterator[str]:
    features = [name for name in value(system, "Filesystem features").split() if name not in _PASSING]
    if "metadata_csum" in features and "metadata_csum_seed" not in features:
        # Else to change the UUID would rewrite every checksum, and a power cut in that would cost the file system.
        features.append("metadata_csum_seed")
    block = value(system, "Block size") or "4096"
    yield from ("mke2fs", "-q", "-F", "-t", system.kind, "-O", ",".join(["none", *features]))
    yield from ("-b", block, "-I", value(system, "Inode size") or "256")
    count, blocks = int(value(system, "Inode count") or 0), int(value(system, "Block count") or 1)
    yield from ("-N", str(max(count * (size // int(block)) // blocks, survey.inodes * 11 // 10 + 1024)))
    reserved = int(value(system, "Reserved block count") or 0)
    yield from ("-m", f"{reserved * 100 / blocks:.2f}")
    if errors := {"Continue": "continue", "Remount read-only": "remount-ro", "Panic": "panic"}.get(
        value(system, "Errors behavior")
    ):
        yield from ("-e", errors)
    if "bigalloc" in features and (cluster := value(system, "Cluster size")):
        yield from ("-C", cluster)
    extended = ["nodiscard"]
    if quotas := ext_quotas(system):
        extended.append(f"quotatype={':'.join(f'{kind}quota' for kind in quotas)}")
    yield from ("-E", ",".join(extended))


_EXT_QUOTAS = {"usr": "User", "grp": "Group", "prj": "Project"}


def ext_quotas(system: FileSystem) -> tuple[str, ...]:
    """The kinds of quota (`usr`, `grp`, `prj`) that an ext file system keeps as a feature."""
    return tuple(kind for kind, name in _EXT_QUOTAS.items() if value(system, f"{name} quota inode"))


def _make_btrfs(_system: FileSystem, _survey: Survey, _size: int) -> Iterator[str]:
    yield from ("mkfs.btrfs", "-q", "-f", "-K")


def subvolumes(system: FileSystem) -> tuple[str, ...]:
    return tuple(line.split(" path ", 1)[-1] for line in system.detail if line.startswith("subvolume "))


def peculiarity(system: FileSystem, survey: Survey, host: dict[str, str], *, copied: bool) -> str:
    """Why this file system cannot be moved (`copied`) or resized as it is; empty when it can."""
    lines = "\n".join(system.detail)
    if system.kind == "xfs":
        if re.search(r"^log\s+=(?!internal)", lines, re.MULTILINE):
            return "its log is on another device (external log)"
        if re.search(r"^realtime\s+=(?!none)", lines, re.MULTILINE):
            return "it has a realtime device"
        if copied and value(system, "crc") == "1" and not _keeps_uuid(host):
            return (
                f"kernel {host.get('kernel')} with xfsprogs {host.get('xfsprogs')} cannot give a new XFS the UUID of "
                "the old one (Linux 4.3 or RHEL 7.3, and xfsprogs 4.3): update them first"
            )
    if system.kind in EXT:
        if "error" in value(system, "Filesystem state") or value(system, "FS Error count"):
            return f"its superblock says {value(system, 'Filesystem state')!r}: run e2fsck -f on it, unmounted, first"
        if "journal_dev" in lines or value(system, "Journal device"):
            return "its journal is on another device (external journal)"
        features = value(system, "Filesystem features").split()
        if copied and "metadata_csum" in features and _version(host.get("kernel", "")) < (4, 4):
            return (
                f"kernel {host.get('kernel')} cannot change the UUID of an ext4 with checksums safely (Linux 4.4 can)"
            )
    if system.kind == "btrfs":
        if (devices := re.search(r"Total devices (\d+)", lines)) and devices[1] != "1":
            return f"it spans {devices[1]} devices"
        if copied and subvolumes(system):
            return f"a copy would lose its subvolumes ({', '.join(subvolumes(system)[:5])}): in-place keeps them"
        if copied and "qgroups=yes" in lines:
            return "a copy would lose its quota groups: in-place keeps them"
    if survey.encrypted and copied:
        return f"{survey.encrypted} entries are encrypted with fscrypt: a copy without the key loses them"
    if survey.verity and copied:
        return f"{survey.verity} files are sealed with fs-verity: a copy loses the seal"
    if survey.kernel_errors:
        said = survey.kernel_errors[-1].strip()
        return (
            f"the kernel has reported errors on it ({said}): check it, unmounted, and let the kernel forget (dmesg -C)"
        )
    return ""


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _keeps_uuid(host: dict[str, str]) -> bool:
    kernel = host.get("kernel", "")
    tools = host.get("xfsprogs", "")
    new_kernel = _version(kernel) >= (4, 3) or bool(
        (el7 := re.match(r"3\.10\.0-(\d+).*\.el7", kernel)) and int(el7[1]) >= 514
    )
    return new_kernel and (not tools or _version(tools) >= (4, 3))
