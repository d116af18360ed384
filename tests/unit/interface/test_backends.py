"""The table of those that keep addresses: one more is a class of its own and a line in the table."""

import base64
import io
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_interface

import pytest

from hostwright.base.refusal import Refusal
from hostwright.base.settings import validated
from hostwright.interface.backends import BACKENDS
from hostwright.interface.backends.backend import Backend, Keeping
from hostwright.interface.backends.choice import claims
from hostwright.interface.facts import HostInterfaces, Profile
from hostwright.interface.operations import _commands, _packed
from hostwright.interface.plan import AddressPlan, decide
from hostwright.interface.settings import AddressesSettings
from hostwright.interface.static_address import Declared, Static
from hostwright.net.links import Link
from tests.unit.interface.interfaces import BARE

FILE = "/etc/wicked/eth0"
HERE = replace(BARE, links=(Link("eth0"),))


class Wicked(Backend):
    """A line for each address."""

    name = "wicked"

    def is_there(self, found: HostInterfaces) -> bool:
        return "wicked" in found.tools

    def claims(self, found: HostInterfaces, interface: str) -> bool:
        return f"/etc/wicked/{interface}" in found.files

    def cannot(self, static: Static) -> str:
        return "wicked knows no label" if static.label else ""

    def declared(self, found: HostInterfaces, interface: str) -> tuple[Declared, ...]:
        path = f"/etc/wicked/{interface}"
        return tuple(Declared(Static(ip_interface(line)), path) for line in found.files.get(path, "").split())

    def edited(self, found: HostInterfaces, interface: str, add: Sequence[Static], remove: Sequence[Static]) -> Keeping:
        kept = [one.static for one in self.declared(found, interface) if one.static not in remove]
        text = "".join(f"{static.address}\n" for static in (*kept, *add))
        return Keeping(interface, self.name, {f"/etc/wicked/{interface}": text}, ("wicked", "reload"), mode=0o640)


def plan(found: HostInterfaces, backend: str | None = None, **wish: object) -> AddressPlan:
    return decide(found, validated(AddressesSettings, {"addresses": {"eth0": wish}, "backend": backend}))


@pytest.fixture
def _one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "wicked", Wicked())


@pytest.mark.usefixtures("_one_more")
@pytest.mark.parametrize("backend", [None, "wicked"])
def test_one_more_is_a_class_and_a_line(backend: str | None) -> None:
    found = replace(HERE, tools=frozenset({"wicked"}), files={FILE: "10.0.0.5/24\n10.0.0.6/24\n"})
    assert claims(found, "eth0") == ["wicked"]
    made = plan(found, backend, present=["10.0.0.7/24"], absent=["10.0.0.5/24"])
    [keeping] = made.keepings
    assert keeping.files == {FILE: "10.0.0.6/24\n10.0.0.7/24\n"}
    assert keeping.asks == (("wicked", "eth0", "10.0.0.7"),)
    assert made.lines[-2:] == (
        f"eth0: 10.0.0.7/24 will be there after a boot ({FILE})",
        f"eth0: 10.0.0.5/24 will not come back after a boot ({FILE})",
    )
    assert _commands(made) == "wicked reload && :"
    with pytest.raises(Refusal, match="wicked knows no label"):
        plan(found, backend, present=[{"address": "10.0.0.7/24", "label": "eth0:1"}])
    # Nobody has claimed it, and nobody else is there.
    assert plan(replace(found, files={}), backend, present=["10.0.0.7/24"]).keepings[0].files == {FILE: "10.0.0.7/24\n"}


@pytest.mark.usefixtures("_one_more")
def test_one_more_is_weighed_against_the_others() -> None:
    files = {FILE: "", "/etc/network/interfaces": "iface eth0 inet manual\n"}
    both = replace(HERE, tools=frozenset({"ifup"}), files=files)
    with pytest.raises(Refusal, match=r"claimed by ifupdown and wicked.*interface_backend=ifupdown"):
        plan(both, present=["10.0.0.7/24"])
    with pytest.raises(Refusal, match=r"interface_backend = 'wicked': it is not at work for eth0"):
        plan(both, "wicked", present=["10.0.0.7/24"])


def test_no_other_one_is_known() -> None:
    names = "netplan, networkd, network-manager, ifupdown, ifcfg"
    for name in ("wicked", "", "Netplan"):
        with pytest.raises(Refusal, match=f"interface_backend = '{name}': it should be one of {names}"):
            plan(HERE, name, present=["10.0.0.7/24"])


@pytest.mark.parametrize("name", list(BACKENDS))
def test_each_stands_under_its_name(name: str) -> None:
    assert BACKENDS[name].name == name
    assert BACKENDS[name].works_by == tuple(one for one in BACKENDS[name].works_by if one in BACKENDS)
    assert not BACKENDS[name].is_there(HERE)
    assert not BACKENDS[name].claims(HERE, "eth0")


@pytest.mark.parametrize(
    ("files", "profile", "unit", "who"),
    [
        ({}, "lan", "", ["network-manager"]),
        ({"/etc/sysconfig/network-scripts/ifcfg-eth0": ""}, "lan", "", ["network-manager"]),
        ({"/etc/sysconfig/network-scripts/ifcfg-eth0": ""}, "", "", ["ifcfg"]),
        ({"/etc/netplan/a.yaml": "network: {ethernets: {eth0: {}}}"}, "netplan-eth0", "", ["netplan"]),
        ({"/etc/netplan/a.yaml": "network: {ethernets: {eth0: {}}}"}, "", "/run/10-netplan-eth0.network", ["netplan"]),
        ({}, "", "/etc/systemd/network/a.network", ["networkd"]),
        ({}, "lan", "/etc/systemd/network/a.network", ["networkd", "network-manager"]),
        ({}, "", "/usr/lib/systemd/network/a.network", []),
    ],
)
def test_whoever_works_by_another_one_claims_alone(
    files: dict[str, str], profile: str, unit: str, who: list[str]
) -> None:
    profiles = {"eth0": Profile("u", profile, {4: "auto", 6: "auto"}, ())} if profile else {}
    units = {"eth0": unit} if unit else {}
    assert claims(replace(HERE, files=files, profiles=profiles, units=units), "eth0") == who


OTHER = {"/etc/netplan/a.yaml": "network: {ethernets: {eth9: {}}}"}


@pytest.mark.parametrize(
    ("tools", "files", "units", "who"),
    [
        ({"netplan", "ifup", "nmcli"}, OTHER, {"eth0": ""}, "netplan"),
        # Where netplan has no files, it is not what keeps addresses here.
        ({"netplan", "ifup", "nmcli"}, {}, {"eth0": ""}, "networkd"),
        ({"netplan", "ifup", "nmcli", "network-scripts"}, {}, {}, "ifupdown"),
        ({"nmcli", "network-scripts"}, {}, {}, "ifcfg"),
        # NetworkManager keeps its own alone.
        ({"netplan", "nmcli"}, {}, {}, ""),
    ],
)
def test_who_takes_what_nobody_has(tools: set[str], files: dict[str, str], units: dict[str, str], who: str) -> None:
    found = replace(HERE, tools=frozenset(tools), files=files, units=units)
    if who:
        assert [one.backend for one in plan(found, present=["10.0.0.7/24"]).keepings] == [who]
    else:
        with pytest.raises(Refusal, match="nothing on this host keeps addresses of eth0"):
            plan(found, present=["10.0.0.7/24"])
    if "nmcli" in tools:
        with pytest.raises(Refusal, match="interface_backend = 'network-manager': it is not at work for eth0"):
            plan(found, "network-manager", present=["10.0.0.7/24"])


@pytest.mark.parametrize(
    ("name", "label", "asked"), [("ifupdown", "", "eth0"), ("ifupdown", "eth0:1", "eth0:1"), ("netplan", "", "lan")]
)
def test_tools_are_asked_by_their_own_names(name: str, label: str, asked: str) -> None:
    lan = {"/etc/netplan/a.yaml": "network: {ethernets: {lan: {match: {macaddress: '52:54:00:12:34:56'}}}}"}
    found = replace(HERE, tools=frozenset({"ifup"}))
    if name == "netplan":
        unit = {"eth0": "/run/systemd/network/10-netplan-lan.network"}
        found = replace(HERE, tools=frozenset({"netplan"}), files=lan, units=unit)
    [keeping] = plan(found, present=[{"address": "10.0.0.7/24", "label": label}]).keepings
    assert keeping.asks == ((name, asked, "10.0.0.7"),)


def modes(found: HostInterfaces) -> dict[str, int]:
    packed = base64.b64decode(_packed(plan(found, present=["10.0.0.7/24"])))
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        return {entry.name: entry.mode for entry in tar}


def test_files_of_netplan_are_for_root_alone() -> None:
    files = {"/etc/netplan/a.yaml": "network: {ethernets: {eth0: {}}}"}
    netplan = replace(HERE, tools=frozenset({"netplan"}), files=files)
    assert modes(netplan) == {"etc/netplan/90-hostwright.yaml": 0o600}
    assert modes(replace(HERE, tools=frozenset({"ifup"}))) == {"etc/network/interfaces": 0o644}
