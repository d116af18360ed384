"""ext2, ext3 and ext4. Sources: mke2fs(8), dumpe2fs(8), ext4(5)."""

from collections.abc import Iterable, Iterator, Mapping
from math import ceil

from typing_extensions import override

from hostwright.lvm.file_systems.kind import MIB, Kind, Said, version

_PASSING = {"needs_recovery", "orphan_present", "shared_blocks"}
_QUOTAS = {"usr": "User", "grp": "Group", "prj": "Project"}
_ERRORS = {"Continue": "continue", "Remount read-only": "remount-ro", "Panic": "panic"}


class Ext(Kind):
    packages = dict.fromkeys(("e2fsck", "resize2fs", "mke2fs", "tune2fs"), "e2fsprogs") | dict.fromkeys(
        ("setquota", "repquota"), "quota"
    )
    making = ("mke2fs", "e2fsck", "tune2fs")
    growing = ("resize2fs",)
    shrinking = ("e2fsck", "resize2fs")
    quotas = ("setquota", "repquota")
    in_place = "forced: resize2fs moves the blocks of the only copy; a power cut in it can cost the file system"
    lost_in_place = "times of directories whose entries resize2fs gives other inode numbers"
    fsck_pass = "2"
    check = "e2fsck -fn"

    @override
    def ask(self, device: str, mounted: str) -> str:
        return f"dumpe2fs -h {device}"

    @override
    def parse(self, lines: Iterable[str]) -> dict[str, str]:
        said: dict[str, str] = {}
        for name, mark, value in (line.partition(":") for line in lines):
            if mark:
                said.setdefault(name, value.strip())
        return said

    @override
    def spans(self, said: Said) -> int:
        count, size = said.get("Block count", ""), said.get("Block size", "")
        return int(count) * int(size) if count.isdigit() and size.isdigit() else 0

    @override
    def slack(self, said: Said) -> int:
        block = int(said["Block size"])
        groups = -(-int(said["Block count"]) // int(said["Blocks per group"]))
        descriptors = -(-groups * int(said.get("Group descriptor size", 32)) // block)
        # A last group that would hold little more than its own tables is left out (resize2fs, mke2fs).
        tables = 3 + int(said["Inode blocks per group"]) + descriptors + int(said.get("Reserved GDT blocks", 0))
        return (tables + 50) * block

    @override
    def own_bytes(self, size: int, files: int) -> int:
        journal = 0 if self.name == "ext2" else max(16 * MIB, min(size // 64, 1024 * MIB))
        return journal + size * 3 // 100

    @override
    def least_bytes(self, files: int) -> int:
        return ceil((files + 16 * MIB) / (1 - 0.03 - 1 / 64))

    @override
    def make_command(self, said: Said, size: int, inodes: int) -> tuple[str, ...]:
        return tuple(self._made(said, size, inodes))

    def _made(self, said: Said, size: int, inodes: int) -> Iterator[str]:
        features = [name for name in _features(said) if name not in _PASSING]
        if _lacks_seed(said):
            # Else to change the UUID would rewrite every checksum, and a power cut in that would cost the file system.
            features.append("metadata_csum_seed")
        block = said.get("Block size") or "4096"
        yield from ("mke2fs", "-q", "-F", "-t", self.name, "-O", ",".join(["none", *features]))
        yield from ("-b", block, "-I", said.get("Inode size") or "256")
        count, blocks = int(said.get("Inode count") or 0), int(said.get("Block count") or 1)
        yield from ("-N", str(max(count * (size // int(block)) // blocks, inodes * 11 // 10 + 1024)))
        reserved = int(said.get("Reserved block count") or 0)
        yield from ("-m", f"{reserved * 100 / blocks:.2f}")
        if errors := _ERRORS.get(said.get("Errors behavior", "")):
            yield from ("-e", errors)
        if "bigalloc" in features and (cluster := said.get("Cluster size")):
            yield from ("-C", cluster)
        extended = ["nodiscard"]
        if quotas := self.quota_feature(said):
            extended.append(f"quotatype={':'.join(f'{kind}quota' for kind in quotas)}")
        yield from ("-E", ",".join(extended))

    @override
    def peculiarity(self, said: Said, host: Mapping[str, str], *, copied: bool) -> str:
        state = said.get("Filesystem state", "")
        if "error" in state or said.get("FS Error count"):
            return f"its superblock says {state!r}: run e2fsck -f on it, unmounted, first"
        if "journal_dev" in _features(said) or said.get("Journal device"):
            return "its journal is on another device (external journal)"
        if copied and "metadata_csum" in _features(said) and version(host.get("kernel", "")) < (4, 4):
            return (
                f"kernel {host.get('kernel')} cannot change the UUID of an ext4 with checksums safely (Linux 4.4 can)"
            )
        return ""

    @override
    def quota_feature(self, said: Said) -> tuple[str, ...]:
        return tuple(kind for kind, name in _QUOTAS.items() if said.get(f"{name} quota inode"))

    @override
    def quotas_in_files(self, said: Said) -> bool:
        return "quota" not in _features(said)

    @override
    def gain(self, said: Said) -> str:
        return "the feature metadata_csum_seed, so that its UUID changes in one write" if _lacks_seed(said) else ""


def _features(said: Said) -> list[str]:
    return said.get("Filesystem features", "").split()


def _lacks_seed(said: Said) -> bool:
    return "metadata_csum" in _features(said) and "metadata_csum_seed" not in _features(said)
