"""Where hosts keep addresses: what is written is read back, and whatever else is in the files stays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostwright.plans.address_files import ifcfg, ifupdown, netplan, network_manager, networkd
from hostwright.plans.static_address import Declared, Static
from hostwright.refusal import Refusal

Files = Mapping[str, str]


@dataclass(frozen=True)
class Keeper:
    """One way to keep addresses, with the files that it begins with."""

    files: Files
    declared: Callable[[Files], Sequence[Declared]]
    edited: Callable[[Files, Sequence[Static], Sequence[Static]], dict[str, str]]
    cannot: Callable[[Static], str]

    def after(self, files: Files, add: Sequence[Static], remove: Sequence[Static]) -> Files:
        # An empty one goes.
        return {path: text for path, text in {**files, **self.edited(files, add, remove)}.items() if text}

    def statics(self, files: Files) -> set[Static]:
        return {one.static for one in self.declared(files)}


UNIT = "/etc/systemd/network/10-lan.network"
KEEPERS = {
    "networkd": Keeper(
        {
            UNIT: "# the LAN\n[Match]\nName=eth0\n\n[Network]\nDHCP=ipv4\nAddress=10.0.0.5/24\nDNS=10.0.0.1\n\n"
            "[Address]\n# renumbered\nAddress=fd00::5/64\nPreferredLifetime=0\n\n[Route]\nGateway=10.0.0.1\n"
        },
        networkd.declared,
        lambda files, add, remove: networkd.edited(files, UNIT, "eth0", add, remove),
        networkd.cannot,
    ),
    "networkd, unmanaged": Keeper(
        {},
        networkd.declared,
        lambda files, add, remove: networkd.edited(files, "", "eth0", add, remove),
        networkd.cannot,
    ),
    "ifupdown": Keeper(
        {
            ifupdown.MAIN: "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\n# by hand\n"
            "allow-hotplug eth0\niface eth0 inet static\n    address 10.0.0.5\n    netmask 255.255.255.0\n"
            "    gateway 10.0.0.1\n    dns-search \\\n        example.org\n\niface eth0 inet6 static\n\t"
            "address fd00::5/64\n\nauto eth1\niface eth1 inet static\n    address 10.0.0.99/24\n"
        },
        lambda files: ifupdown.declared(files, "eth0"),
        lambda files, add, remove: ifupdown.edited(files, "eth0", add, remove),
        ifupdown.cannot,
    ),
    "ifupdown, nothing sourced": Keeper(
        {ifupdown.MAIN: "auto lo\niface lo inet loopback"},
        lambda files: ifupdown.declared(files, "eth0"),
        lambda files, add, remove: ifupdown.edited(files, "eth0", add, remove),
        ifupdown.cannot,
    ),
    "netplan": Keeper(
        {
            "/etc/netplan/50-lan.yaml": "# the LAN\nnetwork:\n  version: 2\n  ethernets:\n    eth0:\n"
            "      dhcp4: true\n"
            "      addresses:\n        - 10.0.0.5/24   # first\n        - fd00::5/64:\n            lifetime: 0\n"
            "        # a comment\n        - 10.0.0.8/24\n      nameservers: {addresses: [10.0.0.1]}\n"
            "    eth1: {addresses: [10.0.0.98/24, 10.0.0.99/24]}\n"
        },
        lambda files: netplan.declared(files, "eth0"),
        lambda files, add, remove: netplan.edited(files, "eth0", add, remove),
        netplan.cannot,
    ),
    "netplan, a bridge in one line": Keeper(
        {"/etc/netplan/br.yaml": 'network: {bridges: {eth0: {addresses: [ "10.0.0.5/24" , 10.0.0.8/24 ]}}}\n'},
        lambda files: netplan.declared(files, "eth0"),
        lambda files, add, remove: netplan.edited(files, "eth0", add, remove),
        netplan.cannot,
    ),
    "ifcfg": Keeper(
        {
            f"{ifcfg.DIRECTORY}/ifcfg-eth0": '# Intel\nTYPE="Ethernet"\nDEVICE=eth0\nIPADDR=10.0.0.5\n'
            "NETMASK=255.255.255.0\n"
            "GATEWAY=10.0.0.1\nIPADDR2='10.0.0.8'\nPREFIX2=24\nIPV6ADDR=fd00::5/64\nONBOOT=yes # always\n"
        },
        lambda files: ifcfg.declared(files, "eth0"),
        lambda files, add, remove: ifcfg.edited(files, "eth0", add, remove),
        ifcfg.cannot,
    ),
}

addresses = st.sampled_from(
    ["10.0.0.20/24", "10.0.0.21/24", "10.1.0.1/16", "192.168.7.7/32", "fd00::20/64", "81::d/64", "fd01::1/128"]
)
statics = st.builds(
    Static,
    addresses.map(ip_interface),
    label=st.sampled_from(["", "", "eth0:1"]),
    scope=st.sampled_from(["global", "global", "link"]),
    preferred=st.sampled_from([None, None, 0]),
    noprefixroute=st.booleans(),
    nodad=st.booleans(),
)
several = st.lists(statics, max_size=5, unique_by=lambda static: static.address)


def test_what_is_there_is_read() -> None:
    four, six = Static(ip_interface("10.0.0.5/24")), Static(ip_interface("fd00::5/64"))
    dying, other = Static(six.address, preferred=0), Static(ip_interface("10.0.0.8/24"))
    expected = {
        "networkd": {four, dying},
        "networkd, unmanaged": set(),
        "ifupdown": {four, six},
        "ifupdown, nothing sourced": set(),
        "netplan": {four, dying, other},
        "netplan, a bridge in one line": {four, other},
        "ifcfg": {four, other, six},
    }
    assert {name: keeper.statics(keeper.files) for name, keeper in KEEPERS.items()} == expected


@pytest.mark.parametrize("name", KEEPERS)
@settings(deadline=None)
@given(add=several, drop=st.sets(st.integers(0, 4)))
def test_what_is_written_is_read_back(name: str, add: list[Static], drop: set[int]) -> None:
    keeper = KEEPERS[name]
    add = [static for static in add if not keeper.cannot(static) and not (static.label and static.version == 6)]
    before = keeper.statics(keeper.files)
    with_them = keeper.after(keeper.files, add, [])
    assert keeper.statics(with_them) == before | set(add)
    assert keeper.edited(with_them, [], []) == {}
    gone = [static for number, static in enumerate(add) if number in drop]
    without_some = keeper.after(with_them, [], gone)
    assert keeper.statics(without_some) == (before | set(add)) - set(gone)
    at_last = keeper.after(without_some, [], [static for static in add if static not in gone])
    assert keeper.statics(at_last) == before
    if not name.startswith(("ifcfg", "ifupdown, nothing")):
        assert at_last.keys() == keeper.files.keys()
    # What somebody else wrote is as they wrote it.
    for path, text in keeper.files.items():
        if not name.startswith(("ifcfg", "ifupdown, nothing")):
            assert at_last[path] == text


@pytest.mark.parametrize("name", ["networkd", "netplan", "netplan, a bridge in one line", "ifcfg"])
@settings(deadline=None)
@given(st.data())
def test_what_others_wrote_is_removed_and_the_rest_stays(name: str, data: st.DataObject) -> None:
    keeper = KEEPERS[name]
    before = keeper.statics(keeper.files)
    gone = data.draw(st.sets(st.sampled_from(sorted(before, key=str))))
    after = keeper.after(keeper.files, [], list(gone))
    assert keeper.statics(after) == before - gone
    for line in (
        "# the LAN",
        "DNS=10.0.0.1",
        "Gateway=10.0.0.1",
        "dhcp4: true",
        "nameservers",
        "10.0.0.99/24",
        'TYPE="Ethernet"',
        "ONBOOT=yes # always",
    ):
        for path, text in keeper.files.items():
            if line in text:
                assert line in after[path]


def test_the_last_item_of_a_list_leaves_an_empty_list() -> None:
    text = "network:\n  ethernets:\n    eth0:\n      addresses:\n      - 10.0.0.5/24\n      mtu: 1400\n"
    path = "/etc/netplan/a.yaml"
    changed = netplan.edited({path: text}, "eth0", [], [Static(ip_interface("10.0.0.5/24"))])
    assert changed == {path: "network:\n  ethernets:\n    eth0:\n      addresses: []\n      mtu: 1400\n"}


def test_a_stanza_that_says_more_is_inherited() -> None:
    keeper = KEEPERS["ifupdown"]
    [old] = [static for static in keeper.statics(keeper.files) if static.version == 4]
    with pytest.raises(Refusal, match=r"also says gateway 10\.0\.0\.1, dns-search example\.org, and would be lost"):
        keeper.edited(keeper.files, [], [old])
    with pytest.raises(Refusal, match="would be lost"):
        keeper.edited(keeper.files, [Static(ip_interface("10.9.0.1/24"))], [old])
    new = Static(ip_interface("10.0.0.6/24"))
    after = keeper.after(keeper.files, [new], [old])
    assert keeper.statics(after) == keeper.statics(keeper.files) - {old} | {new}
    assert (
        "    address 10.0.0.6/24\n    gateway 10.0.0.1\n    dns-search \\\n        example.org\n"
        in after[ifupdown.MAIN]
    )


def test_nmcli_is_told_words() -> None:
    four, six = Static(ip_interface("10.0.0.5/24")), Static(ip_interface("fd00::5/64"))
    assert network_manager.arguments({4: "auto", 6: "disabled"}, [], [four, six], []) == [
        *("+ipv4.addresses", "10.0.0.5/24", "ipv6.method", "manual", "+ipv6.addresses", "fd00::5/64")
    ]
    assert network_manager.arguments({4: "manual", 6: "auto"}, [four], [], [four]) == [
        *("ipv4.method", "disabled", "-ipv4.addresses", "10.0.0.5/24")
    ]


@pytest.mark.parametrize(
    ("cannot", "static"),
    [
        (networkd.cannot, Static(ip_interface("10.0.0.5/24"), preferred=60)),
        (ifupdown.cannot, Static(ip_interface("10.0.0.5/24"), noprefixroute=True)),
        (netplan.cannot, Static(ip_interface("10.0.0.5/32"), peer="10.0.0.6")),
        (network_manager.cannot, Static(ip_interface("10.0.0.5/24"), label="eth0:1")),
        (ifcfg.cannot, Static(ip_interface("10.0.0.5/24"), scope="link")),
    ],
)
def test_what_cannot_be_kept_is_said(cannot: Callable[[Static], str], static: Static) -> None:
    assert cannot(static)
    assert not cannot(Static(static.address))
