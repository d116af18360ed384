"""XFS. Sources: mkfs.xfs(8), xfs_info(8), xfs(5)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from math import ceil

from typing_extensions import override

from hostwright.lvm.file_systems.kind import MIB, Kind, Said, version

_META = ("finobt", "rmapbt", "reflink", "bigtime", "inobtcount")


class Xfs(Kind):
    packages = dict.fromkeys(("mkfs.xfs", "xfs_repair", "xfs_growfs", "xfs_admin", "xfs_quota"), "xfsprogs")
    making = ("mkfs.xfs", "xfs_repair", "xfs_admin")
    growing = ("xfs_growfs",)
    quotas = ("xfs_quota",)
    least = 300 * MIB
    not_in_place = "XFS cannot shrink in place: only a smaller copy can take its place"
    check = "xfs_repair -n"

    @override
    def ask(self, device: str, mounted: str) -> str:
        return f"xfs_info {mounted}" if mounted else f"xfs_repair -n {device}"

    @override
    def parse(self, lines: Iterable[str]) -> dict[str, str]:
        """By section: `data bsize`, `naming ftype`; where the log is, is `log`."""
        said: dict[str, str] = {}
        section = ""
        for line in lines:
            head, _, rest = line.partition("=")
            section = head.strip() or section
            if rest[:1].strip():
                said.setdefault(section, rest.split()[0])
            for name, value in re.findall(r"(?:^|[\s,])([\w-]+)=([^\s,]+)", rest):
                said.setdefault(f"{section} {name}", value)
        return said

    @override
    def spans(self, said: Said) -> int:
        size, blocks = said.get("data bsize", ""), said.get("data blocks", "")
        return int(size) * int(blocks) if size.isdigit() and blocks.isdigit() else 0

    @override
    def slack(self, said: Said) -> int:
        # The kernel adds no allocation group below 64 blocks; mkfs makes groups of whole stripes, none below 16 MiB.
        return 16 * MIB if int(said["data sunit"]) else 64 * int(said["data bsize"])

    @override
    def own_bytes(self, size: int, files: int) -> int:
        return max(64 * MIB, min(size // 2048, 2048 * MIB)) + size * 15 // 1000 + 8 * MIB

    @override
    def least_bytes(self, files: int) -> int:
        return max(self.least, ceil((files + 72 * MIB) / 0.985))

    @override
    def make_command(self, said: Said, size: int, inodes: int) -> tuple[str, ...]:
        return tuple(_made(said))

    @override
    def peculiarity(self, said: Said, host: Mapping[str, str], *, copied: bool) -> str:
        if not said.get("log", "internal").startswith("internal"):
            return "its log is on another device (external log)"
        if not said.get("realtime", "none").startswith("none"):
            return "it has a realtime device"
        if copied and said.get("meta-data crc") == "1" and not _keeps_uuid(host):
            return (
                f"kernel {host.get('kernel')} with xfsprogs {host.get('xfsprogs')} cannot give a new XFS the UUID of "
                "the old one (Linux 4.3 or RHEL 7.3, and xfsprogs 4.3): update them first"
            )
        return ""


def _made(said: Said) -> Iterator[str]:
    meta = {name.removeprefix("meta-data "): value for name, value in said.items() if name.startswith("meta-data ")}
    yield from ("mkfs.xfs", "-q", "-f", "-K")
    if block := said.get("data bsize"):
        yield from ("-b", f"size={block}")
    new = meta.get("crc") == "1"
    kept = [f"{name}={meta[name]}" for name in _META if name in meta] if new else []
    yield from ("-m", ",".join([f"crc={meta.get('crc', 0)}", *kept]))
    inode = [f"size={meta.get('isize', 256)}", f"maxpct={said.get('data imaxpct', 25)}"]
    inode += [f"{name}={meta[name]}" for name in ("sparse", "nrext64", "exchange") if new and name in meta]
    yield from ("-i", ",".join(inode))
    options = [f"size={block}"] if (block := said.get("naming bsize")) else []
    if said.get("naming ascii-ci") == "1":
        options.append("version=ci")
    if said.get("naming parent") == "1":
        options.append("parent=1")
    if not new and said.get("naming ftype") == "1":
        options.append("ftype=1")
    if options:
        yield from ("-n", ",".join(options))


def _keeps_uuid(host: Mapping[str, str]) -> bool:
    kernel, tools = host.get("kernel", ""), host.get("xfsprogs", "")
    new_kernel = version(kernel) >= (4, 3) or bool(
        (el7 := re.match(r"3\.10\.0-(\d+).*\.el7", kernel)) and int(el7[1]) >= 514
    )
    return new_kernel and (not tools or version(tools) >= (4, 3))
