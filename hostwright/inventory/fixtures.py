"""What tests have with `pytest --inventory PATH`: `host` as testinfra sees it, `target` as pyinfra does, `observed`."""

from collections.abc import Callable
from typing import Any

import pytest
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.api.host import Host
from pyinfra.context import ctx_host
from testinfra.host import Host as TestinfraHost

from hostwright.base.observe import ScriptFact, observe
from hostwright.inventory.testinfra import PyinfraBackend, targets

_TARGETS = pytest.StashKey[list[Host]]()


def read(config: pytest.Config, inventory: str) -> None:
    try:
        config.stash[_TARGETS] = targets(inventory)
    except PyinfraError as error:
        raise pytest.UsageError(f"--inventory {inventory}: {error}") from error
    if not config.stash[_TARGETS]:
        raise pytest.UsageError(f"--inventory {inventory}: no hosts there")


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
def observed(target: Host, host: TestinfraHost) -> Callable[..., Any]:  # noqa: ARG001 - it connects
    """What a fact of ours says of the host; what it is asked about goes by name."""

    def look(fact: type[ScriptFact[Any]], **about: Any) -> Any:
        with ctx_host.use(target):
            found = observe(fact, {}, **about)
        assert found is not None, "the host did not tell (see its words above)"
        return found

    return look
