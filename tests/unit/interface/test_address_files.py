"""Where hosts keep addresses: what is written is read back, and whatever else is in the files stays."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostwright.base.refusal import Refusal
from hostwright.interface.backends import ifcfg, ifupdown, netplan, network_manager, networkd
from hostwright.interface.facts import Profile
from hostwright.interface.static_address import Declared, Static

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
        networkd.Networkd().cannot,
    ),
    "networkd, unmanaged": Keeper(
        {},
        networkd.declared,
        lambda files, add, remove: networkd.edited(files, "", "eth0", add, remove),
        networkd.Networkd().cannot,
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
        ifupdown.Ifupdown().cannot,
    ),
    "ifupdown, nothing sourced": Keeper(
        {ifupdown.MAIN: "auto lo\niface lo inet loopback"},
        lambda files: ifupdown.declared(files, "eth0"),
        lambda files, add, remove: ifupdown.edited(files, "eth0", add, remove),
        ifupdown.Ifupdown().cannot,
    ),
    "ifupdown2": Keeper(
        {
            ifupdown.MAIN: "source\t/etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n\nauto eth0\n"
            "iface eth0\n    # the first\n    address 10.0.0.5/24\n\taddress 10.0.0.8/24\n    address   fd00::5/64\n"
            "    bridge-ports none\n\nauto eth1\niface eth1\n    address 10.0.0.99/24\n"
        },
        lambda files: ifupdown.declared(files, "eth0"),
        lambda files, add, remove: ifupdown.edited(files, "eth0", add, remove),
        ifupdown.Ifupdown().cannot,
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
        netplan.Netplan().cannot,
    ),
    "netplan, a bridge in one line": Keeper(
        {"/etc/netplan/br.yaml": 'network: {bridges: {eth0: {addresses: [ "10.0.0.5/24" , 10.0.0.8/24 ]}}}\n'},
        lambda files: netplan.declared(files, "eth0"),
        lambda files, add, remove: netplan.edited(files, "eth0", add, remove),
        netplan.Netplan().cannot,
    ),
    "ifcfg": Keeper(
        {
            f"{ifcfg.DIRECTORY}/ifcfg-eth0": '# Intel\nTYPE="Ethernet"\nDEVICE=eth0\nIPADDR=10.0.0.5\n'
            "NETMASK=255.255.255.0\n"
            "GATEWAY=10.0.0.1\nIPADDR2='10.0.0.8'\nPREFIX2=24\nIPV6ADDR=fd00::5/64\nONBOOT=yes # always\n"
        },
        lambda files: ifcfg.declared(files, "eth0"),
        lambda files, add, remove: ifcfg.edited(files, "eth0", add, remove),
        ifcfg.Ifcfg().cannot,
    ),
    # As the installer of CentOS 7 writes them, with what came by hand.
    "ifcfg, many": Keeper(
        {
            f"{ifcfg.DIRECTORY}/ifcfg-eth0": 'TYPE="Ethernet"\nPROXY_METHOD="none"\nBROWSER_ONLY="no"\n'
            'BOOTPROTO="none"\nDEFROUTE="yes"\nIPV4_FAILURE_FATAL="no"\nIPV6INIT="yes"\nIPV6_AUTOCONF="yes"\n'
            'IPV6_DEFROUTE="yes"\nIPV6_FAILURE_FATAL="no"\nIPV6_ADDR_GEN_MODE="stable-privacy"\nNAME="eth0"\n'
            'UUID="4f82ea9c-d729-4714-83aa-9970d5c3ca77"\nDEVICE="eth0"\nONBOOT="yes"\nIPADDR="10.0.0.5"\n'
            'PREFIX="24"\nGATEWAY="10.0.0.1"\nDNS1="10.0.0.1"\nIPADDR1="10.0.0.6"\nPREFIX1="24"\n'
            'IPADDR2="10.0.0.7"\nPREFIX2="24"\nIPADDR3="10.0.0.8"\nPREFIX3="24"\nIPADDR4="10.0.0.9"\nPREFIX4="24"\n'
            'IPV6ADDR="fd00::5/64"\nIPV6ADDR_SECONDARIES="fd00::6/64 fd00::7/64"\n',
            f"{ifcfg.DIRECTORY}/ifcfg-eth0:0": "DEVICE=eth0:0\nIPADDR=10.0.0.10\n",
            f"{ifcfg.DIRECTORY}/ifcfg-eth1": "DEVICE=eth1\nIPADDR=10.0.0.97\n",
        },
        lambda files: ifcfg.declared(files, "eth0"),
        lambda files, add, remove: ifcfg.edited(files, "eth0", add, remove),
        ifcfg.Ifcfg().cannot,
    ),
}

addresses = st.sampled_from(
    ["10.0.0.20/24", "10.0.0.21/24", "10.1.0.1/16", "192.168.7.7/32", "fd00::20/64", "81::d/64", "fd01::1/128"]
)
statics = st.builds(
    Static,
    addresses.map(ip_interface),
    label=st.sampled_from(["", "", "eth0:1", "eth0:.+-_"]),
    scope=st.sampled_from(["global", "global", "link"]),
    preferred=st.sampled_from([None, None, 0]),
    noprefixroute=st.booleans(),
    nodad=st.booleans(),
)
several = st.lists(
    statics, max_size=5, unique_by=(lambda static: static.address, lambda static: static.label or static)
)


def test_what_is_there_is_read() -> None:
    four, six = Static(ip_interface("10.0.0.5/24")), Static(ip_interface("fd00::5/64"))
    dying, other = Static(six.address, preferred=0), Static(ip_interface("10.0.0.8/24"))
    expected = {
        "networkd": {four, dying},
        "networkd, unmanaged": set(),
        "ifupdown": {four, six},
        "ifupdown, nothing sourced": set(),
        "ifupdown2": {four, other, six},
        "netplan": {four, dying, other},
        "netplan, a bridge in one line": {four, other},
        "ifcfg": {four, other, six},
        "ifcfg, many": {
            *(Static(ip_interface(f"10.0.0.{number}/24")) for number in (5, 6, 7, 8, 9)),
            *(Static(ip_interface(f"fd00::{number}/64")) for number in (5, 6, 7)),
            Static(ip_interface("10.0.0.10/24"), label="eth0:0"),
        },
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


@pytest.mark.parametrize(
    "name", ["networkd", "ifupdown2", "netplan", "netplan, a bridge in one line", "ifcfg", "ifcfg, many"]
)
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
        "    # the first",
        "    bridge-ports none",
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


def profile(four: str, six: str, **others: str) -> Profile:
    return Profile("u", "lan", {4: four, 6: six}, (), {key.replace("_", "."): value for key, value in others.items()})


def test_nmcli_is_told_words() -> None:
    auto, manual, disabled = "auto", "manual", "disabled"
    four, six = Static(ip_interface("10.0.0.5/24")), Static(ip_interface("fd00::5/64"))
    assert network_manager.arguments(profile(auto, disabled), [], [four, six], []) == [
        *("+ipv4.addresses", "10.0.0.5/24", "ipv6.method", "manual", "+ipv6.addresses", "fd00::5/64")
    ]
    assert network_manager.arguments(profile(manual, auto), [four], [], [four]) == [
        *("ipv4.method", "disabled", "-ipv4.addresses", "10.0.0.5/24")
    ]


@pytest.mark.parametrize(
    ("method", "has", "says"),
    [
        ("manual", {"ipv4_gateway": "10.0.0.1"}, "ipv4.gateway = 10.0.0.1, which NetworkManager"),
        ("auto", {"ipv4_gateway": "10.0.0.1"}, "nmcli connection modify u ipv4.gateway ''"),
        ("manual", {"ipv4_dns": "10.0.0.1,10.0.0.2"}, "ipv4.dns = 10.0.0.1,10.0.0.2"),
        ("auto", {"ipv4_dns": "10.0.0.1", "ipv6_gateway": "fe80::1"}, ""),
    ],
)
def test_what_nmcli_takes_beside_an_address_only_is_seen_before(method: str, has: dict[str, str], says: str) -> None:
    old, new = Static(ip_interface("10.0.0.5/24")), Static(ip_interface("10.0.0.6/24"))
    made = profile(method, "auto", **has)
    assert "+ipv4.addresses" in network_manager.arguments(made, [old], [new], [old])
    if not says:
        assert network_manager.arguments(made, [old], [], [old])
        return
    with pytest.raises(Refusal, match=re.escape(says)):
        network_manager.arguments(made, [old], [], [old])


def test_a_gateway_is_not_left_without_a_way_to_it() -> None:
    text = "iface eth0 inet static\n    address 10.0.0.5/24\n    address 10.9.0.5/24\n    gateway 10.0.0.1\n"
    files = {ifupdown.MAIN: text}
    with pytest.raises(Refusal, match=r"the gateway 10\.0\.0\.1 of eth0 is reached by none"):
        ifupdown.edited(files, "eth0", [], [Static(ip_interface("10.0.0.5/24"))])
    kept = ifupdown.edited(files, "eth0", [], [Static(ip_interface("10.9.0.5/24"))])
    assert kept == {ifupdown.MAIN: text.replace("    address 10.9.0.5/24\n", "")}


@pytest.mark.parametrize(
    ("cannot", "static"),
    [
        (networkd.Networkd().cannot, Static(ip_interface("10.0.0.5/24"), preferred=60)),
        (ifupdown.Ifupdown().cannot, Static(ip_interface("10.0.0.5/24"), noprefixroute=True)),
        (netplan.Netplan().cannot, Static(ip_interface("10.0.0.5/32"), peer="10.0.0.6")),
        (network_manager.NetworkManager().cannot, Static(ip_interface("10.0.0.5/24"), label="eth0:1")),
        (ifcfg.Ifcfg().cannot, Static(ip_interface("10.0.0.5/24"), scope="link")),
    ],
)
def test_what_cannot_be_kept_is_said(cannot: Callable[[Static], str], static: Static) -> None:
    assert cannot(static)
    assert not cannot(Static(static.address))


IFCFG = ifcfg.path_of("eth0")


def test_initscripts_finds_no_number_missing() -> None:
    keeper = KEEPERS["ifcfg, many"]
    after = keeper.after(keeper.files, [], [Static(ip_interface("10.0.0.7/24"))])
    numbered = [line for line in after[IFCFG].splitlines() if line.startswith(("IPADDR", "PREFIX"))]
    assert numbered[4:8] == ['IPADDR2="10.0.0.8"', 'PREFIX2="24"', 'IPADDR3="10.0.0.9"', 'PREFIX3="24"']


@pytest.mark.parametrize(
    ("files", "address", "said"),
    [
        ({IFCFG: "BOOTPROTO=dhcp\n"}, Static(ip_interface("10.0.0.5/24")), "BOOTPROTO=dhcp, beside which"),
        ({IFCFG: "IPV6INIT=no\n"}, Static(ip_interface("fd00::5/64")), "IPV6INIT=no: fd00::5/64 would not be there"),
        (
            {IFCFG: "".join(f"IPADDR{n}=10.0.{n}.5\nPREFIX{n}=24\n" for n in (0, 1, 3))},
            Static(ip_interface("10.0.0.9/24")),
            "IPADDR3, which no boot sets",
        ),
        (
            {f"{IFCFG}:1": "IPADDR=10.0.0.4\nPREFIX=24\n"},
            Static(ip_interface("10.0.0.5/24"), label="eth0:1"),
            "eth0:1 has an address already",
        ),
    ],
)
def test_what_initscripts_would_not_set(files: Files, address: Static, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        ifcfg.edited(files, "eth0", [address], [])


def test_beside_dhcp_a_label_does() -> None:
    files = {IFCFG: "BOOTPROTO=dhcp\nIPADDR=10.0.0.4\nPREFIX=24\n"}
    labelled = Static(ip_interface("10.0.0.5/24"), label="eth0:1")
    changed = ifcfg.edited(files, "eth0", [labelled], [])
    assert changed == {f"{IFCFG}:1": "DEVICE=eth0:1\nONPARENT=yes\nIPADDR=10.0.0.5\nPREFIX=24\n"}
    assert [one.static for one in ifcfg.declared({**files, **changed}, "eth0")] == [labelled]


COMMANDS = """\
auto eth0
iface eth0 inet dhcp
    up ip addr add 10.0.0.7/24 dev $IFACE label $IFACE:0 || true
    down ip addr del 10.0.0.7/24 dev $IFACE
    post-up /sbin/ip -4 a add 10.0.0.8/24 \\
        brd + dev eth0
    up ifconfig $IFACE inet6 add 81::d/64
    up ifconfig eth0:1 10.0.0.9 netmask 255.255.255.0 up
    up ip route add 10.7.0.0/16 via 10.0.0.1 src 10.0.0.7
    up for a in 10 11; do ip addr add 10.0.0.$a/24 dev eth0; done; ip addr add 10.0.0.12/24 dev eth0
"""


def test_commands_of_ifupdown_are_understood() -> None:
    files = {ifupdown.MAIN: COMMANDS}
    found = [one.static for one in ifupdown.declared(files, "eth0")]
    assert found == [
        Static(ip_interface("10.0.0.7/24"), label="eth0:0"),
        Static(ip_interface("10.0.0.8/24")),
        Static(ip_interface("81::d/64")),
        Static(ip_interface("10.0.0.9/24"), label="eth0:1"),
    ]
    left = COMMANDS.splitlines(keepends=True)[:2] + COMMANDS.splitlines(keepends=True)[-2:]
    assert ifupdown.edited(files, "eth0", [], found) == {ifupdown.MAIN: "".join(left)}
    assert ifupdown.edited(files, "eth0", [], found[1:2])[ifupdown.MAIN].count("\n") == COMMANDS.count("\n") - 2
    ifupdown.check(files, "eth0", [ip_interface(text).ip for text in ("10.0.0.1", "10.0.0.7", "10.0.0.2")])
    with pytest.raises(Refusal, match=r"`up for a in .*`, which is not understood here, and sets 10\.0\.0\.12"):
        ifupdown.check(files, "eth0", [ip_interface("10.0.0.12").ip])


def test_what_networkd_takes_by_itself_is_not_declared() -> None:
    assert networkd.declared({UNIT: "[Network]\nAddress=0.0.0.0/24\nAddress=::/64\n"}) == ()


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (lambda text: networkd.declared({UNIT: text}), "[Network]\nAddress=10.0.0.300/24\n"),
        (lambda text: netplan.declared({"/a.yaml": text}, "eth0"), "network: {ethernets: {eth0: {addresses: [lan]}}}"),
        (lambda text: netplan.declared({"/a.yaml": text}, "eth0"), "network: {ethernets: {eth0: {addresses: [{}]}}}"),
        (lambda text: ifupdown.declared({"/i": text}, "eth0"), "iface eth0 inet static\n  address 10.0.0.300/24\n"),
        (lambda text: ifcfg.declared({IFCFG: text}, "eth0"), "IPADDR=10.0.0.5\nNETMASK=255.0.255.0\n"),
        (lambda text: network_manager.declared("lan", [text]), "10.0.0.5/33"),
    ],
)
def test_nonsense_in_files_is_refused(declared: Callable[[str], object], text: str) -> None:
    with pytest.raises(Refusal, match="for an address, which is none"):
        declared(text)


def test_a_range_of_initscripts_is_not_taken_apart() -> None:
    files = {f"{IFCFG}-range0": "IPADDR_START=10.0.0.4\nIPADDR_END=10.0.0.9\n"}
    ifcfg.check(files, "eth0", [ip_interface(text).ip for text in ("10.0.0.3", "10.0.0.10", "fd00::5")])
    with pytest.raises(Refusal, match=r"10\.0\.0\.5 is one of the range that .*ifcfg-eth0-range0 has"):
        ifcfg.check(files, "eth0", [ip_interface("10.0.0.5").ip])


def test_a_command_that_is_there_twice_goes_twice() -> None:
    line = "    up ip addr add 10.0.0.7/24 dev eth0\n"
    files = {ifupdown.MAIN: f"iface eth0 inet dhcp\n{line}{line}"}
    [first, second] = [one.static for one in ifupdown.declared(files, "eth0")]
    assert first == second
    assert ifupdown.edited(files, "eth0", [], [first]) == {ifupdown.MAIN: "iface eth0 inet dhcp\n"}


def test_what_ifconfig_does_beside_addresses_declares_none() -> None:
    commands = "".join(f"    up ifconfig eth0 {words}\n" for words in ("mtu 9000", "up", "inet 81::d/64", "promisc"))
    assert ifupdown.declared({ifupdown.MAIN: f"iface eth0 inet dhcp\n{commands}"}, "eth0") == ()
