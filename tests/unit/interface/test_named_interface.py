"""Only the interface that was named: files that are for several, what others make, further names of one."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostwright.base.refusal import Refusal
from hostwright.base.scripts import NONCE
from hostwright.base.settings import validated
from hostwright.interface.backends import ifupdown, networkd
from hostwright.interface.facts import HostInterfaces, Profile, Way, parse_interfaces
from hostwright.interface.plan import AddressPlan, decide
from hostwright.interface.settings import AddressesSettings
from hostwright.net.addresses import parse_addresses
from hostwright.net.links import Link
from tests.scripts import script
from tests.unit.interface.interfaces import BARE

MAC = "52:54:00:12:34:56"
ON_E0 = "2: eth0    inet 10.0.0.5/24 scope global eth0\\       valid_lft forever preferred_lft forever"
ON_E1 = "3: eth1    inet 10.77.0.5/24 scope global eth1\\       valid_lft forever preferred_lft forever"
BASE = replace(BARE, links=(Link("lo"), Link("eth0", mac=MAC), Link("eth1")), addresses=parse_addresses([ON_E0, ON_E1]))


def plan(addresses: Any, found: HostInterfaces, persist: bool = True) -> AddressPlan:
    return decide(found, validated(AddressesSettings, {"addresses": addresses}), persist)


def written(made: AddressPlan) -> Mapping[str, str]:
    return {path: text for keeping in made.keepings for path, text in keeping.files.items()}


def networkd_has(unit: str, text: str, *, links: tuple[str, ...] = ("eth0", "eth1"), **files: str) -> HostInterfaces:
    units = {link.name: unit if link.name in links else "" for link in BASE.links}
    return replace(
        BASE, units=units, files={unit: text, **{path.replace("_", "/"): text for path, text in files.items()}}
    )


UNIT = "/etc/systemd/network/10-eth.network"
COPY = "/etc/systemd/network/00-hostwright-eth1.network"
REST = "[Network]\nDHCP=ipv4\nDNS=10.0.0.1\n\n[Route]\nGateway=10.0.0.1\n"
ADD = {"eth1": {"present": ["10.77.0.6/24"]}}


@pytest.mark.parametrize(
    "match",
    ["Name=eth*", "Name=eth0 eth1", "Driver=virtio_net", "Type=ether", "Name=!lo", "", "Name=eth[01]\nType=ether"],
)
def test_a_file_for_several_interfaces_is_not_touched(match: str) -> None:
    found = networkd_has(UNIT, f"[Match]\n{match}\n\n{REST}")
    made = plan(ADD, found)
    assert set(written(made)) == {COPY}
    text = written(made)[COPY]
    assert "\n[Match]\nName=eth1\n" in text
    assert text.endswith(f"{REST}\n[Address]\nAddress=10.77.0.6/24\n")
    assert match == "" or match not in text
    assert f"eth1 gets a file of its own, {COPY}" in made.notes[0]
    # The same, before a boot has read the copy and after it.
    for units in (found.units, {**found.units, "eth1": COPY}):
        on = "3: eth1    inet 10.77.0.6/24 scope global secondary eth1\\       valid_lft forever preferred_lft forever"
        there = replace(found, units=units, files={**found.files, COPY: text}, addresses=parse_addresses([ON_E0, on]))
        assert plan(ADD, there).lines == ()
        gone = plan({"eth1": {"absent": ["10.77.0.6/24"]}}, there)
        # What the shared file says of others stays said for this one.
        assert set(written(gone)) == {COPY}
        assert written(gone)[COPY].strip().endswith(REST.strip())


def test_an_address_of_a_shared_file_goes_from_one_interface_alone() -> None:
    """As an older package wrote it: the drop-in of a shared file."""
    drop_in = f"{UNIT}.d/hostwright.conf"
    shared = f"[Match]\nName=eth*\n\n{REST}"
    found = networkd_has(UNIT, shared)
    found = replace(found, files={**found.files, drop_in: "[Address]\nAddress=10.77.0.5/24\n"})
    made = plan({"eth1": {"absent": ["10.77.0.5/24"]}}, found)
    assert set(written(made)) == {COPY}
    assert networkd.declared({COPY: written(made)[COPY]}) == ()
    assert "[Route]\nGateway=10.0.0.1\n" in written(made)[COPY]


@pytest.mark.parametrize(
    ("match", "links"),
    [("Name=eth1", ("eth1",)), (f"MACAddress={MAC}", ("eth1",)), ("Name=eth1\nType=ether", ("eth1",))],
)
def test_a_file_of_one_interface_has_its_drop_in(match: str, links: tuple[str, ...]) -> None:
    made = plan(ADD, networkd_has(UNIT, f"[Match]\n{match}\n\n{REST}", links=links))
    assert set(written(made)) == {f"{UNIT}.d/hostwright.conf"}


def test_what_is_made_on_a_card_shares_its_address_of_hardware() -> None:
    made = plan(ADD, networkd_has(UNIT, f"[Match]\nMACAddress={MAC}\n\n{REST}"))
    assert set(written(made)) == {COPY}


def test_nothing_comes_before_a_name_like_this() -> None:
    unit = "/etc/systemd/network/00-eth.network"
    with pytest.raises(Refusal, match=r"00-eth\.network is for more interfaces than eth1.*begins with 10"):
        plan(ADD, networkd_has(unit, f"[Match]\nName=eth*\n\n{REST}"))
    # Nothing to write is nothing to refuse.
    assert plan({"eth1": {"absent": ["10.9.9.9/24"]}}, networkd_has(unit, "[Match]\nName=eth*\n")).lines == ()


@settings(deadline=None)
@given(
    st.permutations(
        ["[Network]\nAddress=10.77.0.5/24", "[Network]\nDNS=10.0.0.1", "[Route]\nGateway=10.0.0.1", "# a word"]
    ),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    st.sampled_from(["[Match]\nName=e*", "[ Match ]", "[Match]\n# all\nName=e*\n\n"]),
    st.booleans(),
)
def test_all_that_a_shared_file_says_is_in_the_copy(parts: list[str], end: str, match: str, in_drop_in: bool) -> None:
    body = "\n".join(parts).replace("\n", end)
    drop_in = f"{UNIT}.d/a.conf"
    files = {UNIT: match, drop_in: body} if in_drop_in else {UNIT: f"{match}\n{body}"}
    text = networkd.copy(files, "eth1")
    for line in ("Address=10.77.0.5/24", "DNS=10.0.0.1", "Gateway=10.0.0.1"):
        assert line in text
    assert [str(one.static.address) for one in networkd.declared({COPY: text})] == ["10.77.0.5/24"]
    assert not networkd.is_shared({COPY: text}, [])


NETPLAN = "network: {ethernets: {all-en: {match: {name: 'e*'}, addresses: [10.77.0.5/24]}}}\n"


@pytest.mark.parametrize("renderer", ["networkd", "NetworkManager"])
def test_an_entry_of_netplan_for_several_is_refused(renderer: str) -> None:
    unit = "/run/systemd/network/10-netplan-all-en.network"
    one = Profile("u", "netplan-all-en", {4: "manual", 6: "auto"}, ())
    found = replace(
        BASE,
        tools=frozenset({"netplan"}),
        units={"eth0": unit, "eth1": unit} if renderer == "networkd" else {},
        profiles={} if renderer == "networkd" else {"eth0": one, "eth1": replace(one, uuid="v")},
        files={"/etc/netplan/a.yaml": NETPLAN},
    )
    for wish in (ADD, {"eth1": {"absent": ["10.77.0.5/24"]}}):
        with pytest.raises(Refusal, match="netplan's all-en is for eth1 and eth0"):
            plan(wish, found)
    assert plan({"eth1": {"present": ["10.77.0.5/24"]}}, found).lines == ()
    alone = replace(
        found, units={"eth1": unit} if found.units else {}, profiles={"eth1": one} if found.profiles else {}
    )
    assert "a further interface that fits netplan's all-en" in plan(ADD, alone).notes[0]


# -- what others make


def made_by_others(kind: str, **more: Any) -> HostInterfaces:
    there = replace(BASE, links=(*BASE.links, Link("x0", kind=kind)), units={"eth0": UNIT, "x0": ""})
    return replace(there, **more)


@pytest.mark.parametrize("kind", ["bridge", "wireguard", "tun", "veth", "openvswitch"])
def test_what_another_program_makes_is_not_written_down(kind: str) -> None:
    wish = {"x0": {"present": ["172.17.0.9/16"]}}
    with pytest.raises(Refusal, match=f"x0 is a {kind} that no file of this host claims.*persist=False"):
        plan(wish, made_by_others(kind))
    assert plan(wish, made_by_others(kind), persist=False).changes
    # NetworkManager has found it as it is, and would keep nothing.
    found = Profile("u", "x0", {4: "manual", 6: "auto"}, ("172.17.0.1/16",), in_memory=True)
    with pytest.raises(Refusal, match="that no file of this host claims"):
        plan(wish, made_by_others(kind, profiles={"x0": found}, tools=frozenset({"nmcli"})))
    assert plan(wish, made_by_others(kind, profiles={"x0": replace(found, in_memory=False)})).keepings[0].command


def test_what_networkd_makes_itself_is_written_down() -> None:
    assert plan({"x0": {"present": ["10.9.0.9/24"]}}, made_by_others("dummy", netdevs=frozenset({"x0"}))).keepings


def test_a_wired_connection_in_memory_is_kept_by_being_changed() -> None:
    auto = Profile("u", "Wired connection 1", {4: "auto", 6: "auto"}, (), in_memory=True)
    assert plan(ADD, replace(BASE, profiles={"eth1": auto}, tools=frozenset({"nmcli"}))).keepings[0].command


@pytest.mark.parametrize(
    ("name", "text", "refused"),
    [
        ("05-a", "[Match]\nName=eth*\n[Link]\nUnmanaged=yes\n", True),
        ("05-a", "[Match]\nName=eth1 eth2\n[Link]\nUnmanaged=True\n", True),
        ("05-a", "[Match]\nType=ether\n[Link]\nUnmanaged=1\n", True),
        ("05-a", "[Match]\nMACAddress=02:00:00:00:00:01\n[Link]\nUnmanaged=yes\n", True),
        ("05-a", "[Match]\nMACAddress=02:00:00:00:00:02\n[Link]\nUnmanaged=yes\n", False),
        ("05-a", "[Match]\nName=!eth1\n[Link]\nUnmanaged=yes\n", False),
        ("05-a", "[Match]\nName=eth2\n[Link]\nUnmanaged=yes\n", False),
        ("05-a", "[Match]\nName=eth1\n[Link]\nUnmanaged=no\n", False),
        ("90-a", "[Match]\nName=eth1\n[Link]\nUnmanaged=yes\n", False),
    ],
)
def test_a_file_that_networkd_would_never_read_is_not_written(name: str, text: str, refused: bool) -> None:
    links = (Link("eth0"), Link("eth1", mac="02:00:00:00:00:01"))
    path = f"/etc/systemd/network/{name}.network"
    found = replace(BASE, links=links, units={"eth0": UNIT, "eth1": ""}, files={path: text})
    if refused:
        with pytest.raises(Refusal, match=f"{path} has Unmanaged=yes and fits eth1"):
            plan(ADD, found)
    else:
        assert plan(ADD, found).keepings


# -- what is read


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace")
def test_each_file_of_ifupdown_is_read_once_and_as_ifupdown_does(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    main = f"source\t{tmp_path}/d/*\n  source d/a\nsource-directory d\nsource {tmp_path}/interfaces\nsource d/[a-c]*\n"
    files = {"interfaces": main, "d/a": "iface a inet manual\n", "d/b.x": "@@ links\nsource /none/*\n", "d/c": "# c\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    text = script("interfaces").replace("/etc/network/", f"{tmp_path}/")
    said = subprocess.run(["unshare", "-mn", "sh", "-c", text], capture_output=True, text=True, check=True).stdout
    found = parse_interfaces(said.splitlines(), NONCE)
    assert {path: text for path, text in found.files.items() if str(tmp_path) in path} == {
        f"{tmp_path}/{name}": text for name, text in files.items()
    }


# -- what an interface is, and what it is called


def link_lines(*lines: str) -> HostInterfaces:
    return parse_interfaces(["@@ who", "root", "@@ links", *lines, "@@ addresses"])


VRF = (
    "5: mgmt: <NOARP,MASTER,UP> mtu 65575 qdisc noqueue state UP mode DEFAULT group default qlen 1000\\    link/ether "
    "1e:93:1a:0e:db:02 brd ff:ff:ff:ff:ff:ff promiscuity 0 \\    vrf table 10 addrgenmode eui64 ",
    "6: eth1: <BROADCAST,UP> mtu 1500 qdisc noqueue master mgmt state UP mode DEFAULT\\    link/ether "
    "1e:93:1a:0e:db:03 brd ff:ff:ff:ff:ff:ff promiscuity 0 \\    vrf_slave table 10 \\    altname enp3s0",
    "7: v1@v2: <BROADCAST,MULTICAST,M-DOWN> mtu 1500 qdisc noop master br0 state DOWN mode DEFAULT\\    link/ether "
    "1e:93:1a:0e:db:04 brd ff:ff:ff:ff:ff:ff promiscuity 1 \\    veth \\    bridge_slave state disabled priority 32 ",
    "8: br0: <BROADCAST> mtu 1500 qdisc noop state DOWN mode DEFAULT\\    link/ether 9a:c3:04:39:61:f4 brd "
    "ff:ff:ff:ff:ff:ff promiscuity 0 \\    bridge forward_delay 1500 hello_time 200 ",
    "9: eth9: <BROADCAST> mtu 1500 qdisc noop state DOWN\\    link/ether 9a:c3:04:39:61:f5 brd ff:ff:ff:ff:ff:ff "
    "promiscuity 0 \\    vf 0     link/ether 00:00:00:00:00:00 brd ff:ff:ff:ff:ff:ff \\    alias bridge to the lab",
)


def test_kinds_masters_and_names_are_told_apart() -> None:
    found = {link.name: link for link in link_lines(*VRF).links}
    assert found == {
        "mgmt": Link("mgmt", "", "vrf", (), "1e:93:1a:0e:db:02"),
        "eth1": Link("eth1", "mgmt", "", ("enp3s0",), "1e:93:1a:0e:db:03"),
        "v1": Link("v1", "br0", "veth", (), "1e:93:1a:0e:db:04"),
        "br0": Link("br0", "", "bridge", (), "9a:c3:04:39:61:f4"),
        "eth9": Link("eth9", "", "", (), "9a:c3:04:39:61:f5"),
    }


def test_an_interface_in_a_vrf_gets_addresses_and_a_port_of_a_bridge_does_not() -> None:
    found = replace(BASE, links=link_lines(*VRF).links)
    assert plan({"eth1": {"present": ["10.9.0.9/24"]}}, found, persist=False).changes
    with pytest.raises(Refusal, match="v1 is a port of br0"):
        plan({"v1": {"present": ["10.9.0.9/24"]}}, found, persist=False)


def test_another_name_of_an_interface_is_answered_with_the_one_to_use() -> None:
    found = replace(BASE, links=link_lines(*VRF).links)
    with pytest.raises(Refusal, match=r"enp3s0 is another name of eth1.*write eth1"):
        plan({"enp3s0": {"present": ["10.9.0.9/24"]}}, found)


SAME = "{n}: {name}    inet 10.0.0.1/32 scope global {name}\\       valid_lft forever preferred_lft forever"


def test_what_is_so_is_so() -> None:
    both = [SAME.format(n=n, name=name) for n, name in ((2, "eth0"), (3, "eth1"))]
    wish = {"eth1": {"present": ["10.0.0.1/32"]}}
    assert plan(wish, replace(BASE, addresses=parse_addresses(both)), persist=False).lines == ()
    alone = replace(BASE, addresses=parse_addresses(both[:1]))
    with pytest.raises(Refusal, match="take it from there first"):
        plan(wish, alone, persist=False)
    came = Way(ip_address("10.0.0.9"), ip_address("10.0.0.1"), "eth0")
    with pytest.raises(Refusal) as refused:
        plan(wish, replace(alone, way=came), persist=False)
    assert "take it from there" not in str(refused.value)
    assert "give eth1 another one" in str(refused.value)


def test_stanzas_without_a_family_are_read_and_not_written_twice() -> None:
    text = "auto eth1\niface eth1\n    address 10.77.0.5/24\n    address 10.77.0.6/24\n    bridge-ports eth9\n"
    found = replace(BASE, tools=frozenset({"ifup"}), files={ifupdown.MAIN: text})
    found = replace(found, addresses=parse_addresses([ON_E0, ON_E1, ON_E1.replace("0.5", "0.6")]))
    assert plan({"eth1": {"present": ["10.77.0.5/24", "10.77.0.6/24"], "exact": True}}, found).lines == ()
    one = plan({"eth1": {"absent": ["10.77.0.5/24"]}}, found)
    assert written(one) == {ifupdown.MAIN: text.replace("    address 10.77.0.5/24\n", "")}
