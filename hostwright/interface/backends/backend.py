"""What one that keeps addresses across a boot has to tell, of a host: each is a class of its own, in a file of its own.

Beside its class a file has functions of the same names, which know the text of its files, and no host.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from hostwright.interface.facts import HostInterfaces
from hostwright.interface.static_address import Declared, Static
from hostwright.net.addresses import Address

UNTIL_BOOT = "interface.address(..., persist=False), in a deploy of your own, sets it until the next boot"


@dataclass(frozen=True)
class Keeping:
    """What changes where the addresses of an interface are kept.

    + backend: who keeps them, by its name
    + files: those that change, with their new text; without any, the file goes
    + command: what a tool is told instead, word by word
    + where: what that changes, in words
    + asks: TOOL, NAME and ADDRESS of what a tool must tell of the new files, by its own name for the interface
    + mode: of new files
    """

    interface: str
    backend: str
    files: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    where: str = ""
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    asks: tuple[tuple[str, str, str], ...] = ()
    mode: int = 0o644

    @property
    def changes(self) -> bool:
        return bool(self.files or self.command)


class Backend(ABC):
    """
    + name: as `interface_backend` has it
    + adopts: it can keep an interface that it does not have yet
    + works_by: others that it has keep what it is told
    """

    name: ClassVar[str]
    adopts: ClassVar[bool] = True
    works_by: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def is_there(self, found: HostInterfaces) -> bool:
        """Whether it is at work on the host."""

    @abstractmethod
    def claims(self, found: HostInterfaces, interface: str) -> bool:
        """Whether it keeps the interface, by its own files."""

    @abstractmethod
    def cannot(self, static: Static) -> str:
        """Why it cannot keep an address with its options, or nothing."""

    @abstractmethod
    def declared(self, found: HostInterfaces, interface: str) -> tuple[Declared, ...]:
        """The addresses that it keeps for the interface."""

    @abstractmethod
    def edited(self, found: HostInterfaces, interface: str, add: Sequence[Static], remove: Sequence[Static]) -> Keeping:
        """What changes for some to be there after a boot, and others not; or a refusal."""

    def takes(self, found: HostInterfaces) -> bool:
        """Whether it keeps interfaces that nobody has claimed."""
        return self.adopts and self.is_there(found)

    def check(self, found: HostInterfaces, interface: str, addresses: Iterable[Address]) -> None:  # noqa: B027
        """Refuses addresses that it sets in a way that cannot be edited."""

    def called(self, found: HostInterfaces, interface: str, static: Static) -> str:  # noqa: ARG002 - others ask
        """What its tools call the interface of an address."""
        return interface


def sharing(found: HostInterfaces, interface: str) -> list[str]:
    """Further interfaces that the same file or connection is applied to."""
    unit, profile = found.units.get(interface), found.profiles.get(interface)
    same = [name for name, one in found.units.items() if unit and one == unit and name != interface]
    same += [name for name, one in found.profiles.items() if profile and one.name == profile.name and name != interface]
    return sorted(set(same))
