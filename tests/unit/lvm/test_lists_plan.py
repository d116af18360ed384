"""Where a plan lays the lists of what is in home, and that what a lost run left of them is cleared away."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostwright.base.refusal import Refusal
from hostwright.lvm.facts.devices import Scratch
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.facts.survey import Survey
from hostwright.lvm.moves import BorrowDisk, MakeImage, MakeLists
from hostwright.lvm.plan.marker import MARKER
from hostwright.lvm.plan.method import WIPE_MORE, Lists, lists_bytes, lists_extents
from hostwright.lvm.plan.rebalance import decide, examine
from hostwright.lvm.plan.steps import Plan
from hostwright.lvm.plan.task import no_file_system
from hostwright.lvm.settings import Rebalance
from tests.unit.lvm.hosts import EXTENT, GIB, UUID, storage, survey, volume

MIB = 1024**2
NAME = "home_hostwright_lists"
IMAGE = "/var/lib/hostwright/centos-home.img"
DIRECTORY = "/var/lib/hostwright/centos-home.lists"


def plan(host: Storage, found: Survey | None = None, **wish: Any) -> Plan:
    task = examine(host, Rebalance(**({"shrink_to": "2G"} | wish)))
    return decide(task, (found or survey()) if task.needs_survey else None)


def refusal(host: Storage, found: Survey | None = None, **wish: Any) -> str:
    with pytest.raises(Refusal) as refused:
        plan(host, found, **wish)
    return str(refused.value)


def made_lists(made: Plan) -> Lists:
    step = next(step for step in made.steps if isinstance(step, MakeLists))
    return Lists(step.place, step.extents, step.disks)


def calls(made: Plan) -> list[str]:
    return [step.sh for step in made.steps]


def with_volume(host: Storage, name: str, extents: int, *tags: str, disk: str = "/dev/vda") -> Storage:
    """One more volume, in extents that were free."""
    group = host.groups[0]
    disks = tuple(
        replace(each, allocated=each.allocated + extents) if each.name == disk else each for each in group.disks
    )
    more = volume(name, extents, 7, tags=tags, disks=(disk,))
    group = replace(group, free=group.free - extents, disks=disks, volumes=(*group.volumes, more))
    systems = host.file_systems if tags[0].startswith("hostwright") else {**host.file_systems, name: no_file_system()}
    return replace(host, groups=(group,), file_systems=systems)


def staging_is(host: Storage, **other: Any) -> Storage:
    assert host.staging
    return replace(host, staging=replace(host.staging, **other))


def memory_is(host: Storage, free: int, available: int) -> Storage:
    return replace(host, host={**host.host, "memavailable": str(available)}, run_free=free)


BLANK = Scratch(True, "vdb", 4 * GIB)


@pytest.mark.parametrize(
    ("host", "wish", "lists"),
    [
        (storage(free=600), {}, Lists(NAME, 3, ("/dev/vda",))),
        (storage(free=515), {}, Lists(NAME, 3, ("/dev/vda",))),
        (storage(free=514), {}, Lists(DIRECTORY)),
        (storage(), {}, Lists(DIRECTORY)),
        (storage(free=3), {"scratch": "/dev/vdb"}, Lists(NAME, 3, ("/dev/vda",))),
        (storage(free=2), {"scratch": "/dev/vdb"}, Lists(DIRECTORY)),
        (storage(free=2, root_free=0), {"scratch": "/dev/vdb"}, Lists(NAME, 3, ("/dev/vdb",))),
        (memory_is(storage(free=512, root_free=0), 100 * MIB, GIB), {}, Lists()),
    ],
)
def test_lists_lie_where_there_is_room(host: Storage, wish: dict[str, Any], lists: Lists) -> None:
    host = replace(host, scratch=BLANK) if wish else host
    assert made_lists(plan(host, **wish)) == lists


@pytest.mark.parametrize(("free", "available"), [(17 * MIB, GIB), (100 * MIB, 35 * MIB)])
def test_lists_are_in_memory_only_where_it_has_several_times_that(free: int, available: int) -> None:
    host = storage(free=512, root_free=0)
    assert made_lists(plan(memory_is(host, 18 * MIB, 36 * MIB))) == Lists()
    assert "the lists of what is in home need" in refusal(memory_is(host, free, available))
    assert "the lists of what is in home need" in refusal(host)


@settings(max_examples=300, deadline=None)
@given(
    free=st.integers(0, 600),
    inodes=st.integers(1, 3 * 10**6),
    root_free=st.integers(0, 4 * GIB),
    disk=st.one_of(st.none(), st.integers(0, 1500)),
    run=st.integers(0, 2 * GIB),
    available=st.integers(0, 8 * GIB),
)
def test_lists_fit_where_they_lie_or_the_plan_is_refused_with_a_way_out(
    free: int, inodes: int, root_free: int, disk: int | None, run: int, available: int
) -> None:
    found = survey(inodes=inodes)
    host = memory_is(storage(free=free, root_free=root_free), run, available)
    wish: dict[str, Any] = {}
    if disk is not None:
        host, wish = replace(host, scratch=Scratch(True, "vdb", disk * EXTENT)), {"scratch": "/dev/vdb"}
    needed, extents = lists_bytes(found), lists_extents(host.groups[0], found)
    try:
        made = plan(host, found, **wish)
    except Refusal as refused:
        if disk is None and "lists of what" in str(refused):
            assert free < 512 + extents
            assert made_lists(plan(storage(free=512 + extents, root_free=0), found)).place == NAME
        return
    place = made_lists(made)
    borrowed = next((step for step in made.steps if isinstance(step, BorrowDisk)), None)
    if place == Lists():
        assert needed <= run // 2
        assert needed <= available // 4
    elif place.place == DIRECTORY:
        image = next((step.size for step in made.steps if isinstance(step, MakeImage)), 0)
        assert image + needed <= root_free
    elif place.disks == ("/dev/vda",):
        assert place.extents == extents
        assert extents + (0 if borrowed else 512) <= free
    else:
        assert place.disks == ("/dev/vdb",)
        assert borrowed
        # What of the disk is used is wiped before it is given back.
        assert borrowed.wiped >= (512 + extents) * EXTENT + WIPE_MORE
        assert disk is not None
        assert (512 + extents) * EXTENT <= disk * EXTENT
    assert calls(made).index("make_lists") < calls(made).index("copy_live")
    assert calls(made).index("drop_lists") > calls(made).index("verify")
    if borrowed:
        # What lay on it would be moved to where there is no room.
        assert calls(made).index("drop_lists") < calls(made).index("give_back")


# -- what a lost run left


@pytest.mark.parametrize("abandon", [False, True])
def test_lists_that_a_lost_run_left_are_cleared_away(abandon: bool) -> None:
    host = staging_is(with_volume(storage(free=515), NAME, 3, "hostwright.lists"), lists=True)
    made = plan(host, abandon=abandon)
    assert [step.call for step in made.steps if step.sh == "discard_lists"] == [("discard_lists", NAME, DIRECTORY)]
    if abandon:
        assert calls(made) == ["discard_lists"]
    else:
        # Their extents are free again.
        assert made_lists(made) == Lists(NAME, 3, ("/dev/vda",))
        assert dict(made.after.volumes) == {"root": 1279 + 768 + 515 - 512, "home": 512}


def test_they_are_cleared_away_though_nothing_else_is_to_do() -> None:
    host = with_volume(storage(free=515), NAME, 3, "hostwright.lists")
    assert calls(plan(host, shrink_to="1279 extents", grow_to="768 extents"))[-1] == "discard_lists"


@pytest.mark.parametrize("abandon", [False, True])
def test_a_volume_of_that_name_that_is_not_ours_is_refused(abandon: bool) -> None:
    host = with_volume(storage(free=600), NAME, 3, "theirs")
    assert f"centos/{NAME} is in the way, and not ours: rename it first" in refusal(host, abandon=abandon)
    group = host.groups[0]
    renamed = replace(group, volumes=(*group.volumes[:-1], replace(group.volumes[-1], name="mine")))
    host = replace(host, groups=(renamed,), file_systems={**host.file_systems, "mine": no_file_system()})
    assert "discard_lists" not in calls(plan(host, abandon=abandon))


@pytest.mark.parametrize("abandon", [False, True])
def test_lists_on_a_lent_disk_go_before_it_is_given_back(abandon: bool) -> None:
    host = storage(free=0, root_free=0, scratch=replace(BLANK, lent=True))
    group = host.groups[0]
    lent = replace(group.disks[0], name="/dev/vdb", uuid="hostwr-ight-1", extents=1023, allocated=0)
    host = replace(host, groups=(replace(group, disks=(*group.disks, lent), extents=group.extents + 1023),))
    host = with_volume(host, "home_hostwright", 512, "hostwright.copy", disk="/dev/vdb")
    host = with_volume(host, NAME, 3, "hostwright.lists", disk="/dev/vdb")
    names = calls(plan(host, scratch="/dev/vdb", abandon=abandon))
    # To give it back is to move what is on it to the group's own disks, which are full.
    assert names.index("discard_lists") < names.index("discard")


def test_staging_that_is_not_roots_alone_is_refused_and_another_directory_taken() -> None:
    host = staging_is(storage(), owned=False)
    assert "is not root's alone" in refusal(host)
    assert "name one that only root can write to" in refusal(host)
    assert made_lists(plan(storage(), staging="/srv/own")) == Lists("/srv/own/hostwright/centos-home.lists")
    # Nor do lists lie there.
    assert "the lists of what is in home need" in refusal(staging_is(storage(free=512), owned=False))
    assert made_lists(plan(staging_is(storage(free=515), owned=False))) == Lists(NAME, 3, ("/dev/vda",))


@pytest.mark.parametrize("abandon", [False, True])
def test_what_lies_in_a_directory_of_others_is_not_what_we_left(abandon: bool) -> None:
    host = staging_is(storage(free=600), owned=False, lists=True, image=GIB)
    names = calls(plan(host, staging="/tmp", abandon=abandon))
    assert not {"discard", "discard_lists"} & set(names)


# -- a run that goes on


def lost(host: Storage, spec: str, image: str = "") -> Storage:
    memory = {"line": "/dev/mapper/centos-home /home xfs defaults 0 0", "point": "/home", "uuid": UUID, "label": ""}
    memory |= {"kind": "xfs", "options": "defaults", "quota": "", "image": image}
    line = replace(host.fstab[1], text=f"{spec} /home xfs defaults 0 0", spec=spec)
    marker = MARKER + base64.b64encode(json.dumps(memory).encode()).decode()
    return replace(host, marker=marker, fstab=(host.fstab[0], line))


SERVED = "/dev/disk/by-id/dm-uuid-LVM-groupuuidhome_hostwrightuuid"


def by_copy(host: Storage, extents: int = 512) -> Storage:
    return lost(with_volume(host, "home_hostwright", extents, "hostwright.copy"), SERVED)


@pytest.mark.parametrize(
    ("host", "lists"),
    [
        (by_copy(storage(free=515)), Lists(NAME, 3, ("/dev/vda",))),
        # The copy that home is served from is no room for lists.
        (by_copy(storage(free=514)), Lists(DIRECTORY)),
        (lost(storage(), IMAGE, IMAGE), Lists(DIRECTORY)),
        (lost(storage(free=3, root_free=0), IMAGE, IMAGE), Lists(NAME, 3, ("/dev/vda",))),
        # What lists that were left take is room for new ones.
        (
            lost(with_volume(storage(free=3, root_free=0), NAME, 3, "hostwright.lists"), IMAGE, IMAGE),
            Lists(NAME, 3, ("/dev/vda",)),
        ),
        # Unfinished volumes go before lists come.
        (
            lost(with_volume(storage(free=512, root_free=0), "home_hostwright", 512, "hostwright.copy"), IMAGE, IMAGE),
            Lists(NAME, 3, ("/dev/vda",)),
        ),
    ],
)
def test_a_run_that_goes_on_lays_its_lists_where_there_is_room(host: Storage, lists: Lists) -> None:
    made = plan(host)
    assert made_lists(made) == lists
    cleared = [index for index, step in enumerate(made.steps) if step.sh in ("discard", "discard_lists")]
    assert all(index < calls(made).index("make_lists") for index in cleared)


def test_room_for_the_volume_that_is_made_anew_is_not_given_to_lists() -> None:
    host = lost(storage(free=0, root_free=0), IMAGE, IMAGE)
    group = host.groups[0]
    gone = replace(group, volumes=group.volumes[:1], disks=(replace(group.disks[0], allocated=768 + 767),), free=512)
    host = replace(host, groups=(gone,))
    assert "the lists of what is in home need" in refusal(host)
    assert made_lists(plan(staging_is(host, free=9 * MIB))) == Lists(DIRECTORY)


@pytest.mark.parametrize("inodes", [1000, 10**6])
def test_the_way_out_that_a_refused_run_that_goes_on_names_leads_on(inodes: int) -> None:
    host, found = by_copy(storage(free=512, root_free=0)), survey(inodes=inodes)
    said = refusal(host, found)
    size = int(float(said.split("see that it has ")[1].split()[0]) * GIB)
    assert "or name a directory that has as lvm_staging" in said
    assert made_lists(plan(staging_is(host, free=size), found)) == Lists(DIRECTORY)
    other = plan(staging_is(host, free=size), found, staging="/srv/own")
    assert made_lists(other) == Lists("/srv/own/hostwright/centos-home.lists")
    image = lost(storage(root_free=0), IMAGE, IMAGE)
    assert "see that it has" in refusal(image, found)
    other = plan(staging_is(image, free=size), found, staging="/srv/own")
    assert made_lists(other) == Lists("/srv/own/hostwright/centos-home.lists")
    # Where the staged copy lies is another place than the one that was looked at.
    assert made_lists(plan(image, found, staging="/srv/own")) == Lists(DIRECTORY)


def test_long_paths_are_counted() -> None:
    short, long = survey(inodes=100_000, paths=4_000_000), survey(inodes=100_000, paths=15_000_000)
    assert lists_bytes(short) == lists_bytes(survey(inodes=100_000))
    # As measured, and more.
    assert lists_bytes(long) > 100_000 * 2020
    assert lists_bytes(replace(short, paths=6_000_000)) > 100_000 * 1070
    host = storage(free=512 + lists_extents(storage().groups[0], short), root_free=0)
    assert made_lists(plan(host, short)).place == NAME
    assert "the lists of what is in home need" in refusal(host, long)
