"""Containers of Docker and Podman."""

import shlex
from collections.abc import Mapping
from typing import Any

from pyinfra import host
from pyinfra.api import StringCommand
from pyinfra.api.operation import OperationMeta
from typing_extensions import Unpack

from hostwright.base.arguments import NamedArguments
from hostwright.base.observe import observe
from hostwright.base.refusing import named, refusing
from hostwright.base.scripts import script
from hostwright.base.settings import validated
from hostwright.docker.facts import HostContainers
from hostwright.docker.plan import Change, PolicyPlan, decide, draw, policies
from hostwright.docker.settings import RestartPolicies
from hostwright.lock.held import fenced
from hostwright.planned import planned


@named
def restart_policy(container: str, policy: str | bool, **arguments: Unpack[NamedArguments]) -> OperationMeta:
    """
    Set the restart policy of a container that exists, running or stopped; it is not started, stopped or made anew.

    + container: its name, a shell pattern (`web-*`), or `label=KEY` or `label=KEY=VALUE`; root's, or, where none of
      these fits, users' own; with `bob/` before it, those of bob
    + policy: `no`, `on-failure`, `on-failure:5`, `unless-stopped` or `always`

    Refused, before anything is changed on any host: a container, pattern or label that fits none; one made with `--rm`;
    an unknown policy, retries with another one than on-failure; an engine that does not answer, or may not be asked.
    Source: docker-update(1), podman-update(1).

    **Example:**

    .. code:: python

        from hostwright import docker

        docker.restart_policy("web-*", "unless-stopped")
    """
    return restart_policies({container: policy}, **arguments)


@named
def restart_policies(rules: Mapping[str, str | bool], **arguments: Unpack[NamedArguments]) -> OperationMeta:
    """
    Set the restart policies of several containers, with one command for each policy.

    + rules: policies by container, each as `restart_policy` takes them

    Refused as by `restart_policy`, and two rules that want different things of one container.

    **Example:**

    .. code:: python

        from hostwright import docker

        docker.restart_policies({"web-*": "always", "label=tier=db": "unless-stopped"})
    """
    with refusing():
        rules = policies(validated(RestartPolicies, {"restart_policies": rules}).restart_policies)

    def plan(arguments: Mapping[str, Any]) -> PolicyPlan:
        return decide(observe(HostContainers, arguments), rules)

    def drawn(plan: PolicyPlan) -> str:
        return draw(host.name, plan) if plan.changes or plan.warnings else ""

    def acts(plan: PolicyPlan) -> list[StringCommand]:
        return [fenced(command(change)) for change in plan.changes]

    return planned(f"Restart policies of {', '.join(rules)}", plan, drawn, acts, arguments, "setting restart policies")


def command(change: Change) -> str:
    """What changes the policies, done by whoever the engine answers."""
    ids = " ".join(shlex.quote(container.id) for container in change.containers)
    text = f"docker update --restart={change.policy} {ids}"
    if change.engine.name == "podman":
        # It takes one at a time.
        text = f'for id in {ids}; do podman update --restart={change.policy} "$id" || exit; done'
    owner = change.engine.owner
    if not owner:
        return f"{script('snap')}{text}"
    words = shlex.join([owner.name, str(owner.uid), owner.home, "120", f"{{ {text}; }} && echo end=yes"])
    return (
        f"{script('snap', 'as_user')}said=$(as_user {words}); "
        "case $said in *end=yes) ;; *) printf '%s\\n' \"$said\" >&2; exit 1 ;; esac"
    )
