"""Compose projects: uploaded, checked by compose itself, brought up, and waited for until they are healthy."""

import base64
import gzip
import io
import tarfile
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State
from pyinfra.api.operation import OperationMeta
from typing_extensions import Unpack

from hostwright.base.arguments import Arguments
from hostwright.base.observe import observe
from hostwright.base.refusing import named
from hostwright.base.scripts import script
from hostwright.base.stdin import execute
from hostwright.compose.facts import LIST, OVERRIDE, ComposeProject
from hostwright.compose.plan.project import (
    ComposePlan,
    Project,
    check,
    check_place,
    complete,
    compose_files,
    decide,
    decide_absent,
    draw,
    private_directories,
)
from hostwright.lock.held import fenced
from hostwright.planned import planned

WAIT_SECONDS = 180


@named
def project(
    name: str,
    directory: str,
    files: Mapping[str, str | bytes] | None = None,
    secrets: Mapping[str, str | bytes] | None = None,
    live: Collection[str] = (),
    present: bool = True,
    remove_data: bool = False,
    wait: float = WAIT_SECONDS,
    guard: str = "",
    **arguments: Unpack[Arguments],
) -> OperationMeta:
    """
    Bring a compose project up as its files say, or take it down; only services that a change concerns are made anew.

    + name: name of the project
    + directory: where its files are on the host; `docker-compose.yml` (or `compose.yaml`, or
        another name that compose looks for), or what COMPOSE_FILE in its `.env` names, is one of them
    + files: contents by path below the directory, readable by all
    + secrets: the same, readable by their owner only, and never shown; their directories, too
    + live: those of them whose changes need no container made anew
    + present: whether it is to be there
    + remove_data: when it is not, its volumes go with it; directories of the host that it mounts stay in any case
    + wait: seconds until compose must be done, and every service running, and healthy where it has a health check
    + guard: POSIX sh that defines `may_start`, called just before containers are started: none is when it fails

    Refused, before anything is changed on any host: a project that compose does not take; a file of it that is named
    `docker-compose.override.yml`, as ours is; one of that name that somebody else runs, or that comes from another
    directory; a container of another project under a name that it wants;
    a directory that others can change, or put something in the place of; no engine, none that answers in full, or no
    compose. Files that somebody else wrote are kept beside ours, as `NAME.before-hostwright`. Compose v2 and v1.
    Source: the Compose specification.

    **Example:**

    .. code:: python

        from hostwright import compose

        compose.project("shop", "/opt/shop", {"docker-compose.yml": "services: {web: {image: nginx}}"})
    """
    given = {**(files or {}), **(secrets or {})} if present else {}
    contents = {path: content.encode() if isinstance(content, str) else content for path, content in given.items()}
    wish = Project(name, directory, contents, frozenset(secrets or {}), frozenset(live))

    def plan(arguments: Mapping[str, Any]) -> ComposePlan:
        return _plan(wish, present, remove_data, arguments)

    def drawn(plan: ComposePlan) -> str:
        return draw(host.name, wish, plan)

    def acts(plan: ComposePlan) -> list[FunctionCommand]:
        return [FunctionCommand(_act, (wish, plan, remove_data, wait, guard), {})]

    title, doing = (
        (f"Bring {name} up", f"bringing {name} up") if present else (f"Take {name} down", f"taking {name} down")
    )
    return planned(title, plan, drawn, acts, arguments, doing)


def rendered(templates: Path, **values: Any) -> dict[str, str]:
    """The files of a project: every one in the directory, with Jinja2 templates (`*.j2`) rendered."""
    environment = Environment(loader=FileSystemLoader(templates), undefined=StrictUndefined, keep_trailing_newline=True)
    found = {}
    for path in sorted(file for file in templates.rglob("*") if file.is_file()):
        name = path.relative_to(templates).as_posix()
        text = environment.get_template(name).render(**values) if path.suffix == ".j2" else path.read_text()
        found[name.removesuffix(".j2")] = text
    return found


def _plan(wish: Project, present: bool, remove_data: bool, arguments: Mapping[str, Any]) -> ComposePlan:
    if present:
        check(wish)
        wish = complete(wish)
    else:
        check_place(wish)
    state = observe(
        ComposeProject,
        arguments,
        packed(wish),
        name=wish.name,
        directory=wish.directory,
        main=" ".join(compose_files(wish)) if wish.files else "",
        files="\n".join(sorted(wish.files)),
        secrets="\n".join(sorted(wish.secrets)),
        diff="yes" if host.state.config.DIFF else "no",
    )
    plan = decide(wish, state) if present else decide_absent(wish, state, remove_data)
    return replace(plan, diff=state.diff)


def _act(
    state: State,  # noqa: ARG001
    host: Host,
    wish: Project,
    plan: ComposePlan,
    remove_data: bool,
    wait: float,
    guard: str = "",
) -> bool:
    whole = complete(wish, plan.labels) if plan.act == "up" else wish
    variables = {
        "NAME": wish.name,
        "DIRECTORY": wish.directory,
        "MAIN": " ".join(plan.files),
        "FILES": "\n".join(sorted(whole.files)),
        "PRIVATE": "\n".join(private_directories(whole)),
        "OLD": "\n".join(plan.old),
        "KNOWN": " ".join(plan.known),
        "COMPOSE": plan.compose,
        "BUILD": " ".join(plan.build),
        "SERVICES": " ".join(plan.services),
        "UP": " ".join(plan.up),
        "GONE": " ".join(plan.gone),
        "LIMIT": str(round(wait)),
        "LIST": LIST,
        "OVERRIDE": OVERRIDE,
    }
    ours = f"ours() {{ {fenced(':').get_raw_value()}; }}"
    call = "up" if plan.act == "up" else f"down {'--volumes' if remove_data else ''}"
    text = f"{ours}\n{script('compose_up', **variables)}\n{guard}\n{call}"
    return execute(host, f"compose {plan.act}", text, packed(whole), show=True)[0]


def packed(wish: Project) -> str:
    """The files as base64 of a tar.gz. They travel on standard input, which no process list and no log shows."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, content in sorted(wish.files.items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mode = 0o400 if path in wish.secrets else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return base64.b64encode(gzip.compress(archive.getvalue(), mtime=0)).decode()
