"""The plan by example and by property: it refuses, or its steps lead where they should and never risk the only copy."""

import base64
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostwright.base.refusal import Refusal
from hostwright.base.settings import validated
from hostwright.lvm import moves, verbs
from hostwright.lvm.facts.devices import BlockDevice, Scratch
from hostwright.lvm.facts.groups import PhysicalVolume
from hostwright.lvm.facts.mounts import FstabLine, Mount, MountUnit, Swap, fstab_lines
from hostwright.lvm.facts.storage import Job, Storage
from hostwright.lvm.facts.survey import Holder, Survey
from hostwright.lvm.plan.marker import MARKER
from hostwright.lvm.plan.picture import as_data, draw
from hostwright.lvm.plan.rebalance import decide, examine
from hostwright.lvm.plan.resume import before_all
from hostwright.lvm.plan.steps import Plan, Step
from hostwright.lvm.settings import Rebalance
from tests.unit.lvm.hosts import EXT_DETAIL, EXTENT, GIB, UUID, detail_of, file_system, storage, survey, told, volume

MIB = 1024**2


def plan(host: Storage, found: Survey | None = None, **wish: Any) -> Plan:
    task = examine(host, validated(Rebalance, {"shrink_to": "2G"} | wish))
    return decide(task, (found or survey()) if task.needs_survey else None)


def refusal(host: Storage, found: Survey | None = None, **wish: Any) -> str:
    with pytest.raises(Refusal) as refused:
        plan(host, found, **wish)
    return str(refused.value)


def calls(made: Plan) -> list[str]:
    return [step.sh for step in made.steps]


# -- what the steps do to a host, as far as a plan can be wrong about it

# They change no volume, no file system, and not what home is served from.
HARMLESS: set[type[Step]] = {
    verbs.IsUnchanged,
    verbs.InstallPackages,
    verbs.RestoreFstab,
    verbs.ClearTags,
    moves.MakeLists,
    moves.DropLists,
    moves.CopyLive,
}


class Disk:
    """Volumes by extents, and which copies of home there are. Checks at each step that one complete copy remains."""

    def __init__(self, host: Storage) -> None:
        group = host.groups[0]
        self.kind = host.file_systems["home"].kind
        self.volumes = {volume.name: volume.extents for volume in group.volumes}
        self.free = group.free
        self.complete = {"home"}
        self.served = "home"
        self.read_only = self.away = False
        self.file_system = {volume.name: volume.extents * EXTENT for volume in group.volumes}
        self.image = 0

    def apply(self, step: Step) -> None:
        if type(step) not in HARMLESS:
            getattr(self, f"do_{step.sh}")(step)
        assert self.free >= 0, step
        assert self.complete, f"no complete copy of home is left after: {step.title}"
        assert self.served in self.complete, f"home is served from an incomplete copy after: {step.title}"
        # Else the run after a power cut would take the volume for one that somebody cut.
        for at, size in self.file_system.items():
            assert at not in self.volumes or size <= self.volumes[at] * EXTENT, (
                f"{at} is shorter than its file system: {step.title}"
            )

    def do_borrow_disk(self, _: moves.BorrowDisk) -> None:
        self.free += 10**6

    def do_give_back(self, _: moves.GiveBack) -> None:
        self.free -= 10**6

    def do_make_volume(self, step: moves.MakeVolume) -> None:
        assert step.volume not in self.volumes
        self.volumes[step.volume] = step.extents
        self.free -= step.extents

    def do_make_image(self, step: moves.MakeImage) -> None:
        self.image = step.size

    def do_make_file_system(self, step: moves.MakeFileSystem) -> None:
        assert step.target not in self.complete, "a complete copy is formatted"
        self.file_system[step.target] = self.volumes.get(step.target, 0) * EXTENT

    def do_freeze(self, _: moves.Freeze) -> None:
        self.read_only = True

    def do_verify(self, step: moves.Verify) -> None:
        assert self.read_only, "compared while home could change"
        self.complete.add(step.target)

    def do_take_away(self, _: moves.TakeAway) -> None:
        self.away = True

    def do_serve_volume(self, step: moves.ServeVolume) -> None:
        assert self.away
        self.served = step.volume

    def do_serve_image(self, step: moves.ServeImage) -> None:
        assert self.away
        self.served = step.image

    def do_bring_back(self, _: moves.BringBack) -> None:
        self.away = self.read_only = False
        # What is written from now on is only where home is served from.
        self.complete = {self.served}

    def do_set_identity(self, step: moves.SetIdentity) -> None:
        if self.kind != "btrfs":
            assert self.served != step.volume, "the copy that the boot takes could be broken by a power cut"
            assert self.complete - {step.volume}, "the only complete copy could be broken by a power cut"

    def do_remove_volume(self, step: verbs.RemoveVolume) -> None:
        assert step.volume != self.served, "the volume that home is served from is removed"
        self.free += self.volumes.pop(step.volume)
        self.complete.discard(step.volume)

    def do_rename_volume(self, step: moves.RenameVolume) -> None:
        old, new = step.volume, step.name
        assert new not in self.volumes
        self.volumes[new] = self.volumes.pop(old)
        self.file_system[new] = self.file_system.pop(old)
        if old in self.complete:
            self.complete = (self.complete - {old}) | {new}
        if self.served == old:
            self.served = new

    def do_remove_image(self, step: moves.RemoveImage) -> None:
        assert step.image != self.served
        self.complete.discard(step.image)
        self.image = 0

    def do_shrink_btrfs(self, step: moves.ShrinkBtrfs) -> None:
        self.file_system["home"] = step.size

    def do_shrink_ext(self, step: moves.ShrinkExt) -> None:
        assert self.away
        self.file_system["home"] = step.kibibytes * 1024

    def do_reduce_volume(self, step: moves.ReduceVolume) -> None:
        if step.volume == "home" and self.file_system["home"] > step.extents * EXTENT:
            self.complete.discard("home")
        assert self.away or step.volume != "home"
        self.free += self.volumes[step.volume] - step.extents
        self.volumes[step.volume] = step.extents

    def do_extend_volume(self, step: verbs.ExtendVolume) -> None:
        self.free -= step.extents - self.volumes[step.volume]
        self.volumes[step.volume] = step.extents

    def do_grow_file_system(self, step: verbs.GrowFileSystem) -> None:
        self.file_system[step.volume] = self.volumes[step.volume] * EXTENT


def carried_out(host: Storage, made: Plan) -> Disk:
    disk = Disk(host)
    for step in made.steps:
        disk.apply(step)
    return disk


@settings(max_examples=400, deadline=None)
@given(
    kind=st.sampled_from(["xfs", "ext4", "ext3", "btrfs", "vfat", ""]),
    root_kind=st.sampled_from(["xfs", "ext4", "btrfs"]),
    home=st.integers(1, 3000),
    root=st.integers(100, 3000),
    free=st.integers(0, 2000),
    target=st.integers(1, 3200),
    grow_to=st.one_of(st.just("100%FREE"), st.integers(1, 6000).map("{} extents".format)),
    data=st.integers(0, 8 * GIB),
    root_free=st.integers(0, 12 * GIB),
    scratch=st.one_of(st.none(), st.integers(0, 3000).map(lambda n: Scratch(True, "vdb", n * EXTENT))),
    strategy=st.sampled_from([None, None, "beside", "staging", "in-place"]),
)
def test_a_refusal_or_steps_that_end_as_wanted_and_never_risk_the_only_copy(
    kind: str,
    root_kind: str,
    home: int,
    root: int,
    free: int,
    target: int,
    grow_to: str,
    data: int,
    root_free: int,
    scratch: Scratch | None,
    strategy: str | None,
) -> None:
    host = storage(
        home=home, root=root, free=free, kind=kind, root_kind=root_kind, root_free=root_free, scratch=scratch
    )
    wish: dict[str, Any] = {"shrink_to": f"{target} extents", "grow_to": grow_to, "strategy": strategy}
    if scratch:
        wish["scratch"] = "/dev/vdb"
    try:
        made = plan(host, survey(data=data), **wish)
    except Refusal:
        return
    disk = carried_out(host, made)
    assert disk.volumes["home"] == target
    wanted = root + free + home - target if grow_to == "100%FREE" else int(grow_to.split()[0])
    assert disk.volumes["root"] == wanted
    assert disk.free + sum(disk.volumes.values()) == home + root + free
    assert disk.file_system["root"] == disk.volumes["root"] * EXTENT
    assert disk.served == "home"
    assert not disk.away
    assert not disk.read_only
    assert disk.image == 0
    assert set(disk.volumes) == {"home", "root"}
    assert all(len(line) <= 80 for line in draw("host.example.org", made).splitlines())
    assert as_data(made)["changes"] is made.changes


def test_machines_read_a_plan_by_names_that_stay() -> None:
    data = as_data(plan(storage(free=600)))
    assert " ".join(data) == ("group before after steps way reason notes read_only away follow stop again changes")
    assert data["way"] == "beside"
    assert list(data["before"]) == ["extents", "extent_size", "volumes", "free"]
    assert data["steps"][0] == {"title": "check that centos is as planned", "call": ("is_unchanged", "7")}


def test_what_the_simulator_does_not_know_is_refused_and_no_only_copy_is_formatted() -> None:
    with pytest.raises(AttributeError, match="do_format_volume"):
        Disk(storage()).apply(verbs.FormatVolume("make a file system", "home", "xfs"))
    with pytest.raises(AssertionError, match="a complete copy is formatted"):
        Disk(storage()).apply(moves.MakeFileSystem("make a file system", "home", ("mkfs.xfs",)))


# -- methods


def test_free_extents_are_used_before_anything_else() -> None:
    made = plan(storage(free=600))
    assert made.method == "beside"
    assert "free" in made.reason


def test_without_room_in_the_group_root_stages_the_copy() -> None:
    made = plan(storage())
    assert made.method == "staging"
    assert "/var/lib" in made.reason
    assert calls(made).count("verify") == 2


def test_a_scratch_disk_is_borrowed_wiped_and_given_back() -> None:
    made = plan(storage(scratch=Scratch(True, "vdb", 3 * GIB)), scratch="/dev/vdb")
    assert made.method == "beside"
    assert calls(made).index("borrow_disk") < calls(made).index("make_volume") < calls(made).index("give_back")
    assert calls(made)[-2:] == ["extend_volume", "grow_file_system"]


def test_a_disk_that_a_lost_run_had_borrowed_is_given_back_and_borrowed_again() -> None:
    lent = PhysicalVolume("/dev/vdb", "hostwr-ight-0123", 700, 0, (), False, True)
    (group,) = storage().groups
    within = storage(
        scratch=Scratch(True, "vdb", 3 * GIB, lent=True), groups=(replace(group, disks=(*group.disks, lent)),)
    )
    alone = storage(scratch=Scratch(True, "vdb", 3 * GIB, lent=True), lent=("/dev/vdb",))
    for host in (within, alone):
        made = plan(host, scratch="/dev/vdb")
        assert calls(made).index("discard") < calls(made).index("borrow_disk")
        assert "/dev/vdb" in made.steps[1].title
    # Also when there is nothing else to do, and nobody lends it any more.
    done = plan(storage(home=512, lent=("/dev/vdb",)), shrink_to="2G")
    assert calls(done)[-1] == "discard"


def test_xfs_never_shrinks_in_place() -> None:
    assert "XFS cannot shrink in place" in refusal(storage(free=600), strategy="in-place")
    assert not {"reduce_volume", "shrink_ext", "shrink_btrfs"} & set(calls(plan(storage(free=600))))


def test_btrfs_shrinks_in_place_by_itself_and_before_its_volume() -> None:
    made = plan(storage(kind="btrfs", free=600))
    assert made.method == "in-place"
    assert calls(made).index("shrink_btrfs") < calls(made).index("take_away") < calls(made).index("reduce_volume")


def test_ext_shrinks_in_place_only_when_forced_and_the_plan_says_the_risk() -> None:
    assert plan(storage(kind="ext4")).method == "staging"
    forced = plan(storage(kind="ext4"), strategy="in-place")
    assert "power cut" in forced.reason
    assert any("times of directories" in note for note in forced.notes)


def test_tools_that_are_missing_are_installed_before_anything_is_touched() -> None:
    host = storage(free=600)
    made = plan(replace(host, tools=host.tools - {"rsync", "getfattr"}))
    assert made.steps[1].call == ("install_packages", "attr", "rsync")
    bare = replace(host, tools=host.tools - {"rsync"}, host={k: v for k, v in host.host.items() if k != "manager"})
    assert "by hand" in refusal(bare)


def test_as_wanted_is_no_change() -> None:
    made = plan(storage(home=512, root=1535))
    assert not made.changes
    assert "nothing to change" in draw("host", made)


def test_any_size_converges_on_whole_extents() -> None:
    assert not plan(storage(home=501, root=1546), shrink_to="2000.5m").changes


def test_a_root_file_system_that_lags_behind_its_volume_is_a_change() -> None:
    host = storage(home=512, root=1535)
    lagging = file_system("xfs", 768, "/")
    made = plan(replace(host, file_systems={**host.file_systems, "root": lagging}))
    assert calls(made) == ["is_unchanged", "grow_file_system"]


def test_a_run_that_was_ended_by_force_is_put_right_before_anything_else() -> None:
    made = before_all(storage(job=Job(False, "0a1b2c3d", "")))
    assert made
    assert [step.call for step in made.steps] == [("recover", "0a1b2c3d")]
    assert made.again
    assert before_all(storage(job=Job(False, "0a1b2c3d", "0 "))) is None
    assert before_all(storage()) is None


def test_a_volume_that_a_run_left_unmounted_comes_before_any_block() -> None:
    host = away(group_is(WIDE, **COVERED))
    made = before_all(host, "data")
    assert made
    assert calls(made) == ["put_back"]
    assert made.again
    assert dict(made.variables) == {"VG": "centos", "LV": "home", "MOUNT": "/home", "OPTIONS": "defaults"}
    assert draw("host.example.org", made)
    assert before_all(group_is(WIDE, **COVERED)) is None
    assert before_all(away(WIDE)) is None
    # One that was removed since is nobody's home.
    assert before_all(away(group_is(WIDE, tags=("hostwright.cover.srv",)))) is None
    with pytest.raises(Refusal, match="centos/home unmounted, and /etc/fstab has no line for it"):
        before_all(replace(host, fstab=()))


def test_abandoning_stops_what_is_at_work_and_clears_away_what_it_left() -> None:
    stopped = before_all(storage(job=Job(True, "0a1b2c3d", "")), stop=True)
    assert stopped
    assert stopped.stop
    assert "at work on this host: stop it" in draw("host", stopped)
    host = storage(free=600)
    copy = volume("home_hostwright", 512, 2, tags=("hostwright.copy",))
    group = host.groups[0]
    lost = replace(host, groups=(replace(group, free=88, volumes=(*group.volumes, copy)),))
    made = plan(lost, shrink_to="", abandon=True)
    assert calls(made) == ["discard"]
    assert made.after == made.before
    assert not plan(host, shrink_to="", abandon=True).changes
    assert "lvm_shrink_to is not set" in refusal(host, shrink_to="")


def test_a_directory_that_a_lost_run_left_immutable_beneath_home_is_opened_again() -> None:
    host = storage(home=512, root=1535)
    group = host.groups[0]
    lost = replace(host, groups=(replace(group, tags=("theirs", "hostwright.cover.home")),))
    assert calls(plan(lost, grow=None)) == ["is_unchanged", "uncover"]
    assert calls(plan(lost, grow=None, shrink_to="", abandon=True)) == ["uncover"]
    assert calls(plan(lost, shrink_to="1G"))[:2] == ["is_unchanged", "uncover"]
    of_another = replace(host, groups=(replace(group, tags=("hostwright.cover.srv",)),))
    assert not plan(of_another, grow=None).changes


def away(host: Storage) -> Storage:
    home = replace(host.file_systems["home"], mounted="", size=0, free=0)
    mounts = tuple(mount for mount in host.mounts if mount.point != "/home")
    return replace(host, mounts=mounts, file_systems={**host.file_systems, "home": home})


COVERED = {"tags": ("hostwright.cover.home",)}


@pytest.mark.parametrize("spec", ["/dev/mapper/centos-home", "/dev/centos/home", f"UUID={UUID}", f'UUID="{UUID}"'])
def test_a_home_that_a_run_left_unmounted_is_put_back_first(spec: str) -> None:
    line = FstabLine(f"{spec} /home xfs noatime 0 0", spec, "/home", "xfs", "noatime")
    host = replace(away(group_is(WIDE, **COVERED)), fstab=(WIDE.fstab[0], line))
    for wish in ({}, {"abandon": True}, {"shrink_to": "1279 extents"}):
        made = plan(host, **wish)
        assert [step.call for step in made.steps] == [("put_back",)]
        assert made.again
        assert dict(made.variables) == {"VG": "centos", "LV": "home", "MOUNT": "/home", "OPTIONS": "noatime"}
        assert made.after == made.before


@pytest.mark.parametrize("image", ["", "/var/lib/hostwright/centos-home.img"])
def test_a_proved_copy_that_a_run_left_unmounted_is_put_back_first(image: str) -> None:
    host = storage(free=600, **lost(image or f"{BY_ID}home_hostwrightuuid", image))
    made = plan(away(host if image else with_copy(host)))
    assert calls(made) == ["put_back"]
    assert made.again
    assert dict(made.variables)["MOUNT"] == "/home"


def test_a_home_that_somebody_unmounted_is_not_mounted_by_us() -> None:
    assert "mount it first" in refusal(away(WIDE))
    # Another volume's cover says nothing of this one.
    assert "mount it first" in refusal(away(group_is(WIDE, tags=("hostwright.cover.srv",))))


@pytest.mark.parametrize(("lines", "says"), [(0, "no line"), (2, "several lines")])
def test_a_home_that_a_run_left_unmounted_and_fstab_does_not_tell_where_is_refused(lines: int, says: str) -> None:
    host = away(group_is(WIDE, **COVERED))
    assert says in refusal(replace(host, fstab=(host.fstab[1],) * lines))


def test_a_run_at_work_is_followed_and_not_doubled() -> None:
    made = before_all(storage(job=Job(True, "0a1b2c3d", "")))
    assert made
    assert made.follow == "0a1b2c3d"
    assert made.again
    assert not made.stop
    assert made.changes
    assert "at work on this host: follow it" in draw("host", made)


# -- swap


def swap_host(**other: Any) -> Storage:
    return storage(home=1279, kind="swap", swaps=(Swap("/dev/dm-1", 100 * MIB),), **other)


def test_swap_shrinks_keeping_its_uuid() -> None:
    made = plan(swap_host())
    assert calls(made) == [
        "is_unchanged", "swap_off", "reduce_volume", "make_swap", "swap_on", "extend_volume", "grow_file_system",
    ]  # fmt: skip
    assert made.steps[3].call == ("make_swap", "home", UUID, "")


def test_swap_that_memory_cannot_take_back_is_refused() -> None:
    host = replace(swap_host(), swaps=(Swap("/dev/dm-1", 2 * GIB),))
    assert "2 GiB of swapped-out memory" in refusal(host)


def test_a_hibernation_image_is_refused() -> None:
    host = swap_host()
    assert "hibernation" in refusal(
        replace(host, file_systems={**host.file_systems, "home": file_system("swsuspend", 1279, "")})
    )


def test_swap_can_be_what_grows() -> None:
    host = storage(free=600)
    group = replace(host.groups[0], volumes=(*host.groups[0].volumes[1:], volume("swap", 768, 0)))
    systems = {"home": host.file_systems["home"], "swap": file_system("swap", 768, "")}
    made = plan(replace(host, groups=(group,), file_systems=systems), grow="swap")
    assert calls(made)[-2:] == ["extend_volume", "make_swap"]


# -- refusals


def home_is(host: Storage, **other: Any) -> Storage:
    detail = other.pop("detail", ())
    home = replace(host.file_systems["home"], **other)
    if detail:
        home = told(home, *detail, *detail_of(home.kind, host.groups[0].volumes[1].extents * EXTENT))
    return replace(host, file_systems={**host.file_systems, "home": home})


def home_volume_is(host: Storage, **other: Any) -> Storage:
    root, home = host.groups[0].volumes
    return replace(host, groups=(replace(host.groups[0], volumes=(root, replace(home, **other))),))


def group_is(host: Storage, **other: Any) -> Storage:
    return replace(host, groups=(replace(host.groups[0], **other),))


WIDE = storage(free=600)


@pytest.mark.parametrize(
    ("host", "wish", "says"),
    [
        (replace(WIDE, host={**WIDE.host, "uid": "1000"}), {}, ["not root"]),
        (WIDE, {"vg": "data"}, ["lvm_vg = 'data': ", "there: centos"]),
        (WIDE, {"shrink": "srv"}, ["lvm_shrink = 'srv': ", "root, home"]),
        (WIDE, {"grow": "srv"}, ["lvm_grow = 'srv': ", "root, home"]),
        (WIDE, {"grow": "home"}, ["lvm_grow = 'home': lvm_shrink names it too"]),
        (WIDE, {"shrink_to": "-1G"}, ["lvm_shrink_to = '-1G': a relative size", "'1023 extents' (4 GiB)"]),
        (WIDE, {"shrink_to": "+1G"}, ["lvm_shrink_to = '+1G': a relative size", "'1535 extents'"]),
        (WIDE, {"shrink_to": "50"}, ["lvm_shrink_to = '50': ", "without a unit"]),
        (WIDE, {"shrink_to": "lots"}, ["lvm_shrink_to = 'lots': no size"]),
        (WIDE, {"shrink_to": "6G"}, ["lvm_shrink_to = '6G': ", "larger than", "1536 extents", "1279 extents"]),
        (WIDE, {"shrink_to": "200M"}, ["lvm_shrink_to = '200M': ", "300 MiB"]),
        (WIDE, {"grow_to": "1G"}, ["lvm_grow_to = '1G': ", "below the present size", "768 extents"]),
        (WIDE, {"grow_to": "90%FREE"}, ["lvm_grow_to = '90%FREE': ", "100%FREE"]),
        (WIDE, {"grow_to": "lots"}, ["lvm_grow_to = 'lots': no size"]),
        (WIDE, {"grow_to": "9G"}, ["lvm_grow_to = '9G': ", "needs", "more than there will be"]),
        (WIDE, {"staging": "/var", "scratch": "/dev/vdb"}, ["lvm_staging and lvm_scratch"]),
        (group_is(WIDE, exported=True), {}, ["exported", "vgimport"]),
        (group_is(WIDE, partial=True), {}, ["partial", "missing"]),
        (group_is(WIDE, clustered=True), {}, ["shared"]),
        (replace(WIDE, groups=(), lvm_error="Unrecognised field"), {}, ["JSON", "2.02.158"]),
        (replace(WIDE, tools=frozenset()), {}, ["lvm2 is not installed"]),
        (home_volume_is(WIDE, layout=("thin", "sparse"), segment_types=("thin",)), {}, ["thin"]),
        (home_volume_is(WIDE, layout=("raid", "raid1"), segment_types=("raid1",)), {}, ["raid1"]),
        (home_volume_is(WIDE, layout=("cache",), segment_types=("cache",)), {}, ["cache"]),
        (home_volume_is(WIDE, layout=("writecache",), segment_types=("writecache",)), {}, ["writecache"]),
        (home_volume_is(WIDE, layout=("vdo",), segment_types=("vdo",)), {}, ["vdo"]),
        (home_volume_is(WIDE, role=("public", "origin", "thickorigin")), {}, ["snapshot"]),
        (home_volume_is(WIDE, role=("public", "snapshot", "thicksnapshot")), {}, ["snapshot"]),
        (home_volume_is(WIDE, device=""), {}, ["not active", "lvchange -ay"]),
        (home_volume_is(WIDE, attributes="-ri-ao----"), {}, ["read-only", "lvchange -p rw centos/home"]),
        (home_volume_is(WIDE, attributes="-Ri-ao----"), {}, ["read-only"]),
        (home_volume_is(WIDE, attributes="-wimao----"), {}, ["lvchange -M n centos/home"]),
        (home_volume_is(WIDE, attributes="-wi-ao---k"), {}, ["lvchange -k n centos/home"]),
        (replace(WIDE, active=(("centos/root", "centos/home"),)), {}, ["volume_list", "centos/home_hostwright"]),
        (replace(WIDE, active=(("@*", "centos/home"),)), {}, ["volume_list", "centos/home_hostwright"]),
        (replace(WIDE, active=None), {}, ["volume_list", "`lvmconfig activation/volume_list` does not tell"]),
        (home_is(WIDE, kind="vfat"), {}, ["vfat"]),
        (home_is(WIDE, kind="crypto_LUKS"), {}, ["LUKS"]),
        (storage(free=600, kind="xfs", mounts=WIDE.mounts[:1]), {}, ["not mounted"]),
        (replace(WIDE, fstab=WIDE.fstab[:1]), {}, ["/etc/fstab"]),
        (
            replace(WIDE, mounts=(*WIDE.mounts, Mount("/srv", "253:1", "/a", "xfs", "/dev/x", ("rw",)))),
            {},
            ["more than once", "/srv"],
        ),
        (
            replace(WIDE, mounts=(*WIDE.mounts, Mount("/home/nas", "0:50", "/", "nfs4", "nas:/x", ("rw",)))),
            {},
            ["beneath /home", "/home/nas"],
        ),
        (WIDE, {"shrink": "root", "grow": "home", "shrink_to": "1G"}, ["root file system"]),
        (home_is(WIDE, detail=("log      =/dev/sdz bsize=4096",)), {}, ["external log"]),
        (home_is(WIDE, detail=("realtime =/dev/sdz extsz=4096",)), {}, ["realtime"]),
        (replace(WIDE, host={**WIDE.host, "xfsprogs": "3.2.2"}), {}, ["UUID", "xfsprogs 4.3"]),
        (replace(WIDE, host={**WIDE.host, "kernel": "3.10.0-327.el7.x86_64"}), {}, ["UUID"]),
        (home_is(WIDE, kind="ext4", detail=("Filesystem state: clean with errors",)), {}, ["clean with errors"]),
        (home_is(WIDE, kind="ext4", detail=("Journal device: 0x0801",)), {}, ["external journal"]),
        (home_is(WIDE, kind="btrfs", detail=("\tTotal devices 2 FS bytes used 1",)), {}, ["2 devices"]),
        (
            home_is(WIDE, kind="btrfs", detail=("subvolume ID 256 gen 7 top level 5 path snap",)),
            {"strategy": "beside"},
            ["subvolumes", "snap", "in-place"],
        ),
        (home_is(WIDE, kind="btrfs", detail=("qgroups=yes",)), {"strategy": "beside"}, ["quota groups"]),
        (storage(root_free=100 * MIB), {}, ["no way", "GiB less", "/var/lib", "lacking"]),
        (replace(storage(), staging=None), {"staging": "/nowhere"}, ["lvm_staging = '/nowhere' is no directory"]),
        (storage(), {"strategy": "beside"}, ["lvm_strategy = 'beside': ", "lvm_scratch"]),
        (storage(scratch=Scratch(False)), {"scratch": "/dev/vdz"}, ["no disk"]),
        (storage(scratch=Scratch(True, "vdb", 9 * GIB, ("ext4",))), {"scratch": "/dev/vdb"}, ["not empty", "ext4"]),
        (storage(scratch=Scratch(True, "vdb", GIB)), {"scratch": "/dev/vdb"}, ["GiB less"]),
        (storage(), {"scratch": "/dev/vda"}, ["no disk"]),
    ],
)  # fmt: skip
def test_refused_with_the_value_and_what_to_do(host: Storage, wish: dict[str, Any], says: list[str]) -> None:
    message = refusal(host, **wish)
    assert all(word in message for word in says), message


@pytest.mark.parametrize(
    ("kind", "says"),
    [("tmpfs", "tmpfs"), ("nfs4", "nfs4"), ("vfat", "vfat"), ("ext3", "ext3")],
)
def test_staging_is_never_on_what_a_reboot_or_another_host_can_take_away(kind: str, says: str) -> None:
    host = storage()
    mounts = (*host.mounts, Mount("/stage", "8:1", "/", kind, "/dev/sdx1", ("rw",)))
    assert host.staging
    there = replace(host, mounts=mounts, staging=replace(host.staging, mount="/stage", device="8:1"))
    message = refusal(there, staging="/stage")
    assert says in message


def test_staging_must_be_mounted_at_boot() -> None:
    host = storage()
    mounts = (*host.mounts, Mount("/stage", "8:1", "/", "ext4", "/dev/sdx1", ("rw",)))
    assert host.staging
    there = replace(host, mounts=mounts, staging=replace(host.staging, mount="/stage", device="8:1"))
    assert "not mounted at boot" in refusal(there, staging="/stage")


def test_staging_on_home_itself_is_refused() -> None:
    host = storage()
    assert host.staging
    there = replace(host, staging=replace(host.staging, mount="/home", device="253:1"))
    assert "itself" in refusal(there, staging="/home/tmp")


def test_staging_leaves_a_tenth_of_its_file_system_free_but_no_more_than_1_gib() -> None:
    for root, reserve in ((768, 768 * EXTENT // 10), (12800, GIB)):
        host = storage(root=root, root_free=2 * GIB)
        assert host.staging
        made = plan(host)
        size = next(step.size for step in made.steps if isinstance(step, moves.MakeImage))
        assert host.staging.free - size >= reserve
    assert "GiB are lacking" in refusal(storage(root_free=500 * MIB))


def test_4_5_gib_free_of_50_are_room() -> None:
    assert (
        plan(storage(root=12800, root_free=9 * GIB // 2), survey(data=3 * GIB - 400 * MIB), shrink_to="3G").method
        == "staging"
    )


def test_lists_and_packages_are_counted() -> None:
    free = 700 * MIB
    assert plan(storage(root_free=free)).method == "staging"
    assert "lists and packages" in refusal(storage(root_free=free), survey(inodes=200_000))
    bare = storage(root_free=free)
    assert "lists and packages" in refusal(replace(bare, tools=bare.tools - {"rsync"}))
    assert plan(replace(bare, tools=bare.tools - {"setquota"})).method == "staging"


def ways_out(message: str) -> list[str]:
    return message.split("what would do, the smallest first: ")[1].split("; ")


def swap_beside(host: Storage, extents: int = 500, used: int = 0) -> Storage:
    group = host.groups[0]
    disk = replace(group.disks[0], extents=group.extents + extents, allocated=group.disks[0].allocated + extents)
    volumes = (*group.volumes, volume("swap", extents, 2))
    group = replace(group, extents=group.extents + extents, volumes=volumes, disks=(disk,))
    systems = {**host.file_systems, "swap": file_system("swap", extents, "")}
    return replace(host, groups=(group,), swaps=(Swap("/dev/dm-2", used),), file_systems=systems)


def test_every_way_to_make_room_is_named_the_smallest_first() -> None:
    host = swap_beside(storage(free=400, root_free=500 * MIB))
    words = ways_out(refusal(host))
    found = [float(match[1]) for word in words if (match := re.search(r"([0-9.]+) GiB", word))]
    assert found == sorted(found)
    for way in ("lvm_shrink_to='397 extents'", "on /", "in centos", "lvm_staging", "lvm_scratch", "lvm_shrink=swap"):
        assert [word for word in words if way in word], way
    assert "in-place" not in " ".join(words)
    assert "lvm_strategy=in-place" in ways_out(refusal(storage(kind="ext4", root_free=0)))[-1]
    assert "lvm_staging" not in refusal(host, strategy="beside")
    assert "lvm_scratch" not in refusal(host, strategy="staging")
    assert "lvm_shrink=swap" not in refusal(swap_beside(storage(root_free=0), used=2 * GIB))


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(["xfs", "ext4"]),
    root=st.integers(300, 20000),
    free=st.integers(0, 511),
    swap=st.integers(2, 1000),
    data=st.integers(0, GIB),
    inodes=st.integers(10, 10**6),
    room=st.floats(0, 1),
)
def test_each_way_out_followed_as_written_leads_to_a_plan(
    kind: str, root: int, free: int, swap: int, data: int, inodes: int, room: float
) -> None:
    found = survey(data=data, inodes=inodes)
    root_free = int(room * root * EXTENT)
    host = swap_beside(storage(kind=kind, root=root, free=free, root_free=root_free), swap)
    try:
        plan(host, found)
    except Refusal as refused:
        if "what would do" not in str(refused):
            return
        words = ways_out(str(refused))
    else:
        return
    for word in words:
        assert followed(host, word, found).changes, word


def followed(host: Storage, word: str, found: Survey) -> Plan:
    """The plan of a host on which somebody did what a refusal had said."""
    group, staging = host.groups[0], host.staging
    assert staging
    figure = re.search(r"([0-9.]+) GiB", word)
    size = int(float(figure[1]) * GIB) if figure else 0
    if match := re.fullmatch(r"take .* first: pyinfra INVENTORY deploys/lvm.py (.*)", word):
        wish = dict(re.findall(r"--data lvm_(\w+)='?([^' ]+(?: extents)?)'?", match[1]))
        swapped = replace(host, file_systems={**host.file_systems, "swap": file_system("swap", 1, "")})
        shrunk = dict(plan(swapped, **wish).after.volumes)
        volumes = tuple(replace(each, extents=shrunk[each.name]) for each in group.volumes)
        used = sum(shrunk.values())
        more = (shrunk["root"] - group.volumes[0].extents) * EXTENT
        # XFS keeps up to 2 % of what it gains.
        grown = replace(staging, size=staging.size + more, free=staging.free + more * 98 // 100)
        disk = replace(group.disks[0], allocated=used)
        group = replace(group, volumes=volumes, disks=(disk,), free=group.extents - used)
        return plan(replace(host, groups=(group,), staging=grown), found)
    if word.startswith("free") and word.endswith("on /"):
        return plan(replace(host, staging=replace(staging, free=staging.free + size)), found)
    if word.startswith("free"):
        disk = replace(group.disks[0], allocated=group.disks[0].allocated - size // EXTENT)
        return plan(group_is(host, disks=(disk,)), found)
    if word.startswith("lvm_scratch"):
        return plan(replace(host, scratch=Scratch(True, "vdb", size)), found, scratch="/dev/vdb")
    if word.startswith("lvm_staging"):
        there = staged_elsewhere()
        other = replace(staging, mount="/stage", device="8:1", size=size * 3, free=size)
        there = replace(host, mounts=there.mounts, fstab=there.fstab, devices=there.devices, staging=other)
        kind = replace(there.mounts[1], kind=host.mounts[1].kind)
        return plan(replace(there, mounts=(there.mounts[0], kind, *there.mounts[2:])), found, staging="/stage")
    if match := re.match(r"lvm_shrink_to='(.*?)'", word):
        return plan(host, found, shrink_to=match[1])
    assert word.startswith("lvm_strategy=in-place"), word
    return plan(host, found, strategy="in-place")


def test_staging_in_a_directory_with_white_space_is_refused() -> None:
    assert "white space" in refusal(staged_elsewhere(), staging="/stage/my dir")


def staged_elsewhere(*, source: str = "/dev/sdx1", options: tuple[str, ...] = ("rw",), **disk: Any) -> Storage:
    """/stage is an ext4 on a disk of its own, mounted at boot."""
    host = storage()
    assert host.staging
    device = replace(BlockDevice("sdx1", ("sdx",), "part", False), **disk)
    return replace(
        host,
        mounts=(*host.mounts, Mount("/stage", "8:1", "/", "ext4", source, options)),
        fstab=(*host.fstab, FstabLine(f"{source} /stage ext4 defaults 0 0", source, "/stage", "ext4", "defaults")),
        staging=replace(host.staging, mount="/stage", device="8:1"),
        devices=(*host.devices, device, BlockDevice("sdx", (), "disk", False)),
    )


def test_staging_may_be_on_another_disk() -> None:
    made = plan(staged_elsewhere(), staging="/stage/tmp")
    assert made.method == "staging"
    assert made.steps[1].call[1] == "/stage/tmp/hostwright/centos-home.img"


@pytest.mark.parametrize(
    ("host", "says"),
    [
        (staged_elsewhere(removable=True), "removable"),
        (staged_elsewhere(options=("ro",)), "read-only"),
        (staged_elsewhere(source="/dev/loop0", name="loop0", type="loop", parents=("dm-1",)), "backed by it"),
    ],
)
def test_staging_that_could_vanish_is_refused(host: Storage, says: str) -> None:
    assert says in refusal(host, staging="/stage")


def encrypted(host: Storage) -> Storage:
    """The group is on LUKS."""
    luks = BlockDevice("dm-9", ("vda",), "crypt", False)
    devices = [replace(device, parents=("dm-9",)) if device.type == "lvm" else device for device in host.devices]
    return replace(host, devices=(*devices, luks))


def test_a_copy_of_encrypted_files_is_never_in_the_clear() -> None:
    assert plan(encrypted(WIDE)).method == "beside"
    scratch = Scratch(True, "vdb", 9 * GIB)
    assert "not encrypted" in refusal(encrypted(storage(scratch=scratch)), scratch="/dev/vdb")
    assert "not encrypted" in refusal(encrypted(staged_elsewhere()), staging="/stage")


def test_a_home_mounted_on_demand_is_refused() -> None:
    automount = Mount("/home", "0:44", "/", "autofs", "systemd-1", ("rw",))
    message = refusal(replace(WIDE, mounts=(automount, *WIDE.mounts)))
    assert "on demand" in message
    assert message.index("umount /home") < message.index("systemctl stop")
    option = with_lines("/dev/mapper/centos-home /home xfs noauto,x-systemd.automount 0 0")
    assert "take x-systemd.automount from its line" in refusal(option)
    by_autofs = Mount("/home", "0:44", "/", "autofs", "/etc/auto.direct", ("rw",))
    assert "/etc/auto.direct" in refusal(replace(WIDE, mounts=(by_autofs, *WIDE.mounts)))


# -- the line of fstab


def with_lines(*lines: str, leads: tuple[str, ...] = (), **other: Any) -> Storage:
    """Instead of the line that home has."""
    root = "/dev/mapper/centos-root / xfs defaults 0 0"
    first = ("/dev/dm-0", "/") if leads else ()
    return replace(WIDE, fstab=fstab_lines([root, *lines], (*first, *leads)), **other)


@pytest.mark.parametrize(
    ("line", "leads"),
    [
        ("/dev/mapper/centos-home /home/ xfs nodev 0 0", ()),
        ("/dev/centos/home //home/. xfs nodev 0 0", ()),
        ("UUID=a00d34e4-13a7-46c4-bcb8-5f0cff4e66f6\t/ho\\155e xfs nodev", ()),
        ('UUID="a00d34e4-13a7-46c4-bcb8-5f0cff4e66f6" /home auto nodev 0', ()),
        ("/dev/disk/by-label/my /home xfs nodev 0 2", ("/dev/dm-1", "/home")),
        ("/dev/mapper/centos-home /usr/home xfs nodev 0 0", ("/dev/dm-1", "/home")),
    ],
)
def test_its_line_is_found_as_systemd_finds_it(line: str, leads: tuple[str, ...]) -> None:
    said = dict(plan(with_lines(line, leads=leads)).variables)
    assert (said["ORIGINAL"], said["OPTIONS"], said["MOUNT"]) == (line, "nodev", "/home")


TWIN = BlockDevice("sdb1", (), "part", False, uuid=UUID)
OF_THE_UUID = f"UUID={UUID} /home xfs defaults 0 0"
OF_THE_PATH = "/dev/mapper/centos-home /home xfs defaults 0 0"


@pytest.mark.parametrize(
    ("host", "says"),
    [
        (with_lines(OF_THE_PATH, OF_THE_UUID), ["2 lines for /home", "the first", OF_THE_PATH, OF_THE_UUID]),
        (with_lines("/dev/sdb1 /home/ ext4 defaults 0 0", OF_THE_PATH), ["2 lines for /home"]),
        (with_lines("/dev/sdb1 /home xfs nodev 0 0"), ["/dev/sdb1", "centos/home is mounted there"]),
        (with_lines("/dev/centos/home /home xfs x 0 0", leads=("/dev/dm-7", "/home")), ["/dev/dm-7", "first word"]),
        (with_lines("UUID=b11e /home xfs nodev 0 0"), ["UUID=b11e", "/dev/mapper/centos-home"]),
        (with_lines("Uuid=a00d34e4-13a7-46c4-bcb8-5f0cff4e66f6 /home xfs nodev 0 0"), ["centos/home is mounted there"]),
        (with_lines("/dev/mapper/centos-home /home xfs defaults # ours"), ["a comment has a line of its own"]),
        (with_lines("/dev/mapper/centos-home /home"), ["mount(8) does not read"]),
        (replace(with_lines(OF_THE_UUID), devices=(*WIDE.devices, TWIN)), ["sdb1 too", "/dev/mapper/centos-home"]),
        (with_lines(), ["/etc/fstab", f"add one, so that a reboot finds it: {OF_THE_PATH}"]),
        (with_lines(f"#{OF_THE_PATH}"), ["/etc/fstab", "add one"]),
        (
            with_lines(unit=MountUnit(path="/etc/systemd/system/home.mount", options="nodev,noatime")),
            [
                "write '/dev/mapper/centos-home /home xfs nodev,noatime 0 0' into /etc/fstab, then "
                "`mv /etc/systemd/system/home.mount /root && systemctl daemon-reload`"
            ],
        ),
        (
            with_lines(OF_THE_PATH, unit=MountUnit(path="/etc/systemd/system/home.mount.d/x.conf")),
            ["home.mount.d/x.conf, which the boot takes", "/etc/fstab says: `mv"],
        ),
        (with_lines(OF_THE_PATH, unit=MountUnit(known=False)), ["systemd does not tell"]),
    ],
)
def test_a_line_that_is_not_the_one_of_home_is_refused_before_home_is_looked_through(
    host: Storage, says: list[str]
) -> None:
    with pytest.raises(Refusal) as refused:
        examine(host, Rebalance(shrink_to="2G"))
    assert all(word in str(refused.value) for word in says), refused.value


def test_a_line_that_no_other_volume_can_have_is_refused_where_a_copy_takes_its_place() -> None:
    for spec in (f"{BY_ID}homeuuid", "/dev/dm-1"):
        host = with_lines(f"{spec} /home xfs defaults 0 0", leads=("/dev/dm-1", "/home"))
        assert f"({spec}): write /dev/mapper/centos-home" in refusal(host)
    by_name = "/dev/disk/by-id/dm-name-centos-home /home xfs defaults 0 0"
    assert plan(with_lines(by_name, leads=("/dev/dm-1", "/home"))).changes
    in_place = storage(
        kind="btrfs", free=600, fstab=with_lines("/dev/dm-1 /home btrfs x", leads=("/dev/dm-1", "/home")).fstab
    )
    assert plan(in_place).method == "in-place"


def test_of_two_devices_with_one_uuid_a_path_tells() -> None:
    assert plan(replace(with_lines(OF_THE_PATH), devices=(*WIDE.devices, TWIN))).changes
    assert plan(with_lines(OF_THE_UUID)).changes


def test_a_striped_home_becomes_linear_and_the_plan_says_so() -> None:
    striped = home_volume_is(WIDE, layout=("striped",), segment_types=("striped",))
    assert any("striped" in note for note in plan(striped).notes)


def test_a_striped_btrfs_is_not_reduced_in_place() -> None:
    striped = home_volume_is(storage(kind="btrfs"), layout=("striped",), segment_types=("striped",))
    assert "striped" in refusal(striped, strategy="in-place")


def test_quotas_that_ext4_keeps_as_a_feature_come_along() -> None:
    detail = (*EXT_DETAIL, "User quota inode:         3", "Group quota inode:        4")
    text = "\n".join(detail).replace(" 64bit", " 64bit quota").replace("{blocks}", "1309696")
    home = told(file_system("ext4", 1279, "/home"), *text.split("\n"))
    host = storage(kind="ext4", free=600)
    host = replace(host, file_systems={**host.file_systems, "home": home}, tools=host.tools - {"setquota"})
    made = plan(host)
    assert dict(made.variables)["QUOTA"] == "usrquota,grpquota"
    assert made.steps[1].call == ("install_packages", "quota")


def test_quotas_in_files_are_refused() -> None:
    host = storage(free=600, kind="ext4")
    root, home = host.fstab
    line = replace(home, options="defaults,usrjquota=aquota.user,jqfmt=vfsv1")
    assert "quota feature" in refusal(replace(host, fstab=(root, line)))


PROCESS = Holder("process", "vim notes", "812", "ada", "", "working directory")
SERVICE = Holder("process", "mariadbd", "900", "mysql", "mariadb.service", "open file")


def test_who_uses_home_is_named() -> None:
    message = refusal(WIDE, survey(holders=(PROCESS, SERVICE)))
    for word in ("vim notes", "812", "ada", "mariadb.service", "lvm_busy=stop"):
        assert word in message


def test_with_stop_the_plan_names_what_it_ends() -> None:
    notes = " ".join(plan(WIDE, survey(holders=(PROCESS, SERVICE)), busy="stop").notes)
    assert "mariadb.service" in notes
    assert "vim notes" in notes


def test_units_of_users_and_containers_are_named_as_what_they_are() -> None:
    users = replace(SERVICE, unit="user@1000.service/docker.service")
    container = replace(SERVICE, unit="docker/0123456789ab", how="mount namespace")
    for found in (
        refusal(WIDE, survey(holders=(users, container))),
        " ".join(plan(WIDE, survey(holders=(users, container)), busy="stop").notes),
    ):
        assert "docker.service of user@1000.service" in found
        assert "docker container 0123456789ab" in found


@pytest.mark.parametrize("kind", ["swap file", "loop device", "NFS export", "mount"])
def test_what_cannot_be_stopped_is_refused_even_so(kind: str) -> None:
    message = refusal(WIDE, survey(holders=(Holder(kind, "/home/x"),)), busy="stop")
    assert kind in message


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"encrypted": 3}, "fscrypt"),
        ({"verity": 3}, "fs-verity"),
        ({"kernel_errors": ("XFS (dm-1): Corruption detected",)}, "Corruption detected"),
        ({"unreadable": ("find: './x': Input/output error",)}, "Input/output error"),
        ({"data": 3 * GIB}, "3 GiB"),
    ],
)
def test_what_is_in_home_can_be_a_reason(found: dict[str, Any], says: str) -> None:
    assert says in refusal(WIDE, survey(**found))


def test_a_path_that_no_tool_can_copy_is_refused_with_the_command_that_names_it() -> None:
    with pytest.raises(Refusal, match="/home has paths of more than 4,000 bytes") as refused:
        plan(WIDE, survey(long=True))
    assert """(cd /home && find . -xdev -path "$(printf %4001s | tr ' ' '?')*")""" in str(refused.value)
    # Nothing is copied in place.
    assert plan(storage(kind="btrfs"), survey(long=True)).method == "in-place"


# -- what LVM keeps of the volume itself

CARRIED = ("TAGS", "READ_AHEAD", "ALLOCATION", "PROFILE")
OWN: dict[str, Any] = {
    "tags": ("web", "hostwright.copy", "site=a"),
    "read_ahead": "512",
    "allocation": "contiguous",
    "profile": "db",
}


def carried(made: Plan) -> list[str]:
    return [dict(made.variables)[key] for key in CARRIED]


def test_tags_read_ahead_policy_and_profile_come_along() -> None:
    assert carried(plan(home_volume_is(WIDE, **OWN))) == ["web,site=a", "512", "contiguous", "db"]
    assert carried(plan(WIDE)) == ["", "auto", "inherit", ""]


@pytest.mark.parametrize(
    "listed", [("centos",), ("@web",), ("@all", "centos/home"), ("centos/home", "centos/home_hostwright"), ("other",)]
)
def test_a_copy_that_may_be_active_too_is_made(listed: tuple[str, ...]) -> None:
    host = group_is(home_volume_is(WIDE, tags=("web",)), tags=("all",))
    assert plan(replace(host, active=(listed,))).changes


@pytest.mark.parametrize(
    ("listed", "found", "says"),
    [(("centos/home",), survey(), "allow centos/home_hostwright there too"), ((), survey(long=True), "4,000 bytes")],
)
def test_a_run_that_goes_on_after_a_power_cut_looks_at_the_same(
    listed: tuple[str, ...], found: Survey, says: str
) -> None:
    image = "/var/lib/hostwright/centos-home.img"
    host = storage(**lost(image, image))
    assert plan(host).changes
    with pytest.raises(Refusal, match=says):
        plan(replace(host, active=(listed,)), found)
    tagged = home_volume_is(replace(host, active=((*listed, "@web"),)), tags=("web",))
    assert plan(tagged).changes


def test_they_are_remembered_when_the_old_volume_is_gone() -> None:
    image = "/var/lib/hostwright/centos-home.img"
    before = dict(plan(home_volume_is(storage(), **OWN)).variables)
    gone = group_is(storage(**(lost(image, image) | {"marker": before["MARKER"]})), volumes=(volume("root", 768, 0),))
    assert carried(plan(group_is(gone, disks=(replace(gone.groups[0].disks[0], allocated=768),), free=1279))) == [
        "web,site=a", "512", "contiguous", "db",
    ]  # fmt: skip


def test_a_marker_of_an_older_package_is_read_without_them() -> None:
    image = "/var/lib/hostwright/centos-home.img"
    assert carried(plan(home_volume_is(storage(**lost(image, image)), **OWN))) == [
        "web,site=a",
        "512",
        "contiguous",
        "db",
    ]
    gone = group_is(storage(**lost(image, image)), volumes=(volume("root", 768, 0),))
    gone = group_is(gone, disks=(replace(gone.groups[0].disks[0], allocated=768),), free=1279)
    assert carried(plan(gone)) == ["", "auto", "inherit", ""]


def test_what_nobody_can_tell_of_home_is_looked_at_once_its_tool_is_there() -> None:
    bare = replace(WIDE, tools=WIDE.tools - {"lsattr", "filefrag"})
    made = plan(bare, survey(encrypted=None, verity=None))
    assert [step.call for step in made.steps] == [("is_unchanged", "7"), ("install_packages", "e2fsprogs")]
    assert made.again
    assert made.after == made.before


# -- after a lost run


def lost(spec: str, image: str = "") -> dict[str, Any]:
    memory = {
        "line": "/dev/mapper/centos-home /home xfs defaults 0 0",
        "point": "/home",
        "uuid": UUID,
        "label": "",
        "kind": "xfs",
        "options": "defaults",
        "quota": "",
        "image": image,
    }
    return {
        "marker": MARKER + base64.b64encode(json.dumps(memory).encode()).decode(),
        "fstab": (FstabLine(f"{spec} /home xfs defaults 0 0", spec, "/home", "xfs", "defaults"),),
    }


BY_ID = "/dev/disk/by-id/dm-uuid-LVM-groupuuid"


def with_copy(host: Storage, *, old: bool = True) -> Storage:
    root, home = host.groups[0].volumes
    copy = volume("home_hostwright", 512, 2, tags=("hostwright.copy",))
    volumes = (root, home, copy) if old else (root, copy)
    used = sum(each.extents for each in volumes)
    disks = (replace(host.groups[0].disks[0], allocated=used),)
    return group_is(host, volumes=volumes, disks=disks, free=host.groups[0].extents - used)


def test_a_copy_that_nobody_relies_on_is_cleared_away() -> None:
    made = plan(with_copy(storage(free=600)))
    assert calls(made)[1] == "discard"
    assert "copy_live" in calls(made)


def test_a_staged_copy_that_nobody_relies_on_is_cleared_away_and_its_room_counted() -> None:
    host = storage(root_free=500 * MIB)
    assert host.staging
    made = plan(replace(host, staging=replace(host.staging, image=GIB)))
    assert made.steps[1].call == ("discard", "home_hostwright", "/var/lib/hostwright/centos-home.img")
    assert made.method == "staging"


def test_a_proved_copy_that_the_boot_takes_is_finished_and_never_copied_over() -> None:
    host = with_copy(storage(free=600, **lost(f"{BY_ID}home_hostwrightuuid")))
    made = plan(host)
    assert "copy_live" not in calls(made)
    assert "discard" not in calls(made)
    assert dict(made.after.volumes) == {"root": 1279 + 768 + 600 - 512, "home": 512}
    order = ["take_away", "remove_volume", "rename_volume", "restore_fstab"]
    assert [call for call in calls(made) if call in order] == order


def test_an_old_home_that_the_boot_keeps_to_is_home_still() -> None:
    host = with_copy(storage(free=600, **lost(f"{BY_ID}homeuuid")))
    assert calls(plan(host))[1:4] == ["discard", "restore_fstab", "make_volume"]
    assert calls(plan(host, abandon=True)) == ["discard", "restore_fstab"]


def test_what_a_run_left_beside_fstab_is_cleared_away_where_nothing_else_must_change() -> None:
    host = storage(free=600)
    left = replace(host, host={**host.host, "fstab_left": "yes"})
    assert calls(plan(left))[1:3] == ["tidy_fstab", "make_volume"]
    done = storage(home=512)
    assert calls(plan(done)) == []
    assert calls(plan(replace(done, host={**done.host, "fstab_left": "yes"})))[-1:] == ["tidy_fstab"]


def test_what_is_served_from_its_copy_is_not_abandoned() -> None:
    host = with_copy(storage(free=600, **lost(f"{BY_ID}home_hostwrightuuid")))
    said = refusal(host, abandon=True)
    assert said.startswith("lvm_abandon = True: ")
    assert "run without lvm_abandon" in said
    # Also where the volume is gone, and only its copy is there.
    (group,) = host.groups
    gone = replace(group, volumes=tuple(volume for volume in group.volumes if volume.name != "home"))
    assert "run without lvm_abandon" in refusal(replace(host, groups=(gone,)), abandon=True, shrink_to="")


def test_a_staged_copy_that_home_is_served_from_is_brought_into_a_new_volume() -> None:
    image = "/var/lib/hostwright/centos-home.img"
    made = plan(storage(**lost(image, image)))
    assert dict(made.after.volumes) == {"root": 1279 + 768 - 512, "home": 512}
    order = ["remove_volume", "make_volume", "copy_live", "verify", "serve_volume", "rename_volume", "remove_image"]
    assert [call for call in calls(made) if call in order] == order


def test_a_staged_copy_whose_volume_is_gone_already_is_brought_into_a_new_one() -> None:
    image = "/var/lib/hostwright/centos-home.img"
    host = storage(**lost(image, image))
    root = host.groups[0].volumes[0]
    disks = (replace(host.groups[0].disks[0], allocated=768),)
    made = plan(group_is(host, volumes=(root,), disks=disks, free=1279))
    assert "remove_volume" not in calls(made)
    assert dict(made.after.volumes) == {"root": 1279 + 768 - 512, "home": 512}


@pytest.mark.parametrize(
    ("mount", "says"),
    [
        (Mount("/home/x", "0:50", "/", "tmpfs", "none", ("rw",)), "beneath /home: /home/x"),
        (Mount("/srv/a", "253:1", "/a", "xfs", "/dev/mapper/centos-home", ("rw",)), "/srv/a"),
        (Mount("/home", "0:51", "/", "autofs", "systemd-1", ("rw",)), "on demand"),
    ],
)
@pytest.mark.parametrize("served", ["image", "copy"])
def test_what_comes_between_at_a_boot_is_refused_when_a_run_goes_on_too(mount: Mount, says: str, served: str) -> None:
    image = "/var/lib/hostwright/centos-home.img"
    host = (
        storage(**lost(image, image))
        if served == "image"
        else with_copy(storage(free=600, **lost(f"{BY_ID}home_hostwrightuuid")))
    )
    assert plan(host).steps
    assert says in refusal(replace(host, mounts=(*host.mounts[:-1], mount, host.mounts[-1])))


def test_a_line_that_no_run_of_ours_wrote_is_left_alone() -> None:
    assert "by hand" in refusal(with_copy(storage(free=600, **lost("/dev/sdb1"))))


def test_the_picture() -> None:
    text = draw("web1", plan(storage(free=600)))
    assert "root" in text.splitlines()[1]
    assert "way: beside" in text
    assert "unmounted (estimated)" in text


@pytest.mark.parametrize(
    ("systemd", "mib", "served"), [("", 1, ""), ("219", 1, ""), ("252", 16, ""), ("252", 16, "image")]
)
def test_a_run_that_is_nearly_full_is_refused_before_anything_begins(systemd: str, mib: int, served: str) -> None:
    image = "/var/lib/hostwright/centos-home.img"
    host = storage(**lost(image, image)) if served else WIDE
    words = dict(host.host) | ({"systemd": systemd} if systemd else {})
    assert f"/run has {mib} MiB free" in refusal(replace(host, host=words, run_free=mib * 1024**2))
    assert plan(replace(host, host=words, run_free=(mib + 1) * 1024**2)).changes


def test_the_line_that_leads_back_to_the_old_home_leads_back() -> None:
    image = "/var/lib/hostwright/centos-home.img"
    host = storage(**lost(f"{BY_ID}homeuuid", image))
    assert host.staging
    made = plan(replace(host, staging=replace(host.staging, image=100 * MIB)), found=survey())
    calls = [step.call for step in made.steps]
    assert ("discard", "home_hostwright", image) in calls
    assert calls.index(("discard", "home_hostwright", image)) < calls.index(("restore_fstab",))
    assert not [call for call in calls[: calls.index(("restore_fstab",))] if call[0] in ("remove_volume", "take_away")]
    # The same line, once the copy has home's name.
    renamed = home_volume_is(host, tags=("hostwright.copy",))
    assert "the rest is done from there" in plan(renamed, found=survey()).reason


def test_a_report_that_lvm_did_not_end_well_is_no_report() -> None:
    said = refusal(replace(WIDE, lvm_told=False, lvm_error="  WARNING: x\n  VG centos metadata is odd."))
    assert "LVM does not tell all" in said
    assert "VG centos metadata is odd." in said
    # What is known to lack a disk is refused by its own name.
    partial = group_is(WIDE, partial=True)
    assert "is partial" in refusal(replace(partial, lvm_told=False))
