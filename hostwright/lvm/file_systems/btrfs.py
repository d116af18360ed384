"""btrfs. Sources: mkfs.btrfs(8), btrfs-filesystem(8), btrfs-subvolume(8), btrfs(5)."""

import re
from collections.abc import Iterable, Mapping
from math import ceil

from typing_extensions import override

from hostwright.lvm.file_systems.kind import ANOTHER, IN_PLACE, MIB, Kind, Said

_SECTOR = 4096


class Btrfs(Kind):
    packages = dict.fromkeys(("btrfs", "mkfs.btrfs", "btrfstune"), "btrfs-progs")
    making = ("mkfs.btrfs", "btrfs", "btrfstune")
    growing = ("btrfs",)
    shrinking = ("btrfs",)
    least = 110 * MIB
    shrinks_mounted = True
    in_place = "btrfs shrinks while it is mounted, keeping subvolumes, snapshots and reflinks"
    alone_with_its_uuid = True
    check = "btrfs check --readonly"

    @override
    def ask(self, device: str, mounted: str) -> str:
        return f"btrfs filesystem show --raw {device}"

    @override
    def parse(self, lines: Iterable[str]) -> dict[str, str]:
        """What btrfs.sh says besides, too: `own size`, a line for each subvolume, `qgroups`."""
        said: dict[str, str] = {}
        for line in lines:
            if found := re.match(r"\s*(own size|Total devices|devid\s+\d+ size) (\d+)", line):
                said.setdefault(" ".join(found[1].split()), found[2])
            if line.startswith("subvolume "):
                number, _, path = line.partition(" path ")
                said[number] = path or number
            if line == "qgroups=yes":
                said["qgroups"] = "yes"
        return said

    @override
    def spans(self, said: Said) -> int:
        own = [value for name, value in said.items() if name == "own size"]
        known = own or [value for name, value in said.items() if name.startswith("devid ")]
        return int(known[0]) if len(known) == 1 else 0

    @override
    def slack(self, said: Said) -> int:
        return _SECTOR

    @override
    def own_bytes(self, size: int, files: int) -> int:
        return files // 10 + 256 * MIB

    @override
    def least_bytes(self, files: int) -> int:
        return ceil(files * 1.1) + 256 * MIB

    @override
    def make_command(self, said: Said, size: int, inodes: int) -> tuple[str, ...]:
        return ("mkfs.btrfs", "-q", "-f", "-K")

    @override
    def peculiarity(self, said: Said, host: Mapping[str, str], *, copied: bool) -> tuple[str, str] | None:
        if (devices := said.get("Total devices", "1")) != "1":
            return f"it spans {devices} devices", ANOTHER
        subvolumes = [path for name, path in said.items() if name.startswith("subvolume ")]
        if copied and subvolumes:
            lost = f"a copy would lose its subvolumes ({', '.join(subvolumes[:5])})"
            return lost, IN_PLACE
        if copied and "qgroups" in said:
            return "a copy would lose its quota groups", IN_PLACE
        return None
