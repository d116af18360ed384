"""The containers of a host and their restart policies (shell/containers.sh writes what is read here)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from hostwright.facts.lvm import pairs
from hostwright.facts.observe import ScriptFact, parsing
from hostwright.shell import NONCE, script, sections


@dataclass(frozen=True)
class Container:
    """
    + policy: as `docker run --restart` takes it, `on-failure:5` say
    + auto_remove: it was made with `--rm`
    + status: `running`, `exited`, `created`, `paused`, `restarting`, ...
    """

    id: str
    name: str
    policy: str
    auto_remove: bool
    status: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Containers:
    """
    + engine: `docker` or `podman`, or nothing where there is neither
    + user: who asked it
    + updates: it can change the policy of a container that exists
    + error: what it said instead of an answer
    """

    engine: str
    user: str
    updates: bool
    error: str
    containers: tuple[Container, ...]


@parsing()
def parse_containers(lines: list[str], nonce: str = "") -> Containers:
    found = sections(lines, nonce, ("engine", "containers", "error"))
    engine = pairs(found["engine"])
    containers = tuple(_container(json.loads(line)) for line in found.get("containers", []))
    silent = engine["name"] and not {"containers", "error"} & found.keys()
    error = "it told nothing" if silent else " ".join(found.get("error", []))
    return Containers(engine["name"], engine["user"], engine.get("updates") == "yes", error, containers)


def _container(said: Mapping[str, object]) -> Container:
    policy, labels = said["policy"], said["labels"] or {}
    assert isinstance(policy, dict)
    assert isinstance(labels, dict)
    name = policy.get("Name") or "no"
    retries = policy.get("MaximumRetryCount") or 0
    return Container(
        id=str(said["id"]),
        name=str(said["name"]).removeprefix("/"),
        policy=f"{name}:{retries}" if name == "on-failure" and retries else name,
        auto_remove=bool(said["auto_remove"]),
        status=str(said["status"]),
        labels=labels,
    )


class HostContainers(ScriptFact[Containers]):
    """All containers of the host, running or not."""

    @override
    def text(self) -> str:
        return script("engine", "containers")

    @override
    def parsed(self, output: list[str]) -> Containers:
        return parse_containers(output, NONCE)
