"""The POSIX sh that runs on hosts: read here, put together by facts and operations."""

import secrets
import shlex
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from hostwright.base.refusal import DidNotTell

_FILES = {path.stem: path for path in Path(__file__).parents[1].glob("**/sh/**/*.sh")}
# Users of a host choose names of processes and files, so any line may be theirs, but for one with this in it.
NONCE = secrets.token_hex(8)


def script(*names: str, **variables: str) -> str:
    """The named files one after the other, with variables set before them."""
    header = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*header, *(_FILES[name].read_text() for name in names)])


def whole(text: str, data: str = "") -> str:
    """A script as a shell takes it on its standard input: one function, so that what is cut short does nothing.

    + data: base64; `data` prints it
    """
    # A shell that keeps it in a file keeps it in memory: a disk may be full, and secrets are for none.
    source = [f"data() (\nTMPDIR=/run\ncat <<'-- data'\n{data}\n-- data\n)"] if data else []
    return "\n".join(["main() {", *source, text, "}", "main </dev/null", ""])


def observing(text: str) -> str:
    """A script that only looks: `section NAME` in it begins a section of its output."""
    return f"section() {{ printf '\\n@@ {NONCE} %s\\n' \"$1\"; }}\n{text}"


def sections(lines: Sequence[str], nonce: str, known: Sequence[str]) -> dict[str, list[str]]:
    """Output of an observing script, by its sections.

    + nonce: what tells its marks from other lines; nothing for what was recorded without
    + known: their names; `file *`: all that begin so
    """
    mark = f"@@ {nonce} " if nonce else "@@ "
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        if line.startswith(mark):
            name = line.removeprefix(mark)
            if name in found or not any(fnmatchcase(name, one) for one in known):
                raise DidNotTell(f"its answer has a section too many: {name}")
            current = found[name] = []
        elif line:
            current.append(line)
    return found
