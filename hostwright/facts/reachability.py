"""What of a host can be reached, as far as the host itself knows (shell/reachability.sh writes what is read here)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from itertools import pairwise

from typing_extensions import override

from hostwright.facts.addresses import Address, HostAddress, Network, parse_addresses
from hostwright.facts.observe import ScriptFact
from hostwright.shell import script, sections

# What is no route to anybody.
_NOWHERE = ("unreachable", "blackhole", "prohibit", "throw")
_KINDS = ("unicast", "local", "broadcast", "multicast", "anycast", "nat", *_NOWHERE)


@dataclass(frozen=True)
class Route:
    """
    + via: the router, or nothing if those at the other end are on the link itself
    + nowhere: packets to it are thrown away
    """

    to: Network
    via: str
    device: str
    nowhere: bool = False


@dataclass(frozen=True)
class Listener:
    """A socket that listens, or the published port of a container.

    + address: nothing: every address of its families
    + families: 4, 6 or both
    + who: the process (`sshd, pid 411`), container, or nothing where it could not be read
    """

    protocol: str
    address: Address | None
    port: int
    families: tuple[int, ...]
    who: str


@dataclass(frozen=True)
class Chain:
    """A chain of the host's firewall that sees what comes in, or passes through.

    + policy: what becomes of a packet that none of its rules is about: `accept` or `drop`
    """

    tool: str
    table: str
    name: str
    hook: str
    policy: str
    rules: int


@dataclass(frozen=True)
class HostReachability:
    """
    + routes: those of the main table
    + other_rules: rules that have packets take another table than the main one
    + firewall: its chains, or nothing where it could not be read
    """

    user: str
    addresses: tuple[HostAddress, ...]
    routes: tuple[Route, ...]
    other_rules: tuple[str, ...]
    listeners: tuple[Listener, ...]
    firewall: tuple[Chain, ...] | None


def parse_reachability(lines: list[str]) -> HostReachability:
    found = sections(lines)
    names = dict(line.partition("\t")[0].split(" ", 1) for line in found.get("containers", []))
    within = dict(line.split(" ", 1) for line in found.get("processes", []))
    sockets = [
        one
        for family in (4, 6)
        for line in found.get(f"sockets{family}", [])
        for one in _socket(line, family, within, names)
    ]
    firewall = found.get("firewall", [])
    return HostReachability(
        user=found["who"][0],
        addresses=parse_addresses(found["addresses"]),
        routes=tuple(
            route for family in (4, 6) for line in found.get(f"routes{family}", []) for route in _routes(line, family)
        ),
        other_rules=tuple(line for family in (4, 6) for line in found.get(f"rules{family}", [])),
        listeners=tuple(dict.fromkeys([*_merged(sockets, list(_published(found.get("containers", []))))])),
        firewall=None if "unreadable" in firewall else tuple(_chain(line) for line in firewall),
    )


def _socket(line: str, family: int, within: Mapping[str, str], names: Mapping[str, str]) -> Iterator[Listener]:
    words = line.split(maxsplit=6)
    if len(words) < 6:
        return
    place, _, port = words[4].rpartition(":")
    if not port.isdigit():
        return
    text = place.strip("[]").partition("%")[0].strip("[]")
    if text in ("*", "0.0.0.0", "::", ""):
        # In an IPv6 socket `*` takes IPv4, too; older tools write `::` for both.
        address, families = None, (4, 6) if family == 6 and place in ("*", "::", ":") else (family,)
    else:
        here = ip_address(text)
        address = getattr(here, "ipv4_mapped", None) or here
        families = (address.version,)
    yield Listener(words[0], address, int(port), families, _who(" ".join(words[6:]), within, names))


def _who(users: str, within: Mapping[str, str], names: Mapping[str, str]) -> str:
    processes = dict.fromkeys(re.findall(r'"([^"]+)",pid=([0-9]+)', users))
    said = []
    for name, pid in processes:
        container = names.get(within.get(pid, ""))
        said.append(f"{name}, pid {pid}" + (f", in container {container}" if container else ""))
    return "; ".join(said)


def _published(lines: list[str]) -> Iterator[Listener]:
    for line in lines:
        who, _, ports = line.partition("\t")
        name = f"container {who.partition(' ')[2]}"
        for port in ports.split(", "):
            outside, arrow, inside = port.partition("->")
            place, _, numbers = outside.rpartition(":")
            if not arrow or not place:
                continue
            first, _, last = numbers.partition("-")
            address = place.strip("[]")
            anywhere = address in ("0.0.0.0", "::", ":", "")
            family = 6 if ":" in place else 4
            for number in range(int(first), int(last or first) + 1):
                yield Listener(
                    inside.rpartition("/")[2],
                    None if anywhere else ip_address(address),
                    number,
                    (family,),
                    name,
                )


def _merged(sockets: list[Listener], published: list[Listener]) -> Iterator[Listener]:
    """A published port has a process of the engine that listens for it, or none."""
    left = list(published)
    for socket in sockets:
        here = [
            one
            for one in published
            if (one.protocol, one.address, one.port) == (socket.protocol, socket.address, socket.port)
        ]
        if here and "docker-proxy" in socket.who:
            yield replace(socket, who=here[0].who)
            left = [one for one in left if one not in here or not set(one.families) <= set(socket.families)]
        else:
            yield socket
    yield from left


def _routes(line: str, family: int) -> Iterator[Route]:
    words = line.replace("\\", " ").split()
    kind = words.pop(0) if words[0] in _KINDS else "unicast"
    if kind not in ("unicast", *_NOWHERE):
        return
    to = words.pop(0)
    network = ip_network("0.0.0.0/0" if family == 4 else "::/0") if to == "default" else ip_network(to)
    hops: list[dict[str, str]] = [{}]
    for name, value in pairwise(words):
        if name == "nexthop":
            hops.append({})
        if name in ("via", "dev"):
            hops[-1].setdefault(name, value)
    for hop in hops:
        if hop or kind in _NOWHERE:
            # From a family to a router of the other one: `via inet6 fe80::1`.
            yield Route(network, hop.get("via", ""), hop.get("dev", ""), kind in _NOWHERE)


def _chain(line: str) -> Chain:
    *words, rules = line.split()
    tool, family, table, name, hook, policy = words
    return Chain(tool, table if family == "-" else f"{family} {table}", name, hook, policy, int(rules))


class Reachability(ScriptFact[HostReachability]):
    """Addresses, routes, listening sockets and published ports of the host, and its firewall if it can be read."""

    @override
    def text(self) -> str:
        return script("reachability")

    @override
    def process(self, output: list[str]) -> HostReachability:
        return parse_reachability(output)
