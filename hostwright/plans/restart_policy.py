"""Which containers get which restart policy."""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass

from hostwright.facts.docker import Container, Containers
from hostwright.plans.engine import must_answer
from hostwright.refusal import Refusal
from hostwright.shown import shown

POLICIES = ("no", "on-failure", "unless-stopped", "always")
_COMPOSE = "com.docker.compose."


@dataclass(frozen=True)
class PolicyPlan:
    """
    + changes: the containers that change, by the policy that they get
    + warnings: what to know about containers that keep or get their policy
    """

    engine: str
    changes: Mapping[str, tuple[Container, ...]]
    warnings: tuple[str, ...] = ()


def decide(found: Containers, rules: Mapping[str, str | bool]) -> PolicyPlan:
    """
    + rules: policies by container: its name, a shell pattern, or `label=KEY` or `label=KEY=VALUE`
    """
    wished = {selector: normalized(selector, policy) for selector, policy in rules.items()}
    if not found.engine:
        raise Refusal("there is neither docker nor podman on this host")
    must_answer(found.engine, found.user, found.error)
    chosen: dict[str, tuple[Container, str]] = {}
    for selector, policy in wished.items():
        for container in select(found, selector):
            _, other = chosen.setdefault(container.id, (container, selector))
            if wished[other] != policy:
                raise Refusal(
                    f"container {container.name}: {other!r} wants {wished[other]}, and {selector!r} wants {policy}; "
                    "say one of them"
                )
    changes: dict[str, list[Container]] = {}
    warnings = []
    for container, selector in chosen.values():
        policy = wished[selector]
        _check_supervisor(container)
        if container.auto_remove and policy != "no":
            raise Refusal(
                f"container {container.name} was made with --rm: it goes when it ends, so it takes no restart policy "
                f"({policy}); make it anew without --rm"
            )
        warnings += _warnings(found.engine, container, policy)
        if container.policy != policy:
            changes.setdefault(policy, []).append(container)
    if changes and not found.updates:
        raise Refusal(f"this {found.engine} cannot change the policy of a container: it has no update --restart")
    return PolicyPlan(found.engine, {policy: tuple(some) for policy, some in changes.items()}, tuple(warnings))


def normalized(selector: str, policy: str | bool) -> str:
    """The policy as it is compared; YAML takes `no` for false."""
    if policy is False:
        return "no"
    name, colon, retries = str(policy).partition(":")
    if policy is True or name not in POLICIES:
        raise Refusal(f"{selector}: {policy!r} is no restart policy; it is one of {', '.join(POLICIES)}, on-failure:5")
    if not colon:
        return name
    if name != "on-failure":
        raise Refusal(f"{selector}: {policy!r}: only on-failure takes a number of retries")
    if not re.fullmatch("[0-9]+", retries):
        raise Refusal(f"{selector}: {policy!r}: the number of retries is a number from 0 on (0: no limit)")
    return f"{name}:{int(retries)}" if int(retries) else name


def select(found: Containers, selector: str) -> list[Container]:
    """The containers that a rule is about, at least one."""
    if selector.startswith("label="):
        key, equals, value = selector.removeprefix("label=").partition("=")
        some = [one for one in found.containers if key in one.labels and (not equals or one.labels[key] == value)]
    elif re.search(r"[*?\[]", selector):
        some = [one for one in found.containers if fnmatch.fnmatchcase(one.name, selector)]
    else:
        some = [one for one in found.containers if one.name == selector]
    if not some:
        names = ", ".join(sorted(one.name for one in found.containers)) or "none at all"
        raise Refusal(f"no container is {selector!r}; there are: {names}")
    return some


def _check_supervisor(container: Container) -> None:
    """Refuses what an orchestrator starts and ends: a policy of the engine would start a second one beside it."""
    labels = container.labels
    if any(key.startswith("com.docker.swarm.") for key in labels):
        service = labels.get("com.docker.swarm.service.name", "SERVICE")
        raise Refusal(
            f"container {container.name} is a task of the swarm service {service}, which starts another one where it "
            f"ends: docker service update --restart-condition any {service} (or none, on-failure)"
        )
    if any(key.startswith("io.kubernetes.") for key in labels):
        pod = labels.get("io.kubernetes.pod.name", "?")
        raise Refusal(
            f"container {container.name} is of the Kubernetes pod {pod}, whose restartPolicy says what becomes of it"
        )


def _warnings(engine: str, container: Container, policy: str) -> list[str]:
    warnings = []
    unit = container.labels.get("PODMAN_SYSTEMD_UNIT", "")
    if unit:
        warnings.append(f"{container.name} is started and stopped by {unit}: what Restart= says there counts, too")
    elif engine == "podman" and policy not in ("no", "always"):
        warnings.append(f"{container.name}: podman starts none with {policy} as the host boots; always does that")
    elif engine == "podman" and policy == "always":
        warnings.append(
            f"{container.name} starts as the host boots if podman-restart.service is enabled (systemctl enable it)"
        )
    project = container.labels.get(f"{_COMPOSE}project")
    if project:
        service = container.labels.get(f"{_COMPOSE}service", "?")
        file = container.labels.get(f"{_COMPOSE}project.config_files", "its compose file")
        warnings.append(
            f"{container.name} is service {service} of the compose project {project}: when compose makes it anew, its "
            f"policy is what {file} says; write it there, too"
        )
    if policy == "always" and container.status in ("exited", "created"):
        warnings.append(f"{container.name} is stopped: with always it starts when the daemon or the host next does")
    return warnings


def draw(host: str, plan: PolicyPlan) -> str:
    lines = [f"{host}: restart policies of {plan.engine} containers"]
    for policy, containers in plan.changes.items():
        lines += [f"  {container.name}: {container.policy} -> {policy}" for container in containers]
    if not plan.changes:
        lines.append("  nothing to do: they are as wanted")
    return "\n".join([*lines, *(f"  note: {shown(warning)}" for warning in plan.warnings)])
