"""The table of file systems: one more touches its own class and its row."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar

import pytest
from typing_extensions import override

from hostwright.base import scripts
from hostwright.base.refusal import Refusal
from hostwright.base.scripts import read
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
    def peculiarity(self, said: Said, host: Mapping[str, str], *, copied: bool) -> tuple[str, str] | None:
        return ("it is haunted", "wait until it is light") if copied and "ghost" in said else None


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
        ("ghost=1", {}, {}, "it is haunted: wait until it is light"),
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
        assert kind.peculiarity(kind.parse(lines), {}, copied=False) is None


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
    assert "(own size 5, a path b)" in "".join(btrfs.peculiarity(said, {}, copied=True) or ())
    assert btrfs.spans(btrfs.parse([*lines[1:4], "\tdevid    2 size 5 used 1 path /dev/sdb"])) == 0


# -- what sh does by kind

SH = {name: path for name, path in scripts.FILES.items() if "lvm" in path.parts}
KINDS_SH = read("kinds")
OF_KIND = re.compile(r"""\b(?:of_kind|offers) ("\$\w+"|\S+) (\w+)""")
# Truly about one kind, whatever that of the volume is.
OTHERWISE = {"places": "lists in a volume lie on ext4"}


def functions(name: str) -> set[str]:
    """Of a file in `file_systems`, but for steps of its own."""
    text = SH.get(name, SH["kinds"]).read_text()
    steps = re.findall(rf"^# verb: {name}_(\w+)", text, re.MULTILINE)
    return set(re.findall(rf"^{name}_(\w+)\(\)", text, re.MULTILINE)) - set(steps)


def test_sh_has_a_file_for_each_kind_and_names_it_where_python_does() -> None:
    families = {name.rstrip("0123456789") for name in KINDS}
    assert {path.stem for path in SH["kinds"].parent.iterdir()} == {*families, "kinds"}
    assert set(KINDS_SH.needs) == {*families, "prelude"}
    assert re.findall("^kinds='(.*)'$", KINDS_SH.text, re.MULTILINE) == [" ".join(KINDS_SH.needs[1:])]


@pytest.mark.parametrize("name", sorted(set(SH) - {"xfs", "ext", "btrfs", "swap", "kinds"}))
def test_no_other_file_names_a_kind(name: str) -> None:
    text = SH[name].read_text()
    named = re.findall(r"xfs|btrfs|\bext[234*]?\b|2fs|mkswap|swapo|repquota|setquota", text)
    assert bool(named) is (name in OTHERWISE), named
    assert name not in OTHERWISE or "lie on ext4,\n# whatever the source is" in text


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_each_kind_has_the_same_functions(kind: Kind) -> None:
    lasting = {"ask", "make", "grow", "check", "identify"} if kind.files else {"make"}
    own = functions(kind.name.rstrip("0123456789"))
    assert own >= lasting
    assert {"read_quotas", "set_quotas"} & own == ({"read_quotas", "set_quotas"} if kind.quotas else set())


def test_each_function_of_a_kind_is_one_that_all_of_sh_knows() -> None:
    asked = {name for path in SH.values() for _, name in OF_KIND.findall(path.read_text())} - {"NAME"}
    own = {kind: functions(kind) for kind in KINDS_SH.needs[1:]}
    assert asked == functions("any").union(*own.values()) - {"superblock"}
    required = {"ask", "make", "grow", "check", "identify", "read_quotas", "set_quotas"}
    assert asked - functions("any") == required
    assert functions("any") & required == set()
