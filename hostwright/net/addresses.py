"""Addresses of interfaces as `ip -o address show` tells them: CentOS 7 has its text, and no JSON yet."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network, ip_interface

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Interface = IPv4Interface | IPv6Interface
_LINE = re.compile(r"[0-9]+: +(?P<name>[^ @]+)(?:@\S+)? +(?P<family>inet6?) (?P<rest>.*)")
# Words that take one more. What is none of these is a label.
_PAIRS = ("scope", "brd", "any", "metric", "proto")
_FLAGS = """
    secondary temporary dynamic tentative dadfailed deprecated nodad noprefixroute mngtmpaddr home autojoin optimistic
    stable-privacy permanent
"""


@dataclass(frozen=True)
class HostAddress:
    """
    + address: with its prefix length
    + peer: the other end of a point-to-point link, or nothing
    + scope: `global`, `site`, `link`, `host`, or a number
    + label: IPv4 only: the name of the interface, or `eth0:1` say
    + flags: `secondary`, `dynamic`, `tentative`, `dadfailed`, `temporary`, `noprefixroute`, `nodad`, ...
    + valid, preferred: seconds, or nothing if for ever
    + protocol: who set it, where the kernel tells: `kernel_ra`, `kernel_ll`, ...
    """

    interface: str
    address: Interface
    peer: str = ""
    scope: str = "global"
    label: str = ""
    flags: frozenset[str] = frozenset()
    valid: int | None = None
    preferred: int | None = None
    protocol: str = ""


def parse_addresses(lines: list[str]) -> tuple[HostAddress, ...]:
    return tuple(_address(found) for line in lines if (found := _LINE.match(line)))


def _address(found: re.Match[str]) -> HostAddress:
    settings, _, lifetimes = found["rest"].partition("\\")
    words = settings.split()
    local, peer = words.pop(0), ""
    if words and words[0] == "peer":
        # The prefix length is the peer's.
        peer, prefix = words[1].partition("/")[::2]
        local, words = f"{local}/{prefix}" if prefix else local, words[2:]
    known: dict[str, str] = {}
    flags, label = set(), ""
    while words:
        word = words.pop(0)
        if word in _PAIRS and words:
            known[word] = words.pop(0)
        elif word in _FLAGS.split():
            flags.add(word)
        else:
            label = word
    return HostAddress(
        interface=found["name"],
        address=ip_interface(local),
        peer=peer,
        scope=known.get("scope", "global"),
        label=label,
        flags=frozenset(flags),
        valid=_seconds("valid_lft", lifetimes),
        preferred=_seconds("preferred_lft", lifetimes),
        protocol=known.get("proto", ""),
    )


def _seconds(name: str, lifetimes: str) -> int | None:
    found = re.search(rf"{name} ([0-9]+)", lifetimes)
    return int(found[1]) if found else None
