"""The steps that move the source into a smaller volume. What they lead to stands in the layouts of their plan."""

from dataclasses import dataclass
from typing import ClassVar

from hostwright.lvm.plan.steps import Step


@dataclass(frozen=True)
class BorrowDisk(Step):
    """
    + wiped: bytes at its beginning that are wiped before it is given back
    """

    disk: str
    wiped: int
    sh: ClassVar[str] = "borrow_disk"


@dataclass(frozen=True)
class GiveBack(Step):
    disk: str
    sh: ClassVar[str] = "give_back"


@dataclass(frozen=True)
class MakeVolume(Step):
    volume: str
    extents: int
    disks: tuple[str, ...] = ()
    sh: ClassVar[str] = "make_volume"


@dataclass(frozen=True)
class MakeImage(Step):
    """
    + size: in bytes
    """

    image: str
    size: int
    sh: ClassVar[str] = "make_image"


@dataclass(frozen=True)
class RemoveImage(Step):
    image: str
    sh: ClassVar[str] = "remove_image"


@dataclass(frozen=True)
class MakeLists(Step):
    """
    + place: a directory, or a volume of so many extents on these disks; nothing: lists stay in memory
    """

    place: str = ""
    extents: int | None = None
    disks: tuple[str, ...] = ()
    sh: ClassVar[str] = "make_lists"


@dataclass(frozen=True)
class DropLists(Step):
    sh: ClassVar[str] = "drop_lists"


@dataclass(frozen=True)
class MakeFileSystem(Step):
    """
    + target: the name of a volume, or the path of an image
    """

    target: str
    command: tuple[str, ...]
    sh: ClassVar[str] = "make_file_system"


@dataclass(frozen=True)
class CopyLive(Step):
    target: str
    sh: ClassVar[str] = "copy_live"


@dataclass(frozen=True)
class Freeze(Step):
    sh: ClassVar[str] = "freeze"


@dataclass(frozen=True)
class Verify(Step):
    target: str
    sh: ClassVar[str] = "verify"


@dataclass(frozen=True)
class TakeAway(Step):
    """
    + image: that the source is served from until then, if it is
    """

    image: str = ""
    sh: ClassVar[str] = "take_away"


@dataclass(frozen=True)
class BringBack(Step):
    sh: ClassVar[str] = "bring_back"


@dataclass(frozen=True)
class ServeVolume(Step):
    volume: str
    sh: ClassVar[str] = "serve_volume"


@dataclass(frozen=True)
class ServeImage(Step):
    image: str
    sh: ClassVar[str] = "serve_image"


@dataclass(frozen=True)
class CheckProof(Step):
    """
    + former: the volume or image that the source was before
    """

    former: str
    sh: ClassVar[str] = "check_proof"


@dataclass(frozen=True)
class SetIdentity(Step):
    volume: str
    sh: ClassVar[str] = "set_identity"


@dataclass(frozen=True)
class RenameVolume(Step):
    volume: str
    name: str
    sh: ClassVar[str] = "rename_volume"


@dataclass(frozen=True)
class ShrinkBtrfs(Step):
    """
    + size: in bytes
    """

    size: int
    sh: ClassVar[str] = "shrink_btrfs"


@dataclass(frozen=True)
class ShrinkExt(Step):
    kibibytes: int
    sh: ClassVar[str] = "shrink_ext"


@dataclass(frozen=True)
class ReduceVolume(Step):
    volume: str
    extents: int
    sh: ClassVar[str] = "reduce_volume"
