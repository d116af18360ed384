"""What is done to overlays on a host: verbs, each a function of sh/overlay.sh."""

from dataclasses import dataclass

from hostwright.base.verbs import Verb


@dataclass(frozen=True)
class MakeDirectory(Verb):
    """+ like: the directory whose owner, mode and ACL it gets; nothing: it is root's"""

    path: str
    like: str | None = None
    sh = "make_directory"


@dataclass(frozen=True)
class Mount(Verb):
    """
    + options: as mount(8) takes them
    + layers: those of them that say what it is made of, as the kernel must show them
    + shown: others that it must show, with commas between
    + writable: `yes` where it must not be read-only
    """

    target: str
    options: str
    layers: str
    shown: str | None
    writable: str | None
    sh = "mount_overlay"


@dataclass(frozen=True)
class Replace(Verb):
    """
    + old, old_layers: what comes back if the new one cannot be mounted
    + incompat: the mark of a volatile overlay, which says that upper may be damaged by a crash since
    """

    target: str
    options: str
    layers: str
    shown: str | None
    writable: str | None
    old: str
    old_layers: str
    incompat: str | None = None
    sh = "replace_overlay"


@dataclass(frozen=True)
class Remount(Verb):
    target: str
    flags: str
    sh = "remount_overlay"


@dataclass(frozen=True)
class Unmount(Verb):
    target: str
    incompat: str | None = None
    sh = "unmount_overlay"


@dataclass(frozen=True)
class WriteUnit(Verb):
    """
    + wanted_by: the target of systemd that wants it
    """

    name: str
    text: str
    wanted_by: str
    sh = "write_unit"


@dataclass(frozen=True)
class RemoveUnit(Verb):
    name: str
    sh = "remove_unit"


@dataclass(frozen=True)
class ChangeLine(Verb):
    """One line of fstab for another."""

    old: str
    new: str
    sh = "change_line"


@dataclass(frozen=True)
class TidyFstab(Verb):
    sh = "tidy_fstab"
