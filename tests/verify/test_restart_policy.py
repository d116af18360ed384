"""What `deploys/restart_policy.py` leaves behind: each container with the policy of its rule."""

import pytest
from pyinfra.api.host import Host as Target

from hostwright.facts.docker import HostContainers
from hostwright.plans.restart_policy import normalized, select
from hostwright.verify.commands import Host, output
from hostwright.verify.docker import Container


@pytest.fixture(scope="session")
def rules(target: Target) -> dict[str, str | bool]:
    wished: dict[str, str | bool] | None = target.data.get("docker_restart_policies")
    if not wished:
        pytest.skip(f"{target.name} has no docker_restart_policies")
    return wished


def test_every_container_has_the_policy_of_its_rule(host: Host, rules: dict[str, str | bool]) -> None:
    fact = HostContainers()
    found = fact.process(output(host, fact.command()).splitlines())
    for selector, policy in rules.items():
        for container in select(found, selector):
            assert Container(host, container.name).restart_policy == normalized(selector, policy)
