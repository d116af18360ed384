"""The POSIX sh that runs on hosts: read here, put together by facts and operations."""

import shlex
from collections.abc import Mapping
from pathlib import Path

_HERE = Path(__file__).parent


def script(*names: str, **variables: str) -> str:
    """The named files one after the other, with variables set before them."""
    header = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*header, *((_HERE / f"{name}.sh").read_text() for name in names)])


def whole(text: str, data: str = "") -> str:
    """A script as a shell takes it on its standard input: one function, so that what is cut short does nothing.

    + data: base64; `data` prints it
    """
    # A shell that keeps it in a file keeps it in memory: a disk may be full, and secrets are for none.
    source = [f"data() (\nTMPDIR=/run\ncat <<'-- data'\n{data}\n-- data\n)"] if data else []
    return "\n".join(["main() {", *source, text, "}", "main </dev/null", ""])


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
