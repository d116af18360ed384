"""What a volume carries, as the file system and blkid(8) tell it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hostwright.base.observe import pairs
from hostwright.lvm.facts.devices import unescaped_label
from hostwright.lvm.file_systems import kind_of


@dataclass(frozen=True)
class FileSystem:
    """What a volume carries; sizes in bytes.

    + spans: as much of its volume as it says it takes; 0 where it does not say
    + said: what else it says of itself, by the names of its kind
    """

    kind: str
    uuid: str
    label: str
    mounted: str
    size: int
    free: int
    inodes_used: int
    spans: int = 0
    said: Mapping[str, str] = field(default_factory=dict)
    foreseen: bool = False
    """not looked at, but what a plan will leave: it fills its volume"""


def parse_file_system(lines: Sequence[str], detail: Sequence[str]) -> FileSystem:
    """
    + detail: what the tool of its kind says
    """
    values = pairs(lines)
    block = int(values.get("BLOCK", 0))
    kind = kind_of(values.get("TYPE", ""))
    said = kind.parse(detail)
    return FileSystem(
        kind=kind.name,
        uuid=values.get("UUID", ""),
        label=unescaped_label(values.get("LABEL", "")),
        mounted=values.get("MOUNTED", ""),
        size=block * int(values.get("BLOCKS", 0)),
        free=block * int(values.get("FREE", 0)),
        inodes_used=int(values.get("INODES", 0)) - int(values.get("INODES_FREE", 0)),
        spans=kind.spans(said),
        said=said,
    )
