"""Who listens: sockets as ss(8) tells them, and what containers publish as docker-ps(1) does."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from hostwright.net.addresses import Address
from hostwright.net.special_purpose import unmapped

# A process whose name is meant to look like this has no room in 15 bytes for all of it.
_USERS = re.compile(
    r'users:\(\("(?P<name>[\w.:/@+-]+)",pid=(?P<pid>[0-9]+),fd=[0-9]+\)(,\("[\w.:/@+-]+",pid=[0-9]+,fd=[0-9]+\))*\)'
)


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


def parse_sockets(lines: Iterable[str], family: int, users: Mapping[str, str]) -> Iterator[Listener]:
    """
    + lines: of `ss -ltune`, asked for one family
    + users: who has a socket open, by its inode
    """
    for line in lines:
        protocol, _, _, _, local, _, details = [*line.split(maxsplit=6), ""][:7]
        if protocol == "Netid" or local.endswith(":*"):
            continue
        # The cgroup, whose name may be anything, comes behind both.
        inode = re.search(r"(?:uid:(?P<uid>[0-9]+) )?ino:(?P<number>[0-9]+)", details)
        who = users.get(inode["number"], "") if inode else ""
        if inode and inode["uid"] and who:
            who += f" (uid {inode['uid']})"
        yield _listener(protocol, local, family, who)


def parse_processes(lines: Iterable[str]) -> Iterator[Listener]:
    """
    + lines: the local address and the users of each line of `ss -ltnp`, with a tab between them
    """
    for line in lines:
        local, _, users = line.partition("\t")
        found = _USERS.fullmatch(users)
        yield _listener("tcp", local, 6, f"{found['name']}, pid {found['pid']}" if found else "")


def _listener(protocol: str, local: str, family: int, who: str) -> Listener:
    place, _, number = local.rpartition(":")
    text, _, device = place.partition("%")
    address = None
    if text in ("*", "::", ""):
        # In an IPv6 socket `*` takes IPv4, too; older tools write `::` for both.
        families: tuple[int, ...] = (4, 6) if family == 6 else (4,)
    elif text in ("0.0.0.0", "[::]"):
        families = (6,) if ":" in text else (4,)
    else:
        address = unmapped(ip_address(text.strip("[]")))
        families = (address.version,)
    return Listener(protocol, address, int(number), families, who, device.rstrip("]"))


def parse_published(ports: str, who: str, routed: Sequence[Address] = ()) -> Iterator[Listener]:
    """
    + ports: what docker-ps(1) says of a container: `127.0.0.1:3306-3307->3306-3307/tcp, [::]:80->80/tcp`
    + routed: addresses of the container: where the port of the host is 0, it is reached there without NAT
    """
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
            here = [one for one in routed if one.version == family]
        first, _, last = numbers.partition("-")
        if int(last or first) > 65535:
            raise ValueError(f"{numbers} are no ports")
        for number in range(int(first), int(last or first) + 1):
            for one in here:
                yield Listener(protocol, one, number, (family,), who)
