"""What of a host can be reached, as far as the host itself knows (shell/reachability.sh writes what is read here)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from itertools import pairwise

from typing_extensions import override

from hostwright.base.observe import ScriptFact, parsing
from hostwright.base.scripts import NONCE, script, sections
from hostwright.net.addresses import Address, HostAddress, Network, parse_addresses

_SECTIONS = (
    *("who", "addresses", "routes4", "routes6", "rules4", "rules6", "sockets4", "sockets6"),
    *("owners", "processes", "containers", "routed", "firewall", "lacking"),
)
# Where engines that root runs put their containers; a user may make a cgroup with the name of any below their own.
_CONTAINER = re.compile(
    r"[0-9]+:[^:]*:/(?:(?:docker|libpod_parent)/(?:libpod-)?"
    r"|system\.slice/docker-|machine\.slice/libpod-)(?P<id>[0-9a-f]{64})(?![0-9a-f])"
)
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
    + device: the interface that it is bound to, so that it is reached through its addresses alone
    """

    protocol: str
    address: Address | None
    port: int
    families: tuple[int, ...]
    who: str
    device: str = ""


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
    + lacking: what could not be asked for, and why
    """

    user: str
    addresses: tuple[HostAddress, ...]
    routes: tuple[Route, ...]
    other_rules: tuple[str, ...]
    listeners: tuple[Listener, ...]
    firewall: tuple[Chain, ...] | None
    lacking: tuple[str, ...] = ()


@parsing()
def parse_reachability(lines: list[str], nonce: str = "") -> HostReachability:
    found = sections(lines, nonce, _SECTIONS)
    names = dict(line.partition("\t")[0].split(" ", 1) for line in found["containers"])
    users = _users(found["owners"], found["processes"], names)
    sockets = [
        one for family in (4, 6) for line in found.get(f"sockets{family}", []) for one in _socket(line, family, users)
    ]
    firewall = found["firewall"]
    return HostReachability(
        user=found["who"][0],
        addresses=parse_addresses(found["addresses"]),
        routes=tuple(
            route for family in (4, 6) for line in found.get(f"routes{family}", []) for route in _routes(line, family)
        ),
        other_rules=tuple(line for family in (4, 6) for line in found.get(f"rules{family}", [])),
        listeners=tuple(
            dict.fromkeys([*_merged(sockets, list(_published(found["containers"], found.get("routed", []))))])
        ),
        firewall=None if "unreadable" in firewall else tuple(_chain(line) for line in firewall),
        lacking=tuple(found["lacking"]),
    )


def _socket(line: str, family: int, users: Mapping[str, str]) -> Iterator[Listener]:
    protocol, _, _, _, local, _, details = [*line.split(maxsplit=6), ""][:7]
    place, _, number = local.rpartition(":")
    if protocol == "Netid" or number == "*":
        return
    text, _, device = place.partition("%")
    if text in ("*", "0.0.0.0", "::", "[::]", ""):
        # In an IPv6 socket `*` takes IPv4, too; older tools write `::` for both.
        address, families = None, (4, 6) if family == 6 and text in ("*", "::", "") else (family,)
    else:
        here = ip_address(text.strip("[]"))
        address = getattr(here, "ipv4_mapped", None) or here
        families = (address.version,)
    # The cgroup, whose name may be anything, comes behind both.
    inode = re.search(r"(?:uid:(?P<uid>[0-9]+) )?ino:(?P<number>[0-9]+)", details)
    who = users.get(inode["number"], "") if inode else ""
    if inode and inode["uid"] and who:
        who += f" (uid {inode['uid']})"
    yield Listener(protocol, address, int(number), families, who, device.rstrip("]"))


def _users(owners: list[str], processes: list[str], names: Mapping[str, str]) -> dict[str, str]:
    """Who has a socket open, by its inode."""
    called: dict[str, str] = {}
    within: dict[str, str] = {}
    for line in processes:
        _, _, pid, what = line.split("/", 3)
        file, _, said = what.partition(":")
        if file == "comm":
            # grep says whose it is at each line of it.
            called[pid] = f"{called[pid]}\n{said}" if pid in called else said
        elif found := _CONTAINER.match(said):
            within.setdefault(pid, found["id"])
    using: dict[str, list[str]] = {}
    for line in owners:
        socket, _, place = line.partition(" ")
        using.setdefault(socket.removeprefix("socket:[").rstrip("]"), []).append(place.split("/")[2])
    return {
        inode: "; ".join(_process(pid, called.get(pid, "?"), names.get(within.get(pid, ""), "")) for pid in pids)
        for inode, pids in using.items()
    }


def _process(pid: str, name: str, container: str) -> str:
    """A name that could be read as more than one is quoted."""
    name = name if re.fullmatch(r"[\w.:/@+()-]+", name, re.ASCII) else repr(name)
    return f"{name}, pid {pid}" + (f", in container {container}" if container else "")


def _published(lines: list[str], routed: list[str]) -> Iterator[Listener]:
    """
    + routed: addresses of containers, by their id: where the port of the host is 0, they are reached there without NAT
    """
    # What a container has none of is empty, or in words.
    places = {id_: [ip_address(one) for one in said if {".", ":"} & {*one}] for id_, *said in map(str.split, routed)}
    for line in lines:
        who, _, ports = line.partition("\t")
        name = f"container {who.partition(' ')[2]}"
        for port in ports.split(", "):
            outside, arrow, inside = port.partition("->")
            place, _, numbers = outside.rpartition(":")
            if not arrow or not place:
                continue
            target, _, protocol = inside.rpartition("/")
            address = place.strip("[]")
            anywhere = address in ("0.0.0.0", "::", ":", "")
            family = 6 if ":" in place else 4
            here: list[Address | None] = [None if anywhere else ip_address(address)]
            if numbers == "0":
                numbers = target
                here = [one for one in places.get(who.partition(" ")[0], ()) if one.version == family]
            first, _, last = numbers.partition("-")
            if int(last or first) > 65535:
                raise ValueError(f"{numbers} are no ports")
            for number in range(int(first), int(last or first) + 1):
                for one in here:
                    yield Listener(protocol, one, number, (family,), name)


def _merged(sockets: list[Listener], published: list[Listener]) -> Iterator[Listener]:
    """A published port has a process of the engine that listens for it, or none."""
    left = list(published)
    for socket in sockets:
        here = [
            one
            for one in published
            if (one.protocol, one.address, one.port) == (socket.protocol, socket.address, socket.port)
        ]
        # A user may call a process so, but not make it root's.
        if here and re.fullmatch("(docker-proxy|dockerd), pid [0-9]+", socket.who):
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

    what = "what it listens to"

    @override
    def text(self) -> str:
        return script("reachability")

    @override
    def parsed(self, output: list[str]) -> HostReachability:
        return parse_reachability(output, NONCE)
