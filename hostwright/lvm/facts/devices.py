"""Block devices, and what speaks against one being blank: lsblk(8), blkid(8), wipefs(8)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hostwright.base.observe import pairs
from hostwright.lvm import names


@dataclass(frozen=True)
class BlockDevice:
    name: str
    parents: tuple[str, ...]
    type: str
    removable: bool
    uuid: str = ""
    label: str = ""


@dataclass(frozen=True)
class Scratch:
    """A disk offered for borrowing; size in bytes, `holds` is what was found on it, but for what a lost run left."""

    exists: bool
    name: str = ""
    size: int = 0
    holds: tuple[str, ...] = ()
    lent: bool = False


def parse_devices(lines: Sequence[str]) -> tuple[BlockDevice, ...]:
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
            unescaped_label(row.get("LABEL", "")),
        )
        for name, row in by_name.items()
    )


def parse_scratch(lines: Sequence[str]) -> Scratch:
    values = pairs(lines)
    if "MISSING" in values:
        return Scratch(exists=False)
    lent = values.get("UUID", "").startswith(names.LENT)
    return Scratch(True, values["KNAME"], int(values["SIZE"]), () if lent else parse_signs(lines), lent)


def parse_signs(lines: Sequence[str]) -> tuple[str, ...]:
    """What speaks against its being blank."""
    known = [line.split("=", 1)[1] for line in lines if line.startswith(("TYPE=", "PTTYPE=", "SIGNATURE="))]
    known += [f"used by {line.split('=', 1)[1]}" for line in lines if line.startswith("HOLDER=")]
    if "NONZERO=yes" in lines and not known:
        known = ["data in its first MiB"]
    return tuple(dict.fromkeys(known))


def unescaped_label(text: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), text)
