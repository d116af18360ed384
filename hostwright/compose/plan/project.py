"""What becomes of a compose project: which files and services change, and why."""

import hashlib
import posixpath
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from hostwright.base.engine import must_answer
from hostwright.base.refusal import Refusal, parted
from hostwright.base.settings import compose_path, container_name, image_name
from hostwright.compose.facts import LIST, OVERRIDE, ProjectState, Service, ServiceContainer
from hostwright.compose.plan.digest import complete, labels, override
from hostwright.compose.plan.files import FILES, OVERRIDES, Project, compose_files, main_file, main_services

__all__ = ["OVERRIDE", "Project", "complete", "compose_files", "main_file"]

_NAME = re.compile("[a-z0-9][a-z0-9_-]*")
_SERVICE = re.compile("[a-zA-Z0-9._][a-zA-Z0-9._-]*")
_COMPLETED = "service_completed_successfully"


@dataclass(frozen=True)
class ComposePlan:
    """
    + act: bring it `up`, take it `down`, or nothing
    + lines: what changes, in words
    + build: services whose image is built
    + old: files of an earlier run that are removed
    + known: ids of the project's containers
    + files: what compose is given, in its order, but ours
    + labels: what ours says of each service
    + services: those that have containers when all is done
    + up: those that compose is told to bring up, after `--no-recreate` where it has nothing to make anew
    + gone: ids of containers that are no service's any more
    + diff: what changes in files, if it was asked for
    """

    compose: str
    act: Literal["up", "down", ""]
    lines: tuple[str, ...]
    build: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    labels: Mapping[str, str] | None = None
    services: tuple[str, ...] = ()
    up: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    diff: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        return bool(self.act)


def private_directories(project: Project) -> list[str]:
    """Those that hold nothing but secrets."""
    found = {posixpath.dirname(path) for path in project.secrets} - {""}
    others = {path for path in project.files if path not in project.secrets}
    return sorted(one for one in found if not any(path.startswith(f"{one}/") for path in others))


def _named_by(project: Project, key: str) -> dict[str, str]:
    """What services of the main file say, but what compose makes of variables."""
    found = {name: str(one[key]) for name, one in main_services(project).items() if key in one}
    return {name: value for name, value in found.items() if "$" not in value}


def check_place(project: Project) -> None:
    if not _NAME.fullmatch(project.name):
        raise Refusal(
            "no name for a compose project",
            "small letters, digits, _ and - only, and a letter or digit first",
            key="name",
            value=project.name,
        )
    try:
        directory = compose_path(project.directory)
    except ValueError as error:
        raise Refusal(*parted(str(error)), key="directory", value=project.directory) from None
    if posixpath.normpath(directory) == "/":
        why = "no directory of a project's own"
        raise Refusal(why, "an absolute path, and not /", key="directory", value=project.directory)


def check(project: Project) -> None:
    check_place(project)
    for path in project.files:
        if not _is_below(path):
            why = f"compose project {project.name}: {path!r} is no file in it"
            remedy = f"give it a path below {project.directory}, without //, .. and .hostwright in front"
            raise Refusal(why, remedy, key="files")
    if OVERRIDE in project.files:
        raise Refusal(
            f"compose project {project.name}: {OVERRIDE} is the name of our own file there",
            f"give yours the name {OVERRIDES[0]}, by which it is taken in the same way",
            key="files",
        )
    for key, valid, named in (
        ("container_name", container_name, _named_by(project, "container_name")),
        ("image", image_name, _named_by(project, "image")),
    ):
        for service, name in named.items():
            try:
                valid(name)
            except ValueError as error:
                why, remedy = parted(str(error))
                why = f"compose project {project.name}: {key} of service {service} = {name!r}: {why}"
                raise Refusal(why, remedy, key="files") from None


def _is_below(path: str) -> bool:
    """Whether it can be one of our files, and leads nowhere else."""
    return path == posixpath.normpath(path) and path.isprintable() and not path.startswith(("/", LIST, ".."))


def decide(project: Project, state: ProjectState) -> ComposePlan:
    """
    + project: a complete one
    """
    _answers(state)
    _is_ours(project, state)
    if state.invalid:
        why = f"compose does not take the project {project.name}: {state.invalid}"
        raise Refusal(why, "correct that in its files", key="files")
    if not state.services:
        why = f"compose project {project.name}: compose finds no service in it, or none of an active profile"
        raise Refusal(why, "add one, or name its profile as COMPOSE_PROFILES in .env", key="files")
    for name, service in state.services.items():
        _check_names(project, state, name, service)
    said = labels(project, state)
    changes, kinds, done = [], {}, set()
    containers = [one for one in state.containers if one.project == project.name and not one.oneoff]
    for name, service in state.services.items():
        of_it = [one for one in containers if one.service == name]
        why, kinds[name] = _change(service, of_it, said.get(name, ""), state)
        if why:
            changes.append(f"service {name}: {why}")
        elif all(one.status == "exited" for one in of_it):
            done.add(name)
    # What is of no active profile was brought up by hand.
    known = state.known | set(main_services(project))
    gone = [one for one in containers if one.service not in known]
    removed = sorted({f"service {one.service}: removed, it is no longer in the project" for one in gone})
    files = [_file_line(path, what) for path, what in sorted(_files(state, said).items())]
    lines = (*files, *changes, *removed)
    up = tuple(_brought_up(state.services, kinds, done))
    keep = () if "anew" in kinds.values() else ("--no-recreate",)
    return ComposePlan(
        state.compose,
        "up" if lines else "",
        lines,
        build=tuple(name for name, kind in kinds.items() if kind == "anew" and state.services[name].builds),
        old=_old(state),
        known=_known(project, state),
        files=tuple(compose_files(project)),
        labels=said,
        services=tuple(name for name, service in state.services.items() if service.scale),
        up=(*keep, *up) if up else (),
        gone=tuple(one.id for one in gone),
    )


def _check_names(project: Project, state: ProjectState, name: str, service: Service) -> None:
    if not _SERVICE.fullmatch(name):
        why = f"compose project {project.name}: {name!r} is no name for a service"
        raise Refusal(why, "letters, digits and . _ - only, no - first", key="files")
    wanted = service.container
    if state.names.get(wanted, project.name) != project.name:
        of = f"the compose project {state.names[wanted]}" if state.names[wanted] else "no compose project"
        raise Refusal(
            f"container {wanted} is there already, and of {of}",
            f"remove it (docker rm {wanted}: its volumes stay), or choose another name",
            key="files",
        )


def _brought_up(services: Mapping[str, Service], kinds: Mapping[str, str], done: Collection[str]) -> Iterator[str]:
    """What is done would be run again. Where compose is not told of it, v2 (2.26) takes what waits for it for another
    service, and makes it anew: that is left out, too, but where it changes, or shares with what is made anew."""
    for name, service in services.items():
        waits = any(one in done or what == _COMPLETED for one, what in service.waits.items())
        shares = any(kinds.get(one) == "anew" for one in service.shares)
        if name not in done and (kinds[name] in ("anew", "start") or shares or not waits):
            yield name


def decide_absent(project: Project, state: ProjectState, remove_data: bool) -> ComposePlan:
    _answers(state)
    _is_ours(project, state)
    ours = [one for one in state.containers if one.project == project.name]
    old = _old(state)
    files = _down_files(project, state)
    if ours and not files:
        raise Refusal(
            f"there are containers of the compose project {project.name}, but its files are not in {project.directory}",
            f"remove them by hand, their volumes stay: docker rm -f {' '.join(one.name for one in ours)}",
        )
    if remove_data and old and not ours:
        raise Refusal(
            f"compose project {project.name}: none of its containers is there any more, and nothing else tells whose "
            "the volumes of that name are",
            "take it down without, and remove them by hand (docker volume ls -f "
            f"label=com.docker.compose.project={project.name})",
            key="remove_data",
        )
    volumes = ["its volumes: removed with all that is in them"] if remove_data and (ours or old) else []
    lines = [f"container {one.name}: stopped and removed" for one in ours] + [f"file {path}: removed" for path in old]
    act: Literal["down", ""] = "down" if lines else ""
    return ComposePlan(state.compose, act, (*lines, *volumes), (), old, _known(project, state), files)


def _down_files(project: Project, state: ProjectState) -> tuple[str, ...]:
    """What compose was given when it made the containers, else what it would be; without any it reads .env."""
    old = _old(state)
    made = [tuple(name for name in _given(one) if name != OVERRIDE) for one in state.containers if one.digest]
    known = [names for names in made if set(names) <= set(old)]
    if known:
        return max(known, key=len)
    if not set(FILES) & set(old):
        return ()
    return (main_file(project, old), *(name for name in OVERRIDES if name in old))


def draw(host: str, project: Project, plan: ComposePlan) -> str:
    lines = [f"{host}: compose project {project.name} in {project.directory} ({plan.compose})"]
    lines += [f"  {line}" for line in plan.lines or ("nothing to change",)]
    return "\n".join([*lines, *(f"    {line}" for line in plan.diff)])


def _answers(state: ProjectState) -> None:
    if not state.engine:
        raise Refusal("there is no docker on this host", "install it")
    must_answer("docker", state.user, state.error, state.units, state.elsewhere)
    if state.compose not in ("docker compose", "docker-compose"):
        raise Refusal("there is no compose on this host", "install docker-compose (Debian), or docker-compose-plugin")


def _old(state: ProjectState) -> tuple[str, ...]:
    return tuple(path for path, what in state.files.items() if what == "old")


def _known(project: Project, state: ProjectState) -> tuple[str, ...]:
    return tuple(one.id for one in state.containers if one.project == project.name)


def _is_ours(project: Project, state: ProjectState) -> None:
    """A name is not ownership: refuses a directory, or containers of that name, that are somebody else's."""
    if state.hands:
        raise _in_hands(project, state)
    for path, what in state.files.items():
        if what == "odd":
            raise Refusal(f"{project.directory}/{path} is there, and is no file", "move it away")
        if what == "old" and not _is_below(path):
            why = f"{project.directory}/{LIST} names {path!r}, which is no file of ours"
            raise Refusal(why, "remove that line")
    moved = []
    files = compose_files(project) if project.files else [main_file(project, _old(state)), *_old(state)]
    main, known = files[0], {posixpath.basename(name) for name in (*files, OVERRIDE)}
    for one in state.containers:
        named = {posixpath.basename(name) for name in _given(one)}
        if one.project != project.name or (one.here and (one.digest or named <= known)):
            continue
        if not one.digest:
            place = f"{one.directory or 'a directory that it does not name'} ({', '.join(sorted(named))})"
            raise Refusal(
                f"somebody else runs one of that name: container {one.name} comes from {place}, not from "
                f"{project.directory} ({main})",
                "give ours another name (for MariaDB the last part of mariadb_project_dir), or let them take theirs "
                "down",
                key="name",
                value=project.name,
            )
        moved.append(one)
    if moved:
        there = moved[0].directory
        its = " ".join(f"-f {shlex.quote(name)}" for name in _given(moved[0]))
        down = f"{state.compose} -p {project.name} {its} down"
        names = " ".join(one.name for one in moved if one.directory == there)
        by_hand = f"docker rm -f {names}"
        raise Refusal(
            f"compose project {project.name}: it is ours, but comes from {there or 'a directory that it does not name'}"
            f", and not from {project.directory}: {names}",
            "take it down there first, its volumes stay: "
            + (f"cd {shlex.quote(there)} && {down} (if its files are gone: {by_hand})" if there else by_hand),
        )


def _given(container: ServiceContainer) -> list[str]:
    """The files that compose was given: v1 notes them as they were typed, v2 from / on."""
    return container.files.replace(f"{container.directory}/", "").split(",")


def _in_hands(project: Project, state: ProjectState) -> Refusal:
    directory, user = project.directory.rstrip("/"), state.user
    inside = [one for one in state.hands if f"{one.path}/".startswith(f"{directory}/")]
    above = [one for one in state.hands if one not in inside]
    one = [*above, *inside][0]
    said = f"compose project {project.name} in {directory}: {one.path} is of {one.user}, mode {one.mode}"
    if not project.files:
        names = " ".join(container.name for container in state.containers if container.project == project.name)
        down = f"docker rm -f {names}, and " if names else ""
        why = f"{said}: others could change what {user} would run there"
        return Refusal(why, f"by hand: {down}remove {shlex.quote(directory)}")
    if one.kind == "symbolic link":
        return Refusal(
            f"compose project {project.name} in {directory}: {one.path} is a link, and is not followed",
            "put what it leads to in its place",
        )
    if above:
        # Of what is sticky, or somebody's home, nothing is to be changed.
        own = one.user in ("root", user) and not (len(one.mode) == 4 and one.mode[0] in "1357")
        why = f"{said}: others could put something in the place of the project"
        if own:
            return Refusal(why, f"chmod go-w {shlex.quote(one.path)}")
        place = "/srv" if any(one.path == "/opt" for one in above) else "/opt"
        remedy = f"choose a directory elsewhere, {place}/{project.name} say"
        return Refusal(why, remedy, key="directory", value=project.directory)
    paths = " ".join(shlex.quote(one.path) for one in inside if one.kind != "symbolic link")
    return Refusal(
        f"{said}: others could change what {user} runs",
        f"see that all in it is as it should be, then chown {user} {paths} && chmod go-w {paths}",
    )


def _change(
    service: Service, containers: list[ServiceContainer], wanted: str, state: ProjectState
) -> tuple[str, Literal["anew", "start", "wait", ""]]:
    """What happens to a service, in words, and of which kind that is.

    + wanted: its digest
    """
    image, count = service.image, len(containers)
    if not service.scale:
        return ("removed, none of it is wanted", "start") if count else ("", "")
    if not count:
        return "made and started", "anew"
    for one in containers:
        if one.digest != wanted:
            return "made anew, its definition or a file that it uses changed", "anew"
        if image in state.images and one.image != state.images[image]:
            return f"made anew, {image} is another image now", "anew"
    if count != service.scale:
        return f"{service.scale} of it wanted, {count} there", "start"
    for one in containers:
        if one.status != "running" and (one.code != 0 or service.lasts or one.status != "exited"):
            return f"started, it is {one.status} (code {one.code})", "start"
        if one.health not in ("", "healthy"):
            return f"waited for, it is {one.health}", "wait"
    return "", ""


def _files(state: ProjectState, said: Mapping[str, str]) -> dict[str, str]:
    files = dict(state.files)
    if files.get(OVERRIDE, "mode") == "mode" and state.override != hashlib.sha256(override(said)).hexdigest():
        files[OVERRIDE] = "different"
    return files


def _file_line(path: str, what: str) -> str:
    said = {
        "missing": "written",
        "different": "changed",
        "mode": "given its owner and mode",
        "old": "removed, no longer in the project",
    }
    return f"file {path}: {said[what]}"
