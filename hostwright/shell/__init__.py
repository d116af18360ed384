"""The POSIX sh that runs on hosts: read here, put together by facts and operations."""

import shlex
from collections.abc import Mapping
from pathlib import Path

_HERE = Path(__file__).parent


def script(*names: str, **variables: str) -> str:
    """The named files one after the other, with variables set before them."""
    header = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*header, *((_HERE / f"{name}.sh").read_text() for name in names)])


def sections(lines: list[str]) -> Mapping[str, list[str]]:
    """Output of an observing script, by the "@@ name" lines in it."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        if line.startswith("@@ "):
            current = found.setdefault(line[3:], [])
        elif line:
            current.append(line)
    return found
