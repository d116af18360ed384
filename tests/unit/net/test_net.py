"""What tools say of sockets, published ports and routes, read once for everybody."""

from ipaddress import ip_address, ip_network

import pytest

from hostwright.net.listeners import Listener, parse_processes, parse_published, parse_sockets
from hostwright.net.routes import Route, parse_routes

A, B = ip_address("127.0.0.1"), ip_address("fd00::5")


@pytest.mark.parametrize(
    ("local", "address", "families", "device"),
    [
        ("127.0.0.1:22", A, (4,), ""),
        ("127.0.0.53%lo:22", ip_address("127.0.0.53"), (4,), "lo"),
        ("0.0.0.0:22", None, (4,), ""),
        ("0.0.0.0%virbr0:22", None, (4,), "virbr0"),
        ("*:22", None, (4, 6), ""),
        # As iproute2 of CentOS 7 has them.
        (":::22", None, (4, 6), ""),
        ("::1:22", ip_address("::1"), (6,), ""),
        ("[::]:22", None, (6,), ""),
        ("[fd00::5]:22", B, (6,), ""),
        ("[::ffff:127.0.0.1]:22", A, (4,), ""),
        ("[fe80::1%e0]:22", ip_address("fe80::1"), (6,), "e0"),
    ],
)
def test_the_local_address_of_a_socket(local: str, address: object, families: tuple[int, ...], device: str) -> None:
    [found] = parse_processes([f"{local}\t"])
    assert found == Listener("tcp", address, 22, families, "", device)  # type: ignore[arg-type]
    details = "uid:5 ino:7 sk:1 cgroup:/ino:8 <->"
    [found] = parse_sockets([f"tcp LISTEN 0 128 {local} 0.0.0.0:* {details}"], 6, {"7": "sshd, pid 4", "8": "other"})
    assert found == Listener("tcp", address, 22, families, "sshd, pid 4 (uid 5)", device)  # type: ignore[arg-type]


def test_every_address_of_ipv4_alone() -> None:
    assert [one.families for one in parse_sockets(["tcp LISTEN 0 128 *:22 *:*"], 4, {})] == [(4,)]


@pytest.mark.parametrize(
    ("users", "who"),
    [
        ('users:(("nc",pid=7,fd=3))', "nc, pid 7"),
        ('users:(("nginx",pid=8,fd=6),("nginx",pid=7,fd=6))', "nginx, pid 8"),
        ("", ""),
        # No names of one process, but of a word that is to look like several.
        ('users:(("a",pid=1,fd=3))",pid=7,fd=3))', ""),
        ('users:(("two words",pid=7,fd=3))', ""),
    ],
)
def test_who_listens(users: str, who: str) -> None:
    assert [one.who for one in parse_processes([f"*:22\t{users}"])] == [who]


@pytest.mark.parametrize(
    ("ports", "found"),
    [
        ("", []),
        ("80/tcp", []),
        ("127.0.0.1:3306->3306/tcp", [(A, 3306, "tcp", 4)]),
        ("0.0.0.0:80->80/tcp, [::]:80->80/tcp", [(None, 80, "tcp", 4), (None, 80, "tcp", 6)]),
        # Docker before 25.
        (":::80->8080/tcp, fd00::5:53->53/udp", [(None, 80, "tcp", 6), (B, 53, "udp", 6)]),
        ("127.0.0.1:80-81->80-81/tcp", [(A, 80, "tcp", 4), (A, 81, "tcp", 4)]),
        # Without NAT: by the container's own addresses.
        ("0.0.0.0:0->80/tcp", [(ip_address("10.0.0.9"), 80, "tcp", 4)]),
    ],
)
def test_published_ports(ports: str, found: list[object]) -> None:
    some = list(parse_published(ports, "web", [ip_address("10.0.0.9"), B]))
    assert [(one.address, one.port, one.protocol, *one.families) for one in some] == found
    assert {one.who for one in some} <= {"web"}


def test_ports_that_are_none_are_no_answer() -> None:
    with pytest.raises(ValueError, match="are no ports"):
        list(parse_published("0.0.0.0:1-999999->1-999999/tcp", "web"))


def test_routes() -> None:
    lines = [
        "default via 10.0.0.1 dev e0 proto dhcp src 10.0.0.5 metric 100",
        "10.0.0.0/24 dev e0 proto kernel scope link src 10.0.0.5 linkdown",
        "10.1.0.0/16 proto static src 10.0.0.5 \\\tnexthop via 10.0.0.2 dev e0 weight 1 \\\tnexthop dev e1 weight 1",
        "blackhole 10.2.0.0/16 proto static",
        "local 10.0.0.5 dev e0 table local",
        "10.3.0.0/16 via inet6 fe80::1 dev e0",
    ]
    default, link, one, other, black, _ = found = parse_routes(lines, 4)
    everywhere = ip_network("0.0.0.0/0")
    assert default == Route(everywhere, "10.0.0.1", "e0", source="10.0.0.5", protocol="dhcp")
    assert default.text == lines[0]
    assert (link.protocol, link.text) == ("kernel", lines[1].removesuffix(" linkdown"))
    # What is one way of several is not set by itself.
    assert [(way.via, way.device, way.source, way.text) for way in (one, other)] == [
        ("10.0.0.2", "e0", "10.0.0.5", ""),
        ("", "e1", "10.0.0.5", ""),
    ]
    assert black.nowhere
    assert len(found) == 6
    assert [str(route.to) for route in parse_routes(["default dev tun0 metric 9"], 6)] == ["::/0"]
