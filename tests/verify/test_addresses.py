"""What `deploys/addresses.py` leaves behind: the addresses that are wanted, now and after a boot."""

import pytest
from pyinfra.api.host import Host as Target

from hostwright.facts.interfaces import Interfaces
from hostwright.plans.address import decide
from hostwright.settings import validated
from hostwright.settings_addresses import AddressesSettings
from hostwright.verify.commands import Host, output


@pytest.fixture(scope="session")
def wish(target: Target) -> AddressesSettings:
    if not target.data.get("interface_addresses"):
        pytest.skip(f"{target.name} has no interface_addresses")
    values = {name: target.data.get(f"interface_{name}") for name in AddressesSettings.model_fields}
    return validated(AddressesSettings, "interface_", values)


def test_there_is_nothing_left_to_do(host: Host, wish: AddressesSettings) -> None:
    fact = Interfaces()
    assert decide(fact.process(output(host, fact.command()).splitlines()), wish).lines == ()
