"""Whole answers of hosts, recorded on real ones after a deploy: what is read from them, and what is planned then."""

from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from hostwright.base.settings import validated
from hostwright.interface.backends.choice import claims
from hostwright.interface.facts import HostInterfaces, Way, parse_interfaces
from hostwright.interface.plan import AddressPlan, decide
from hostwright.interface.settings import AddressesSettings

FIXTURES = Path(__file__).parents[1] / "fixtures"
KEPT_IN = {
    "networkd": "/etc/systemd/network/70-hostwright-eth1.network",
    "ifupdown": "/etc/network/interfaces.d/hostwright",
    "netplan": "/etc/netplan/90-hostwright.yaml",
    "network-manager": "connection lan",
}
PRESENT = ["10.9.0.6/24", "10.9.0.8/24", "fd00:9::6/64"]


def recorded(backend: str) -> HostInterfaces:
    return parse_interfaces((FIXTURES / f"interfaces_debian12_{backend}.txt").read_text().splitlines())


def plan(found: HostInterfaces, **wanted: Any) -> AddressPlan:
    return decide(found, validated(AddressesSettings, {"addresses": {"eth1": wanted}}))


@pytest.mark.parametrize("backend", KEPT_IN)
def test_what_a_deploy_left_needs_nothing_more(backend: str) -> None:
    found = recorded(backend)
    assert found.way == Way(ip_address("10.0.2.2"), ip_address("10.0.2.15"), "eth0")
    # networkd has not read the file yet.
    assert claims(found, "eth1") == ([] if backend == "networkd" else [backend])
    assert plan(found, present=PRESENT).lines == ()
    assert plan(found, present=PRESENT[1:], absent=PRESENT[:1]).lines == (
        "eth1: 10.9.0.6/24 is removed",
        f"eth1: 10.9.0.6/24 will not come back after a boot ({KEPT_IN[backend]})",
    )


@pytest.mark.parametrize(
    ("backend", "place"), [("netplan", "/etc/netplan/10-lan.yaml"), ("network-manager", KEPT_IN["network-manager"])]
)
def test_exact_takes_what_was_there_before(backend: str, place: str) -> None:
    assert plan(recorded(backend), present=PRESENT, exact=True).lines == (
        "eth1: 10.9.0.9/24 is removed",
        f"eth1: 10.9.0.9/24 will not come back after a boot ({place})",
    )
