"""Steps and the functions of the host's script that they name: the words of each are the other's, both ways."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, fields

import pytest

from hostwright.lvm import moves, verbs
from hostwright.lvm.facts.blocks import Blocks
from hostwright.lvm.operations.job import LIBRARY
from hostwright.lvm.plan.steps import Step
from tests.scripts import script
from tests.unit.lvm.hosts import storage

SH = script(*LIBRARY)
HEADER = re.compile(r"^# verb: (\w+)(.*)\n(?:# .*\n)*(\w+)\(\) (?:\{(.*)\}|\{\n((?:.*\n)*?)\})$", re.M)


def kinds(kind: type[Step] = Step) -> Iterator[type[Step]]:
    for below in kind.__subclasses__():
        if "sh" in vars(below):
            yield below
        yield from kinds(below)


def words(kind: type[Step]) -> str:
    """Of its fields, as the header of its function has them."""
    found = []
    for one in fields(kind)[1:]:
        word = one.name.upper()
        if one.type == tuple[str, ...]:
            word = f"{word.removesuffix('S')}..."
        elif one.default is not MISSING or one.type == int | None:
            word = f"[{word}]"
        found.append(word)
    return " ".join(found)


def test_each_step_has_its_function_and_each_function_its_step() -> None:
    said = {found[1]: found[2].strip() for found in HEADER.finditer(SH)}
    assert len(said) == len(re.findall("^# verb:", SH, re.M)) > 40
    assert said == {kind.sh: words(kind) for kind in kinds()}
    assert {kind.__module__ for kind in kinds()} == {verbs.__name__, moves.__name__}


@pytest.mark.parametrize("header", list(HEADER.finditer(SH)), ids=lambda header: header[1])
def test_a_function_has_the_name_and_takes_the_words_of_its_header(header: re.Match[str]) -> None:
    name, told, function, line, lines = header.groups()
    assert function == name
    several = told.endswith("...")
    single = len(told.split()) - several
    # What is in single quotes is awk's or somebody else's.
    body = re.sub(r"^ *#.*$|'[^']*'", "", line or lines, flags=re.M)
    used = {int(number) for number in re.findall(r"\$\{?([1-9])", body)}
    assert used >= set(range(1, single + 1))
    assert max(used, default=0) <= single + several
    assert bool(re.search(r"\$[@*]", body)) is several


def test_a_call_has_a_word_for_each_field() -> None:
    assert verbs.ExtendVolume("extend it", "root", 512).call == ("extend_volume", "root", "512", "")
    assert verbs.CreateVolume("make it", "new", 3, disks=("/dev/vda", "/dev/vdb")).call == (
        *("create_volume", "new", "3", "", "/dev/vda", "/dev/vdb"),
    )


@pytest.mark.parametrize("kind", moves.Step.__subclasses__(), ids=lambda kind: kind.__name__)
def test_what_a_step_leads_to_is_written_down_or_nobody_plans_on(kind: type[Step]) -> None:
    if kind.__module__ == moves.__name__:
        with pytest.raises(NotImplementedError, match="is not known"):
            kind.forecast(object.__new__(kind), Blocks(storage()), "centos")
    else:
        assert "forecast" in vars(kind)
