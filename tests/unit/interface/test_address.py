"""Which addresses an interface gets and loses: refusals, and what a real kernel makes of plans."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostwright.base.refusal import Refusal
from hostwright.base.scripts import whole
from hostwright.base.settings import validated
from hostwright.interface.backends import ifcfg, ifupdown
from hostwright.interface.backends.backend import Keeping
from hostwright.interface.backends.choice import claims
from hostwright.interface.facts import HostInterfaces, Profile, Way
from hostwright.interface.ifconfig import Understood, understand, understood
from hostwright.interface.operations import _commands, _packed, _told
from hostwright.interface.plan import AddressPlan, Change, as_static, decide
from hostwright.interface.settings import AddressesSettings
from hostwright.interface.static_address import Static
from hostwright.net.addresses import parse_addresses
from hostwright.net.links import Link
from hostwright.net.routes import parse_routes

HERE = HostInterfaces(
    user="root",
    way=None,
    links=(Link("lo"), Link("e0"), Link("e1"), Link("p0", "br0")),
    addresses=parse_addresses(
        [
            "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever",
            "2: e0    inet 10.0.0.5/24 brd 10.0.0.255 scope global e0\\       valid_lft forever preferred_lft forever",
            "2: e0    inet 10.0.0.99/24 scope global secondary dynamic e0\\   valid_lft 900sec preferred_lft 900sec",
            "2: e0    inet 10.0.0.50/32 scope global e0\\       valid_lft forever preferred_lft forever",
            "2: e0    inet6 fe80::1/64 scope link \\       valid_lft forever preferred_lft forever",
            "3: e1    inet 10.0.1.5/24 scope global e1\\       valid_lft forever preferred_lft forever",
        ]
    ),
    promoted=frozenset(),
    routes=(),
    tools=frozenset({"ifup"}),
    units={},
    profiles={},
    files={ifupdown.MAIN: "auto e0\niface e0 inet static\n    address 10.0.0.5/24\n"},
    unreadable=(),
    leased=frozenset(),
    floating=frozenset({"10.0.0.50"}),
)
CAME = Way(ip_address("10.0.0.1"), ip_address("10.0.0.5"), "e0")


def wish(addresses: Any, **more: Any) -> AddressesSettings:
    return validated(AddressesSettings, {"addresses": addresses, **more})


def plan(addresses: Any, found: HostInterfaces = HERE, persist: bool = True, **more: Any) -> AddressPlan:
    return decide(found, wish(addresses, **more), persist)


def told(plan: AddressPlan, seconds: int = 0, identity: str = "1") -> str:
    """What the host is told, of a run that holds no lock."""
    return _told(plan, seconds, identity, ":")


# -- what is no address, and what was probably meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.6/64", "an IPv4 prefix has 32 bits at most; 10.0.0.6/24 was probably meant"),
        ("10.0.0.6", "has no prefix length; 10.0.0.6/24 was probably meant"),
        ("81:0::000d", "has no prefix length; 81::d/64 was probably meant"),
        ("10.0.0.6/2x", "'2x' is no prefix length"),
        ("10.0.0.300/24", "is no address"),
        ("10.0.0.0/24", "is the address of the network itself; 10.0.0.1/24 is the first one in it"),
        ("10.0.0.255/24", "is the broadcast address of 10.0.0.0/24; 10.0.0.254/24 is the last one in it"),
        ("fd00::/64", "is the subnet-router anycast address; fd00::1/64"),
        ("224.0.0.5/24", "is a multicast address"),
        ("ff02::1/64", "is a multicast address"),
        ("0.0.0.0/0", "means no address at all"),
        ("::/128", "means no address at all"),
    ],
)
def test_no_address(text: str, said: str) -> None:
    for present in ([text], text, [{"address": text}]):
        with pytest.raises(Refusal) as refused:
            wish({"e0": {"present": present}})
        assert said in str(refused.value)
        assert "e0" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["10.0.0.0/31", "10.0.0.1/31", "10.0.0.0/32", "fd00::/127", "fd00::/128", "10.0.0.6/255.255.255.0"]
)
def test_addresses_at_the_edge(text: str) -> None:
    [static] = wish({"e0": {"present": [text]}}).addresses["e0"].present
    assert static == Static(ip_interface(text))


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ({}, "it is empty: write it as in interface_addresses: {"),
        ("[", "no mapping"),
        ({"e0": {"present": ["10.0.0.6/24"], "absent": ["10.0.0.6/16"]}}, "wanted both present and absent"),
        ({"e0": {"present": ["10.0.0.6/24", "10.0.0.6/16"]}}, "named twice"),
        (
            {"e0": {"presnt": ["10.0.0.6/24"]}},
            "presnt is no key here; present was probably meant; there are: present, absent, exact",
        ),
        (
            {"e0": {"present": [{"address": "10.0.0.6/24", "labl": "x"}]}},
            "labl is no key here; label was probably meant; there are: address, peer",
        ),
        ({"e0": ["10.0.0.6/24"]}, "a mapping with present, absent or exact"),
        ({"e0": {"present": [{"address": "10.0.0.6/24", "nodad": True}]}}, "nodad is for IPv6"),
        ({"e0": {"present": [{"address": "fd00::6/64", "label": "e0:1"}]}}, "a label is for IPv4"),
        ({"e0": {"present": [{"address": "fd00::6/64", "scope": "link"}]}}, "is in the address itself"),
        ({"e0": {"present": [{"address": "10.0.0.6/24", "label": "e0:23456789abcdef"}]}}, "is no label: 15 bytes"),
        ({"e0": {"present": [{"address": "10.0.0.6/24", "label": "e0:\n"}]}}, "is no label"),
        ({"e0": {"present": [{"address": "10.0.0.6/24", "label": "e0:ü"}]}}, "is no label"),
        ({"e0": {"present": ["fe80::6%;id>pwn;/64"]}}, "has a zone; leave out % and what follows it"),
        ({"e0": {"present": [{"address": "fe80::6/64", "peer": "fe80::7%;id>pwn;"}]}}, "has a zone"),
        (
            {"e0": {"present": [{"address": "fd00::6/64", "preferred": -1}]}},
            "preferred should be a whole number from 0 on, below 4294967295 or forever",
        ),
        ({"e0;>pwn": {"absent": ["fe80::6%e0/64"]}}, "has a zone"),
        ({"e0:1": {"present": ["10.0.0.6/24"]}}, "'e0:1' is no name of an interface: 15 bytes at most"),
        ({"e0 ": {"present": ["10.0.0.6/24"]}}, "is no name of an interface"),
        ({"e0/../x": {"present": ["10.0.0.6/24"]}}, "is no name of an interface"),
        ({"..": {"present": ["10.0.0.6/24"]}}, "is no name of an interface"),
        ({"\x1b[2J": {"present": ["10.0.0.6/24"]}}, "is no name of an interface"),
        ({"ü2345678901234": {"exact": True}, "ü23456789012345": {}}, "'ü23456789012345' is no name"),
        ({"\ud800": {"present": ["10.0.0.6/24"]}}, "is no text"),
    ],
)
def test_no_wish(addresses: Any, said: str) -> None:
    with pytest.raises(Refusal) as refused:
        wish(addresses)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ({"e9": {"present": ["10.0.0.6/24"]}}, "there is no interface 'e9'; there are: e0, e1, lo, p0"),
        ({"p0": {"present": ["10.0.0.6/24"]}}, "p0 is a port of br0"),
        ({"e0": {"present": ["10.0.1.5/24"]}}, "10.0.1.5 is on e1 already"),
        ({"e0": {"absent": ["10.0.0.99/24"]}}, "is not static (from DHCP"),
        ({"e0": {"present": [{"address": "10.0.0.6/24", "label": "e1:1"}]}}, "must begin with e0"),
        ({"e0": {"present": [{"address": "10.0.0.6/24", "scope": "link"}]}}, "takes one scope for all addresses"),
        ({"e0": {"present": [{"address": "10.0.0.6/24", "noprefixroute": True}]}}, "ifupdown knows no noprefixroute"),
        *(
            (
                {"e0": {"present": [{"address": "10.0.0.6/24", "label": f"e0:{odd}"}]}},
                "cannot be kept across a boot, only",
            )
            for odd in (";id>/pwn;:", "$(id)", "a'b", 'a"b', "a%b", "#", "a\\", "../x", "a:b")
        ),
    ],
)
def test_refused_for_this_host(addresses: Any, said: str) -> None:
    with pytest.raises(Refusal) as refused:
        plan(addresses)
    assert said in refused.value.why
    # As whoever runs it finds it in the table: the key, and in it the interface.
    [name] = addresses
    assert (refused.value.key, refused.value.value) == ("interface_addresses", repr(name))
    assert refused.value.remedy
    assert str(refused.value).startswith(f"interface_addresses = {name!r}: ")


def test_the_way_back_is_an_address() -> None:
    with pytest.raises(Refusal, match=r"interface_confirm_address = '10\.0\.0\.6/24': no address: as in 10\.0\.0\.6"):
        wish({"e0": {"exact": True}}, confirm_address="10.0.0.6/24")


def test_an_address_may_move_from_one_interface_to_another() -> None:
    moved = plan({"e1": {"absent": ["10.0.1.5/24"]}, "e0": {"present": ["10.0.1.5/24"]}})
    assert [change.line for change in moved.running] == ["e1: 10.0.1.5/24 is removed", "e0: 10.0.1.5/24 is added"]


def test_two_interfaces_are_kept_in_one_file() -> None:
    wanted = {"e0": {"present": ["10.0.0.6/24"]}, "e1": {"present": ["10.0.1.6/24"]}}
    texts = {path: text for keeping in plan(wanted).keepings for path, text in keeping.files.items()}
    kept = {one.static.address for name in wanted for one in ifupdown.declared(texts, name)}
    assert kept == {ip_interface(text) for text in ("10.0.0.5/24", "10.0.0.6/24", "10.0.1.6/24")}


def test_exact_spares_what_nobody_wrote_down() -> None:
    exact = plan({"e0": {"present": ["10.0.0.6/24"], "exact": True}})
    assert exact.lines == (
        "e0: 10.0.0.6/24 is added",
        "e0: 10.0.0.5/24 is removed",
        "e0: 10.0.0.6/24 will be there after a boot (/etc/network/interfaces)",
        "e0: 10.0.0.5/24 will not come back after a boot (/etc/network/interfaces)",
    )
    with pytest.raises(Refusal, match="may not read what keepalived"):
        plan({"e0": {"present": ["10.0.0.6/24"], "exact": True}}, replace(HERE, floating=None, user="admin"))


def test_exact_spares_what_is_advertised_for_ever() -> None:
    """As NetworkManager of Debian 12 sets them: the first one is the profile's, the second one advertised."""
    here = replace(
        HERE,
        addresses=parse_addresses(
            [
                "2: e0    inet6 fd00:9::77/64 scope global noprefixroute \\  valid_lft forever preferred_lft forever",
                "2: e0    inet6 fd00:9::4082:5dd2:9259:39b/64 scope global noprefixroute \\  valid_lft forever "
                "preferred_lft forever",
                "2: e0    inet6 fd00:9::78/64 scope global \\  valid_lft forever preferred_lft forever",
            ]
        ),
        profiles={"e0": Profile("u", "lan", {4: "auto", 6: "auto"}, ("fd00:9::77/64",))},
        files={},
    )
    exact = plan({"e0": {"present": ["fd00:9::76/64"], "exact": True}}, here)
    removed = [change.line for change in exact.running if change.deletes]
    assert removed == ["e0: fd00:9::77/64 is removed", "e0: fd00:9::78/64 is removed"]
    plan({"e0": {"absent": ["fd00:9::4082:5dd2:9259:39b/64"]}}, here)


@pytest.mark.parametrize("wanted", [{"absent": ["10.0.0.50/24"]}, {"present": ["10.0.0.6/24"], "exact": True}])
def test_what_would_come_back_by_itself_is_refused(wanted: dict[str, Any]) -> None:
    files = {
        f"{ifcfg.DIRECTORY}/ifcfg-e0": "IPADDR=10.0.0.5\nPREFIX=24\n",
        f"{ifcfg.DIRECTORY}/ifcfg-e0-range0": "IPADDR_START=10.0.0.40\nIPADDR_END=10.0.0.60\n",
    }
    here = replace(HERE, files=files, tools=frozenset({"network-scripts"}), floating=frozenset())
    with pytest.raises(Refusal, match=r"10\.0\.0\.50 is one of the range"):
        plan({"e0": wanted}, here)


def test_routes_that_name_what_goes_are_told_of() -> None:
    lines = [
        "10.0.0.0/24 dev e0 proto kernel scope link src 10.0.0.5",
        "172.16.0.0/16 via 10.0.0.1 dev e0 src 10.0.0.5 linkdown",
        "172.17.0.0/16 via 10.0.0.1 dev e0 src 10.0.0.50",
        "172.18.0.0/16 src 10.0.0.5 \\\tnexthop via 10.0.0.2 dev e0 weight 1 \\\tnexthop via 10.0.0.3 dev e0 weight 1",
    ]
    made = plan({"e0": {"absent": ["10.0.0.5/24"]}}, replace(HERE, routes=parse_routes(lines, 4)))
    [note] = [note for note in made.notes if "route" in note]
    assert "the route '172.16.0.0/16 via 10.0.0.1 dev e0 src 10.0.0.5' stays without its source" in note
    [change] = made.running
    assert "ip route replace 172.16.0.0/16 via 10.0.0.1 dev e0 2>" in change.run
    assert "ip route replace 172.16.0.0/16 via 10.0.0.1 dev e0 src 10.0.0.5 2>" in change.undo


def test_the_way_in_is_guarded() -> None:
    came = replace(HERE, way=CAME)
    assert not plan({"e1": {"present": ["10.9.0.1/24"]}}, came).guarded
    # Of that way, the host may not tell its interface.
    assert not plan({"e1": {"absent": ["10.0.1.5/24"]}}, came).guarded
    assert plan({"e1": {"absent": ["10.0.1.5/24"]}}, replace(came, way=replace(CAME, interface=""))).guarded
    assert plan({"e0": {"absent": ["10.0.0.50/32"]}}, replace(came, floating=frozenset())).guarded
    # It draws what is sent to the controller to another interface.
    assert plan({"e1": {"present": ["10.0.0.7/16"]}}, came).guarded
    with pytest.raises(Refusal, match="the address that this run is connected to") as refused:
        plan({"e0": {"absent": ["10.0.0.5/24"]}}, came)
    assert "interface_allow_self=yes, and interface_confirm_address=ADDRESS" in refused.value.remedy
    with pytest.raises(Refusal, match="say interface_confirm_address") as refused:
        plan({"e0": {"absent": ["10.0.0.5/24"]}}, came, allow_self=True)
    assert (refused.value.key, refused.value.value) == ("interface_allow_self", "True")
    moved = plan(
        {"e0": {"present": ["10.0.0.6/24"], "absent": ["10.0.0.5/24"]}},
        came,
        allow_self=True,
        confirm_address="10.0.0.6",
    )
    assert (moved.guarded, moved.back_to) == (True, "10.0.0.6")


def test_two_claims_are_refused() -> None:
    both = replace(HERE, profiles={"e0": Profile("u", "lan", {4: "manual", 6: "auto"}, ("10.0.0.5/24",))})
    assert claims(both, "e0") == ["network-manager", "ifupdown"]
    with pytest.raises(Refusal, match="claimed by network-manager and ifupdown") as refused:
        plan({"e0": {"present": ["10.0.0.6/24"]}}, both)
    # Not the one that is not at work.
    assert refused.value.remedy == "take it out of one of them, or say interface_backend=ifupdown"
    assert plan({"e0": {"present": ["10.0.0.6/24"]}}, both, backend="ifupdown").keepings[0].files
    by_choice = plan(
        {"e0": {"present": ["10.0.0.6/24"]}},
        replace(both, tools=frozenset({"ifup", "nmcli"})),
        backend="network-manager",
    )
    assert by_choice.keepings[0].command == ("nmcli", "connection", "modify", "u", "+ipv4.addresses", "10.0.0.6/24")
    assert _commands(by_choice) == "nmcli connection modify u +ipv4.addresses 10.0.0.6/24 && :"

    # NetworkManager's addresses have no route of the kernel's.
    line = "2: e0    inet 10.0.0.5/24 scope global noprefixroute e0\\       valid_lft forever preferred_lft forever"
    managed = replace(both, addresses=parse_addresses([line]), files={})
    assert plan({"e0": {"present": ["10.0.0.5/24"]}}, managed).lines == ()
    assert plan({"e0": {"present": ["10.0.0.5/24"]}}, replace(managed, profiles={}), persist=False).lines != ()
    with pytest.raises(Refusal, match="it is not at work for e0"):
        plan({"e0": {"present": ["10.0.0.6/24"]}}, backend="networkd")


def test_files_that_cannot_be_read_are_not_taken_for_missing() -> None:
    with pytest.raises(Refusal, match=r"may not read /etc/netplan/a\.yaml"):
        plan({"e0": {"present": ["10.0.0.6/24"]}}, replace(HERE, unreadable=("/etc/netplan/a.yaml",)))


def test_netplan_names_an_interface_by_its_card() -> None:
    path = "/etc/netplan/a.yaml"
    found = replace(
        HERE,
        units={"e0": "/run/systemd/network/10-netplan-lan.network"},
        tools=frozenset({"netplan"}),
        files={
            path: "network:\n  ethernets:\n    lan:\n      match: {macaddress: 52:54:00:12:34:56}\n"
            "      addresses: [10.0.0.5/24]\n"
        },
    )
    [keeping] = plan({"e0": {"present": ["10.0.0.6/24"], "absent": ["10.0.0.5/24"]}}, found).keepings
    assert set(keeping.files) == {path, "/etc/netplan/90-hostwright.yaml"}
    assert "lan:" in keeping.files["/etc/netplan/90-hostwright.yaml"]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("ifconfig enp9s0f1 inet6 add 81::d/64", Understood("enp9s0f1", "81::d/64", True)),
        ("enp9s0f1 add 10.0.0.6/24", Understood("enp9s0f1", "10.0.0.6/24", True)),
        ("ifconfig enp9s0f1 delete 10.0.0.6/24", Understood("enp9s0f1", "10.0.0.6/24", False)),
        ("enp9s0f1 10.0.0.6 netmask 255.255.255.0", Understood("enp9s0f1", "10.0.0.6/255.255.255.0", True)),
        ("enp9s0f1 inet6 81::d prefixlen 64", Understood("enp9s0f1", "81::d/64", True)),
        ("enp9s0f1 add 10.0.0.6/24 up", Understood("enp9s0f1", "10.0.0.6/24", True)),
        ("ifconfig eth0 10.0.0.7/24", Understood("eth0", "10.0.0.7/24", True)),
        (
            "ifconfig eth0:1 10.0.0.7 netmask 255.255.255.0 up",
            Understood("eth0", "10.0.0.7/255.255.255.0", True, "eth0:1"),
        ),
        (
            "ifconfig eth0 10.0.0.7 broadcast 10.0.0.255 netmask 255.255.255.0",
            Understood("eth0", "10.0.0.7/255.255.255.0", True),
        ),
        ("ifconfig eth0:1 del 10.0.0.7/24", Understood("eth0", "10.0.0.7/24", False)),
    ],
)
def test_command_lines_of_the_note(line: str, meant: Understood) -> None:
    assert understand(line) == meant


@pytest.mark.parametrize(
    "line",
    [
        *("", "enp9s0f1", "enp9s0f1 up", "enp9s0f1 add", "enp9s0f1 inet add 81::d/64", "eth0:1 down"),
        *("eth0 10.0.0.7/24 broadcast 10.0.0.127", "eth0 10.0.0.7 broadcast", "eth0 10.0.0.7/24 mtu 9000"),
        *("eth0 del 10.0.0.7/24 up", "eth0 10.0.0.7/24 netmask 255.255.255.0"),
    ],
)
def test_other_command_lines_are_refused(line: str) -> None:
    with pytest.raises(Refusal) as refused:
        understand(line)
    assert (refused.value.key, refused.value.value) == ("line", repr(line))
    assert "enp9s0f1 add 10.0.0.6/24" in refused.value.remedy
    with pytest.raises(ValueError, match=re.escape(refused.value.why)):
        understood(line)


# -- a real kernel


class Namespace:
    """A shell in a network namespace of its own, with the interface e0."""

    def __init__(self) -> None:
        words = ["unshare", "--map-root-user", "--net", "--kill-child", "sh"]
        self.shell = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.run("ip link add e0 type veth peer name e1 && ip link set e0 up && ip link set e1 up")

    def run(self, command: str) -> list[str]:
        assert self.shell.stdin
        assert self.shell.stdout
        self.shell.stdin.write(f'{command}\necho "@ $?"\n')
        self.shell.stdin.flush()
        lines = []
        for line in self.shell.stdout:
            if line.startswith("@ "):
                assert line == "@ 0\n", (command, lines)
                return lines
            lines.append(line)
        raise AssertionError("the shell ended")

    def found(self) -> HostInterfaces:
        addresses = parse_addresses(self.run("ip -o address show dev e0"))
        return replace(HERE, addresses=addresses, links=(Link("e0"),))

    def routed(self) -> HostInterfaces:
        return replace(self.found(), routes=parse_routes(self.run("ip -o -4 route show"), 4))

    def statics(self) -> set[Static]:
        return {as_static(one) for one in self.found().addresses if not one.address.ip.is_link_local}


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    made = Namespace()
    yield made
    made.shell.kill()
    made.shell.communicate()


texts = [
    "10.0.0.6/24",
    "10.0.0.7/24",
    "10.0.0.8/24",
    "10.0.0.6/16",
    "10.0.0.9/32",
    "192.168.7.1/30",
    "81::d/64",
    "fd00::1/64",
    "fd00::1/48",
]


def possible(static: Static) -> Static:
    """As it could be wanted: one scope for a network, labels for IPv4."""
    scope = static.scope if static.version == 4 and static.address.network.prefixlen > 24 else "global"
    return replace(static, scope=scope, label="" if static.version == 6 else static.label, nodad=static.version == 6)


statics = st.builds(
    Static,
    st.sampled_from(texts).map(ip_interface),
    label=st.sampled_from(["", "", "e0:1"]),
    scope=st.sampled_from(["global", "global", "link"]),
    preferred=st.sampled_from([None, None, 0]),
    noprefixroute=st.booleans(),
).map(possible)
states = st.lists(statics, max_size=5, unique_by=lambda static: static.ip)


def to_be(state: list[Static]) -> AddressesSettings:
    # Through what a person would write, back to what is wanted.
    known = [
        {
            "address": str(one.address),
            "label": one.label,
            "scope": one.scope,
            "noprefixroute": one.noprefixroute,
            "nodad": one.nodad,
        }
        | ({} if one.preferred is None else {"preferred": one.preferred})
        for one in state
    ]
    return wish({"e0": {"present": known, "exact": True}})


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=states, second=states)
def test_from_any_state_to_any_other_and_back(namespace: Namespace, first: list[Static], second: list[Static]) -> None:
    namespace.run("ip address flush dev e0 scope global; ip address flush dev e0 scope link")
    for state in (first, second):
        made = decide(namespace.found(), to_be(state), persist=False)
        before = namespace.statics()
        for change in made.running:
            namespace.run(change.run)
        assert namespace.statics() == set(state)
        assert decide(namespace.found(), to_be(state), persist=False).running == ()
    # The way back, by what each change knows of it.
    for change in reversed(made.running):
        namespace.run(change.undo)
    assert namespace.statics() == before


ROUTES = """
    ip address flush dev e0; ip -6 route flush dev e0
    ip address add 10.0.0.5/24 brd + dev e0
    ip address add fd00::5/64 dev e0 nodad
    ip route add default via 10.0.0.1 src 10.0.0.5
    ip route add 172.16.0.0/16 via 10.0.0.1 metric 7
    ip -6 route add fd01::/64 via fd00::1 src fd00::5
"""
SHOWN = "ip -o address show dev e0; ip -o -4 route; ip -o -6 route"


def test_names_that_a_kernel_takes(namespace: Namespace) -> None:
    """It takes more than most who name them: to a shell they are words."""
    name = "e;>$(id)'\"*#\\"
    quoted = shlex.quote(name)
    namespace.run(f"ip link add {quoted} type veth peer name e2 && ip link set {quoted} up")
    try:
        for state in ([{"address": "10.7.0.6/24", "label": f"{name}:;"}, "fd07::6/64"], []):
            wanted = wish({name: {"present": state, "exact": True}})
            found = replace(
                HERE,
                links=(Link(name),),
                addresses=parse_addresses(namespace.run(f"ip -o address show dev {quoted} scope global")),
                routes=parse_routes(namespace.run("ip -o -4 route show"), 4),
            )
            made = decide(found, wanted, persist=False)
            with pytest.raises(Refusal, match="cannot be kept across a boot, only letters, digits"):
                decide(found, wanted)
            for change in made.running:
                namespace.run(change.run)
            if state:
                namespace.run(f"ip route add 172.18.0.0/16 via 10.7.0.1 dev {quoted} src 10.7.0.6")
        assert not namespace.run(f"ip -o address show dev {quoted} scope global")
        for change in reversed(made.running):
            namespace.run(change.undo)
        assert len(namespace.run(f"ip -o address show dev {quoted} scope global")) == 2
        assert any("src 10.7.0.6" in line for line in namespace.run("ip route show 172.18.0.0/16"))
    finally:
        namespace.run(f"ip link del {quoted}")


@pytest.mark.parametrize("guarded", [False, True])
def test_the_way_back_has_the_routes_too(namespace: Namespace, tmp_path: Path, guarded: bool) -> None:
    """The last address of an interface takes all its routes with it, and another one those that name it."""
    namespace.run(ROUTES)
    before = namespace.run(SHOWN)
    gone = decide(namespace.found(), wish({"e0": {"absent": ["10.0.0.5/24", "fd00::5/64"]}}), persist=False).running
    # Not guarded, the last change fails; guarded, nobody comes back.
    last = [] if guarded else [Change("", "false", ":", "e0")]
    text = told(AddressPlan((*gone, *last), (), guarded=guarded, back_to="", notes=()), 3 if guarded else 0)
    for there, here in (("/run/hostwright", str(tmp_path)), ("/run/systemd", "/nowhere")):
        text = text.replace(there, here)
    (tmp_path / "change").write_text(f"{text}\nchange\n")
    if guarded:
        namespace.run(f"sh {tmp_path}/change; sleep 2")
        assert namespace.run(SHOWN) != before
        namespace.run(
            f"while [ -e {tmp_path}/addresses/undo-1 ] || [ -e {tmp_path}/addresses/undoing-1 ]; do sleep 0.2; done"
        )
    else:
        namespace.run(f"! sh {tmp_path}/change")
    after = namespace.run(SHOWN)
    assert sorted(after) == sorted(before)
    assert not list((tmp_path / "addresses").iterdir())


def test_routes_stay_when_their_source_goes(namespace: Namespace) -> None:
    namespace.run(ROUTES)
    before = namespace.run(SHOWN)
    changes = decide(
        namespace.routed(), wish({"e0": {"present": ["10.0.0.6/24"], "absent": ["10.0.0.5/24"]}}), persist=False
    ).running
    for change in changes:
        namespace.run(change.run)
    assert namespace.run("ip -o -4 route show default") == ["default via 10.0.0.1 dev e0 \n"]
    assert any("10.0.0.6/24" in line for line in namespace.run(SHOWN))
    for change in reversed(changes):
        namespace.run(change.undo)
    assert sorted(namespace.run(SHOWN)) == sorted(before)


# -- files are put in place by the shell itself


def test_files_are_kept_only_while_the_lock_is_ours(tmp_path: Path) -> None:
    kept, ours, new = (tmp_path / name for name in ("kept.conf", "ours.conf", "new.d/new.conf"))
    kept.write_text("old\n")
    kept.chmod(0o640)
    ours.write_text("old\n")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    texts = {str(kept): "new\n", str(new): "new\n", str(ours): ""}
    keeping = AddressPlan((), (Keeping("e0", "networkd", texts),), guarded=False, back_to="", notes=())
    packed = _packed(keeping)

    def keep(ours: str) -> "subprocess.CompletedProcess[str]":
        text = told(keeping).replace("/run/hostwright", f"{tmp_path}/hostwright")
        sent = whole(f"{text}\nours() {{ {ours}; }}\nkeep || exit\n", packed)
        return subprocess.run(["sh", "-s"], input=sent, capture_output=True, text=True, check=False)

    late = keep("echo lost >&2; exit 76")
    assert late.returncode != 0
    assert "lost" in late.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()} == before
    assert not new.exists()

    assert keep(":").returncode == 0
    assert kept.read_text() == new.read_text() == "new\n"
    assert kept.stat().st_mode & 0o777 == 0o640
    assert new.stat().st_mode & 0o777 == 0o644
    assert not ours.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.conf", "new.d"]
