"""`pytest tests/verify --inventory PATH`: looks at the hosts of a pyinfra inventory, and changes nothing on them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.api.host import Host
from pyinfra.context import ctx_host
from testinfra.host import Host as TestinfraHost

from hostwright.base.observe import ScriptFact, observe
from hostwright.inventory.testinfra import PyinfraBackend, targets

_TARGETS = pytest.StashKey[list[Host]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--inventory", metavar="PATH", help="the inventory that the hosts were deployed with")


def pytest_configure(config: pytest.Config) -> None:
    inventory = config.getoption("--inventory", default=None)
    if inventory is None:
        if any(_is_here(config, argument) for argument in config.args):
            raise pytest.UsageError(
                "these tests look at real hosts; say at which: pytest tests/verify --inventory PATH"
            )
        return
    try:
        config.stash[_TARGETS] = targets(inventory)
    except PyinfraError as error:
        raise pytest.UsageError(f"--inventory {inventory}: {error}") from error
    if not config.stash[_TARGETS]:
        raise pytest.UsageError(f"--inventory {inventory}: no hosts there")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    # Whoever runs all tests of the project has no hosts in mind.
    return None if _TARGETS in config.stash else True


def _is_here(config: pytest.Config, argument: str) -> bool:
    path = config.invocation_params.dir / argument.split("::")[0]
    return path.resolve().is_relative_to(Path(__file__).parent.resolve())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames:
        found = metafunc.config.stash[_TARGETS]
        metafunc.parametrize("target", found, ids=[target.name for target in found], scope="session")


@pytest.fixture(scope="session")
def host(target: Host) -> TestinfraHost:
    """The host as testinfra sees it."""
    try:
        target.connect(show_errors=False, raise_exceptions=True)
    except ConnectError as error:
        pytest.fail(f"{target.name}: {error}", pytrace=False)
    backend = PyinfraBackend(target)
    found = TestinfraHost(backend)
    backend.set_host(found)
    return found


@pytest.fixture(scope="session")
def observed(target: Host, host: TestinfraHost) -> Callable[[type[ScriptFact[Any]]], Any]:  # noqa: ARG001 - it connects
    """What a fact of ours says of the host."""

    def look(fact: type[ScriptFact[Any]]) -> Any:
        with ctx_host.use(target):
            found = observe(fact, {})
        assert found is not None, "the host did not tell (see its words above)"
        return found

    return look
