"""The table of file systems: one more touches its own class and its row."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar

import pytest
from typing_extensions import override

from hostwright.base.refusal import Refusal
from hostwright.lvm.facts.storage import LvmStorage, Storage, parse_storage
from hostwright.lvm.file_systems import KINDS, kind_of, packages
from hostwright.lvm.file_systems.kind import MIB, Kind, Said
from hostwright.lvm.plan.method import choose
from hostwright.lvm.plan.rebalance import decide, examine
from hostwright.lvm.settings import LogicalVolumeWish, Rebalance
from tests.unit.lvm.hosts import EXTENT, storage, survey, told

FILES = [kind for kind in KINDS.values() if kind.files]


class MadeUp(Kind):
    packages: ClassVar = {"mkfs.madeup": "madeup-progs", "madeup": "madeup-progs"}
    making = ("mkfs.madeup", "madeup")
    growing = ("madeup",)
    quotas = ("madeup",)
    least = 64 * MIB
    not_in_place = "it only grows"
    check = "madeup check"

    @override
    def ask(self, device: str, mounted: str) -> str:
        return f"madeup show {device}"

    @override
    def parse(self, lines: Iterable[str]) -> dict[str, str]:
        return dict(line.split("=") for line in lines)

    @override
    def spans(self, said: Said) -> int:
        return int(said.get("bytes", 0))

    @override
    def own_bytes(self, size: int, files: int) -> int:
        return MIB

    @override
    def least_bytes(self, files: int) -> int:
        return files + MIB

    @override
    def make_command(self, said: Said, size: int, inodes: int) -> tuple[str, ...]:
        return ("mkfs.madeup", "--seed", said["seed"])

    @override
    def peculiarity(self, said: Said, host: Mapping[str, str], *, copied: bool) -> str:
        return "it is haunted" if copied and "ghost" in said else ""


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "madeup", MadeUp("madeup", holds_images=True))


def with_home(*said: str, **other: int) -> Storage:
    host = storage(kind="madeup", **other)
    home = told(host.file_systems["home"], f"bytes={1279 * EXTENT}", "seed=7", *said)
    return replace(host, file_systems={**host.file_systems, "home": home})


@pytest.mark.usefixtures("made_up")
def test_one_more_is_copied_as_the_others_are() -> None:
    host = with_home(free=600)
    plan = decide(examine(host, Rebalance(shrink_to="2G")), survey())
    calls = [step.call for step in plan.steps]
    assert plan.method == "beside"
    assert ("make_file_system", "home_hostwright", "mkfs.madeup", "--seed", "7") in calls
    lacking = replace(host, tools=host.tools - {"madeup"})
    calls = [step.call for step in decide(examine(lacking, Rebalance(shrink_to="2G")), survey()).steps]
    assert ("install_packages", "madeup-progs") in calls
    assert "madeup" in LvmStorage().text(vg="x", shrink="x")


@pytest.mark.parametrize(
    ("said", "wish", "found", "message"),
    [
        ("ghost=1", {}, {}, "haunted"),
        ("seed=8", {"shrink_to": "32M"}, {}, "64 MiB"),
        ("seed=8", {}, {"data": 3 * 1024**3}, "the files need"),
        ("seed=8", {"strategy": "in-place"}, {}, "it only grows"),
        (f"bytes={1280 * EXTENT}", {}, {}, "somebody has cut"),
        ("bytes=0", {}, {}, "madeup show /dev/centos/home"),
    ],
)
@pytest.mark.usefixtures("made_up")
def test_one_more_is_refused_in_its_own_words(
    said: str, wish: dict[str, str], found: dict[str, int], message: str
) -> None:
    with pytest.raises(Refusal, match=message):
        decide(examine(with_home(said, free=600), Rebalance(**({"shrink_to": "2G"} | wish))), survey(**found))


@pytest.mark.usefixtures("made_up")
def test_one_more_grows_and_holds_images() -> None:
    host = storage(root_kind="madeup", root_free=8 * 1024**3)
    root = told(host.file_systems["root"], f"bytes={768 * EXTENT}")
    host = replace(host, file_systems={**host.file_systems, "root": root})
    wish = Rebalance(shrink_to="2G", strategy="staging")
    task = examine(host, wish)
    assert choose(task, survey()).image == "/var/lib/hostwright/centos-home.img"
    calls = [step.call for step in decide(task, survey()).steps]
    assert ("grow_file_system", "root", "madeup", "/") in calls


@pytest.mark.usefixtures("made_up")
def test_one_more_may_be_wished_for() -> None:
    assert LogicalVolumeWish(vg="x", name="y", size="1G", fs="madeup").fs == "madeup"
    with pytest.raises(ValueError, match="should be 'xfs', 'ext4', 'ext3', 'ext2', 'btrfs', 'swap' or 'madeup'"):
        LogicalVolumeWish(vg="x", name="y", size="1G", fs="madedown")


@pytest.mark.usefixtures("made_up")
def test_one_more_is_parsed_where_facts_are() -> None:
    host = parse_storage(["@@ volume home", "TYPE=madeup", "@@ detail home", "bytes=5", "seed=7"])
    assert host.file_systems["home"].said == {"bytes": "5", "seed": "7"}
    assert host.file_systems["home"].spans == 5


def test_what_no_row_knows_says_nothing() -> None:
    host = parse_storage(["@@ volume home", "TYPE=vfat", "@@ detail home", "crc=1"])
    assert (host.file_systems["home"].kind, host.file_systems["home"].spans) == ("vfat", 0)
    assert kind_of("vfat").quota_feature({}) == ()


@pytest.mark.parametrize("kind", FILES, ids=lambda kind: kind.name)
def test_each_kind_names_the_package_of_every_tool_it_takes(kind: Kind) -> None:
    known = packages()
    tools = {*kind.making, *kind.growing, *kind.shrinking, *kind.quotas}
    assert tools <= known.keys()
    assert kind.making[0] in kind.make_command({}, 2**31, 1000)[0]
    assert bool(kind.in_place) != bool(kind.not_in_place)


@pytest.mark.parametrize("kind", FILES, ids=lambda kind: kind.name)
def test_a_file_system_that_said_nothing_has_no_size(kind: Kind) -> None:
    for lines in ([], [""], ["=", ":", "own size", "devid", "subvolume", "Block count: lots", "data = bsize= blocks="]):
        assert kind.spans(kind.parse(lines)) == 0
        assert isinstance(kind.peculiarity(kind.parse(lines), {}, copied=False), str)


def test_names_of_subvolumes_and_labels_say_nothing_of_the_size() -> None:
    btrfs = KINDS["btrfs"]
    lines = [
        "own size 1073741824",
        "Label: 'devid 2 size 5'  uuid: a00d34e4",
        "\tTotal devices 1 FS bytes used 147456",
        "\tdevid    1 size 1073741824 used 1 path /dev/mapper/centos-home",
        "subvolume ID 256 gen 7 top level 5 path own size 5",
        "subvolume ID 257 gen 7 top level 5 path a path b",
    ]
    said = btrfs.parse(lines)
    assert btrfs.spans(said) == 1073741824
    assert "(own size 5, a path b)" in btrfs.peculiarity(said, {}, copied=True)
    assert btrfs.spans(btrfs.parse([*lines[1:4], "\tdevid    2 size 5 used 1 path /dev/sdb"])) == 0
