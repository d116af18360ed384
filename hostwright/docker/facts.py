"""The containers of a host and their restart policies (sh/containers.sh writes what is read here)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from typing_extensions import override

from hostwright.base.engine import Container, Engine, Owner
from hostwright.base.observe import ScriptFact, pairs, parsing
from hostwright.base.refusal import DidNotTell
from hostwright.base.scripts import NONCE, script, sections


@dataclass(frozen=True)
class Containers:
    """
    + user: who asked
    + engines: all that there are, those of users last
    + unlooked: why users' own could not be looked for
    """

    user: str
    engines: tuple[Engine, ...]
    unlooked: str = ""


@parsing()
def parse_containers(lines: list[str], nonce: str = "") -> Containers:
    found = sections(lines, nonce, ("asker", "engine *", "said *", "unlooked"))
    engines = {name.removeprefix("engine "): pairs(found[name]) for name in found if name.startswith("engine ")}
    return Containers(
        user=found["asker"][0],
        engines=tuple(_engine(about, found.get(f"said {number}", [])) for number, about in engines.items()),
        unlooked=" ".join(found.get("unlooked", [])),
    )


def _engine(about: Mapping[str, str], lines: Sequence[str]) -> Engine:
    """What it says is no more than that: one that cannot be read is one that does not answer."""
    owner = None
    if "owner" in about:
        owner = Owner(about["owner"], int(about["uid"]), about["home"], about.get("lingers") == "yes")
    said: dict[str, list[str]] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if equals and value:
            said.setdefault(key, []).append(value)
    error = " ".join(said.get("error", []))
    containers: tuple[Container, ...] = ()
    if not error and "end" not in said:
        error = f"it told nothing, or not all of it: {lines[-1]}" if lines else "it told nothing"
    if not error:
        try:
            containers = _containers(said.get("container", []))
        except DidNotTell as wrong:
            error = str(wrong)
    return Engine(
        name=about["name"],
        owner=owner,
        endpoint=said.get("endpoint", [""])[0][:1000],
        elsewhere=said.get("elsewhere", [""])[0][:1000],
        units=tuple(said.get("unit", [])),
        updates="updates" in said,
        boots="boots" in said,
        error=error[:1000],
        containers=containers,
    )


@parsing()
def _containers(lines: Sequence[str]) -> tuple[Container, ...]:
    return tuple(_container(json.loads(line)) for line in lines)


def _container(said: Mapping[str, object]) -> Container:
    policy, labels = said["policy"], said["labels"] or {}
    assert isinstance(policy, dict)
    assert isinstance(labels, dict)
    identity, name = str(said["id"]), str(said["name"]).removeprefix("/")
    if not re.fullmatch("[0-9a-f]+", identity) or not re.fullmatch("[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}", name):
        raise ValueError(f"{identity!r} {name!r} is no id and name of a container")
    of_policy = str(policy.get("Name") or "no")
    retries = policy.get("MaximumRetryCount") or 0
    return Container(
        id=identity,
        name=name,
        policy=f"{of_policy}:{retries}" if of_policy == "on-failure" and retries else of_policy,
        auto_remove=bool(said["auto_remove"]),
        status=str(said["status"]),
        labels={str(key): str(value) for key, value in labels.items()},
    )


class HostContainers(ScriptFact[Containers]):
    """All containers of the host, running or not."""

    what = "what containers it has"

    @override
    def text(self) -> str:
        return script("containers", ASK=script("ask"))

    @override
    def parsed(self, output: list[str]) -> Containers:
        return parse_containers(output, NONCE)
