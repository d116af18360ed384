"""Interfaces as `ip -o -d link show` tells them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LINE = re.compile(r"[0-9]+: (?P<name>[^ @:]+)(?:@\S+)?: <[^>]*>(?P<rest>.*)")
# ip-link(8), TYPE: what is none of these has a line of its own for other reasons.
_KINDS = """
    bareudp batadv bond bridge dsa dummy erspan geneve gre gretap gtp hsr ifb ip6erspan ip6gre ip6gretap ip6tnl ipip
    ipvlan ipvtap lowpan macsec macvlan macvtap netdevsim nlmon openvswitch rmnet sit team tun vcan veth vlan vrf vti
    vti6 vxcan vxlan wireguard wwan xfrm
"""


@dataclass(frozen=True)
class Link:
    """
    + master: the bond, bridge or VRF that it is in
    + kind: `bridge`, `vrf`, `wireguard`, ...; nothing for a card
    + others: further names that ip takes for it
    """

    name: str
    master: str = ""
    kind: str = ""
    others: tuple[str, ...] = ()
    mac: str = ""


def parse_links(lines: Iterable[str]) -> tuple[Link, ...]:
    return tuple(_link(found) for line in lines if (found := _LINE.match(line)))


def _link(found: re.Match[str]) -> Link:
    # Parts that were lines: the link layer, then what its kind has to say, and what its master has.
    settings, *parts = found["rest"].split("\\")
    master = re.search(r" master (\S+)", settings)
    words = [part.split() for part in parts if part.strip()]
    layer = next((one for one in words if one[0].startswith("link/")), [])
    return Link(
        found["name"],
        master[1] if master else "",
        next((one[0] for one in words if one[0] in _KINDS.split()), ""),
        tuple(one[1] for one in words if one[0] == "altname"),
        layer[1] if len(layer) > 1 else "",
    )
