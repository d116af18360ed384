"""The kinds of file systems that volumes carry: a class each, and this table of them.

What sh does by kind is in `sh/file_systems`: a file each, and the list of them in kinds.sh.
"""

from collections.abc import Sequence

from hostwright.lvm.file_systems.btrfs import Btrfs
from hostwright.lvm.file_systems.ext import Ext
from hostwright.lvm.file_systems.kind import Kind
from hostwright.lvm.file_systems.swap import Swap
from hostwright.lvm.file_systems.xfs import Xfs

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Xfs("xfs", holds_images=True),
        Ext("ext4", holds_images=True),
        Ext("ext3"),
        Ext("ext2"),
        Btrfs("btrfs", holds_images=True),
        Swap("swap"),
    )
}

COPYING = {"rsync": "rsync", "getfattr": "attr", "lsattr": "e2fsprogs", "filefrag": "e2fsprogs"}
"""what every copy takes, whatever the kind"""


def kind_of(name: str) -> Kind:
    """Of what blkid(8) says; of what we do not know, one that does nothing."""
    return KINDS.get(name) or Kind(name)


def one_of(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def packages() -> dict[str, str]:
    """Of each tool, in every kind's words."""
    return COPYING | {tool: package for kind in KINDS.values() for tool, package in kind.packages.items()}
