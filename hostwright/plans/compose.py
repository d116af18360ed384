"""What becomes of a compose project: which files and services change, and why."""

import hashlib
import json
import posixpath
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, Literal

import yaml

from hostwright.facts.compose import DIGEST, ProjectState, ServiceContainer
from hostwright.plans.engine import must_answer
from hostwright.refusal import Refusal
from hostwright.settings import compose_path, container_name, image_name

# The names that compose looks for.
FILES = ("docker-compose.yml", "docker-compose.yaml", "compose.yaml", "compose.yml")
OVERRIDE = "docker-compose.override.yml"
_NAME = re.compile("[a-z0-9][a-z0-9_-]*")
_TOP = ("secrets", "configs", "networks", "volumes")


@dataclass(frozen=True)
class Project:
    """
    + directory: where its files are on the host
    + files: contents by path below it
    + secrets: those of them that nobody else may read, and that are never shown
    + live: those whose changes take effect without a container made anew
    """

    name: str
    directory: str
    files: Mapping[str, bytes]
    secrets: frozenset[str] = frozenset()
    live: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ComposePlan:
    """
    + act: bring it `up`, take it `down`, or nothing
    + lines: what changes, in words
    + build: services whose image is built
    + old: files of an earlier run that are removed
    + known: ids of the project's containers
    """

    compose: str
    act: Literal["up", "down", ""]
    lines: tuple[str, ...]
    build: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


def complete(project: Project) -> Project:
    """The project as it is put on the host: with what it takes to see from a container which definition it is of."""
    labels = {name: {"labels": {DIGEST: digest}} for name, digest in _digests(project).items()}
    override = json.dumps({"services": labels}, indent=1, sort_keys=True).encode() + b"\n"
    return replace(project, files={**project.files, OVERRIDE: override}, secrets=project.secrets | {OVERRIDE})


def private_directories(project: Project) -> list[str]:
    """Those that hold nothing but secrets."""
    found = {posixpath.dirname(path) for path in project.secrets} - {""}
    others = {path for path in project.files if path not in project.secrets}
    return sorted(one for one in found if not any(path.startswith(f"{one}/") for path in others))


def main_file(project: Project, old: Collection[str] = ()) -> str:
    """
    + old: files that were put there before, where the project is to go
    """
    there = [name for name in FILES if name in (project.files or old)]
    if not there and not project.files:
        return FILES[0]
    if not there:
        raise Refusal(f"compose project {project.name} has none of {', '.join(FILES)}")
    if len(there) > 1:
        raise Refusal(f"compose project {project.name} has {' and '.join(there)}: compose takes one of them, say which")
    return there[0]


def services(project: Project) -> dict[str, dict[str, Any]]:
    return _compose_file(project)["services"]  # type: ignore[no-any-return]


def container_names(project: Project) -> list[str]:
    """The names that services ask for, but those that compose makes of variables."""
    return list(_named_by(project, "container_name").values())


def images(project: Project) -> dict[str, str]:
    """The images that services name, but those that compose makes of variables."""
    return _named_by(project, "image")


def _named_by(project: Project, key: str) -> dict[str, str]:
    found = {name: str(service[key]) for name, service in services(project).items() if key in service}
    return {name: value for name, value in found.items() if "$" not in value}


def check_place(project: Project) -> None:
    if not _NAME.fullmatch(project.name):
        raise Refusal(
            f"compose project {project.name!r}: small letters, digits, _ and - only, and a letter or digit first"
        )
    try:
        directory = compose_path(project.directory)
    except ValueError as error:
        raise Refusal(f"compose project {project.name}: directory {project.directory!r}: {error}") from None
    if posixpath.normpath(directory) == "/":
        raise Refusal(f"compose project {project.name}: directory {project.directory!r}: an absolute path, and not /")


def check(project: Project) -> None:
    check_place(project)
    for path in project.files:
        if not _is_below(path):
            raise Refusal(f"compose project {project.name}: file {path!r}: a path below {project.directory}")
    for key, valid, named in (
        ("container_name", container_name, _named_by(project, "container_name")),
        ("image", image_name, images(project)),
    ):
        for service, name in named.items():
            try:
                valid(name)
            except ValueError as error:
                raise Refusal(
                    f"compose project {project.name}: {key} of service {service} = {name!r}: {error}"
                ) from None


def _is_below(path: str) -> bool:
    """Whether it can be one of our files, and leads nowhere else."""
    return path == posixpath.normpath(path) and path.isprintable() and not path.startswith(("/", ".hostwright", ".."))


def decide(project: Project, state: ProjectState) -> ComposePlan:
    """
    + project: a complete one
    """
    _answers(state)
    _is_ours(project, state)
    if state.invalid:
        raise Refusal(f"compose does not take the project {project.name}: {state.invalid}")
    names = set(container_names(project))
    for container in state.containers:
        if container.name in names and container.project != project.name:
            of = f"the compose project {container.project}" if container.project else "no compose project"
            raise Refusal(
                f"container {container.name} is there already, and of {of}; "
                f"remove it (docker rm {container.name}: its volumes stay), or choose another name"
            )
    changes, build, digests = [], [], _digests(project)
    of_services = [one for one in state.containers if one.project == project.name and not one.oneoff]
    for service, definition in services(project).items():
        of_it = [one for one in of_services if one.service == service]
        why, anew = _change(service, definition, of_it, digests[service], state)
        if why:
            changes.append(why)
        if anew and "build" in definition:
            build.append(service)
    changes += [
        f"service {service}: removed, it is no longer in the project"
        for service in sorted({one.service for one in of_services})
        if service not in services(project)
    ]
    files = [_file_line(path, what) for path, what in sorted(state.files.items())]
    lines = (*files, *changes)
    return ComposePlan(state.compose, "up" if lines else "", lines, tuple(build), _old(state), _known(project, state))


def decide_absent(project: Project, state: ProjectState, remove_data: bool) -> ComposePlan:
    _answers(state)
    _is_ours(project, state)
    ours = [one for one in state.containers if one.project == project.name]
    old = _old(state)
    if ours and not set(FILES) & set(old):
        raise Refusal(
            f"the containers {', '.join(one.name for one in ours)} are of the project {project.name}, but its files "
            f"are not in {project.directory}: docker rm -f them by hand"
        )
    if remove_data and old and not ours:
        raise Refusal(
            f"compose project {project.name}: remove_data: none of its containers is there any more, and nothing else "
            "tells whose the volumes of that name are; take it down without, and remove them by hand (docker volume ls "
            f"-f label=com.docker.compose.project={project.name})"
        )
    volumes = ["its volumes: removed with all that is in them"] if remove_data and (ours or old) else []
    lines = [f"container {one.name}: stopped and removed" for one in ours] + [f"file {path}: removed" for path in old]
    act: Literal["down", ""] = "down" if lines else ""
    return ComposePlan(state.compose, act, (*lines, *volumes), (), old, _known(project, state))


def draw(host: str, project: Project, plan: ComposePlan, diff: tuple[str, ...] = ()) -> str:
    lines = [f"{host}: compose project {project.name} in {project.directory} ({plan.compose})"]
    lines += [f"  {line}" for line in plan.lines or ("nothing to do: it is as wanted",)]
    return "\n".join([*lines, *(f"    {line}" for line in diff)])


def _answers(state: ProjectState) -> None:
    if not state.engine:
        raise Refusal("there is no docker on this host")
    must_answer("docker", state.user, state.error, state.units, state.elsewhere)
    if state.compose not in ("docker compose", "docker-compose"):
        raise Refusal("there is no compose on this host: install docker-compose (Debian), or docker-compose-plugin")


def _old(state: ProjectState) -> tuple[str, ...]:
    return tuple(path for path, what in state.files.items() if what == "old")


def _known(project: Project, state: ProjectState) -> tuple[str, ...]:
    return tuple(one.id for one in state.containers if one.project == project.name)


def _is_ours(project: Project, state: ProjectState) -> None:
    """A name is not ownership: refuses a directory, or containers of that name, that are somebody else's."""
    if state.hands:
        raise Refusal(_in_hands(project, state))
    for path, what in state.files.items():
        if what == "odd":
            raise Refusal(f"{project.directory}/{path} is there, and is no file: move it away")
        if what == "old" and not _is_below(path):
            raise Refusal(f"{project.directory}/.hostwright names {path!r}, which is no file of ours: remove that line")
    moved = []
    main = main_file(project, _old(state))
    for one in state.containers:
        if one.project != project.name or (one.here and (one.digest or _given(one) <= {main, OVERRIDE})):
            continue
        if not one.digest:
            place = f"{one.directory or 'a directory that it does not name'} ({', '.join(sorted(_given(one)))})"
            raise Refusal(
                f"compose project {project.name}: somebody else runs one of that name: container {one.name} comes from "
                f"{place}, not from {project.directory} ({main}); give ours another name (for MariaDB the last part "
                "of mariadb_project_dir), or let them take theirs down"
            )
        moved.append(one)
    if moved:
        there = moved[0].directory
        its = next((name for name in FILES if name in _given(moved[0])), main)
        down = f"{state.compose} -p {project.name} -f {its} -f {OVERRIDE} down"
        names = " ".join(one.name for one in moved if one.directory == there)
        raise Refusal(
            f"compose project {project.name}: it is ours, but comes from {there}, and not from {project.directory}: "
            f"{names}; take it down there first, its volumes stay: cd {shlex.quote(there)} && {down} (if its files are "
            f"gone: docker rm -f {names})"
        )


def _given(container: ServiceContainer) -> set[str]:
    """Base names of the files that compose was given: v1 notes them as they were typed, v2 from / on."""
    names = container.files.replace(f"{container.directory}/", "").split(",")
    return {posixpath.basename(name) for name in names}


def _in_hands(project: Project, state: ProjectState) -> str:
    directory, user = project.directory.rstrip("/"), state.user
    inside = [one for one in state.hands if f"{one.path}/".startswith(f"{directory}/")]
    above = [one for one in state.hands if one not in inside]
    one = [*above, *inside][0]
    said = f"compose project {project.name} in {directory}: {one.path} is of {one.user}, mode {one.mode}"
    if not project.files:
        names = " ".join(container.name for container in state.containers if container.project == project.name)
        down = f"docker rm -f {names}, and " if names else ""
        return (
            f"{said}: others could change what {user} would run there; by hand: {down}remove {shlex.quote(directory)}"
        )
    if one.kind == "symbolic link":
        return f"compose project {project.name} in {directory}: {one.path} is a link: put what it leads to in its place"
    if above:
        # Of what is sticky, or somebody's home, nothing is to be changed.
        own = one.user in ("root", user) and not (len(one.mode) == 4 and one.mode[0] in "1357")
        remedy = (
            f"chmod go-w {shlex.quote(one.path)}" if own else f"choose a directory elsewhere, /opt/{project.name} say"
        )
        return f"{said}: others could put something in the place of the project; {remedy}"
    paths = " ".join(shlex.quote(one.path) for one in inside if one.kind != "symbolic link")
    return (
        f"{said}: others could change what {user} runs; see that all in it is as it should be, then "
        f"chown {user} {paths} && chmod go-w {paths}"
    )


def _change(
    service: str,
    definition: Mapping[str, Any],
    containers: list[ServiceContainer],
    wanted: str,
    state: ProjectState,
) -> tuple[str, bool]:
    """What happens to a service, in words, and whether it is made anew.

    + wanted: its digest
    """
    image = str(definition.get("image", ""))
    if not containers:
        return f"service {service}: made and started", True
    for one in containers:
        if one.digest != wanted:
            return f"service {service}: made anew, its definition or a file that it uses changed", True
        if image in state.images and one.image != state.images[image]:
            return f"service {service}: made anew, {image} is another image now", True
    for one in containers:
        # What restarts on failure alone has done its work when it ends well.
        lasting = definition.get("restart") in ("always", "unless-stopped")
        if one.status != "running" and (one.code != 0 or lasting or one.status != "exited"):
            return f"service {service}: started, it is {one.status} (code {one.code})", False
        if one.health not in ("", "healthy"):
            return f"service {service}: waited for, it is {one.health}", False
    return "", False


def _file_line(path: str, what: str) -> str:
    said = {
        "missing": "written",
        "different": "changed",
        "mode": "given its owner and mode",
        "old": "removed, no longer in the project",
    }
    return f"file {path}: {said[what]}"


@lru_cache(maxsize=8)
def _yaml(text: bytes) -> Any:
    """To read it takes longer than all the rest of a plan."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _compose_file(project: Project) -> dict[str, Any]:
    main = main_file(project)
    try:
        read = _yaml(project.files[main])
    except yaml.YAMLError as error:
        raise Refusal(f"compose project {project.name}: {main} is no YAML: {' '.join(str(error).split())}") from None
    found = read.get("services") if isinstance(read, dict) else None
    if not isinstance(found, dict) or not found or not all(isinstance(one, dict) for one in found.values()):
        raise Refusal(f"compose project {project.name}: {main} has no services")
    return read  # type: ignore[no-any-return]


def _digests(project: Project) -> dict[str, str]:
    """Of each service: its definition, all that is declared beside the services, and the files that it uses."""
    whole = _compose_file(project)
    found = {}
    for name, service in whole["services"].items():
        declared = {key: whole[key] for key in _TOP if key in whole}
        text = json.dumps([service, declared], sort_keys=True, default=str)
        used = sorted(
            {
                path
                for path in project.files
                if path not in (OVERRIDE, *project.live) and _uses([service, _named(service, whole)], path)
            }
        )
        if ".env" in project.files and "$" in text:
            used.append(".env")
        contents = [(path, _digest(project, path)) for path in used]
        found[name] = hashlib.sha256(json.dumps([text, contents]).encode()).hexdigest()
    return found


def _named(service: Mapping[str, Any], whole: Mapping[str, Any]) -> list[Any]:
    """The secrets and configs that a service names."""
    named = []
    for kind in ("secrets", "configs"):
        for one in service.get(kind) or ():
            name = one.get("source") if isinstance(one, dict) else one
            named.append((whole.get(kind) or {}).get(name))
    return named


def _digest(project: Project, path: str) -> str:
    """What the label tells of a secret must cost whoever guesses at it."""
    content = project.files[path]
    if path in project.secrets:
        return _costly_digest(content, f"{project.name} {project.directory} {path}".encode())
    return hashlib.sha256(content).hexdigest()


@cache
def _costly_digest(content: bytes, salt: bytes) -> str:
    return hashlib.scrypt(content, salt=salt, n=2**14, r=8, p=1).hex()


def _uses(value: object, path: str) -> bool:
    """Whether any string in it is the path, or a directory above it."""
    return any(said == path or said == "." or path.startswith(f"{said}/") for said in _relative(value))


def _relative(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _relative(one)
    elif isinstance(value, str) and value and "\n" not in value:
        said = posixpath.normpath(value.partition(":")[0] or "/")
        if not said.startswith(("/", "..")):
            yield said
