"""What compose is given of a project, and what is in it."""

import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from hostwright.base.refusal import Refusal
from hostwright.compose.facts import OVERRIDE, Loader

# The names that compose looks for; the second file of a project may have the others. OVERRIDE is ours.
FILES = ("docker-compose.yml", "docker-compose.yaml", "compose.yaml", "compose.yml")
OVERRIDES = ("compose.override.yml", "compose.override.yaml", "docker-compose.override.yaml")
_GIVEN = re.compile("[A-Za-z0-9_.][A-Za-z0-9_./-]*")


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


def main_file(project: Project, old: Collection[str] = ()) -> str:
    """
    + old: files that were put there before, where the project is to go
    """
    there = [name for name in FILES if name in (project.files or old)]
    if not there and not project.files:
        return FILES[0]
    if not there:
        why = f"compose project {project.name} has none of {', '.join(FILES)}"
        raise Refusal(why, "give one of them", key="files")
    if len(there) > 1:
        why = f"compose project {project.name} has {' and '.join(there)}"
        raise Refusal(why, "compose takes one of them: leave the other out", key="files")
    return there[0]


def compose_files(project: Project) -> list[str]:
    """What compose is given, in its order, but ours: it looks for no other where some are named."""
    named = _setting(project, "COMPOSE_FILE")
    if named:
        separator = _setting(project, "COMPOSE_PATH_SEPARATOR") or ":"
        given = [posixpath.normpath(one) for one in named.split(separator)]
    else:
        given = [main_file(project), *(name for name in OVERRIDES if name in project.files)]
    for name in given:
        if name not in project.files or name == OVERRIDE or not _GIVEN.fullmatch(name):
            raise Refusal(
                f"compose project {project.name}: COMPOSE_FILE={named} in .env: {name!r} is none of its files",
                "give it with them, under a name of letters, digits and _ . / - only",
                key="files",
            )
    if not named and len(given) > 2:
        raise Refusal(
            f"compose project {project.name} has {' and '.join(given[1:])}",
            "compose takes one of them, or what COMPOSE_FILE in .env names",
            key="files",
        )
    return given


def _setting(project: Project, name: str) -> str:
    """What the project's own .env says for compose itself."""
    text = project.files.get(".env", b"").decode(errors="replace")
    found = re.findall(rf"^(?:export\s+)?{name}\s*=\s*(.*?)(?:\s+#.*)?\s*$", text, re.MULTILINE)
    said = str(found[-1]) if found else ""
    return said[1:-1] if said[:1] in ("'", '"') and said[-1:] == said[:1] else said


class _Loader(Loader):  # type: ignore[misc]
    """Tags are compose's: `!reset`, `!override`."""


def _tagged(loader: Any, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.MappingNode):
        return {f"!{tag}": loader.construct_mapping(node, deep=True)}
    if isinstance(node, yaml.SequenceNode):
        return {f"!{tag}": loader.construct_sequence(node, deep=True)}
    return {f"!{tag}": loader.construct_scalar(node)}


_Loader.add_multi_constructor("!", _tagged)


@lru_cache(maxsize=8)
def _yaml(text: bytes) -> Any:
    """To read it takes longer than all the rest of a plan."""
    return yaml.load(text, Loader=_Loader)


def read(project: Project, path: str) -> dict[str, Any]:
    """One of its compose files. What else there is, and whether that makes sense, is for compose to say."""
    try:
        found = _yaml(project.files[path])
    except (yaml.YAMLError, ValueError) as error:
        raise Refusal(
            f"compose project {project.name}: {path} is no YAML",
            f"correct it: {' '.join(str(error).split())}",
            key="files",
        ) from None
    found = found if isinstance(found, dict) else {}
    services = found.get("services") or {}
    is_all = "include" not in found and len(compose_files(project)) == 1
    if not isinstance(services, dict) or (
        is_all and not (services and all(isinstance(one, dict) for one in services.values()))
    ):
        why = f"compose project {project.name}: {path} has no services"
        raise Refusal(why, "name them there, each with an image or build", key="files")
    # Of `off` YAML 1.1 makes no name: compose knows it.
    said = {str(name): one for name, one in services.items() if type(name) in (str, int) and isinstance(one, dict)}
    return {**found, "services": said}


def main_services(project: Project) -> dict[str, dict[str, Any]]:
    return read(project, compose_files(project)[0])["services"]  # type: ignore[no-any-return]
