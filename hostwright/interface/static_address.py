"""A static address, as it is wanted, or as a file of the host declares it: the same for all that make it persistent."""

from dataclasses import dataclass
from ipaddress import ip_interface

from hostwright.base.refusal import Refusal
from hostwright.net.addresses import Address, Interface


@dataclass(frozen=True)
class Static:
    """
    + address: with its prefix length
    + peer: the other end of a point-to-point link
    + label: IPv4 only, `eth0:1` say
    + scope: `global`, `site`, `link`, `host`
    + preferred: seconds for which it is used for new connections; 0: never; nothing: for ever
    + noprefixroute: the kernel makes no route to its network
    + nodad: IPv6 only: it is used without asking whether somebody has it
    """

    address: Interface
    peer: str = ""
    label: str = ""
    scope: str = "global"
    preferred: int | None = None
    noprefixroute: bool = False
    nodad: bool = False

    @property
    def ip(self) -> Address:
        return self.address.ip

    @property
    def version(self) -> int:
        return self.address.version

    def options(self) -> list[str]:
        """Names of those that are set."""
        known = {
            "peer": self.peer,
            "label": self.label,
            "scope": self.scope != "global",
            "preferred": self.preferred is not None,
            "noprefixroute": self.noprefixroute,
            "nodad": self.nodad,
        }
        return [name for name, value in known.items() if value]


def written(text: str, path: str) -> Interface:
    """An address as a file of the host has it."""
    try:
        return ip_interface(text)
    except ValueError:
        raise Refusal(f"{path} has {text!r} for an address, which is none", "put that right first") from None


@dataclass(frozen=True)
class Declared:
    """
    + path: the file that does so
    """

    static: Static
    path: str
