"""The POSIX sh that runs on hosts: read here, put together by facts and operations."""

import re
import secrets
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from pathlib import Path

from hostwright.base.refusal import DidNotTell

FILES = {path.stem: path for path in Path(str(resources.files("hostwright"))).glob("**/sh/**/*.sh")}
_HEADER = re.compile("^# (needs|header|sets|given): (.+)", re.MULTILINE)
# Users of a host choose names of processes and files, so any line may be theirs, but for one with this in it.
NONCE = secrets.token_hex(8)


@dataclass(frozen=True)
class File:
    """One file of sh, and what it says of itself in the comment at its top.

    + needs: files whose functions it calls
    + header: variables that the script's header must set
    + sets: variables that it hands over to others
    + given: functions and variables that whoever calls its functions gives them
    """

    text: str
    needs: Sequence[str]
    header: Sequence[str]
    sets: Sequence[str]
    given: Sequence[str]


@cache
def read(name: str) -> File:
    text = FILES[name].read_text()
    said: dict[str, list[str]] = {kind: [] for kind in ("needs", "header", "sets", "given")}
    comment = re.match("(#.*\n)*", text)
    for kind, words in _HEADER.findall(comment[0] if comment else ""):
        said[kind] += words.split()
    return File(text, **said)


def resolved(names: Iterable[str], way: Sequence[str] = ()) -> dict[str, File]:
    """The named files and all that they need, what is needed first."""
    found: dict[str, File] = {}
    for name in names:
        if name in way:
            raise ValueError(f"{' needs '.join([*way, name])}: a circle")
        found |= {one: file for one, file in resolved(read(name).needs, [*way, name]).items() if one not in found}
        found.setdefault(name, read(name))
    return found


def script(*names: str, **variables: str) -> str:
    """The named files and all that they need, with variables set before them."""
    files = resolved(names)
    asked = {variable for file in files.values() for variable in file.header}
    if "NONCE" in asked:
        variables = {"NONCE": NONCE} | variables
    if missing := sorted(asked - variables.keys()):
        raise KeyError(f"{' '.join(names)}: its header lacks {' '.join(missing)}")
    header = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*header, *(file.text for file in files.values())])


def whole(text: str, data: str = "") -> str:
    """A script as a shell takes it on its standard input: one function, so that what is cut short does nothing.

    + data: base64; `data` prints it
    """
    # A shell that keeps it in a file keeps it in memory: a disk may be full, and secrets are for none.
    source = [f"data() (\nTMPDIR=/run\ncat <<'-- data'\n{data}\n-- data\n)"] if data else []
    return "\n".join(["main() {", *source, text, "}", "main </dev/null", ""])


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
