"""What `deploys/reachability.py` guards: nothing is open to the Internet that may not be."""

from collections.abc import Callable
from typing import Any

import pytest
from pyinfra.api.host import Host as Target

from hostwright.base.observe import ScriptFact
from hostwright.base.settings import validated
from hostwright.reachability.facts import Reachability
from hostwright.reachability.plan import judge
from hostwright.reachability.settings import ReachabilitySettings


@pytest.fixture(scope="session")
def wish(target: Target) -> ReachabilitySettings:
    if target.data.get("reachability_allow") is None:
        pytest.skip(f"{target.name} has no reachability_allow")
    values = {name: target.data.get(f"reachability_{name}") for name in ReachabilitySettings.model_fields}
    return validated(ReachabilitySettings, values)


def test_nothing_else_is_open_to_the_internet(
    observed: Callable[[type[ScriptFact[Any]]], Any], wish: ReachabilitySettings
) -> None:
    report = judge(observed(Reachability), wish.public, wish.allow)
    assert report.forbidden == ()
    assert report.unjudged == ()
