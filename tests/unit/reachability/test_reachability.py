"""Who can reach what: what hosts tell, what addresses are for, and which hosts share an internet."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostwright.base.refusal import Refusal
from hostwright.base.settings import validated
from hostwright.net.addresses import parse_addresses
from hostwright.net.listeners import Listener
from hostwright.net.routes import Route
from hostwright.net.special_purpose import Reach, covering, purpose
from hostwright.reachability.facts import HostReachability, parse_reachability
from hostwright.reachability.plan import Allowed, Report, Shared, as_json, complaint, draw, judge, lookup, pairs
from hostwright.reachability.settings import ReachabilitySettings

RECORDED = (Path(__file__).parents[1] / "fixtures" / "reachability.txt").read_text().splitlines()
SSH = Allowed("tcp", 22, 22)


def host(
    addresses: Mapping[str, str], routes: tuple[Route, ...] = (), listeners: tuple[Listener, ...] = ()
) -> HostReachability:
    lines = [
        f"1: {name}    {'inet6' if ':' in address else 'inet'} {address} scope global {name}"
        for name, address in addresses.items()
    ]
    return HostReachability("root", parse_addresses(lines), routes, (), listeners, ())


def route(to: str, via: str = "") -> Route:
    return Route(ip_network(to), via, "e0")


def reached(report: Report) -> dict[tuple[str, int], Reach]:
    return {(one.listener.protocol, one.listener.port): one.reach for one in report.open}


# -- facts


def test_recorded_addresses_are_read() -> None:
    found = parse_reachability(RECORDED)
    by_address = {str(one.address): one for one in found.addresses}
    labelled = by_address["10.0.0.6/24"]
    assert (labelled.interface, labelled.label, labelled.scope) == ("e0", "e0:1", "global")
    assert by_address["10.0.0.7/24"].flags == {"secondary"}
    assert by_address["198.51.100.9/32"].flags == {"noprefixroute"}
    assert by_address["10.9.0.1/32"].peer == "10.9.0.2"
    lasting, dying = by_address["81::d/64"], by_address["2a00:1450::5/64"]
    assert (lasting.valid, lasting.label, lasting.flags) == (None, "", {"nodad"})
    assert (dying.valid, dying.preferred) == (3600, 0)
    assert dying.flags == {"nodad", "deprecated", "dynamic"}


def test_recorded_sockets_routes_and_chains_are_read() -> None:
    found = parse_reachability(RECORDED)
    by_port = {(one.protocol, one.port): one for one in found.listeners}
    assert by_port["tcp", 80].families == (4,)
    assert by_port["tcp", 443].families == (4, 6)
    assert by_port["tcp", 8443].families == (6,)
    assert by_port["tcp", 9000].address == IPv4Address("10.0.0.7")
    assert by_port["tcp", 179].address == IPv6Address("81::d")
    assert by_port["udp", 53].who.startswith("python3, pid ")
    nowhere = lookup(found.routes, ip_address("10.66.1.1"))
    assert nowhere
    assert nowhere.nowhere
    assert [one.via for one in found.routes if one.to == ip_network("10.77.0.0/16")] == ["10.0.0.1", "10.9.0.2"]
    assert found.other_rules == ("32765:\tfrom 10.0.0.7 lookup 100",)
    assert found.firewall
    [chain] = found.firewall
    assert (chain.table, chain.name, chain.hook, chain.policy, chain.rules) == (
        "inet filter",
        "input",
        "input",
        "drop",
        2,
    )


def test_published_ports_are_the_containers() -> None:
    lines = [
        *("@@ who", "root", "@@ addresses", "@@ sockets4"),
        "tcp LISTEN 0 4096 0.0.0.0:8080 0.0.0.0:* ino:7 sk:1 cgroup:/ <->",
        "tcp LISTEN 0 4096 127.0.0.1:5000 0.0.0.0:* uid:999 ino:8 sk:2 <->",
        *(
            "@@ containers",
            f"{'a' * 64} web\t0.0.0.0:8080->80/tcp, :::8080->80/tcp",
            f"{'b' * 64} raw\t10.0.0.1:7000-7001->7000-7001/udp",
        ),
        *("@@ owners", "socket:[7] /proc/9/fd", "socket:[8] /proc/12/fd"),
        *("@@ processes", "/proc/12/cgroup:0::/system.slice/docker-" + "b" * 64 + ".scope", "/proc/12/comm:server"),
        *("/proc/9/comm:docker-proxy", "/proc/9/cgroup:0::/system.slice/docker.service"),
        *("@@ firewall", "unreadable", "@@ lacking"),
    ]
    found = parse_reachability(lines)
    assert {(one.protocol, str(one.address), one.port, one.families, one.who) for one in found.listeners} == {
        ("tcp", "None", 8080, (4,), "container web"),
        ("tcp", "None", 8080, (6,), "container web"),
        ("tcp", "127.0.0.1", 5000, (4,), "server, pid 12, in container raw (uid 999)"),
        ("udp", "10.0.0.1", 7000, (4,), "container raw"),
        ("udp", "10.0.0.1", 7001, (4,), "container raw"),
    }
    assert found.firewall is None


@pytest.mark.parametrize(
    ("uid", "name", "who"),
    [
        ("", "docker-proxy", ["container web"]),
        # With userland-proxy off.
        ("", "dockerd", ["container web"]),
        ("uid:1000 ", "dockerd", ["dockerd, pid 9 (uid 1000)", "container web"]),
        ("", "dockerd-like", ["dockerd-like, pid 9", "container web"]),
    ],
)
def test_the_engine_listens_for_containers_itself(uid: str, name: str, who: list[str]) -> None:
    lines = [
        *("@@ who", "root", "@@ addresses", "@@ sockets4"),
        f"tcp LISTEN 0 0 0.0.0.0:8080 0.0.0.0:* {uid}ino:7 sk:1 cgroup:/ <->",
        *("@@ owners", "socket:[7] /proc/9/fd", "@@ processes", f"/proc/9/comm:{name}"),
        *("@@ containers", f"{'a' * 64} web\t0.0.0.0:8080->80/tcp", "@@ firewall", "@@ lacking"),
    ]
    assert [one.who for one in parse_reachability(lines).listeners] == who


def test_no_user_passes_for_the_engine_or_for_a_container() -> None:
    """By a name of their own process, and of a cgroup below their own."""
    own = "0::/user.slice/user-1000.slice/user@1000.service/docker-" + "a" * 64 + ".scope ino:9"
    lines = [
        *("@@ who", "root", "@@ addresses", "@@ sockets4"),
        f"tcp LISTEN 0 4096 0.0.0.0:8080 0.0.0.0:* uid:1000 ino:7 sk:1 cgroup:{own[3:]} <->",
        *("@@ owners", "socket:[7] /proc/9/fd", "socket:[9] /proc/1/fd"),
        *("@@ processes", f"/proc/9/cgroup:{own}", "/proc/9/comm:docker-proxy", "/proc/1/comm:systemd"),
        *("@@ containers", f"{'a' * 64} web\t0.0.0.0:8080->80/tcp", "@@ firewall", "@@ lacking"),
    ]
    who = [one.who for one in parse_reachability(lines).listeners]
    assert who == ["docker-proxy, pid 9 (uid 1000)", "container web"]


@pytest.mark.parametrize(
    ("place", "family", "families"),
    [
        ("0.0.0.0%virbr0:67", 4, (4,)),
        ("*%virbr0:67", 6, (4, 6)),
        ("::%virbr0:67", 6, (4, 6)),
        ("[::]%virbr0:67", 6, (6,)),
    ],
)
def test_a_socket_of_one_device_is_reached_through_its_addresses(
    place: str, family: int, families: tuple[int, ...]
) -> None:
    lines = [
        *("@@ who", "root", "@@ addresses"),
        *("2: eth0    inet 8.8.4.4/24 scope global eth0", "3: virbr0    inet 192.168.122.1/24 scope global virbr0"),
        *("2: eth0    inet6 2a00:1450::5/64 scope global", "3: virbr0    inet6 fd00::1/64 scope global"),
        *(f"@@ sockets{family}", f"udp UNCONN 0 0 {place} 0.0.0.0:* ino:7 sk:1 <->"),
        *("@@ owners", "@@ processes", "@@ containers", "@@ firewall", "@@ lacking"),
    ]
    report = judge(parse_reachability(lines), {}, ())
    [socket] = report.open
    assert (socket.listener.address, socket.listener.families, socket.reach) == (None, families, Reach.PRIVATE)
    assert report.forbidden == ()
    assert "%virbr0:67" in draw("lab", report)


def test_recorded_ports_of_containers() -> None:
    lines = (Path(__file__).parents[1] / "fixtures" / "reachability_debian12_docker.txt").read_text().splitlines()
    report = judge(parse_reachability(lines), {}, (SSH,))
    assert {
        (one.listener.port, one.listener.who, one.reach) for one in report.open if one.listener.families == (4,)
    } == {
        (22, "sshd, pid 297", Reach.INTERNET),
        (8080, "container web", Reach.INTERNET),
        (35663, "containerd, pid 295", Reach.HOST),
        (8081, "container web", Reach.HOST),
    }
    assert [one.listener.port for one in report.forbidden] == [8080]


@pytest.mark.parametrize("recorded", ["reachability_docker28.txt", "reachability_docker28_noproxy.txt"])
def test_ports_and_chains_of_docker_28(recorded: str) -> None:
    """With its proxy, and without, where nobody takes IPv6 for a container that has IPv4 alone."""
    lines = (Path(__file__).parents[1] / "fixtures" / recorded).read_text().splitlines()
    found = parse_reachability(lines)
    report = judge(found, {}, ())
    assert {
        (one.listener.protocol, str(one.listener.address), one.listener.port, one.listener.who, one.reach)
        for one in report.open
        if one.listener.families == (4,)
    } == {
        ("tcp", "None", 8080, "container web", Reach.INTERNET),
        ("udp", "127.0.0.1", 8081, "container local", Reach.HOST),
        ("tcp", "127.0.0.1", 23306, "container range", Reach.HOST),
        ("tcp", "127.0.0.1", 23307, "container range", Reach.HOST),
        # Of a network with gateway_mode_ipv4=routed: at its own address, and no port of the host.
        ("tcp", "172.18.0.2", 9000, "container routed", Reach.PRIVATE),
    }
    assert {(one.listener.port, one.listener.who) for one in report.open if one.listener.families == (6,)} == (
        set() if "noproxy" in recorded else {(8080, "container web"), (9000, "container routed")}
    )
    assert [one.listener.port for one in report.forbidden] == [8080]
    assert report.unjudged == ()
    assert {(one.table, one.name, one.hook, one.policy) for one in found.firewall or ()} == {
        ("ip filter", "FORWARD", "forward", "drop"),
        ("ip6 filter", "FORWARD", "forward", "accept"),
    }


@pytest.mark.parametrize(
    ("said", "places"),
    [
        ("172.18.0.2 2a00:1450::5", {("172.18.0.2", 80), ("172.18.0.2", 81), ("2a00:1450::5", 80)}),
        # Newer engines say so of an address that is none.
        ("172.18.0.2 invalid IP", {("172.18.0.2", 80), ("172.18.0.2", 81)}),
        ("", set()),
    ],
)
def test_a_port_that_is_reached_without_nat_is_at_the_containers_addresses(
    said: str, places: set[tuple[str, int]]
) -> None:
    lines = [
        *("@@ who", "root", "@@ addresses", "@@ owners", "@@ processes", "@@ containers"),
        f"{'a' * 64} web\t0.0.0.0:0->80-81/tcp, [::]:0->80/tcp",
        *("@@ routed", f"{'a' * 64} {said}", "@@ firewall", "@@ lacking"),
    ]
    report = judge(parse_reachability(lines), {}, ())
    assert {(str(one.listener.address), one.listener.port) for one in report.open} == places
    assert [str(one.listener.address) for one in report.forbidden] == ["2a00:1450::5"] * ("2a00" in said)


# -- what addresses are for


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("127.0.0.53", Reach.HOST),
        ("::1", Reach.HOST),
        ("169.254.1.1", Reach.LINK),
        ("fe80::1", Reach.LINK),
        ("10.0.0.6", Reach.PRIVATE),
        ("172.31.255.255", Reach.PRIVATE),
        ("172.32.0.0", Reach.INTERNET),
        ("100.64.0.1", Reach.PRIVATE),
        ("fd00::2", Reach.PRIVATE),
        ("192.0.2.2", Reach.RESERVED),
        ("198.18.0.1", Reach.RESERVED),
        ("2001:db8::1", Reach.RESERVED),
        ("3fff::1", Reach.RESERVED),
        # Both global and reserved, for the standard library.
        ("81::d", Reach.RESERVED),
        ("8.8.8.8", Reach.INTERNET),
        ("192.0.0.9", Reach.INTERNET),
        ("192.0.0.11", Reach.RESERVED),
        ("2a00:1450::5", Reach.INTERNET),
        ("177.177.0.1", Reach.INTERNET),
        ("::ffff:10.0.0.1", Reach.PRIVATE),
        ("::ffff:8.8.8.8", Reach.INTERNET),
        ("224.0.0.251", Reach.LINK),
        ("239.1.1.1", Reach.RESERVED),
    ],
)
def test_who_reaches_an_address(address: str, reach: Reach) -> None:
    assert purpose(address).reach is reach


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_ipv4_is_as_the_standard_library_has_it(address: IPv4Address) -> None:
    if address in ip_network("192.88.99.0/24") or address in ip_network("192.0.0.0/24"):
        return  # it is behind the registry there
    assert (purpose(address).reach is Reach.INTERNET) == (address.is_global and not address.is_multicast)


@settings(deadline=None)
@given(st.ip_addresses(v=6))
def test_outside_of_global_unicast_there_is_no_internet(address: IPv6Address) -> None:
    if purpose(address).reach is Reach.INTERNET:
        assert address in ip_network("2000::/3") or address in ip_network("64:ff9b::/96") or address.ipv4_mapped


@pytest.mark.parametrize(
    ("network", "reach"),
    [
        ("10.0.0.0/8", Reach.PRIVATE),
        ("10.0.0.0/7", Reach.INTERNET),
        ("172.30.0.0/16", Reach.PRIVATE),
        ("172.0.0.0/8", Reach.INTERNET),
        ("177.177.0.0/16", Reach.INTERNET),
        ("198.51.100.0/24", Reach.RESERVED),
        ("fd00::/64", Reach.PRIVATE),
        ("81::/64", Reach.RESERVED),
    ],
)
def test_what_a_network_is_for(network: str, reach: Reach) -> None:
    assert covering(ip_network(network)).reach is reach


# -- who reaches what


def test_sockets_are_reached_through_the_addresses_of_their_families() -> None:
    found = parse_reachability(RECORDED)
    report = judge(found, {}, None)
    assert reached(report) == {
        ("tcp", 80): Reach.INTERNET,
        ("tcp", 443): Reach.INTERNET,
        ("tcp", 8443): Reach.INTERNET,
        ("udp", 68): Reach.INTERNET,
        ("tcp", 179): Reach.RESERVED,
        ("tcp", 9000): Reach.PRIVATE,
        ("udp", 53): Reach.PRIVATE,
        ("tcp", 3306): Reach.HOST,
    }
    assert report.forbidden == ()
    by = {one.listener.port: {str(address) for address in one.by} for one in report.open}
    assert by[80] == {"8.8.4.4"}
    assert by[443] == {"8.8.4.4", "2a00:1450::5"}
    assert by[8443] == {"2a00:1450::5"}


def test_what_may_not_be_open_is_named() -> None:
    report = judge(parse_reachability(RECORDED), {}, (Allowed("tcp", 80, 500),))
    assert {one.listener.port for one in report.forbidden} == {68, 8443}
    assert "tcp [::]:8443 (python3, pid " in complaint(report)
    assert draw("web", report).count("NOT ALLOWED") == 2
    data = as_json({"web": report}, [])
    assert [one["port"] for one in data["hosts"]["web"]["listening"] if not one["allowed"]] == [8443, 68]


def test_an_address_behind_nat_is_the_internets() -> None:
    server = Listener("tcp", None, 3306, (4,), "mariadbd, pid 1")
    here = host({"e0": "10.0.0.5/24"}, listeners=(server,))
    assert reached(judge(here, {}, (SSH,)))["tcp", 3306] is Reach.PRIVATE
    report = judge(here, {"10.0.0.5": "8.8.8.8"}, (SSH,))
    assert [one.listener for one in report.forbidden] == [server]
    assert "the Internet, as 8.8.8.8" in draw("db", report)
    with pytest.raises(Refusal, match=r"10\.0\.0\.6, which the host does not have; its addresses are: 10\.0\.0\.5"):
        judge(here, {"10.0.0.6": "8.8.8.8"}, None)


@settings(deadline=None)
@given(st.lists(st.ip_addresses(v=4), min_size=1, max_size=4, unique=True), st.integers(1, 65535))
def test_a_socket_on_every_address_reaches_as_far_as_the_furthest(addresses: list[IPv4Address], port: int) -> None:
    here = host(
        {f"e{n}": f"{address}/32" for n, address in enumerate(addresses)},
        listeners=(Listener("tcp", None, port, (4,), ""),),
    )
    report = judge(here, {}, ())
    assert report.open[0].reach is max(purpose(address).reach for address in addresses)
    assert bool(report.forbidden) == (report.open[0].reach is Reach.INTERNET)


# -- which hosts share an internet


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        # (address, routes) of each
        (("10.0.0.5/24", ["10.0.0.0/24"]), ("10.0.0.6/24", ["10.0.0.0/24"]), Shared.LINK),
        (("10.0.0.5/24", ["10.0.0.0/24"]), ("10.0.1.6/24", ["10.0.1.0/24"]), Shared.NOTHING),
        (("10.0.0.5/24", ["10.0.1.0/24>10.0.0.1"]), ("10.0.1.6/24", ["10.0.0.0/16>10.0.1.1"]), Shared.ROUTES),
        (("10.0.0.5/24", ["10.0.1.0/24>10.0.0.1"]), ("10.0.1.6/24", ["0.0.0.0/0>10.0.1.1"]), Shared.PERHAPS),
        (("10.0.0.5/24", ["0.0.0.0/0>10.0.0.1"]), ("10.0.1.6/24", ["10.0.1.0/24"]), Shared.NOTHING),
        (("8.8.8.8/24", ["0.0.0.0/0>8.8.8.1"]), ("9.9.9.9/24", ["0.0.0.0/0>9.9.9.1"]), Shared.INTERNET),
        (("10.0.2.15/24", ["10.0.2.0/24"]), ("10.0.2.15/24", ["10.0.2.0/24"]), Shared.NOTHING),
        (("fd00::5/64", ["fd00::/64"]), ("10.0.0.6/24", ["10.0.0.0/24"]), Shared.NOTHING),
        (("fe80::5/64", ["fe80::/64"]), ("fe80::6/64", ["fe80::/64"]), Shared.NOTHING),
    ],
)
def test_pairs(one: tuple[str, list[str]], other: tuple[str, list[str]], shared: Shared) -> None:
    def made(address: str, routes: list[str]) -> HostReachability:
        return host({"e0": address}, tuple(route(*text.split(">")) for text in routes))

    [pair] = pairs({"a": made(*one), "b": made(*other)})
    assert pair.shared is shared, pair
    [turned] = pairs({"b": made(*other), "a": made(*one)})
    assert turned.shared is shared


def test_the_longest_prefix_is_the_route() -> None:
    routes = (route("0.0.0.0/0", "10.0.0.1"), route("10.0.0.0/8", "10.0.0.2"), route("10.1.0.0/16"))
    assert lookup(routes, ip_address("10.1.2.3")) == routes[2]
    assert lookup(routes, ip_address("10.2.2.3")) == routes[1]
    assert lookup(routes, ip_address("11.2.2.3")) == routes[0]
    assert lookup(routes, ip_address("::1")) is None


# -- settings


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"allow": ["22"]}, "'22' is no port: as in tcp/22"),
        ({"allow": ["tcp/0"]}, "no port"),
        ({"allow": ["udp/20-10"]}, "no port"),
        ({"allow": ["tcp/65536"]}, "no port"),
        ({"allow": 22}, "no list of ports"),
        ({"public": {"10.0.0.5": "10.0.0.6"}}, "10.0.0.6 is no address of the Internet (RFC 1918)"),
        ({"public": {"db": "8.8.8.8"}}, "'db' does not appear to be an IPv4 or IPv6 address"),
        ({"public": "10.0.0.5"}, "no mapping"),
    ],
)
def test_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(Refusal) as refused:
        validated(ReachabilitySettings, values)
    assert said in str(refused.value)


def test_ports_as_they_are_typed() -> None:
    wish = validated(ReachabilitySettings, {"allow": "tcp/22, udp/6000-6010"})
    assert wish.allow == (SSH, Allowed("udp", 6000, 6010))
    assert validated(ReachabilitySettings, {"allow": []}).allow == ()
    assert validated(ReachabilitySettings, {"public": '{"10.0.0.5": "8.8.8.8"}'}).public
