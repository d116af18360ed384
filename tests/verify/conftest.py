"""`pytest tests/verify --inventory PATH`: looks at the hosts of a pyinfra inventory, and changes nothing on them."""

from pathlib import Path

import pytest
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from testinfra.host import Host as TestinfraHost  # type: ignore[import-untyped]

from hostwright.verify.inventory import PyinfraBackend, targets

_TARGETS = pytest.StashKey[list[Host]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--inventory", metavar="PATH", help="the inventory that the hosts were deployed with")


def pytest_configure(config: pytest.Config) -> None:
    # Where the other tests are run from above, this file is read too late to have an option.
    inventory = config.getoption("--inventory", default="")
    if inventory == "":
        return
    if inventory is None:
        raise pytest.UsageError("these tests look at real hosts; say at which: pytest tests/verify --inventory PATH")
    try:
        config.stash[_TARGETS] = targets(inventory)
    except PyinfraError as error:
        raise pytest.UsageError(f"--inventory {inventory}: {error}") from error
    if not config.stash[_TARGETS]:
        raise pytest.UsageError(f"--inventory {inventory}: no hosts there")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return None if _TARGETS in config.stash else True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames:
        found = metafunc.config.stash[_TARGETS]
        metafunc.parametrize("target", found, ids=[target.name for target in found], scope="session")


@pytest.fixture(scope="session")
def host(target: Host) -> TestinfraHost:
    """The host as testinfra sees it."""
    backend = PyinfraBackend(target)
    found = TestinfraHost(backend)
    backend.set_host(found)
    return found
