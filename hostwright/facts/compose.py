"""A compose project on a host (shell/compose.sh writes what is read here)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from hostwright.facts.lvm import pairs
from hostwright.facts.observe import parsing
from hostwright.shell import sections

_LABEL = "com.docker.compose."
DIGEST = "hostwright.digest"


@dataclass(frozen=True)
class ServiceContainer:
    """
    + image: id of the image that it was made from
    + digest: what our label says of its service's definition and files
    + health: `healthy`, `unhealthy`, `starting`, or nothing without a health check
    """

    name: str
    project: str
    service: str
    image: str
    digest: str
    status: str
    health: str
    code: int


@dataclass(frozen=True)
class ProjectState:
    """
    + compose: how compose is called: `docker compose` (v2), `docker-compose` (v1), or nothing
    + error: what the engine said instead of an answer
    + files: what is to be done with files by their path: `missing`, `different`, `mode` or `old`
    + diff: what changes in them, if it was asked for
    + invalid: what compose says against the project
    + containers: those of the project, and others by the names that it wants
    + images: ids by name, of those that are there
    """

    user: str
    engine: str
    compose: str
    error: str
    files: Mapping[str, str]
    diff: tuple[str, ...]
    invalid: str
    containers: tuple[ServiceContainer, ...]
    images: Mapping[str, str]


@parsing()
def parse_project(lines: list[str], nonce: str = "") -> ProjectState:
    found = sections(lines, nonce, ("engine", "error", "files", "diff", "invalid", "containers", "images"))
    engine = pairs(found["engine"])
    files = (line.partition(" ") for line in found["files"])
    images = (line.rpartition(" ") for line in found.get("images", []))
    return ProjectState(
        user=engine["user"],
        engine=engine.get("engine", ""),
        compose=engine.get("compose", ""),
        error=" ".join(found["error"]),
        files={path: what for what, _, path in files},
        diff=tuple(line[1:] for line in found.get("diff", [])),
        invalid="; ".join(line.strip() for line in found.get("invalid", [])),
        containers=tuple(_container(json.loads(line)) for line in found.get("containers", [])),
        images={name: identity for name, _, identity in images},
    )


def _container(said: Mapping[str, object]) -> ServiceContainer:
    labels = said["labels"] or {}
    assert isinstance(labels, dict)
    return ServiceContainer(
        name=str(said["name"]).removeprefix("/"),
        project=labels.get(f"{_LABEL}project", ""),
        service=labels.get(f"{_LABEL}service", ""),
        image=str(said["image"]),
        digest=labels.get(DIGEST, ""),
        status=str(said["status"]),
        health=str(said["health"]),
        code=int(str(said["code"])),
    )
