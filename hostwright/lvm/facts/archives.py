"""What LVM has kept of a volume group's metadata: where each volume lay, before each command that changed it.

Sources: vgcfgbackup(8), lvm.conf(5) (backup/archive_dir), lvm2's lib/format_text.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from typing_extensions import override

from hostwright.base.observe import ScriptFact, parsing
from hostwright.base.scripts import NONCE, script, sections

SECTIONS = ("file *", "looked in")
_TOKEN = re.compile(r'\s+|#[^\n]*|("(?:[^"\\]|\\.)*"|[\w.+-]+|[{}\[\]=,])')


@dataclass(frozen=True)
class Area:
    """Extents of one disk, which is named by its UUID."""

    disk: str
    first: int
    extents: int


@dataclass(frozen=True)
class Segment:
    """Extents of a volume from `first` on; their order is known where `kind` is linear or striped."""

    first: int
    extents: int
    kind: str
    areas: tuple[Area, ...]
    stripe_size: int = 0
    """bytes"""


@dataclass(frozen=True)
class State:
    """A group at one time: extents of its disks, and where its volumes lay, hidden ones too. All go by UUID."""

    group: str
    sequence: int
    extent_size: int
    disks: Mapping[str, int]
    volumes: Mapping[str, tuple[Segment, ...]]
    names: Mapping[str, str]

    def extents(self, volume: str) -> int:
        return sum(segment.extents for segment in self.volumes.get(volume, ()))


@dataclass(frozen=True)
class Archives:
    """+ unreadable: files that are cut short, or are something else
    + directories: where was looked; none if the host did not tell everything
    """

    states: tuple[State, ...] = ()
    unreadable: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()


def parse_metadata(text: str) -> dict[str, Any]:
    """LVM's text format: sections, and values that are text, numbers or lists of them. Of a part of it: ValueError."""
    tokens = _tokens(text)
    root: dict[str, Any] = {}
    within = [root]
    for name in tokens:
        if name == "}" and len(within) > 1:
            within.pop()
            continue
        sign = next(tokens, "")
        if sign == "{":
            within.append(within[-1].setdefault(name, {}))
        elif sign == "=":
            within[-1][name] = _value(tokens)
        else:
            raise ValueError(f"{name!r} begins neither a section nor a value")
    if len(within) > 1:
        raise ValueError("cut short")
    return root


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text[at : at + 20]!r} is not of this format")
        at = match.end()
        if match[1]:
            yield match[1]


def _value(tokens: Iterator[str]) -> Any:
    token = next(tokens, "")
    if token != "[":
        return _scalar(token)
    values = []
    while (token := next(tokens, "")) != "]":
        if token != ",":
            values.append(_scalar(token))
    return values


def _scalar(token: str) -> int | str:
    if token.startswith('"'):
        return re.sub(r"\\(.)", r"\1", token[1:-1])
    return int(token)


def _state(body: dict[str, Any]) -> State:
    disks = body["physical_volumes"]
    volumes = body.get("logical_volumes", {})
    return State(
        group=body["id"],
        sequence=int(body["seqno"]),
        extent_size=int(body["extent_size"]) * 512,
        disks={disk["id"]: int(disk["pe_count"]) for disk in disks.values()},
        volumes={volume["id"]: _segments(volume, disks) for volume in volumes.values()},
        names={volume["id"]: name for name, volume in volumes.items()},
    )


def _segments(volume: dict[str, Any], disks: dict[str, Any]) -> tuple[Segment, ...]:
    found = [_segment(volume[f"segment{number}"], disks) for number in range(1, int(volume["segment_count"]) + 1)]
    return tuple(sorted(found, key=lambda segment: segment.first))


def _segment(row: dict[str, Any], disks: dict[str, Any]) -> Segment:
    extents = int(row["extent_count"])
    stripes = int(row["stripe_count"]) if row["type"] == "striped" else 1
    # Kinds of their own, such as the mirror of a pvmove, name disks in the same way, in lists of other names.
    pairs = [pair for values in row.values() if isinstance(values, list) for pair in pairwise(values)]
    areas = tuple(Area(disks[name]["id"], int(at), extents // stripes) for name, at in pairs if name in disks)
    plain = row["type"] == "striped" and len(areas) == stripes
    kind = ("linear" if stripes == 1 else "striped") if plain else ""
    return Segment(int(row["start_extent"]), extents, kind, areas, int(row.get("stripe_size", 0)) * 512)


@parsing()
def parse_archives(lines: list[str], nonce: str = "") -> Archives:
    found = sections(lines, nonce, SECTIONS)
    states, unreadable = [], []
    for name, text in found.items():
        if not name.startswith("file "):
            continue
        try:
            (group,) = (body for body in parse_metadata("\n".join(text)).values() if isinstance(body, dict))
            states.append(_state(group))
        except (ValueError, KeyError, TypeError, AttributeError):
            unreadable.append(name.removeprefix("file "))
    return Archives(tuple(states), tuple(unreadable), tuple(found.get("looked in", [])))


class LvmArchives(ScriptFact[Archives]):
    """What LVM has kept of the metadata of one volume group.

    + vg: its name
    """

    what = "what LVM has kept of the metadata of {vg}"

    @override
    def text(self, vg: str) -> str:
        return script("archives", VG=vg)

    @override
    def parsed(self, output: list[str]) -> Archives:
        return parse_archives(output, NONCE)
