"""What sh says and what facts read of it are the same words, both ways."""

import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest

from hostwright.lvm.facts import archives, blocks, storage, survey
from hostwright.lvm.facts.survey import PROCESS, THING, Holder, parse_holders

HOUSE = Path(__file__).parents[3] / "hostwright"


def said(text: str) -> set[str]:
    found = re.findall(r"^ *section (?:'([^']+)'|\"([^\"]+)\"|(\S+))$", text, re.M)
    return {re.sub(r"\$\w+", "*", "".join(one)) for one in found}


@pytest.mark.parametrize(
    ("text", "known", "always"),
    [
        (blocks.LvmBlocks().text(), storage.SECTIONS, blocks.LvmBlocks.always),
        (survey.LvmSurvey().text("/home", "dm-1"), survey.SECTIONS, survey.LvmSurvey.always),
        (archives.LvmArchives().text("x"), archives.SECTIONS, archives.LvmArchives.always),
    ],
    ids=["blocks", "survey", "archives"],
)
def test_a_fact_knows_each_section_that_is_said(text: str, known: Sequence[str], always: Sequence[str]) -> None:
    assert said(text) == set(known)
    assert set(always) <= set(known)


def test_the_storage_of_a_host_is_a_part_of_its_blocks() -> None:
    told = said(storage.LvmStorage().text("x", "y"))
    assert set(storage.ALWAYS) <= told < set(storage.SECTIONS)


def test_a_line_of_a_holder_has_the_columns_that_its_header_says() -> None:
    headers = [
        line
        for path in HOUSE.rglob("*.sh")
        for line in path.read_text().splitlines()
        if line.startswith("# process<TAB>") and "holder" in path.name
    ]
    (header,) = headers
    process, thing = re.findall(r"\w+(?:<TAB>\w+)+", header)
    assert process.lower().split("<tab>") == ["process", *PROCESS[1:]]
    assert thing.split("<TAB>") == ["KIND", "WHAT"]
    assert {*PROCESS, *THING} == {one.name for one in fields(Holder)}
    lines = ["process\t812\tada\t-\topen file\tvim notes ", "process\t1\troot\tx.service\tprogram\t-", "swap file\t/- "]
    assert parse_holders(lines) == (
        Holder("process", "vim notes", "812", "ada", "", "open file"),
        Holder("process", "-", "1", "root", "x.service", "program"),
        Holder("swap file", "/- "),
    )
