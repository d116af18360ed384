"""What containers of a compose project are compared by: a digest of each service, which is a label of theirs."""

import hashlib
import json
import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from hostwright.compose.facts import DECLARED, DIGEST, OVERRIDE, ProjectState
from hostwright.compose.plan.files import Project, compose_files, read


def complete(project: Project, labels: Mapping[str, str] | None = None) -> Project:
    """The project as it is put on the host: with what it takes to see from a container which definition it is of.

    + labels: what a plan says of each service; without one, what the main file alone says
    """
    ours = override(_digests(project) if labels is None else labels)
    return replace(project, files={**project.files, OVERRIDE: ours}, secrets=project.secrets | {OVERRIDE})


def override(labels: Mapping[str, str]) -> bytes:
    services = {name: {"labels": {DIGEST: digest}} for name, digest in labels.items()}
    return json.dumps({"services": services}, indent=1, sort_keys=True).encode() + b"\n"


def labels(project: Project, state: ProjectState) -> dict[str, str]:
    """Of each service: what the main file says of it and, where that is not all, what compose makes of the rest."""
    said = _digests(project)
    changed = any(path != OVERRIDE and what != "mode" for path, what in state.files.items())
    as_it_was = state.override == hashlib.sha256(override(said)).hexdigest()
    if as_it_was and not changed and len(compose_files(project)) == 1:
        # A hostwright that knew no more brought it up: nothing is made anew for that alone.
        return said
    rest = set(state.model["services"]) - _said_in_full(project)
    return said | {name: _model_digest(project, name, state.model, said.get(name, "")) for name in rest}


def _said_in_full(project: Project) -> set[str]:
    main, *others = (read(project, path) for path in compose_files(project))
    if any(kind in one for one in others for kind in DECLARED):
        return set()
    return {
        name
        for name, service in main["services"].items()
        if "extends" not in service
        and '{"!' not in json.dumps(service, default=str)
        and None not in _named(service, main)
        and not any(name in one["services"] for one in others)
    }


def _model_digest(project: Project, name: str, model: Mapping[str, Any], said: str) -> str:
    """
    + said: the digest of what the main file says of it
    """
    service = dict(model["services"][name])
    others = {key: value for key, value in (service.pop("labels", None) or {}).items() if key != DIGEST}
    declared = {}
    for kind in DECLARED:
        names = {_source(one) for one in service.get(kind) or ()}
        declared[kind] = {one: what for one, what in (model.get(kind) or {}).items() if one in names}
    paths = [service, declared["secrets"], declared["configs"]]
    used = _used(project, set(_relative(paths, posixpath.normpath(project.directory))))
    contents = json.dumps([said, service, others, declared, used], sort_keys=True, default=str).encode()
    if project.secrets - {OVERRIDE}:
        return _costly_digest(contents, f"{project.name} {project.directory} {name}".encode())
    return hashlib.sha256(contents).hexdigest()


def _source(one: Any) -> str:
    """The name of what is declared beside the services, in one of the ways that a service names it."""
    return str(one.get("source")) if isinstance(one, dict) else str(one).partition(":")[0]


def _digests(project: Project) -> dict[str, str]:
    """Of each service of the main file: its definition, all that is declared beside the services, and the files that it
    uses. Whatever changes here makes everything anew everywhere."""
    whole = read(project, compose_files(project)[0])
    found = {}
    for name, service in whole["services"].items():
        declared = {key: whole[key] for key in DECLARED if key in whole}
        text = json.dumps([service, declared], sort_keys=True, default=str)
        contents = _used(project, set(_relative([service, _named(service, whole)])))
        if ".env" in project.files and "$" in text:
            contents.append((".env", _digest(project, ".env")))
        found[name] = hashlib.sha256(json.dumps([text, contents]).encode()).hexdigest()
    return found


def _used(project: Project, said: Collection[str]) -> list[tuple[str, str]]:
    """The files that are, or are below, one of the paths, and what is in them."""
    paths = sorted(path for path in project.files if path not in (OVERRIDE, *project.live))
    return [
        (path, _digest(project, path))
        for path in paths
        if any(one in (path, ".") or path.startswith(f"{one}/") for one in said)
    ]


def _named(service: Mapping[str, Any], whole: Mapping[str, Any]) -> list[Any]:
    """The secrets and configs that a service names."""
    return [
        (whole.get(kind) or {}).get(_source(one)) for kind in ("secrets", "configs") for one in service.get(kind) or ()
    ]


def _digest(project: Project, path: str) -> str:
    """What the label tells of a secret must cost whoever guesses at it."""
    content = project.files[path]
    if path in project.secrets:
        return _costly_digest(content, f"{project.name} {project.directory} {path}".encode())
    return hashlib.sha256(content).hexdigest()


@cache
def _costly_digest(content: bytes, salt: bytes) -> str:
    return hashlib.scrypt(content, salt=salt, n=2**14, r=8, p=1).hex()


def _relative(value: object, directory: str = "") -> Iterator[str]:
    """The strings in it that are paths below the directory of the project.

    + directory: where paths are absolute
    """
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _relative(one, directory)
    elif isinstance(value, str) and value and "\n" not in value:
        said = posixpath.normpath(value.partition(":")[0] or "/")
        if directory:
            said = posixpath.relpath(said, directory) if said.startswith("/") else ".."
        if not said.startswith(("/", "..")):
            yield said
