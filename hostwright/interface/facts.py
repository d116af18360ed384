"""The interfaces of a host, and where it keeps their addresses (sh/interfaces.sh writes what is read here)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from typing_extensions import override

from hostwright.base.observe import ScriptFact, parsing
from hostwright.base.scripts import NONCE, script, sections
from hostwright.net.addresses import Address, HostAddress, parse_addresses
from hostwright.net.links import Link, parse_links
from hostwright.net.routes import Route, parse_routes

_SECTIONS = (
    *("who", "came_by", "links", "addresses", "promoted", "routes4", "routes6", "tools", "networkd"),
    *("profile *", "file *", "in memory", "netdevs", "leased", "floating"),
)
_PROFILE = ("ipv4.method", "ipv6.method", "ipv4.addresses", "ipv6.addresses")
_NEED_ADDRESSES = tuple(f"ipv{version}.{field}" for version in (4, 6) for field in ("gateway", "dns", "dns-search"))


@dataclass(frozen=True)
class Way:
    """How the controller came in.

    + interface: the one over which the host answers it
    """

    controller: Address
    address: Address
    interface: str


@dataclass(frozen=True)
class Profile:
    """A connection of NetworkManager, active on an interface.

    + methods: `auto`, `manual`, `disabled`, ... by 4 and 6
    """

    uuid: str
    name: str
    methods: Mapping[int, str]
    addresses: tuple[str, ...]
    others: Mapping[str, str] = field(default_factory=dict)
    """what it has of gateways and name servers, by property"""
    in_memory: bool = False
    """no file has it: NetworkManager has found the interface as it is"""


@dataclass(frozen=True)
class HostInterfaces:
    """
    + promoted: interfaces (or `all`) on which the second address of a network takes the place of the first one
    + units: the .network file that networkd applies, by interface; nothing where it manages none of it
    + files: what is written in those that declare addresses, by path
    + leased: addresses of DHCP, by its leases
    + floating: those that keepalived and pacemaker move about; nothing where that cannot be read
    """

    user: str
    way: Way | None
    links: tuple[Link, ...]
    addresses: tuple[HostAddress, ...]
    promoted: frozenset[str]
    routes: tuple[Route, ...]
    tools: frozenset[str]
    units: Mapping[str, str]
    profiles: Mapping[str, Profile]
    files: Mapping[str, str]
    unreadable: tuple[str, ...]
    leased: frozenset[str]
    floating: frozenset[str] | None
    netdevs: frozenset[str] = frozenset()
    """interfaces that systemd-networkd itself makes, by its .netdev files"""


@parsing()
def parse_interfaces(lines: list[str], nonce: str = "") -> HostInterfaces:
    found = sections(lines, nonce, _SECTIONS)
    marked = {name.removeprefix("file "): some for name, some in found.items() if name.startswith("file ")}
    floating = found.get("floating", [])
    in_memory = frozenset(found.get("in memory", []))
    return HostInterfaces(
        user=found["who"][0],
        way=_way(found.get("came_by", [])),
        links=parse_links(found["links"]),
        addresses=parse_addresses(found["addresses"]),
        promoted=frozenset(found.get("promoted", [])),
        routes=tuple(route for family in (4, 6) for route in parse_routes(found.get(f"routes{family}", []), family)),
        tools=frozenset(found.get("tools", [])),
        units=dict(line.split("\t", 1) for line in found.get("networkd", [])),
        profiles={
            name.removeprefix("profile "): _profile(some, in_memory)
            for name, some in found.items()
            if name.startswith("profile ")
        },
        files={
            path: "".join(f"{line[1:]}\n" for line in some) for path, some in marked.items() if some != ["unreadable"]
        },
        unreadable=tuple(path for path, some in marked.items() if some == ["unreadable"]),
        leased=frozenset(found.get("leased", [])),
        floating=None if "unreadable" in floating else frozenset(floating),
        netdevs=frozenset(found.get("netdevs", [])),
    )


def _way(lines: list[str]) -> Way | None:
    words = lines[0].split() if lines else []
    if len(words) != 4:
        return None
    over = re.search(r" dev (\S+)", " ".join(lines[1:]))
    return Way(ip_address(words[0].partition("%")[0]), ip_address(words[2].partition("%")[0]), over[1] if over else "")


def _profile(lines: list[str], in_memory: frozenset[str]) -> Profile:
    uuid, name, *values = lines
    said = dict(zip((*_PROFILE, *_NEED_ADDRESSES), (value[1:] for value in values), strict=False))
    texts = [text.strip() for key in _PROFILE[2:] for text in said.get(key, "").split(",")]
    methods = {4: said.get("ipv4.method", ""), 6: said.get("ipv6.method", "")}
    others = {key: said[key] for key in _NEED_ADDRESSES if said.get(key)}
    return Profile(uuid, name, methods, tuple(text for text in texts if text), others, uuid in in_memory)


class Interfaces(ScriptFact[HostInterfaces]):
    """Interfaces and addresses of the host, where it keeps them, and by which of them the controller came."""

    what = "what interfaces it has"

    @override
    def text(self) -> str:
        return script("interfaces")

    @override
    def parsed(self, output: list[str]) -> HostInterfaces:
        return parse_interfaces(output, NONCE)
