"""What hosts keep of us has one name, written once: newer runs find by it what older ones left."""

import re
from pathlib import Path

import pytest

from hostwright.base.job import Job
from hostwright.lvm import names
from hostwright.lvm.facts.blocks import LvmBlocks
from hostwright.lvm.facts.storage import LvmStorage

HOUSE = Path(__file__).parents[3] / "hostwright"
FILES = [*HOUSE.rglob("*.py"), *HOUSE.rglob("*.sh")]
# As they have always been: a host may have them.
WRITTEN = {
    "hostwright.copy": names.COPY_TAG,
    "hostwright.lists": names.LISTS_TAG,
    "hostwright.new": names.NEW_TAG,
    "hostwright.cover.": names.COVER_TAG,
    "hostwright.wipe.": names.WIPE_TAG,
    "hostwr-ight-": names.LENT,
    "trusted.hostwright.cover": names.COVER_XATTR,
    "# hostwright-lvm": names.MARK,
    "_hostwright": names.COPY_SUFFIX,
    "_hostwright_lists": names.LISTS_SUFFIX,
}


@pytest.mark.parametrize("literal", WRITTEN)
def test_a_name_is_written_once(literal: str) -> None:
    assert WRITTEN[literal] == literal
    # Where a dot is escaped, it is written all the same; FILE.hostwright.new is what a file is replaced by.
    found = re.compile(r"(?<!\.)" + literal.rstrip(".").replace(".", r"\\?\."))
    assert [path.name for path in FILES if found.search(path.read_text())] == ["names.py"]


def test_where_jobs_are_is_written_once() -> None:
    assert [path.name for path in FILES if re.search("run/hostwright/lvm|hostwright-lvm-", path.read_text())] == []
    assert (Job(names.PROCEDURE, "0a").directory, Job(names.PROCEDURE, "0a").unit) == (
        "/run/hostwright/lvm/0a",
        "hostwright-lvm-0a",
    )


def test_images_and_lists_have_the_paths_that_they_had() -> None:
    image = names.image_path("/srv/", "centos", "home")
    assert image == "/srv/hostwright/centos-home.img"
    assert names.lists_directory(image) == "/srv/hostwright/centos-home.lists"
    assert names.copy_name("home") == "home_hostwright"
    assert names.lists_volume("home") == "home_hostwright_lists"


@pytest.mark.parametrize("fact", [LvmStorage, LvmBlocks])
def test_what_looks_is_told_the_names(fact: type[LvmStorage] | type[LvmBlocks]) -> None:
    words = {"vg": "centos", "staging": "/srv"}
    text = fact().text(**words, **({"shrink": "home"} if fact is LvmStorage else {"volume": "home"}))
    for line in (
        "STAGED_IMAGE=/srv/hostwright/centos-home.img",
        "STAGED_LISTS=/srv/hostwright/centos-home.lists",
        "MARK='# hostwright-lvm'",
        "JOBS=/run/hostwright/lvm",
    ):
        assert f"{line}\n" in text
