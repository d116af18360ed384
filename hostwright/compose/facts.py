"""A compose project on a host (sh/compose.sh writes what is read here)."""

import base64
import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from typing_extensions import override

from hostwright.base.observe import ScriptFact, pairs, parsing
from hostwright.base.refusal import DidNotTell
from hostwright.base.scripts import NONCE, script, sections

_LABEL = "com.docker.compose."
DIGEST = "hostwright.digest"
LIST = ".hostwright"
"""names the files in the directory of a project that are ours, a line each; newer runs find them by it"""
OVERRIDE = "docker-compose.override.yml"
"""is ours, beside the files that compose is given"""

_SECTIONS = (
    *("engine", "error", "hands", "files", "override", "diff", "invalid", "model", "profiles", "every"),
    *("containers", "names", "here", "images", "untold"),
)
_BEFORE_REPLICAS = re.compile(r"1\.(1?\d|2[0-6])\.")
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What is declared beside the services.
DECLARED = ("secrets", "configs", "networks", "volumes")


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
class Service:
    """A service of an active profile, as compose has it.

    + container: the name that it asks for
    + scale: how many containers of it are wanted
    + lasts: it is to go on; what restarts on failure alone has done its work when it ends well
    + waits: for other services, and for what of them: `service_completed_successfully`, say
    + shares: those that it is made anew with, for it is in their network, say
    """

    image: str
    builds: bool
    container: str
    scale: int
    lasts: bool
    waits: Mapping[str, str]
    shares: frozenset[str]


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
    + containers: those of the project
    + images: ids by the names that these have them by, of those that are there
    + override: SHA-256 of our own compose file there
    + names: of all containers of the host, and the project that each is of
    + services: those of active profiles
    + known: names of those of all profiles
    + model: the project as compose has it, with the secrets that it puts in: for no output
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
    override: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict, repr=False)
    known: frozenset[str] = frozenset()
    model: Mapping[str, Any] = field(default_factory=dict, repr=False)
    units: tuple[str, ...] = ()
    elsewhere: str = ""


@parsing()
def parse_project(lines: list[str], nonce: str = "") -> ProjectState:
    found = sections(lines, nonce, _SECTIONS)
    engine = pairs(found["engine"])
    files = (line.partition(" ") for line in found["files"])
    images = (line.rpartition(" ") for line in found.get("images", []))
    here = frozenset(json.loads(line) for line in found.get("here", []))
    names = (line.partition(" ") for line in found.get("names", []))
    model = _model("".join(found["model"])) if "model" in found else {"services": {}}
    profiles = {one.strip() for one in "".join(found.get("profiles", [])).strip("\"' ").split(",")}
    is_v2 = "name" in model
    containers = [json.loads(line) for line in found.get("containers", [])]
    # Up to 1.26 it makes one container of what is deployed, whatever that says.
    before = any(_BEFORE_REPLICAS.match(str((one["labels"] or {}).get(f"{_LABEL}version"))) for one in containers)
    return ProjectState(
        user=engine["user"],
        engine=engine.get("engine", ""),
        compose=engine.get("compose", ""),
        error=" ".join(found["error"] or found.get("untold", [])),
        hands=tuple(Hand(*[*line.split("\t", 4), "", "", "", ""][1:5]) for line in found["hands"]),
        files={path: what for what, _, path in files},
        diff=tuple(line[1:] for line in found.get("diff", [])),
        invalid="; ".join(line.strip() for line in found.get("invalid", [])),
        containers=tuple(_container(one, here) for one in containers),
        images={name: identity for name, _, identity in images},
        units=tuple(line.removeprefix("unit=") for line in found["engine"] if line.startswith("unit=")),
        elsewhere=engine.get("elsewhere", ""),
        override="".join(found.get("override", [])),
        names={name: project for all_of_it, _, project in names for name in all_of_it.split(",")},
        services={
            name: _service(one, is_v2, is_v2 or not before)
            for name, one in model["services"].items()
            if is_v2 or not one.get("profiles") or profiles & set(one["profiles"])
        },
        known=frozenset(model["services"]) | frozenset(found.get("every", [])),
        model=model,
    )


class ComposeProject(ScriptFact[ProjectState]):
    """What there is of a compose project, and what its files would make of it; `data` is the files, packed."""

    what = "what there is of {name}"

    # The model has the secrets that compose puts in.
    secret = True

    @override
    def text(self, name: str, directory: str, main: str, files: str, secrets: str, diff: str) -> str:
        words = {"NAME": name, "DIRECTORY": directory, "MAIN": main, "FILES": files, "SECRETS": secrets, "DIFF": diff}
        return script("compose", LIST=LIST, OVERRIDE=OVERRIDE, **words)

    @override
    def parsed(self, output: list[str]) -> ProjectState:
        return parse_project(output, NONCE)


def _model(packed: str) -> Mapping[str, Any]:
    """v2 writes JSON, v1 YAML. No word of it gets into an error: secrets are in it."""
    try:
        text = gzip.decompress(base64.b64decode(packed, validate=True)).decode()
        found = json.loads(text) if text.startswith("{") else yaml.load(text, Loader=Loader)
    except (ValueError, OSError, EOFError, yaml.YAMLError):
        found = None
    services = found.get("services") if isinstance(found, dict) else None
    if not isinstance(services, dict) or not services:
        raise DidNotTell("compose's own model of the project cannot be read, or has no services")
    assert isinstance(found, dict)
    for kind in DECLARED:
        assert isinstance(found.get(kind) or {}, dict)
        assert all(isinstance(one.get(kind) or [], (list, dict)) for one in services.values())
    assert all(isinstance(one.get("labels") or {}, dict) for one in services.values())
    return found


def _service(said: Mapping[str, Any], is_v2: bool, replicas: bool) -> Service:
    deploy = said.get("deploy") or {}
    scale = said.get("scale", deploy.get("replicas") if replicas else None)
    restart = said.get("restart")
    assert scale is None or isinstance(scale, int)
    # v1 has no eye for it.
    if is_v2 and deploy.get("restart_policy"):
        restart = deploy["restart_policy"].get("condition", "any")
    waits = said.get("depends_on") or {}
    if isinstance(waits, list):
        waits = {name: {} for name in waits}
    # v2 says so by `restart`, too.
    spaces = {str(said.get(key)).partition("service:")[2] for key in ("network_mode", "ipc", "pid")} - {""}
    return Service(
        image=str(said.get("image") or ""),
        builds="build" in said,
        container=str(said.get("container_name") or ""),
        scale=1 if scale is None else scale,
        lasts=restart in ("always", "unless-stopped", "any"),
        waits={name: str(how.get("condition")) for name, how in waits.items()},
        shares=frozenset(spaces | {name for name, how in waits.items() if how.get("restart")}),
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
