"""What hosts keep of us has one name, written once, by which newer runs find it; tests/unit/lvm has LVM's."""

import re
from pathlib import Path

import pytest

from hostwright.base import names
from hostwright.compose import facts as compose
from hostwright.compose.facts import ComposeProject
from hostwright.interface.operations import _told
from hostwright.interface.plan import AddressPlan
from hostwright.lock.facts import HostLocks
from hostwright.mariadb import facts as mariadb
from hostwright.mariadb.facts import MariadbData
from hostwright.mariadb.plan.server import RECORD_INSIDE

HOUSE = Path(__file__).parents[2] / "hostwright"
FILES = [*HOUSE.rglob("*.py"), *HOUSE.rglob("*.sh")]
# As they have always been: a host may have them.
WRITTEN = {
    "/run/hostwright": names.RUN,
    "/var/lib/hostwright/lock": names.KEPT,
    "75": names.OCCUPIED,
    "76": names.FENCED,
    ".hostwright": compose.LIST,
    "hostwright.digest": compose.DIGEST,
    "docker-compose.override.yml": compose.OVERRIDE,
    "hostwright-once": mariadb.RECORD,
}
# FILE.hostwright and /run/hostwright.XXXXXX are others, and a docstring may name one for people.
NOT_BEFORE, NOT_AFTER = r"(?<![\w`])(?<!fstab)(?<!fstab\))", r"(?![\w`.-])"


@pytest.mark.parametrize("literal", WRITTEN)
def test_a_name_is_written_once(literal: str) -> None:
    assert WRITTEN[literal] == literal
    found = re.compile(NOT_BEFORE + re.escape(literal) + NOT_AFTER)
    places = [path.name for path in FILES for _ in found.findall(path.read_text())]
    assert places in (["names.py"], ["facts.py"])


def test_a_path_of_programs_is_written_once() -> None:
    assert [path.name for path in FILES if "/usr/local/sbin" in path.read_text()] == ["prelude.sh"]
    assert [path.name for path in FILES if "/snap/bin" in path.read_text()] == ["snap.sh"]


def test_what_is_below_them_has_the_paths_that_it_had() -> None:
    assert names.LOCKS == "/run/hostwright/lock"
    assert names.ADDRESSES == "/run/hostwright/addresses"
    assert RECORD_INSIDE == "/var/lib/mysql/hostwright-once"


def test_who_holds_a_lock_is_written_as_ever() -> None:
    line = "number count lease renewed taken since watch owner doing"
    assert " ".join(names.HOLDER) == line
    assert names.LOCK_HEADER["HOLDER"].replace("h_", "") == line


def test_scripts_are_told_the_names() -> None:
    compose_words = dict.fromkeys(("name", "directory", "main", "files", "secrets", "diff"), "x")
    for text, line in (
        (HostLocks().text(), "LOCKS=/run/hostwright/lock"),
        (_told(AddressPlan((), (), False, "", ()), 0, "ab", ":"), "STATE=/run/hostwright/addresses"),
        (ComposeProject().text(**compose_words), "LIST=.hostwright"),
        (ComposeProject().text(**compose_words), "OVERRIDE=docker-compose.override.yml"),
        (MariadbData().text("/srv/db", "db", "shop", ""), "RECORD=/srv/db/hostwright-once"),
    ):
        assert f"{line}\n" in text
