"""What `deploys/restart_policy.py` leaves behind: each container with the policy of its rule."""

from collections.abc import Callable
from typing import Any

import pytest
from pyinfra.api.host import Host as Target

from hostwright.base.engine import as_owner
from hostwright.base.observe import ScriptFact
from hostwright.base.verify import Host
from hostwright.docker.facts import HostContainers
from hostwright.docker.plan import normalized, select
from hostwright.docker.verify import Container


@pytest.fixture(scope="session")
def rules(target: Target) -> dict[str, str | bool]:
    wished: dict[str, str | bool] | None = target.data.get("docker_restart_policies")
    if not wished:
        pytest.skip(f"{target.name} has no docker_restart_policies")
    return wished


def test_every_container_has_the_policy_of_its_rule(
    host: Host, observed: Callable[[type[ScriptFact[Any]]], Any], rules: dict[str, str | bool]
) -> None:
    found = observed(HostContainers)
    for selector, policy in rules.items():
        for engine, container in select(found, selector).values():
            asked = as_owner(engine.owner.name, engine.owner.uid, engine.name) if engine.owner else engine.name
            assert Container(host, container.id, asked).restart_policy == normalized(policy)
