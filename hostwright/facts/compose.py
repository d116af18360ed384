"""A compose project on a host (shell/compose.sh writes what is read here)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from hostwright.facts.lvm import pairs
from hostwright.facts.observe import parsing
from hostwright.shell import sections

_LABEL = "com.docker.compose."
DIGEST = "hostwright.digest"

_SECTIONS = ("engine", "error", "hands", "files", "diff", "invalid", "containers", "here", "images", "untold")


@dataclass(frozen=True)
class ServiceContainer:
    """
    + directory: where compose was called, and the files that it was given: as its labels have them
    + here: that directory is ours, by whatever name
    + image: id of the image that it was made from
    + digest: what our label says of its service's definition and files
    + oneoff: made by `compose run`, for one command: none of its service's
    + health: `healthy`, `unhealthy`, `starting`, or nothing without a health check
    """

    id: str
    name: str
    project: str
    service: str
    directory: str
    files: str
    here: bool
    image: str
    digest: str
    status: str
    health: str
    code: int
    oneoff: bool = False


@dataclass(frozen=True)
class Hand:
    """What somebody else than root and who asks can change, or put something in the place of.

    + mode: in octal digits
    + kind: `directory`, or `symbolic link`, in the words of stat(1)
    """

    user: str
    mode: str
    kind: str
    path: str


@dataclass(frozen=True)
class ProjectState:
    """
    + compose: how compose is called: `docker compose` (v2), `docker-compose` (v1), or nothing
    + error: what the engine said instead of an answer
    + hands: others that the directory, the way to it, or what we put into it is in
    + files: what is to be done with files by their path: `missing`, `different`, `mode` or `old`; `odd` is no file
    + diff: what changes in them, if it was asked for
    + invalid: what compose says against the project
    + containers: those of the project, and others by the names that it wants
    + images: ids by name, of those that are there
    + units: systemd units that there are for the engine, if it does not answer
    + elsewhere: where its client asks, if that is another machine
    """

    user: str
    engine: str
    compose: str
    error: str
    hands: tuple[Hand, ...]
    files: Mapping[str, str]
    diff: tuple[str, ...]
    invalid: str
    containers: tuple[ServiceContainer, ...]
    images: Mapping[str, str]
    units: tuple[str, ...] = ()
    elsewhere: str = ""


@parsing()
def parse_project(lines: list[str], nonce: str = "") -> ProjectState:
    found = sections(lines, nonce, _SECTIONS)
    engine = pairs(found["engine"])
    files = (line.partition(" ") for line in found["files"])
    images = (line.rpartition(" ") for line in found.get("images", []))
    here = frozenset(json.loads(line) for line in found.get("here", []))
    return ProjectState(
        user=engine["user"],
        engine=engine.get("engine", ""),
        compose=engine.get("compose", ""),
        error=" ".join(found["error"] or found.get("untold", [])),
        hands=tuple(Hand(*[*line.split("\t", 4), "", "", "", ""][1:5]) for line in found["hands"]),
        files={path: what for what, _, path in files},
        diff=tuple(line[1:] for line in found.get("diff", [])),
        invalid="; ".join(line.strip() for line in found.get("invalid", [])),
        containers=tuple(_container(json.loads(line), here) for line in found.get("containers", [])),
        images={name: identity for name, _, identity in images},
        units=tuple(line.removeprefix("unit=") for line in found["engine"] if line.startswith("unit=")),
        elsewhere=engine.get("elsewhere", ""),
    )


def _container(said: Mapping[str, object], here: frozenset[str]) -> ServiceContainer:
    labels = said["labels"] or {}
    assert isinstance(labels, dict)
    directory = labels.get(f"{_LABEL}project.working_dir", "")
    return ServiceContainer(
        id=str(said["id"]),
        name=str(said["name"]).removeprefix("/"),
        project=labels.get(f"{_LABEL}project", ""),
        service=labels.get(f"{_LABEL}service", ""),
        directory=directory,
        files=labels.get(f"{_LABEL}project.config_files", ""),
        here=directory in here,
        image=str(said["image"]),
        digest=labels.get(DIGEST, ""),
        status=str(said["status"]),
        health=str(said["health"]),
        code=int(str(said["code"])),
        oneoff=labels.get(f"{_LABEL}oneoff") == "True",
    )
