"""Routes as `ip -o route show` tells them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from itertools import pairwise

from hostwright.net.addresses import Network

# What is no route to anybody.
_NOWHERE = ("unreachable", "blackhole", "prohibit", "throw")
_KINDS = ("unicast", "local", "broadcast", "multicast", "anycast", "nat", *_NOWHERE)


@dataclass(frozen=True)
class Route:
    """
    + via: the router, or nothing if those at the other end are on the link itself
    + nowhere: packets to it are thrown away
    + source: the address that the host sends from, where the route names one
    + protocol: who set it: `kernel`, `dhcp`, `static`, ...
    + text: what makes it anew after `ip route replace`; nothing where it is one way of several
    """

    to: Network
    via: str
    device: str
    nowhere: bool = False
    source: str = ""
    protocol: str = ""
    # The seconds that a route has left are in it.
    text: str = field(default="", compare=False)


def parse_routes(lines: Iterable[str], family: int) -> tuple[Route, ...]:
    return tuple(route for line in lines for route in _routes(line, family))


def _routes(line: str, family: int) -> Iterator[Route]:
    words = line.replace("\\", " ").split()
    text = " ".join(word for word in words if word not in ("linkdown", "dead"))
    kind = words.pop(0) if words[0] in _KINDS else "unicast"
    if kind not in ("unicast", *_NOWHERE):
        return
    to = words.pop(0)
    network = ip_network("0.0.0.0/0" if family == 4 else "::/0") if to == "default" else ip_network(to)
    hops: list[dict[str, str]] = [{}]
    said: dict[str, str] = {}
    for name, value in pairwise(words):
        if name == "nexthop":
            hops.append({})
            text = ""
        if name in ("via", "dev"):
            hops[-1].setdefault(name, value)
        if name in ("src", "proto"):
            said.setdefault(name, value)
    for hop in hops:
        if hop or kind in _NOWHERE:
            # From a family to a router of the other one: `via inet6 fe80::1`.
            yield Route(
                network,
                hop.get("via", ""),
                hop.get("dev", ""),
                kind in _NOWHERE,
                said.get("src", ""),
                said.get("proto", ""),
                text,
            )
