import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from pyinfra.api import Config, Inventory, State
from pyinfra.api import Host as PyinfraHost
from pyinfra.api.connect import connect_all
from pyinfra.context import ctx_host, ctx_state

from tests.shells import in_turn
from tests.unit.lvm.mounts import Host

_PATH = os.environ["PATH"]
# How long one example takes depends on what else the machine does.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Whoever starts `sh` in a test gets the shell whose turn it is."""
    os.environ["PATH"] = f"{in_turn(item.nodeid)}:{_PATH}"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    for other in reversed(made.others):
        other.kill()
        other.wait()


@pytest.fixture
def here() -> Iterator[PyinfraHost]:
    """This machine, as pyinfra knows it within a deploy."""
    state = State(Inventory((["@local"], {})), Config())
    connect_all(state)
    host = state.inventory.get_host("@local")
    with ctx_state.use(state), ctx_host.use(host):
        yield host
