"""`pytest tests/verify --inventory PATH`: looks at the hosts of a pyinfra inventory, and changes nothing on them."""

from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    if not _has_hosts(config) and any(_is_here(config, argument) for argument in config.args):
        raise pytest.UsageError("these tests look at real hosts; say at which: pytest tests/verify --inventory PATH")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    # Whoever runs all tests of the project has no hosts in mind.
    return None if _has_hosts(config) else True


def _has_hosts(config: pytest.Config) -> bool:
    return config.getoption("--inventory", default=None) is not None


def _is_here(config: pytest.Config, argument: str) -> bool:
    path = config.invocation_params.dir / argument.split("::")[0]
    return path.resolve().is_relative_to(Path(__file__).parent.resolve())
