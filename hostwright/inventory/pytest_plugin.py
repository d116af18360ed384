"""`pytest --inventory PATH`: tests look at the hosts of a pyinfra inventory, and change nothing on them.

Every pytest in an environment that has hostwright loads this; what it needs, only with that option.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--inventory", metavar="PATH", help="the pyinfra inventory of the hosts that tests look at")


def pytest_configure(config: pytest.Config) -> None:
    inventory = config.getoption("--inventory")
    if inventory is None:
        return
    try:
        from hostwright.inventory import fixtures
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "testinfra":
            raise
        raise pytest.UsageError("--inventory needs pytest-testinfra: pip install 'hostwright[verify]'") from None
    fixtures.read(config, inventory)
    # Not sooner: its `host` stands in front of testinfra's own.
    config.pluginmanager.register(fixtures, fixtures.__name__)
