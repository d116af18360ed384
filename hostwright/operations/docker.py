"""Containers of Docker and Podman."""

import shlex
from collections.abc import Generator, Mapping
from typing import Any

import click
from pyinfra import host
from pyinfra.api import FunctionCommand, StringCommand, operation
from pyinfra.api.exceptions import DeployError
from pyinfra.api.operation import OperationMeta

from hostwright.facts.docker import Containers, HostContainers
from hostwright.facts.observe import observe
from hostwright.operations import lock
from hostwright.operations.replanning import failing, is_stale
from hostwright.plans.restart_policy import PolicyPlan, decide, draw
from hostwright.refusal import Refusal
from hostwright.settings import validated
from hostwright.settings_docker import RestartPolicies


def restart_policy(container: str, policy: str | bool, **arguments: Any) -> OperationMeta:
    """
    Set the restart policy of a container that exists, running or stopped; it is not started, stopped or made anew.

    + container: its name, a shell pattern (`web-*`), or `label=KEY` or `label=KEY=VALUE`
    + policy: `no`, `on-failure`, `on-failure:5`, `unless-stopped` or `always`

    Refused, before anything is changed on any host: a container, pattern or label that fits none; one made with `--rm`;
    an unknown policy, retries with another one than on-failure; an engine that does not answer, or may not be asked.
    Source: docker-update(1), podman-update(1).

    **Example:**

    .. code:: python

        from hostwright.operations import docker

        docker.restart_policy("web-*", "unless-stopped")
    """
    return restart_policies({container: policy}, **arguments)


def restart_policies(rules: Mapping[str, str | bool], **arguments: Any) -> OperationMeta:
    """
    Set the restart policies of several containers, with one command for each policy.

    + rules: policies by container, each as `restart_policy` takes them

    Refused as by `restart_policy`, and two rules that want different things of one container.

    **Example:**

    .. code:: python

        from hostwright.operations import docker

        docker.restart_policies({"web-*": "always", "label=tier=db": "unless-stopped"})
    """
    try:
        rules = validated(RestartPolicies, "docker_", {"restart_policies": rules}).restart_policies
        plan = _plan(rules, arguments)
    except Refusal as refusal:
        raise DeployError(f"{host.name}: refused, nothing was changed: {refusal}") from None
    if plan.changes or plan.warnings:
        click.echo(f"\n{draw(host.name, plan)}\n", err=True)
    return _set(plan=plan, rules=rules, **({"name": f"Restart policies of {', '.join(rules)}"} | arguments))


def _plan(rules: Mapping[str, str | bool], arguments: dict[str, Any]) -> PolicyPlan:
    found: Containers | None = observe(HostContainers, arguments)
    if found is None:
        raise Refusal("the host did not tell what containers it has (see the error above)")
    return decide(found, rules)


@operation()
def _set(plan: PolicyPlan, rules: Mapping[str, str | bool]) -> Generator[StringCommand | FunctionCommand, None, None]:
    if is_stale():
        try:
            plan = _plan(rules, {})
        except Refusal as refusal:
            yield failing(f"refused, and not changed by this operation: {refusal}")
            return
    for policy, containers in plan.changes.items():
        ids = " ".join(shlex.quote(container.id) for container in containers)
        if plan.engine == "docker":
            yield lock.fenced(f"docker update --restart={policy} {ids}")
        else:
            # It takes one at a time.
            yield lock.fenced(f'for id in {ids}; do podman update --restart={policy} "$id" || exit; done')
    if not plan.changes:
        host.noop("they are as wanted")
