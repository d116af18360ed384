"""Which containers get which restart policy."""

import fnmatch
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from textwrap import shorten

from hostwright.base.engine import Container, Engine, as_owner, called, complaint, normalized
from hostwright.base.refusal import Refusal, parted
from hostwright.base.shown import shown
from hostwright.docker.facts import Containers
from hostwright.docker.settings import RestartPolicies

_KEY = RestartPolicies.key("restart_policies")
_COMPOSE = "com.docker.compose."


@dataclass(frozen=True)
class Change:
    """Containers of one engine that get the same policy."""

    engine: Engine
    policy: str
    containers: tuple[Container, ...]


@dataclass(frozen=True)
class PolicyPlan:
    """
    + engines: those whose containers the rules are about, by what they are called
    + warnings: what to know about containers that keep or get their policy
    """

    engines: tuple[str, ...]
    changes: tuple[Change, ...]
    warnings: tuple[str, ...] = ()


# Whose it is (a user id, or nothing), and its own id: a user may say that theirs has the id of another's.
_Key = tuple[int | None, str]
_Found = dict[_Key, tuple[Engine, Container]]


def policies(rules: Mapping[str, str | bool]) -> dict[str, str]:
    """As they are compared; refused is what needs no look at the host."""
    return {selector: _wished(selector, policy) for selector, policy in rules.items()}


def decide(found: Containers, rules: Mapping[str, str | bool]) -> PolicyPlan:
    """
    + rules: policies by container: its name, a shell pattern, or `label=KEY` or `label=KEY=VALUE`; with `USER/` before
      it, of the engines that are this user's own
    """
    wished = policies(rules)
    if not found.engines and not found.unlooked:
        raise Refusal("there is neither docker nor podman on this host", "install one of them", key=_KEY)
    chosen: dict[_Key, tuple[Engine, Container, str]] = {}
    for selector, policy in wished.items():
        for key, (engine, container) in select(found, selector).items():
            _, _, other = chosen.setdefault(key, (engine, container, selector))
            if wished[other] != policy:
                raise Refusal(
                    f"container {_named(engine, container)}: {other!r} wants {wished[other]}, and {selector!r} wants "
                    f"{policy}",
                    "say one of them",
                    key=_KEY,
                )
    changes: dict[tuple[str, str], Change] = {}
    engines = [engine for engine in found.engines if any(engine is one for one, _, _ in chosen.values())]
    warnings = []
    for engine, container, selector in sorted(chosen.values(), key=lambda one: engines.index(one[0])):
        policy, name = wished[selector], _named(engine, container)
        _check_supervisor(container, name)
        if container.auto_remove and policy != "no":
            if unit := container.labels.get("PODMAN_SYSTEMD_UNIT", ""):
                raise Refusal(
                    f"container {name} is made anew by {unit} each time, so it takes no restart policy ({policy})",
                    "Restart= in that unit says what becomes of it",
                    key=_KEY,
                )
            raise Refusal(
                f"container {name} was made with --rm: it goes when it ends, so it takes no restart policy ({policy})",
                "make it anew without --rm",
                key=_KEY,
            )
        warnings += _warnings(engine, container, policy)
        if container.policy == policy:
            continue
        if not engine.updates:
            raise Refusal(
                f"this {engine.name} cannot change the policy of a container: it has no update --restart",
                f"make {name} anew with --restart={policy}",
                key=_KEY,
            )
        together = changes.get((called(engine), policy), Change(engine, policy, ()))
        changes[called(engine), policy] = replace(together, containers=(*together.containers, container))
    warnings += _left(found, wished, chosen.keys())
    return PolicyPlan(tuple(map(called, engines)), tuple(changes.values()), tuple(warnings))


def select(found: Containers, selector: str) -> _Found:
    """The containers that a rule is about, at least one.

    It is about those of whoever asked (root), and about users' own where it fits none of these: what the engine of a
    user says changes nothing for root's.
    """
    user, inner = _split(selector)
    hosts = [engine for engine in found.engines if not engine.owner]
    owned = [engine for engine in found.engines if engine.owner and user in ("", engine.owner.name)]
    if user:
        if not owned:
            raise Refusal(*_nowhere(found, user), key=_KEY, value=selector)
        return _of_users(found, selector, inner, [], owned)
    some = _fitting(hosts, inner)
    silent = [said for engine in hosts if (said := complaint(engine, found.user))]
    # One by its name is found or not; of all that fit some may be where nobody answers.
    if silent and (not some or _is_for_all(inner)):
        others = [f"{engine.owner.name}/{inner}" for engine in owned if engine.owner and _fitting([engine], inner)]
        if some:
            remedy = f"{silent[0].remedy}; or name one by one what {selector!r} is about"
        elif others:
            remedy = f"{silent[0].remedy}; or say {', '.join(others)} for what is there"
        else:
            remedy = silent[0].remedy
        raise Refusal(silent[0].why, remedy, key=_KEY, value=selector)
    return some or _of_users(found, selector, inner, hosts, owned)


def _wished(selector: str, policy: str | bool) -> str:
    try:
        return normalized(policy)
    except ValueError as error:
        raise Refusal(*parted(str(error)), key=_KEY, value={selector: policy}) from None


def _split(selector: str) -> tuple[str, str]:
    """The user, if it names one, and what it is about."""
    user, slash, inner = selector.partition("/")
    return (user, inner) if slash and not selector.startswith("label=") else ("", selector)


def _left(found: Containers, selectors: Collection[str], chosen: Collection[_Key]) -> Iterator[str]:
    """What rules do not reach."""
    for engine in found.engines:
        said = complaint(engine, found.user)
        if said and not engine.owner and not all(_split(selector)[0] for selector in selectors):
            yield f"{said}; what it has is left as it is"
    for selector in selectors:
        user, inner = _split(selector)
        for engine in found.engines:
            left = {key for key in _fitting([engine], inner) if key not in chosen and (None, key[1]) not in chosen}
            if engine.owner and not user and left:
                yield (
                    f"{selector!r} fits {len(left)} of {called(engine)}, too, which stay as they are; for those say "
                    f"{engine.owner.name}/{inner}"
                )


def _of_users(found: Containers, selector: str, inner: str, hosts: list[Engine], owned: list[Engine]) -> _Found:
    some = _fitting(owned, inner)
    if some:
        return some
    names = {called(engine): sorted(one.name for one in engine.containers) for engine in [*hosts, *owned]}
    there = ", ".join(name for engine in hosts for name in names[called(engine)]) or "none at all"
    for engine in owned:
        if names[called(engine)]:
            there += f"; of {called(engine)}: {shorten(', '.join(names[called(engine)]), 300)}"
    silent = [said for engine in owned if (said := complaint(engine, found.user))]
    why = [f"no container is {selector!r}; there are: {there}", *(said.why for said in silent)]
    remedies = ["name one that is there, or leave the rule out", *(said.remedy for said in silent)]
    if found.unlooked:
        unlooked, remedy = _nowhere(found, user="")
        why, remedies = [*why, unlooked], [*remedies, remedy]
    raise Refusal("; ".join(why), "; ".join(remedies), key=_KEY, value=selector)


def _nowhere(found: Containers, user: str) -> tuple[str, str]:
    """Why there is no engine of a user's own, and what to do about it."""
    if found.unlooked:
        why = f"engines of users could not be looked for: {found.unlooked}"
        return why, "see to it that getent passwd, and ls of /run/user and of each home, answer there"
    if found.user != "root":
        return f"{found.user} does not find engines of users", "let pyinfra use sudo (_sudo, --sudo)"
    return (
        f"no engine of {user}'s own is found",
        f"it is at work while they are logged in, or linger (loginctl enable-linger {user})",
    )


def _is_for_all(inner: str) -> bool:
    return inner.startswith("label=") or bool(re.search(r"[*?\[]", inner))


def _fitting(engines: list[Engine], inner: str) -> _Found:
    known: _Found = {}
    for engine in engines:
        for container in engine.containers:
            # Two ways to one engine tell of the same container.
            known.setdefault((engine.owner.uid if engine.owner else None, container.id), (engine, container))
    return {key: one for key, one in known.items() if _fits(one[1], inner)}


def _fits(container: Container, inner: str) -> bool:
    if inner.startswith("label="):
        key, equals, value = inner.removeprefix("label=").partition("=")
        return key in container.labels and (not equals or container.labels[key] == value)
    if _is_for_all(inner):
        return fnmatch.fnmatchcase(container.name, inner)
    return container.name == inner


def _check_supervisor(container: Container, name: str) -> None:
    """Refuses what an orchestrator starts and ends: a policy of the engine would start a second one beside it."""
    labels = container.labels
    if any(key.startswith("com.docker.swarm.") for key in labels):
        service = labels.get("com.docker.swarm.service.name", "SERVICE")
        raise Refusal(
            f"container {name} is a task of the swarm service {service}, which starts another one where it ends",
            f"docker service update --restart-condition any {shlex.quote(service)} (or none, on-failure)",
            key=_KEY,
        )
    if any(key.startswith("io.kubernetes.") for key in labels):
        pod = labels.get("io.kubernetes.pod.name", "?")
        raise Refusal(
            f"container {name} is of the Kubernetes pod {pod}",
            "restartPolicy of the pod says what becomes of it",
            key=_KEY,
        )


def _warnings(engine: Engine, container: Container, policy: str) -> list[str]:
    warnings, name = [], _named(engine, container)
    unit = container.labels.get("PODMAN_SYSTEMD_UNIT", "")
    if unit:
        warnings.append(f"{name} is started and stopped by {unit}: what Restart= says there counts, too")
    elif engine.name == "podman" and policy.startswith("on-failure"):
        warnings.append(f"{name}: podman starts none with {policy} as the host boots; always does that")
    elif lacking := [] if policy == "no" else _lacking_at_boot(engine, policy):
        warnings.append(f"{name} starts as the host boots if {' and '.join(lacking)}")
    project = container.labels.get(f"{_COMPOSE}project")
    if project:
        service = container.labels.get(f"{_COMPOSE}service", "?")
        file = container.labels.get(f"{_COMPOSE}project.config_files", "its compose file")
        warnings.append(
            f"{name} is service {service} of the compose project {project}: when compose makes it anew, its "
            f"policy is what {file} says; write it there, too"
        )
    if policy == "always" and container.status in ("exited", "created", "configured"):
        starts = "as the host next boots" if engine.name == "podman" else "when the daemon or the host next does"
        warnings.append(f"{name} is stopped: with always it starts {starts}")
    return warnings


def _lacking_at_boot(engine: Engine, policy: str) -> list[str]:
    """What must be so that is not, for the host to start its containers as it boots."""
    unit = "docker" if engine.name == "docker" else "podman-restart.service"
    owner, lacking = engine.owner, []
    if engine.name == "podman" and policy == "unless-stopped":
        lacking.append("podman is 5.8.2 or newer (with always, any version)")
    if owner and not owner.lingers:
        lacking.append(f"{owner.name} lingers (loginctl enable-linger {owner.name})")
    # Docker's own of the host is the distribution's affair.
    if not engine.boots and (owner or engine.name == "podman"):
        enable = (
            as_owner(owner.name, owner.uid, f"systemctl --user enable {unit}") if owner else f"systemctl enable {unit}"
        )
        lacking.append(f"{unit} is enabled ({enable})")
    return lacking


def _named(engine: Engine, container: Container) -> str:
    return f"{engine.owner.name}/{container.name}" if engine.owner else container.name


def draw(host: str, plan: PolicyPlan) -> str:
    several = len(plan.engines) > 1
    lines = [f"{host}: restart policies of {', '.join(plan.engines)} containers"]
    for change in plan.changes:
        where = f" ({called(change.engine)})" if several else ""
        lines += [
            f"  {_named(change.engine, one)}: {one.policy} -> {change.policy}{where}" for one in change.containers
        ]
    if not plan.changes:
        lines.append("  nothing to change")
    return "\n".join([*lines, *(f"  note: {shown(warning[:1000])}" for warning in plan.warnings)])
