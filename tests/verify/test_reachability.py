"""What `deploys/reachability.py` guards: nothing is open to the Internet that may not be."""

from collections.abc import Callable
from typing import Any

import pytest
from pyinfra.api.host import Host as Target

from hostwright.facts.observe import ScriptFact
from hostwright.facts.reachability import Reachability
from hostwright.plans.reachability import judge
from hostwright.settings import validated
from hostwright.settings_reachability import ReachabilitySettings


@pytest.fixture(scope="session")
def wish(target: Target) -> ReachabilitySettings:
    if target.data.get("reachability_allow") is None:
        pytest.skip(f"{target.name} has no reachability_allow")
    values = {name: target.data.get(f"reachability_{name}") for name in ReachabilitySettings.model_fields}
    return validated(ReachabilitySettings, "reachability_", values)


def test_nothing_else_is_open_to_the_internet(
    observed: Callable[[type[ScriptFact[Any]]], Any], wish: ReachabilitySettings
) -> None:
    report = judge(observed(Reachability), wish.public, wish.allow)
    assert report.forbidden == ()
    assert report.unjudged == ()
