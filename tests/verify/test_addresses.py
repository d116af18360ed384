"""What `deploys/addresses.py` leaves behind: the addresses that are wanted, now and after a boot."""

from collections.abc import Callable
from typing import Any

import pytest
from pyinfra.api.host import Host as Target

from hostwright.base.observe import ScriptFact
from hostwright.base.settings import validated
from hostwright.interface.facts import Interfaces
from hostwright.interface.plan import decide
from hostwright.interface.settings import AddressesSettings


@pytest.fixture(scope="session")
def wish(target: Target) -> AddressesSettings:
    if not target.data.get("interface_addresses"):
        pytest.skip(f"{target.name} has no interface_addresses")
    values = {name: target.data.get(f"interface_{name}") for name in AddressesSettings.model_fields}
    return validated(AddressesSettings, values)


def test_there_is_nothing_left_to_do(observed: Callable[[type[ScriptFact[Any]]], Any], wish: AddressesSettings) -> None:
    assert decide(observed(Interfaces), wish).lines == ()
