"""Who can reach what of a host, by addresses; and whether two hosts share an internet, by their routes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address
from itertools import combinations
from typing import Any

from hostwright.base.refusal import Refusal
from hostwright.net.addresses import Address, HostAddress
from hostwright.net.listeners import Listener
from hostwright.net.routes import Route
from hostwright.net.special_purpose import AS_OF, Purpose, Reach, purpose
from hostwright.reachability.facts import HostReachability


@dataclass(frozen=True)
class Judged:
    """
    + public: the address by which 1:1 NAT lets the Internet reach it
    """

    address: HostAddress
    purpose: Purpose
    public: Address | None = None

    @property
    def reach(self) -> Reach:
        return Reach.INTERNET if self.public else self.purpose.reach


@dataclass(frozen=True)
class Open:
    """
    + by: the addresses that let in those who come from furthest
    + allowed: it may be open to the Internet; what reaches less far always is
    """

    listener: Listener
    reach: Reach
    by: tuple[Address, ...]
    allowed: bool = True


@dataclass(frozen=True)
class Report:
    """
    + unjudged: what the host did not tell although it was to be judged
    """

    found: HostReachability
    addresses: tuple[Judged, ...]
    open: tuple[Open, ...]
    unjudged: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Nothing is changed by it: whether it is to fail."""
        return bool(self.forbidden or self.unjudged)

    @property
    def forbidden(self) -> tuple[Open, ...]:
        return tuple(one for one in self.open if not one.allowed)


@dataclass(frozen=True)
class Allowed:
    """
    + first, last: port numbers
    """

    protocol: str
    first: int
    last: int

    def covers(self, listener: Listener) -> bool:
        return self.protocol == listener.protocol and self.first <= listener.port <= self.last


class Shared(IntEnum):
    """What two hosts share, as far as their routes tell; the greater one is the nearer."""

    NOTHING = 0
    PERHAPS = 1
    INTERNET = 2
    ROUTES = 3
    LINK = 4


@dataclass(frozen=True)
class Pair:
    """
    + why: with the addresses it is about
    """

    one: str
    other: str
    shared: Shared
    why: str


def judge(found: HostReachability, public: Mapping[str, str], allowed: tuple[Allowed, ...] | None) -> Report:
    """
    + public: addresses of the host that 1:1 NAT makes reachable, with the public one of each
    + allowed: what may be open to the Internet; nothing: whatever is
    """
    ours = {ip_address(one.address.ip) for one in found.addresses}
    there = {ip_address(inside): ip_address(outside) for inside, outside in public.items()}
    for inside in there:
        if inside not in ours:
            known = ", ".join(sorted(map(str, ours)))
            raise Refusal(
                f"reachability_public names {inside}, which the host does not have; its addresses are: {known}"
            )
    addresses = tuple(Judged(one, purpose(one.address.ip), there.get(one.address.ip)) for one in found.addresses)
    reached = [_open(listener, addresses, allowed) for listener in found.listeners]
    reached.sort(key=lambda one: (-one.reach, one.listener.protocol, one.listener.port, str(one.listener.address)))
    return Report(found, addresses, tuple(reached), () if allowed is None else found.lacking)


def _open(listener: Listener, addresses: tuple[Judged, ...], allowed: tuple[Allowed, ...] | None) -> Open:
    if listener.address is None:
        through = [
            (one.reach, one.address.address.ip)
            for one in addresses
            if one.address.address.version in listener.families and listener.device in ("", one.address.interface)
        ]
    else:
        known = [(one.reach, one.address.address.ip) for one in addresses if one.address.address.ip == listener.address]
        through = known or [(purpose(listener.address).reach, listener.address)]
    reach = max((reach for reach, _ in through), default=Reach.HOST)
    by = tuple(dict.fromkeys(address for here, address in through if here == reach))
    good = allowed is None or reach < Reach.INTERNET or any(one.covers(listener) for one in allowed)
    return Open(listener, reach, by, good)


def pairs(hosts: Mapping[str, HostReachability]) -> Iterator[Pair]:
    for (one, here), (other, there) in combinations(hosts.items(), 2):
        yield _pair(one, here, other, there)


def _pair(one: str, here: HostReachability, other: str, there: HostReachability) -> Pair:
    found = [
        judged
        for a in _routable(here)
        for b in _routable(there)
        if a.address.version == b.address.version
        for judged in [_between(one, a, here.routes, other, b, there.routes)]
    ]
    if not found:
        return Pair(one, other, Shared.NOTHING, "they have no addresses of one family")
    shared, why = max(found, key=lambda judged: judged[0])
    beyond = [name for name, host in ((one, here), (other, there)) if host.other_rules]
    if beyond:
        why += f" ({' and '.join(beyond)}: by the main table, but rules have packets take others)"
    return Pair(one, other, shared, why)


def _routable(host: HostReachability) -> list[HostAddress]:
    return [one for one in host.addresses if purpose(one.address.ip).reach > Reach.LINK]


def _between(
    one: str, a: HostAddress, to_b: tuple[Route, ...], other: str, b: HostAddress, to_a: tuple[Route, ...]
) -> tuple[Shared, str]:
    here, there = a.address.ip, b.address.ip
    if here == there:
        return Shared.NOTHING, f"both have {here}: it is not one network, or one of them is wrong"
    forth, back = lookup(to_b, there), lookup(to_a, here)
    between = f"{here} and {there}"
    for name, route, to in ((one, forth, there), (other, back, here)):
        if route is None or route.nowhere:
            return Shared.NOTHING, f"{name} has no route to {to}"
    assert forth is not None
    assert back is not None
    if not forth.via and not back.via and a.address.network.overlaps(b.address.network):
        return Shared.LINK, f"{between} are on one link, if {a.address.network} is the same on both"
    if forth.to.prefixlen and back.to.prefixlen:
        return Shared.ROUTES, f"{between} have routes to each other ({forth.to} and {back.to})"
    if purpose(here).reach == purpose(there).reach == Reach.INTERNET:
        return Shared.INTERNET, f"{between} are public"
    return Shared.PERHAPS, f"{between}: a default route is all they know; their routers decide"


def lookup(routes: tuple[Route, ...], address: Address) -> Route | None:
    """The route of the longest prefix, of several the first."""
    fitting = [route for route in routes if route.to.version == address.version and address in route.to]
    return max(fitting, key=lambda route: route.to.prefixlen, default=None)


def draw(host: str, report: Report) -> str:
    found = report.found
    lines = [
        f"{host}: who can reach what, by addresses (IANA's registries of {AS_OF}); what routers, firewalls and NAT on",
        "  the way do with it is not looked at",
        "  addresses",
        *_columns(
            (
                one.address.interface,
                str(one.address.address),
                f"{one.reach.words}, as {one.public}" if one.public else f"{one.reach.words} ({one.purpose.name})",
            )
            for one in report.addresses
        ),
        f"  default route: {', '.join(_default(found)) or 'none'}",
        *(f"  note: packets may take another table: {rule}" for rule in found.other_rules),
        *_firewall(found),
        *(f"  not known: {what}" for what in found.lacking),
        "  listening" if report.open else "  listening: nothing",
        *_columns((_place(one.listener), one.listener.who or _nobody(found), _reached(one)) for one in report.open),
    ]
    return "\n".join(lines)


def _default(found: HostReachability) -> list[str]:
    defaults = [route for route in found.routes if not route.to.prefixlen and not route.nowhere]
    return list(dict.fromkeys(f"{route.via or 'the link'} over {route.device}" for route in defaults))


def _firewall(found: HostReachability) -> list[str]:
    if found.firewall is None:
        return [f"  firewall: {found.user} may not read it"]
    if not found.firewall:
        return [] if any(what.startswith("firewall") for what in found.lacking) else ["  firewall: none"]
    return [
        "  firewall (what it lets through is not judged)",
        *_columns(
            (chain.tool, f"{chain.table} {chain.name}", chain.hook, f"{chain.policy}, after {chain.rules} rules")
            for chain in found.firewall
        ),
    ]


def _place(listener: Listener) -> str:
    if listener.address is None:
        where = "*" if len(listener.families) > 1 else "0.0.0.0" if listener.families == (4,) else "[::]"
    else:
        where = f"[{listener.address}]" if listener.address.version == 6 else str(listener.address)
    return f"{listener.protocol} {where}{'%' if listener.device else ''}{listener.device}:{listener.port}"


def _nobody(found: HostReachability) -> str:
    return "unknown" if found.user == "root" else f"{found.user} may not see who"


def _reached(one: Open) -> str:
    by = "" if one.listener.address or not one.by else f", by {', '.join(map(str, one.by))}"
    return f"{one.reach.words}{by}{'' if one.allowed else ': NOT ALLOWED'}"


def _columns(rows: Iterator[tuple[str, ...]]) -> list[str]:
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "    " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    ]


def draw_pairs(found: list[Pair]) -> str:
    words = {
        Shared.NOTHING: "share no internet",
        Shared.PERHAPS: "may share an internet",
        Shared.INTERNET: "share the Internet",
        Shared.ROUTES: "share an internet",
        Shared.LINK: "share a link",
    }
    lines = ["which hosts share an internet, by their routes; no packet was sent"]
    return "\n".join([*lines, *(f"  {pair.one} and {pair.other} {words[pair.shared]}: {pair.why}" for pair in found)])


def as_json(reports: Mapping[str, Report], shared: list[Pair]) -> dict[str, Any]:
    return {
        "registries": AS_OF,
        "hosts": {name: _host_as_json(report) for name, report in reports.items()},
        "pairs": [
            {"hosts": [pair.one, pair.other], "shared": pair.shared.name.lower(), "why": pair.why} for pair in shared
        ],
    }


def _host_as_json(report: Report) -> dict[str, Any]:
    found = report.found
    return {
        "addresses": [
            {
                "interface": one.address.interface,
                "address": str(one.address.address),
                "reach": one.reach.name.lower(),
                "purpose": one.purpose.name,
                "public": str(one.public) if one.public else None,
            }
            for one in report.addresses
        ],
        "default_routes": _default(found),
        "lacking": list(found.lacking),
        "firewall": None
        if found.firewall is None
        else [
            {"tool": c.tool, "table": c.table, "chain": c.name, "hook": c.hook, "policy": c.policy, "rules": c.rules}
            for c in found.firewall
        ],
        "listening": [
            {
                "protocol": one.listener.protocol,
                "address": str(one.listener.address) if one.listener.address else None,
                "port": one.listener.port,
                "device": one.listener.device or None,
                "who": one.listener.who,
                "reach": one.reach.name.lower(),
                "by": [str(address) for address in one.by],
                "allowed": one.allowed,
            }
            for one in report.open
        ],
    }


def complaint(report: Report) -> str:
    """What is open to the Internet, and may not be; and what keeps anybody from saying that nothing else is."""
    said = [f"not judged, since the host did not tell all: {'; '.join(report.unjudged)}"] if report.unjudged else []
    if report.forbidden:
        places = "; ".join(
            f"{_place(one.listener)} ({one.listener.who or 'unknown'}), by {', '.join(map(str, one.by))}"
            for one in report.forbidden
        )
        said.append(
            f"open to the Internet, and not in reachability_allow: {places}; bind it to another address, or allow it "
            f"(reachability_allow: {report.forbidden[0].listener.protocol}/{report.forbidden[0].listener.port})"
        )
    return "; ".join(said)
