"""Who can reach an address: the special-purpose registries of IANA, and what is unicast at all.

Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries; IANA IPv6 Address Space (RFC 4291).
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from ipaddress import ip_address, ip_network

from hostwright.net.addresses import Address, Network

AS_OF = "2025-10-09"


class Reach(IntEnum):
    """Who can reach an address; the greater one reaches further."""

    HOST = 0
    LINK = 1
    RESERVED = 2
    PRIVATE = 3
    INTERNET = 4

    @property
    def words(self) -> str:
        return ("this host", "its link", "nobody should", "a private internet", "the Internet")[self]


@dataclass(frozen=True)
class Purpose:
    """
    + name: as the registry has it
    """

    network: Network
    reach: Reach
    name: str


# A block within another one has its own line: the longest prefix counts. What the registries call globally reachable is
# the Internet's here; what they leave open (6to4, Teredo) is, too: packets get there.
_TABLE = """
0.0.0.0/0           INTERNET global
0.0.0.0/8           RESERVED this network
10.0.0.0/8          PRIVATE  RFC 1918
100.64.0.0/10       PRIVATE  shared address space of providers, RFC 6598
127.0.0.0/8         HOST     loopback
169.254.0.0/16      LINK     link-local
172.16.0.0/12       PRIVATE  RFC 1918
192.0.0.0/24        RESERVED IETF protocol assignments
192.0.0.0/29        LINK     IPv4 service continuity
192.0.0.9/32        INTERNET Port Control Protocol anycast
192.0.0.10/32       INTERNET TURN anycast
192.0.2.0/24        RESERVED documentation
192.88.99.0/24      RESERVED deprecated 6to4 relay anycast
192.168.0.0/16      PRIVATE  RFC 1918
198.18.0.0/15       RESERVED benchmarks
198.51.100.0/24     RESERVED documentation
203.0.113.0/24      RESERVED documentation
224.0.0.0/4         RESERVED multicast
224.0.0.0/24        LINK     multicast on the link
240.0.0.0/4         RESERVED reserved
255.255.255.255/32  LINK     limited broadcast
::/0                RESERVED reserved by the IETF
::/128              RESERVED unspecified
::1/128             HOST     loopback
64:ff9b::/96        INTERNET IPv4/IPv6 translation
64:ff9b:1::/48      PRIVATE  local-use IPv4/IPv6 translation
100::/64            RESERVED discard-only
100:0:0:1::/64      RESERVED dummy
2000::/3            INTERNET global unicast
2001::/23           RESERVED IETF protocol assignments
2001::/32           INTERNET Teredo
2001:1::1/128       INTERNET Port Control Protocol anycast
2001:1::2/128       INTERNET TURN anycast
2001:1::3/128       INTERNET DNS-SD service registration anycast
2001:2::/48         RESERVED benchmarks
2001:3::/32         INTERNET AMT
2001:4:112::/48     INTERNET AS112
2001:10::/28        RESERVED deprecated ORCHID
2001:20::/28        INTERNET ORCHIDv2
2001:30::/28        INTERNET drone remote ID
2001:db8::/32       RESERVED documentation
2002::/16           INTERNET 6to4
3fff::/20           RESERVED documentation
5f00::/16           PRIVATE  segment routing
fc00::/7            PRIVATE  unique local
fe80::/10           LINK     link-local
ff00::/8            RESERVED multicast
ff02::/16           LINK     multicast on the link
"""


@cache
def table() -> tuple[Purpose, ...]:
    """Longest prefixes first."""
    rows = (line.split(maxsplit=2) for line in _TABLE.strip().splitlines())
    found = (Purpose(ip_network(network), Reach[reach], name) for network, reach, name in rows)
    return tuple(sorted(found, key=lambda purpose: -purpose.network.prefixlen))


def purpose(address: Address | str) -> Purpose:
    """What an address is for; an IPv4 address in an IPv6 one is that IPv4 address."""
    here = unmapped(ip_address(address))
    return next(row for row in table() if row.network.version == here.version and here in row.network)


def covering(network: Network) -> Purpose:
    """What all of a network is for: for several things at once it is what is around it."""
    rows = (row for row in table() if row.network.version == network.version)
    return next(
        row for row in rows if network.network_address in row.network and network.prefixlen >= row.network.prefixlen
    )


def unmapped(address: Address) -> Address:
    return getattr(address, "ipv4_mapped", None) or address
