"""What is in a mounted file system, and who uses it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from typing_extensions import override

from hostwright.base.observe import ScriptFact, pairs
from hostwright.base.refusal import DidNotTell
from hostwright.base.scripts import NONCE, script, sections

SECTIONS = ("files", "holders", "kernel", "end")
# Columns of a line of holders.sh, between tabs.
PROCESS = ("kind", "pid", "user", "unit", "how", "command")
THING = ("kind", "command")


@dataclass(frozen=True)
class Holder:
    """Who keeps a file system busy: a process, or a thing of another kind that `command` names.

    + unit: what stops the process and starts it again (holders.sh, units_of)
    """

    kind: str
    command: str
    pid: str = ""
    user: str = ""
    unit: str = ""
    how: str = ""


@dataclass(frozen=True)
class Survey:
    """What is in a file system that is to move, and who uses it; sizes in bytes.

    + encrypted, verity: how many entries are, or None where there is no tool that tells
    + unreadable: the first of what could not be looked at
    """

    inodes: int = 0
    entries: int = 0
    """names; a file may have several"""
    allocated: int = 0
    largest: int = 0
    encrypted: int | None = 0
    verity: int | None = 0
    unreadable: tuple[str, ...] = ()
    holders: tuple[Holder, ...] = ()
    kernel_errors: tuple[str, ...] = field(default=())
    paths: int = 0
    """bytes of the paths of files and directories"""
    long: bool = False
    """some path in it has more than 4,000 bytes"""


def parse_survey(lines: list[str], nonce: str = "") -> Survey | None:
    """Nothing where the host did not tell all: a file system has at least its top directory."""
    try:
        found = sections(lines, nonce, SECTIONS)
    except DidNotTell:
        return None
    if not set(SECTIONS) <= found.keys():
        return None
    values = pairs(found["files"])
    try:
        inodes, complaints = int(values["inodes"]), int(values["complaints"])
        unreadable = tuple(line.split("=", 1)[1] for line in found["files"] if line.startswith("unreadable="))
        if inodes < 1 or bool(complaints) != bool(unreadable):
            return None
        told = "lsattr" not in values
        return Survey(
            inodes=inodes,
            entries=int(values["entries"]),
            allocated=int(values["allocated"]),
            largest=int(values["largest"]),
            encrypted=int(values["encrypted"]) if told else None,
            verity=int(values["verity"]) if told else None,
            unreadable=tuple(dict.fromkeys(unreadable)),
            holders=parse_holders(found["holders"]),
            kernel_errors=tuple(found["kernel"]),
            paths=int(values["paths"]) if told else 0,
            long=values["long"] != "0",
        )
    except (KeyError, ValueError):
        return None


def parse_holders(lines: Sequence[str]) -> tuple[Holder, ...]:
    return tuple(_holder(line.split("\t")) for line in lines)


def _holder(words: Sequence[str]) -> Holder:
    columns = PROCESS if words[0] == "process" else THING
    told = dict(zip(columns, words, strict=True))
    if told["kind"] == "process":
        told |= {"unit": "" if told["unit"] == "-" else told["unit"], "command": told["command"].strip()}
    return Holder(**told)


class LvmSurvey(ScriptFact[Survey]):
    """What is in a mounted file system, who holds it, and what the kernel has said of it.

    + mount_point: where it is mounted
    + device: the kernel's name of its device, such as dm-1
    """

    what = "what is in {mount_point} and who uses it"

    @override
    def text(self, mount_point: str, device: str) -> str:
        return script("survey", MOUNT=mount_point, DEVICE=device)

    @override
    def parsed(self, output: list[str]) -> Survey:
        survey = parse_survey(output, NONCE)
        if survey is None:
            raise DidNotTell("its answer is not whole")
        return survey
