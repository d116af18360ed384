"""What all kinds of file systems have in common, and what each says for itself."""
# ruff: noqa: ARG002 - most kinds have no need of what one of them asks for

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

MIB = 1024**2

Said = Mapping[str, str]
"""what the tool of a file system says of it, by name"""


@dataclass(frozen=True)
class Kind:
    """A kind of file systems, as mount(8) and mkfs(8) call it; each has a class of its own, and a row in the table.

    + files: it holds some, which must be kept
    + packages: of each of its tools
    + making, growing, shrinking, quotas: the tools that each of these takes; the first one makes the file system
    + least: bytes of its device below which none is made
    + holds_images: a staged copy may lie on it
    + shrinks_mounted: it shrinks in place and in use, so that comes before a copy
    + in_place: what speaks for shrinking it in place; nothing where it cannot
    + not_in_place: why it cannot
    + lost_in_place: what does not survive that
    + alone_with_its_uuid: of two with one UUID the kernel may take either, whatever the boot is told
    + fsck_pass: the last word of its line in fstab(5)
    + check: looks for what is wrong with it, unmounted, and changes nothing
    """

    name: str
    files: ClassVar[bool] = True
    packages: ClassVar[Mapping[str, str]] = {}
    making: ClassVar[tuple[str, ...]] = ()
    growing: ClassVar[tuple[str, ...]] = ()
    shrinking: ClassVar[tuple[str, ...]] = ()
    quotas: ClassVar[tuple[str, ...]] = ()
    least: ClassVar[int] = 0
    holds_images: bool = False
    shrinks_mounted: ClassVar[bool] = False
    in_place: ClassVar[str] = ""
    not_in_place: ClassVar[str] = ""
    lost_in_place: ClassVar[str] = ""
    alone_with_its_uuid: ClassVar[bool] = False
    fsck_pass: ClassVar[str] = "0"
    check: ClassVar[str] = ""

    def ask(self, device: str, mounted: str) -> str:
        """The command that tells what `parse` reads.

        + mounted: where it is mounted; nothing where it is not
        """
        raise NotImplementedError(f"{self.name} is not asked")

    def parse(self, lines: Iterable[str]) -> dict[str, str]:
        return {}

    def spans(self, said: Said) -> int:
        """Bytes of its device that it says it spans; 0 where it does not say."""
        return 0

    def slack(self, said: Said) -> int:
        """Bytes behind what it spans from which on it could have spanned more."""
        raise NotImplementedError(f"{self.name} does not tell")

    def own_bytes(self, size: int, files: int) -> int:
        """What a new one of `size` bytes keeps for itself: log, inode tables, reserves."""
        raise NotImplementedError(f"{self.name} holds no files")

    def least_bytes(self, files: int) -> int:
        """The smallest size that holds so many bytes of files and what it needs itself."""
        raise NotImplementedError(f"{self.name} holds no files")

    def make_command(self, said: Said, size: int, inodes: int) -> tuple[str, ...]:
        """The command that makes a new one of the same make; the device is its last word, still to be added.

        + inodes: as many are in use
        """
        raise NotImplementedError(f"{self.name} holds no files")

    def peculiarity(self, said: Said, host: Mapping[str, str], *, copied: bool) -> str:
        """Why it cannot be moved (`copied`) or resized as it is; empty when it can."""
        return ""

    def quota_feature(self, said: Said) -> tuple[str, ...]:
        """The kinds of quota that it keeps as a feature of its own, and does not show among its mount options."""
        return ()

    def quotas_in_files(self, said: Said) -> bool:
        """Its quotas, if it has any, are in files, which a copy cannot have."""
        return False

    def gain(self, said: Said) -> str:
        """What a copy has that it had not."""
        return ""


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
