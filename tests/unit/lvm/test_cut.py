"""A volume that somebody cut is refused, and what brings it back is named only where nobody can have written there."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostwright.base.refusal import DidNotTell, Refusal
from hostwright.lvm.facts.archives import Archives, Area, LvmArchives, Segment, State, parse_archives
from hostwright.lvm.facts.groups import PhysicalVolume
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.operations import archives as looking
from hostwright.lvm.plan.cut import UNTOLD, Cut
from hostwright.lvm.plan.cut import refused as refused_cut
from hostwright.lvm.plan.rebalance import decide, examine
from hostwright.lvm.settings import Rebalance
from tests.unit.lvm.hosts import EXTENT, detail_of, file_system, storage, told, volume


def linear(*pieces: tuple[str, int, int]) -> tuple[Segment, ...]:
    """Pieces are a disk, its first extent, and how many."""
    found: list[Segment] = []
    for disk, first, extents in pieces:
        start = found[-1].first + found[-1].extents if found else 0
        found.append(Segment(start, extents, "linear", (Area(disk, first, extents),)))
    return tuple(found)


def state(sequence: int, **volumes: tuple[Segment, ...]) -> State:
    by_uuid = {f"{name}-uuid": segments for name, segments in volumes.items()}
    names = {f"{name}-uuid": name for name in volumes}
    return State("group-uuid", sequence, EXTENT, {"disk-uuid": 5000, "other-uuid": 5000}, by_uuid, names)


FIXTURES = Path(__file__).parents[1] / "fixtures"
WHOLE = linear(("disk-uuid", 768, 667))
CUT = linear(("disk-uuid", 768, 640))
ROOT = linear(("disk-uuid", 0, 768))


def host(*, size: int = 667, now: int = 640, kind: str = "xfs", mounted: str = "/home", **other: Any) -> Storage:
    """Home is `now` extents, and its file system `size`; the group's metadata are at seqno 7."""
    plain = storage(home=now, free=800, kind=kind, **other)
    (group,) = plain.groups
    disks = (*group.disks, PhysicalVolume("/dev/vdb", "other-uuid", 5000, 0, (), False, True))
    systems = {**plain.file_systems, "home": file_system(kind, size, mounted)}
    return replace(plain, groups=(replace(group, disks=disks),), file_systems=systems)


def archives(*states: State, **other: Any) -> Archives:
    return replace(Archives(states, (), ("/etc/lvm/archive", "/etc/lvm/backup")), **other)


def refused(there: Storage, found: Archives = UNTOLD, **wish: Any) -> str:
    with pytest.raises(Refusal, match="somebody has cut the volume") as caught:
        examine(there, Rebalance(**({"shrink_to": "2G"} | wish)), found)
    return str(caught.value)


def said(there: Storage, *states: State, **other: Any) -> str:
    return refused(there, archives(*states, **other))


STORY = (state(6, root=ROOT, home=WHOLE), state(7, root=ROOT, home=CUT))


@pytest.mark.parametrize("shrink_to", ["640 extents", "2G", "3G", "-1G", "600 extents"])
@pytest.mark.parametrize("kind", ["xfs", "ext4", "ext3", "btrfs"])
def test_whatever_size_is_asked_for_a_home_that_was_cut_is_refused(kind: str, shrink_to: str) -> None:
    message = refused(host(kind=kind), shrink_to=shrink_to)
    for word in ("centos/home", "640 extents", kind, "somebody has cut the volume"):
        assert word in message


def test_so_is_one_that_is_not_mounted_one_that_grows_and_one_that_is_to_be_given_up() -> None:
    assert refused(host(mounted=""))
    assert refused(host(), abandon=True, shrink_to="")
    plain = storage()
    root = replace(plain, file_systems={**plain.file_systems, "root": file_system("xfs", 769, "/")})
    assert "centos/root is 3 GiB, 768 extents" in refused(root)


def test_so_is_a_group_with_a_third_volume_that_was_cut_since_what_is_free_may_be_its_end() -> None:
    plain = storage(free=600)
    (group,) = plain.groups
    third = volume("srv", 100, 2)
    group = replace(group, volumes=(*group.volumes, third), free=500)
    there = replace(plain, groups=(group,), file_systems={**plain.file_systems, "srv": file_system("ext4", 101, "")})
    assert "centos/srv" in refused(there)
    # The snapshot of a volume is as large as that one, whatever LVM gave it to keep changes in.
    for other in ({"origin": "root"}, {"layout": ("thin", "sparse")}):
        within = replace(group, volumes=(*group.volumes[:2], replace(third, **other)))
        examine(replace(there, groups=(within,)), Rebalance(shrink_to="2G"))


@pytest.mark.parametrize("more", [-EXTENT // 4096, -1, 0, 1, 2])
def test_a_file_system_may_be_smaller_than_its_volume_and_not_one_block_larger(more: int) -> None:
    plain = storage(free=600)
    home = plain.file_systems["home"]
    text = (line.replace(str(1279 * 1024), str(1279 * 1024 + more)) for line in detail_of("xfs", 1279 * EXTENT))
    there = replace(plain, file_systems={**plain.file_systems, "home": told(home, *text)})
    if more > 0:
        assert refused(there)
    else:
        examine(there, Rebalance(shrink_to="2G"))


@pytest.mark.parametrize(
    ("kind", "asking"),
    [("xfs", "xfs_info /home"), ("ext4", "dumpe2fs -h /dev/centos/home"), ("btrfs", "btrfs filesystem show")],
)
def test_a_file_system_that_did_not_tell_its_size_is_refused(kind: str, asking: str) -> None:
    plain = storage(free=600, kind=kind)
    for detail in ((), ("Block count: lots", "Block size: 4096", "data  = bsize=4096 blocks=, imaxpct=25")):
        home = told(plain.file_systems["home"], *detail)
        there = replace(plain, file_systems={**plain.file_systems, "home": home})
        with pytest.raises(Refusal, match="did not tell its size") as caught:
            examine(there, Rebalance(shrink_to="2G"))
        assert asking in str(caught.value)


def test_a_volume_that_nobody_looked_at_is_not_taken_for_whole() -> None:
    plain = storage(free=600)
    (group,) = plain.groups
    for third, said in (
        (volume("srv", 100, 2), "vgmknodes centos"),
        (volume("srv", 100, 2, device=""), ""),
        (volume("srv_tdata", 100, 2, role=("private", "thin", "pool", "data")), ""),
    ):
        there = replace(plain, groups=(replace(group, volumes=(*group.volumes, third), free=500),))
        if said:
            with pytest.raises(Refusal, match=said):
                examine(there, Rebalance(shrink_to="2G"))
        else:
            examine(there, Rebalance(shrink_to="2G"))


def test_what_a_copy_that_was_never_made_seems_to_hold_is_cleared_away_and_not_looked_at() -> None:
    plain = storage(free=600)
    (group,) = plain.groups
    # The power failed before LVM had wiped what was there before.
    copy = volume("home_hostwright", 512, 2, tags=("hostwright.copy",))
    group = replace(group, volumes=(*group.volumes, copy), free=88)
    stale = {**plain.file_systems, "home_hostwright": file_system("xfs", 1279, "")}
    there = replace(plain, groups=(group,), file_systems=stale)
    made = decide(examine(there, Rebalance(abandon=True)), None)
    assert [step.sh for step in made.steps] == ["discard"]
    # One that home is served from is no such thing.
    served = replace(there, file_systems={**stale, "home_hostwright": file_system("xfs", 1279, "/home")})
    assert "centos/home_hostwright" in refused(served)


# -- the way back, by example


def test_the_very_extents_of_the_last_archive_are_named() -> None:
    message = said(host(), state(5, root=ROOT, home=WHOLE), *STORY)
    assert "`lvextend -l 667 centos/home /dev/vda:1408-1434`" in message
    assert "`umount /home`" in message
    # What the kernel says of reads beyond the end would be taken for errors by the next run.
    assert "`dmesg -C`" in message
    assert message.index("lvextend") < message.index("xfs_repair -n /dev/centos/home")
    message = said(host(kind="ext4", mounted=""), *STORY)
    assert "umount" not in message
    assert "e2fsck -fn /dev/centos/home" in message


def test_pieces_come_back_one_by_one_in_their_order() -> None:
    whole = linear(("disk-uuid", 768, 650), ("other-uuid", 5, 7), ("disk-uuid", 1500, 10))
    message = said(host(), state(6, root=ROOT, home=whole), STORY[1])
    commands = [
        "lvextend -l 650 centos/home /dev/vda:1408-1417",
        "lvextend -l 657 centos/home /dev/vdb:5-11",
        "lvextend -l 667 centos/home /dev/vda:1500-1509",
    ]
    assert f"`{' && '.join(commands)}`" in message


def test_stripes_come_back_as_stripes() -> None:
    def striped(extents: int) -> tuple[Segment, ...]:
        areas = (Area("disk-uuid", 1000, extents // 2), Area("other-uuid", 0, extents // 2))
        return (Segment(0, extents, "striped", areas, 65536),)

    message = said(host(size=660), state(6, home=striped(660)), state(7, home=striped(640)))
    assert "`lvextend -l 660 -i 2 -I 64k centos/home /dev/vda:1320-1329 /dev/vdb:320-329`" in message
    areas = (Area("other-uuid", 500, 10), Area("disk-uuid", 2000, 10))
    anew = (*striped(640), Segment(640, 20, "striped", areas, 65536))
    assert "begin anew" in said(host(size=660), state(6, home=anew), state(7, home=striped(640)))
    # LVM takes whole rows of stripes off; half a row is none that it made.
    half = state(7, home=linear(("disk-uuid", 1000, 641)))
    assert "neither linear nor striped" in said(host(now=641), state(6, home=striped(668)), half)


def test_a_volume_that_was_cut_twice_comes_back_whole() -> None:
    between = linear(("disk-uuid", 768, 650))
    message = said(host(), state(5, home=WHOLE), state(6, home=between), state(7, home=CUT))
    assert "`lvextend -l 667 centos/home /dev/vda:1408-1434`" in message


USED = linear(("disk-uuid", 1430, 20))


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ([STORY[1]], ["in no archive of LVM (/etc/lvm/archive)", "wipefs -a /dev/centos/home"]),
        ([replace(STORY[0], group="another of its name"), STORY[1]], ["in no archive"]),
        ([STORY[0]], ["no backup of what centos is now", "vgcfgbackup centos"]),
        ([STORY[0], state(7, root=ROOT, home=WHOLE)], ["vgcfgbackup"]),
        ([state(4, home=WHOLE), STORY[1]], ["from seqno 5 to 6 are not all there"]),
        ([*STORY, state(9, home=WHOLE)], ["were restored since"]),
        # Also by one that is there no more.
        ([state(5, home=WHOLE), state(6, home=CUT, was=USED), state(7, home=CUT)], ["used meanwhile, by centos/was"]),
        ([state(5, home=WHOLE), state(6, home=CUT), state(7, home=CUT, srv=USED)], ["used meanwhile, by centos/srv"]),
        # It grew again, elsewhere, and was cut again.
        (
            [
                *(state(4, home=WHOLE), state(5, home=CUT)),
                *(state(6, home=linear(("disk-uuid", 768, 640), ("other-uuid", 0, 9))), state(7, home=CUT)),
            ],
            ["to other extents"],
        ),
        # What it kept was moved to where its end had been.
        ([STORY[0], state(7, home=linear(("disk-uuid", 800, 640)))], ["used meanwhile, by centos/home"]),
        ([STORY[0], replace(STORY[1], extent_size=2 * EXTENT)], ["extents of another size"]),
        ([STORY[0], replace(STORY[1], disks={"disk-uuid": 1400})], ["a disk that it was on"]),
        ([replace(STORY[0], volumes={"home-uuid": (replace(WHOLE[0], kind=""),)}), STORY[1]], ["neither linear"]),
    ],
)  # fmt: skip
def test_no_command_is_named_where_its_extents_may_be_others(states: list[State], words: list[str]) -> None:
    message = said(host(), *states)
    assert "lvextend" not in message
    for word in words:
        assert word in message


def test_what_could_not_be_read_is_told() -> None:
    message = said(host(), STORY[1], unreadable=("/etc/lvm/archive/centos_00003-1.vg",))
    assert "/etc/lvm/archive/centos_00003-1.vg: cannot be read" in message
    assert "did not tell all" in said(host(), *STORY, directories=())


def test_the_host_is_asked_for_archives_only_when_a_volume_was_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def silent(*what: object, **about: object) -> None:
        asked.append((what, about))
        raise DidNotTell("the host did not tell")

    monkeypatch.setattr(looking, "observe", silent)
    for whole in (storage(), storage(groups=())):
        assert looking.archives_of(whole, "centos", {"_sudo": True}) == UNTOLD
    assert not asked
    found = looking.archives_of(host(), "centos", {"_sudo": True})
    assert "did not tell all" in refused(host(), found)
    assert asked == [((LvmArchives, {"_sudo": True}), {"vg": "centos"})]
    assert "VG='a'\"'\"'; touch /x'" in LvmArchives().text(vg="a'; touch /x")


def test_odd_names_reach_lvm_as_they_are() -> None:
    plain = host()
    (group,) = plain.groups
    odd = replace(group.disks[0], name="/dev/disk/by-path/pci-0:1@2 x")
    there = replace(plain, groups=(replace(group, disks=(odd,)),))
    command = said(there, *STORY).split("`")[1]
    assert shlex.split(command)[-1] == r"/dev/disk/by-path/pci-0\:1\@2 x:1408-1434"


# -- by property: what is in each extent of a disk, and who wrote it last

DISKS = ("disk-uuid", "other-uuid")
SIZE = 24
Place = tuple[str, int]


class Shelf:
    """Two disks of 24 extents, volumes on them, and what LVM would have kept of each change."""

    def __init__(self, places: list[Place]) -> None:
        self.volumes: dict[str, list[Place]] = {}
        self.content: dict[Place, tuple[str, int]] = {}
        self.sequence = 1
        self.kept: list[State] = []
        self.create("home", places)

    def create(self, name: str, places: list[Place]) -> None:
        """A volume that is written to, all of it."""
        self.extend(name, places)
        self.content |= {place: (name, number) for number, place in enumerate(places)}

    def extend(self, name: str, places: list[Place]) -> None:
        self.keep()
        self.volumes[name] = self.volumes.get(name, []) + places

    def reduce(self, name: str, extents: int) -> None:
        self.keep()
        self.volumes[name] = self.volumes[name][:extents]
        if not extents:
            del self.volumes[name]

    def move(self, name: str, places: list[Place]) -> None:
        self.keep()
        old = self.volumes[name][: len(places)]
        self.content |= {new: self.content.get(was, ("", 0)) for was, new in zip(old, places, strict=True)}
        self.volumes[name] = places + self.volumes[name][len(places) :]

    def keep(self) -> None:
        self.kept.append(self.now())
        self.sequence += 1

    def now(self) -> State:
        there = {name: linear(*((disk, at, 1) for disk, at in places)) for name, places in self.volumes.items()}
        return replace(state(self.sequence, **there), disks=dict.fromkeys(DISKS, SIZE))

    def free(self) -> list[Place]:
        taken = {place for places in self.volumes.values() for place in places}
        return [(disk, at) for disk in DISKS for at in range(SIZE) if (disk, at) not in taken]

    def follow(self, text: str) -> None:
        """What `lvextend -l N centos/home DISK:A-B && ...` does."""
        for command in text.split(" && "):
            extents, name, ranges = command.removeprefix("lvextend -l ").split(" ")
            disk, first, last = ranges.replace("-", ":").split(":")
            uuid = {"/dev/vda": "disk-uuid", "/dev/vdb": "other-uuid"}[disk]
            places = [(uuid, at) for at in range(int(first), int(last) + 1)]
            assert name == "centos/home"
            assert not set(places) - set(self.free()), "LVM would refuse it"
            self.volumes["home"] += places
            assert len(self.volumes["home"]) == int(extents)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_what_is_named_brings_every_extent_back_or_nothing_is_named(data: st.DataObject) -> None:
    everywhere = [(disk, at) for disk in DISKS for at in range(SIZE)]
    shelf = Shelf(data.draw(st.lists(st.sampled_from(everywhere), min_size=2, max_size=12, unique=True)))
    size = len(shelf.volumes["home"])
    shelf.reduce("home", data.draw(st.integers(1, size - 1)))
    only_cut = True
    for number in range(data.draw(st.integers(0, 4))):
        free = shelf.free()
        doing = data.draw(st.sampled_from(["create", "extend", "reduce", "remove", "move"]))
        others = [name for name in shelf.volumes if name != "home"]
        home = len(shelf.volumes["home"])
        if doing == "create" and free:
            places = data.draw(st.lists(st.sampled_from(free), min_size=1, max_size=6, unique=True))
            shelf.create(f"new{number}", places)
            only_cut = False
        elif doing == "extend" and free and home < size - 1:
            places = data.draw(st.lists(st.sampled_from(free), min_size=1, max_size=size - 1 - home, unique=True))
            shelf.extend("home", places)
            only_cut = False
        elif doing == "reduce" and home > 1:
            shelf.reduce("home", data.draw(st.integers(1, home - 1)))
        elif doing == "remove" and others:
            shelf.reduce(others[0], 0)
        elif doing == "move" and free:
            moved = data.draw(st.integers(1, min(home, len(free))))
            shelf.move("home", data.draw(st.lists(st.sampled_from(free), min_size=moved, max_size=moved, unique=True)))
            only_cut = False
    kept = [*shelf.kept, shelf.now()]
    lost = data.draw(st.sets(st.sampled_from(range(len(kept))), max_size=2))
    plain = host(size=size, now=len(shelf.volumes["home"]))
    there = replace(plain, groups=(replace(plain.groups[0], sequence=shelf.sequence),))
    message = said(there, *(state for number, state in enumerate(kept) if number not in lost))
    named = "brings it back: `" in message
    assert named or "No command" in message
    if only_cut and not lost:
        assert named, message
    if named:
        shelf.follow(message.split("`")[1])
        places = shelf.volumes["home"]
        assert [shelf.content[place] for place in places] == [("home", number) for number in range(size)]


# -- what LVM writes


def test_the_archives_of_a_debian_12_host() -> None:
    """Home was cut (seqno 7 since); then volumes were made, extended, renamed, snapshotted and removed."""
    found = parse_archives((FIXTURES / "archives_debian12.txt").read_text().splitlines())
    assert not found.unreadable
    assert found.directories == ("/etc/lvm/archive", "/etc/lvm/backup")
    assert sorted(state.sequence for state in found.states) == list(range(3, 16))
    last = max(found.states, key=lambda state: state.sequence)
    uuid = next(uuid for uuid, name in last.names.items() if name == "home")
    assert last.extents(uuid) == 256

    def said_at(sequence: int) -> str:
        (group,) = host().groups
        disk = replace(group.disks[0], uuid=next(iter(last.disks)))
        group = replace(group, uuid=last.group, sequence=sequence, disks=(disk,))
        cut = Cut(group, volume("home", 256, 1, uuid=uuid), file_system("xfs", 654, ""))
        known = tuple(state for state in found.states if state.sequence <= sequence)
        return str(refused_cut(cut, replace(found, states=known)))

    assert "`lvextend -l 654 centos/home /dev/vda:1024-1421`" in said_at(7)
    assert "used meanwhile, by centos/one" in said_at(8)
    assert "used meanwhile, by centos/" in said_at(15)


TEXT = """# Generated by LVM2
description = "Created *before* executing 'lvreduce -L 1G \\"x\\" # {'"
creation_time = 1795767833	# Fri

rl_x-y.z+1 {
	id = "pg4bqR"
	seqno = 11
	extent_size = 8192
	flags = []
	physical_volumes {
		pv0 { id = "CQZuAX" pe_count = 99 }
		pv1 { id = "onKvNo" pe_count = 99 }
	}
	logical_volumes {
		7 {
			id = "p2RuWT"
			segment_count = 2
			segment1 { start_extent = 0 extent_count = 30 type = "striped" stripe_count = 1 stripes = [ "pv0", 5 ] }
			segment2 { start_extent = 30 extent_count = 20 type = "striped" stripe_count = 2 stripe_size = 128
				stripes = [
					"pv0", 50,
					"pv1", 20
				]
			}
		}
		pvmove0 {
			id = "mover"
			segment_count = 1
			segment1 { start_extent = 0 extent_count = 9 type = "mirror" mirrors = [ "pv0", 70, "pv1", 60 ] }
		}
	}
}
"""


def test_a_text_of_metadata() -> None:
    (found,) = parse_archives(["@@ file /etc/lvm/archive/a.vg", *TEXT.splitlines()]).states
    assert (found.group, found.sequence, found.extent_size) == ("pg4bqR", 11, EXTENT)
    assert found.disks == {"CQZuAX": 99, "onKvNo": 99}
    assert found.names["p2RuWT"] == "7"
    assert found.volumes["p2RuWT"] == (
        Segment(0, 30, "linear", (Area("CQZuAX", 5, 30),)),
        Segment(30, 20, "striped", (Area("CQZuAX", 50, 10), Area("onKvNo", 20, 10)), 65536),
    )
    # A move in progress has its extents on both disks.
    assert found.volumes["mover"] == (Segment(0, 9, "", (Area("CQZuAX", 70, 9), Area("onKvNo", 60, 9))),)


def test_metadata_that_are_cut_short_anywhere_are_told_and_nothing_else() -> None:
    end = TEXT.rindex("}")
    for at in range(end):
        found = parse_archives(["@@ file a.vg", *TEXT[:at].splitlines()])
        assert (found.states, found.unreadable) == ((), ("a.vg",))


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet='{}[]"\\=, \n#a1rl?.-', max_size=60), at=st.integers(0, len(TEXT)))
def test_garbage_ends_in_no_traceback(text: str, at: int) -> None:
    for garbage in (text, TEXT[:at] + text + TEXT[at:]):
        parse_archives(["@@ file a.vg", *garbage.splitlines(), "@@ looked in", "/etc"])


def test_sections_within_each_other_without_end_are_told() -> None:
    assert parse_archives(["@@ file a.vg", "a { " * 20000, "} " * 20000]).unreadable
