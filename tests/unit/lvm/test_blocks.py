"""Blocks by example and by property: refused, or nothing is left to do after the steps, and nothing is lost."""

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostwright import lvm as operations
from hostwright.base import job as base_job
from hostwright.base.refusal import Refusal
from hostwright.base.settings import validated
from hostwright.lvm.facts.blocks import Blocks, Disk, LvmBlocks, Point, parse_blocks
from hostwright.lvm.facts.devices import BlockDevice
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.mounts import FstabLine, Mount, MountUnit, Swap, fstab_lines
from hostwright.lvm.facts.survey import Holder
from hostwright.lvm.operations import job
from hostwright.lvm.plan import logical_volume, physical_volume, volume_group
from hostwright.lvm.plan.forecast import after
from hostwright.lvm.plan.picture import draw, draw_steps
from hostwright.lvm.plan.steps import Plan
from hostwright.lvm.settings import LogicalVolumeWish, PhysicalVolumeWish, VolumeGroupWish
from hostwright.lvm.verbs import MakePhysicalVolume
from tests.unit.lvm.hosts import GIB, file_system, storage, survey, volume
from tests.unit.lvm.test_plan import lost, swap_beside

BLANK = Disk(True, "vdb", 3 * GIB)
DATA = replace(BLANK, holds=("ext4",))
MEMBER = replace(BLANK, physical_volume=True, holds=("LVM2_member",))


def blocks(*disks: Disk, **other: Any) -> Blocks:
    """The host of hosts.py with /dev/vdb, /dev/vdc, ..."""
    host = other.pop("host", None) or storage(free=600)
    named = {f"/dev/vd{'bcd'[number]}": replace(disk, name=f"vd{'bcd'[number]}") for number, disk in enumerate(disks)}
    plain = Blocks(host, named, volume="centos/new", point=Point("/data"))
    return replace(plain, **other)


def disk_plan(host: Blocks, device: str = "/dev/vdb", **wish: Any) -> Plan:
    return physical_volume.decide(host, PhysicalVolumeWish(device=device, **wish))


def group_plan(host: Blocks, name: str = "data", devices: tuple[str, ...] = ("/dev/vdb",), **wish: Any) -> Plan:
    return volume_group.decide(host, validated(VolumeGroupWish, {"name": name, "devices": devices} | wish))


def volume_plan(host: Blocks, **wish: Any) -> Plan:
    wanted = validated(LogicalVolumeWish, {"vg": "centos", "name": "new", "size": "1G"} | wish)
    host = replace(host, volume=wanted.full_name)
    task = logical_volume.shrinking(host, wanted)
    return logical_volume.decide(host, wanted, task, survey() if task and task.needs_survey else None)


def refusal(make: Any, *arguments: Any, **wish: Any) -> str:
    with pytest.raises(Refusal) as refused:
        make(*arguments, **wish)
    return str(refused.value)


def calls(made: Plan) -> list[str]:
    return [step.sh for step in made.steps]


# -- by property

DISKS = st.sampled_from(
    [BLANK, DATA, MEMBER, replace(MEMBER, group="data"), replace(MEMBER, group="centos"), Disk(exists=False)]
)


@settings(max_examples=200, deadline=None)
@given(disk=DISKS, present=st.booleans(), confirm=st.sampled_from([None, "/dev/vdb", "/dev/vdc"]))
def test_a_disk_is_refused_or_as_wished_and_never_loses_what_it_holds(
    disk: Disk, present: bool, confirm: str | None
) -> None:
    host = blocks(disk)
    wish: dict[str, Any] = {"present": present} | ({} if present else {"confirm": confirm})
    try:
        made = disk_plan(host, **wish)
    except Refusal:
        return
    if made.changes:
        assert not disk.group
        assert not (present and disk.holds)
        assert present or confirm == "/dev/vdb"
    then = after(host, made)
    assert then.disks["/dev/vdb"].physical_volume is present
    assert not disk_plan(then, **wish).changes


@settings(max_examples=300, deadline=None)
@given(
    disks=st.lists(DISKS, min_size=1, max_size=3),
    present=st.booleans(),
    confirm=st.sampled_from([None, "data", "centos"]),
    extent_size=st.sampled_from([None, "4M", "8M"]),
    name=st.sampled_from(["data", "centos"]),
    has_lvm=st.booleans(),
)
def test_a_group_is_refused_or_as_wished(
    disks: list[Disk], present: bool, confirm: str | None, extent_size: str | None, name: str, has_lvm: bool
) -> None:
    plain = storage(free=600)
    if not has_lvm:
        plain = replace(plain, tools=plain.tools - {"lvm"}, groups=())
    host = blocks(*disks, host=plain)
    devices = tuple(host.disks)
    wish: dict[str, Any] = {"name": name, "devices": devices, "present": present}
    wish |= {"extent_size": extent_size} if present else {"confirm": confirm}
    try:
        made = group_plan(host, **wish)
    except Refusal:
        return
    for step in made.steps:
        if isinstance(step, MakePhysicalVolume):
            assert host.disks[step.device] in [replace(BLANK, name=host.disks[step.device].name)]
    assert "remove_group" not in calls(made) or confirm == name
    then = after(host, made)
    assert (then.storage.group(name) is not None) is present or not made.changes
    assert not group_plan(then, **wish).changes
    assert draw_steps("host.example.org", "Volume group", made)


CONTENTS = st.sampled_from(["", "xfs", "ext4", "btrfs", "swap", "crypto_LUKS"])


@settings(max_examples=600, deadline=None)
@given(
    there=st.one_of(st.none(), st.integers(100, 600)),
    holds=CONTENTS,
    tags=st.sampled_from([(), ("hostwright.new",)]),
    signs=st.sampled_from([(), ("data in its first MiB",), ("dos",)]),
    opened=st.booleans(),
    mounted=st.sampled_from(["", "/data", "/other"]),
    line=st.sampled_from(["", "/data", "/other"]),
    line_options=st.sampled_from(["defaults", "noatime"]),
    size=st.sampled_from(["100%FREE", "40%VG", "1G", "50 extents", "500 extents", "9000m"]),
    fs=st.sampled_from([None, "xfs", "ext4", "btrfs", "swap"]),
    mount=st.sampled_from([None, "/data"]),
    options=st.sampled_from(["defaults", "noatime"]),
    present=st.booleans(),
    lagging=st.booleans(),
)
def test_a_volume_is_refused_or_as_wished_and_what_it_carries_stays(
    there: int | None,
    holds: str,
    tags: tuple[str, ...],
    signs: tuple[str, ...],
    opened: bool,
    mounted: str,
    line: str,
    line_options: str,
    size: str,
    fs: str | None,
    mount: str | None,
    options: str,
    present: bool,
    lagging: bool,
) -> None:
    host = storage(free=1200)
    if there:
        group = host.groups[0]
        used = volume("new", there, 7, tags=tags)
        disk = replace(group.disks[0], allocated=group.disks[0].allocated + there)
        group = replace(group, volumes=(*group.volumes, used), free=group.free - there, disks=(disk,))
        real = holds if not (signs and not holds) else ""
        mounts, systems = host.mounts, {**host.file_systems}
        at = mounted if real in ("xfs", "ext4", "btrfs") else ""
        systems["new"] = file_system(real, there - 20 * lagging, at) if real else FileSystem("", "", "", "", 0, 0, 0)
        if at:
            mounts = (*mounts, Mount(at, "253:7", "/", real, "/dev/mapper/centos-new", ("rw",)))
        host = replace(host, groups=(group,), mounts=mounts, file_systems=systems)
    if line:
        text = f"/dev/mapper/centos-new {line} {fs or 'xfs'} {line_options} 0 0"
        host = replace(host, fstab=(*host.fstab, FstabLine(text, text.split()[0], line, fs or "xfs", line_options)))
    found = blocks(host=host, signs=(holds,) if there and holds else signs if there else (), open=int(opened))
    wish: dict[str, Any] = {"size": size, "fs": fs, "mount": mount, "options": options, "present": present}
    if not present:
        wish["confirm"] = "centos/new"
    try:
        made = volume_plan(found, **wish)
    except Refusal:
        return
    if "format_volume" in calls(made):
        assert not there or (not holds and not opened and (not signs or (tags and "data" in signs[0])))
    then = after(found, made)
    group = then.storage.groups[0]
    assert group.free == group.extents - sum(v.extents for v in group.volumes) >= 0
    if present:
        # What a mount point shows is not foreseen, nor is a copy's smaller file system: the next look tells.
        assert not volume_plan(then, **wish).changes, (made.steps, volume_plan(then, **wish).steps)
        assert not mount or any(m.point == mount for m in then.storage.mounts)
    else:
        assert group.volume("new") is None
        assert not volume_plan(then, **wish).changes
        assert not any(entry.spec == "/dev/mapper/centos-new" for entry in then.storage.fstab) or not there
    assert all(len(text) <= 80 for text in draw("host.example.org", made).splitlines())


# -- by example


def test_each_block_is_planned_for_what_the_ones_before_it_make() -> None:
    now = blocks(BLANK, host=replace(storage(), tools=storage().tools - {"lvm"}, groups=()))
    first = disk_plan(now)
    assert calls(first) == ["install_packages", "make_physical_volume"]
    now = after(now, first)
    second = group_plan(now)
    assert calls(second) == ["make_group"]
    now = after(now, second)
    third = volume_plan(now, vg="data", fs="ext4", mount="/data", size="100%FREE")
    assert calls(third) == ["is_unchanged", "create_volume", "format_volume", "mount_volume", "change_line"]
    assert third.steps[1].call == ("create_volume", "new", "767", "hostwright.new", "/dev/vdb")
    assert third.steps[-1].call[2] == "/dev/mapper/data-new /data ext4 defaults 0 2"


def test_what_is_foreseen_of_one_volume_is_not_said_of_another() -> None:
    wish = {"name": "home", "size": "6G", "fs": "xfs", "mount": "/home"}
    grown, made = volume_plan(blocks(), **wish), volume_plan(blocks(), fs="ext4")
    other = blocks(volume="data/new", signs=("data in its first MiB",), open=2)
    other = replace(other, storage=replace(other.storage, file_systems={}))
    then = after(after(other, grown), made)
    assert (then.signs, then.open, then.storage.file_systems) == (other.signs, 2, {})
    assert then.storage.groups[0].free == 600 - 257 - 256


def test_dashes_are_doubled_as_device_mapper_does() -> None:
    made = volume_plan(blocks(), name="big-one", fs="xfs", mount="/data", options="noatime")
    assert made.steps[-1].call[2] == "/dev/mapper/centos-big--one /data xfs noatime 0 0"


def test_a_line_that_names_the_volume_otherwise_is_kept_and_only_its_options_change() -> None:
    host = storage(free=600)
    line = replace(host.fstab[1], text="UUID=a00d34e4-13a7-46c4-bcb8-5f0cff4e66f6  /home\txfs defaults 0 0")
    line = replace(line, spec=line.text.split()[0])
    found = blocks(host=replace(host, fstab=(host.fstab[0], line)))
    wish = {"name": "home", "size": "1279 extents", "fs": "xfs", "mount": "/home"}
    assert not volume_plan(found, **wish).changes
    made = volume_plan(found, **wish, options="noatime")
    assert calls(made) == ["is_unchanged", "remount", "change_line"]
    assert made.steps[-1].call[2] == "UUID=a00d34e4-13a7-46c4-bcb8-5f0cff4e66f6 /home xfs noatime 0 0"


def test_a_line_with_a_slash_at_its_end_is_the_volumes_own() -> None:
    host = storage(free=600)
    slash = fstab_lines(["/dev/mapper/centos-home /home/ xfs defaults 0 0"])
    wish = {"name": "home", "size": "1279 extents", "fs": "xfs", "mount": "/home"}
    assert not volume_plan(blocks(host=replace(host, fstab=(host.fstab[0], *slash))), **wish).changes
    twice = replace(host, fstab=(*host.fstab, *slash))
    assert "2 lines for centos/home" in refusal(volume_plan, blocks(host=twice), **wish)
    native = replace(host, unit=MountUnit(path="/etc/systemd/system/home.mount"), fstab=host.fstab[:1])
    assert "mv /etc/systemd/system/home.mount" in refusal(volume_plan, blocks(host=native), **wish)


HELD = survey(holders=(Holder("process", "vim", "7", "ann", "", "cwd"),))


@pytest.mark.parametrize(
    ("host", "wish", "says"),
    [
        ({}, {"size": "-1G"}, "size = '-1G': a relative size"),
        ({}, {"size": "10m"}, "size = '10m': that is 12 MiB, but xfs needs 300 MiB at least"),
        ({"root_free": 0}, {"size": "2G"}, "size = '2G': no way to shrink centos/home"),
        ({"root_free": 0}, {"strategy": "staging"}, "strategy = 'staging': /var/lib has 0 B free"),
        ({"kind": "xfs"}, {"strategy": "in-place"}, "strategy = 'in-place': XFS cannot shrink in place"),
        ({"kind": "xfs"}, {"strategy": "in-place"}, ": leave strategy out"),
        ({}, {"scratch": "/dev/vdb"}, "scratch = '/dev/vdb' is no disk of this host"),
        ({"staging": None}, {"staging": "/nowhere"}, "staging = '/nowhere' is no directory of this host"),
        ({}, {"staging": "/var", "scratch": "/dev/vdb"}, "staging and scratch are two ways to do the same"),
        ({"free": 600}, {"found": HELD}, "busy = 'refuse': /home is in use: vim (pid 7, user ann, cwd): end them"),
        ({"free": 600}, {"found": HELD}, "or let busy=stop do it"),
    ],
)  # fmt: skip
def test_who_makes_a_volume_smaller_is_refused_by_his_own_arguments(
    host: dict[str, Any], wish: dict[str, Any], says: str
) -> None:
    there = blocks(host=storage(**host), volume="centos/home")
    given = {"vg": "centos", "name": "home", "size": "2G"} | wish
    found = given.pop("found", survey())

    def decided() -> Plan:
        wanted = validated(LogicalVolumeWish, given)
        task = logical_volume.shrinking(there, wanted)
        return logical_volume.decide(there, wanted, task, found)

    said = refusal(decided)
    assert says in said
    # A deploy that it names keeps its own keys.
    assert "lvm_" not in re.sub(r"--data lvm_\w+=", "", said)


def test_a_deploy_that_a_refusal_names_keeps_its_own_keys() -> None:
    host = swap_beside(storage(free=400, root_free=500 * 1024**2))
    said = refusal(volume_plan, blocks(host=host), name="home", size="2G")
    assert ": size='397 extents', for which centos has room; " in said
    assert "; scratch: a blank disk of " in said
    assert "; staging: a directory on another local file system" in said
    assert "deploys/lvm.py --data lvm_vg=centos --data lvm_shrink=swap --data lvm_shrink_to='" in said


def test_a_smaller_size_is_a_move_with_nothing_that_grows() -> None:
    made = volume_plan(blocks(), name="home", size="2G", fs="xfs", mount="/home")
    assert made.method == "beside"
    assert "verify" in calls(made)
    assert "extend_volume" not in calls(made)
    assert dict(made.after.volumes) == {"home": 512, "root": 768}


def test_a_larger_size_grows_the_volume_and_then_its_file_system() -> None:
    made = volume_plan(blocks(), name="home", size="6G", fs="xfs", mount="/home")
    assert calls(made) == ["is_unchanged", "extend_volume", "grow_file_system"]


def test_a_file_system_that_lags_behind_its_volume_is_a_change() -> None:
    host = storage(free=600)
    lagging = {**host.file_systems, "home": file_system("xfs", 1000, "/home")}
    found = blocks(host=replace(host, file_systems=lagging))
    made = volume_plan(found, name="home", size="1279 extents", fs="xfs", mount="/home")
    assert calls(made) == ["is_unchanged", "grow_file_system"]


def test_our_mark_does_not_stay_on_a_volume_that_has_its_file_system() -> None:
    host = storage(free=600)
    root, there = host.groups[0].volumes
    group = replace(host.groups[0], volumes=(root, replace(there, tags=("hostwright.new",))))
    made = volume_plan(blocks(host=replace(host, groups=(group,))), name="home", size="1279 extents", fs="xfs")
    assert calls(made) == ["is_unchanged", "forget_new"]


def test_swap_is_taken_into_use_and_has_its_line() -> None:
    made = volume_plan(blocks(), fs="swap")
    assert calls(made) == ["is_unchanged", "create_volume", "format_volume", "swap_on", "change_line"]
    assert made.steps[-1].call[2] == "/dev/mapper/centos-new none swap defaults 0 0"


def test_a_removal_unmounts_before_the_line_goes_and_that_before_the_volume() -> None:
    made = volume_plan(blocks(), name="home", size=None, present=False, confirm="centos/home")
    assert calls(made) == ["is_unchanged", "unmount_volume", "change_line", "remove_volume"]


IMAGE = "/var/lib/hostwright/centos-home.img"


def staged() -> Blocks:
    """A run was lost while home was its staged copy, and its volume was gone."""
    host = storage(**lost(IMAGE, IMAGE))
    group = host.groups[0]
    disk = replace(group.disks[0], allocated=768)
    return blocks(host=replace(host, groups=(replace(group, volumes=group.volumes[:1], disks=(disk,), free=1279),)))


def test_a_home_that_a_lost_run_left_in_its_image_is_not_taken_for_absent() -> None:
    made = volume_plan(staged(), name="home", size="2G", fs="xfs", mount="/home")
    assert "create_volume" not in calls(made)
    assert made.method == "staging"
    assert "half moved" in refusal(volume_plan, staged(), **home(confirm="centos/home"))


def test_the_mark_of_a_lost_run_is_no_other_volumes_affair() -> None:
    assert calls(volume_plan(staged(), fs="xfs"))[1:] == ["create_volume", "format_volume"]


def home(**other: Any) -> dict[str, Any]:
    return {"name": "home", "size": None, "present": False} | other


UNMOUNTED = replace(storage(free=600), mounts=storage().mounts[:1])
SWAPPING = replace(
    storage(free=600, kind="swap", swaps=(Swap("/dev/dm-1", 2 * GIB),)),
)
VI = Holder("process", "vi notes", "812", "ada", "", "open file")


@pytest.mark.parametrize(
    ("make", "host", "wish", "says"),
    [
        (disk_plan, blocks(Disk(exists=False)), {}, "no block device"),
        (disk_plan, blocks(DATA), {}, "not empty (ext4)"),
        (disk_plan, blocks(replace(BLANK, read_only=True)), {}, "read-only"),
        (
            disk_plan,
            blocks(BLANK, host=replace(storage(), devices=(BlockDevice("vdb1", ("vdb",), "part", False),))),
            {},
            "vdb1",
        ),
        (disk_plan, blocks(replace(MEMBER, group="data")), {"present": False}, "vgreduce data /dev/vdb"),
        (disk_plan, blocks(MEMBER), {"present": False}, "asked for twice"),
        (
            disk_plan,
            blocks(MEMBER),
            {"present": False, "confirm": "/dev/vdc"},
            "it does not name what would be removed",
        ),
        (group_plan, blocks(DATA), {}, "not empty"),
        (group_plan, blocks(replace(MEMBER, group="old")), {}, "part of volume group old"),
        (group_plan, blocks(BLANK), {"name": "centos", "extent_size": "8M"}, "extents of 4 MiB"),
        (group_plan, blocks(), {"name": "centos", "present": False, "confirm": "centos"}, "centos/home"),
        (volume_plan, blocks(), {"vg": "data"}, "vg = 'data': no volume group of this host"),
        (volume_plan, blocks(), {"size": "9G"}, "more than centos has free"),
        (volume_plan, blocks(host=storage()), {"size": "100%FREE"}, "no free extent"),
        (volume_plan, blocks(), {"size": "100M", "fs": "xfs"}, "300 MiB"),
        (volume_plan, blocks(), {"size": "-1G"}, "relative"),
        (volume_plan, blocks(), {"size": None}, "size is not set"),
        (volume_plan, blocks(), {"confirm": "centos/new"}, "present=False"),
        (volume_plan, blocks(), {"mount": "/data"}, "without fs"),
        (volume_plan, blocks(), {"mount": "/", "fs": "xfs"}, "root file system"),
        (volume_plan, blocks(), {"mount": "/data", "fs": "swap"}, "mount = '/data': swap is not mounted"),
        (volume_plan, blocks(), {"name": "home", "fs": "ext4"}, "carries xfs, not ext4"),
        (volume_plan, blocks(), {"name": "home", "fs": "xfs", "mount": "/data", "size": "5116M"}, "mounted on /home"),
        (volume_plan, blocks(), {"fs": "xfs", "mount": "/home"}, "mounted there"),
        (volume_plan, blocks(host=UNMOUNTED, point=None), {"fs": "xfs", "mount": "/home"}, "/etc/fstab mounts"),
        (
            volume_plan,
            blocks(host=UNMOUNTED),
            {"name": "home", "size": "1279 extents", "fs": "xfs", "mount": "/data"},
            "mount = '/data': /etc/fstab mounts centos/home on /home: ",
        ),
        (volume_plan, blocks(point=Point("/data", ("old",))), {"fs": "xfs", "mount": "/data"}, "would hide"),
        (volume_plan, blocks(point=Point("/data", odd=True)), {"fs": "xfs", "mount": "/data"}, "no directory"),
        (volume_plan, blocks(point=Point("/real")), {"fs": "xfs", "mount": "/data"}, "leads to /real"),
        (volume_plan, blocks(), {"name": "home", "size": "2G", "fs": "ext4", "mount": "/home"}, "carries xfs"),
        (volume_plan, blocks(), home(), "asked for twice"),
        (volume_plan, blocks(), home(confirm="centos/root"), "it does not name what would be removed"),
        (volume_plan, blocks(holders=(VI,)), home(confirm="centos/home"), "vi notes (pid 812, user ada"),
        (volume_plan, blocks(), home(name="root", confirm="centos/root"), "root file system"),
        (volume_plan, blocks(host=SWAPPING), home(confirm="centos/home"), "swapped-out memory"),
    ],
)
def test_refused(make: Any, host: Blocks, wish: dict[str, Any], says: str) -> None:
    assert says in refusal(make, host, **wish)


def test_a_refusal_while_a_job_waits_ends_the_operation_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def busy(*_: object) -> None:
        raise base_job.Busy("somebody else has the lock")

    def again() -> Plan:
        raise Refusal("volume group centos is exported", "`vgimport centos` first")

    monkeypatch.setattr(job, "_run", busy)
    there = SimpleNamespace(print_prefix="[lab] ")
    (command,) = job.carried_out(disk_plan(blocks(BLANK)), again)
    assert command.function(None, there, *command.args) is False
    assert capsys.readouterr().err.strip().endswith("volume group centos is exported: `vgimport centos` first")


def test_a_removal_says_what_would_be_lost() -> None:
    said = refusal(volume_plan, blocks(), **home())
    assert "xfs on /home, 100 MiB of it used" in said
    assert "confirm='centos/home'" in said


OLD = {"libdevmapper": (1, 2, 185)}


@pytest.mark.parametrize(
    ("host", "first"),
    [
        (blocks(BLANK, **OLD), "load_device_mapper_early"),
        (blocks(BLANK, **OLD, early=True), "make_physical_volume"),
        (blocks(BLANK, libdevmapper=(1, 2, 191)), "make_physical_volume"),
        (blocks(BLANK), "make_physical_volume"),
        (blocks(BLANK, **OLD, host=replace(storage(), groups=())), "make_physical_volume"),
    ],
    ids=["old", "made safe", "new", "activates them otherwise", "no other group"],
)
def test_a_second_group_does_not_keep_a_host_from_booting(host: Blocks, first: str) -> None:
    made = group_plan(host)
    assert calls(made)[0] == first
    then = after(host, made)
    then = replace(then, disks={**then.disks, "/dev/vdc": replace(BLANK, name="vdc")})
    assert not group_plan(then).changes
    if first == "load_device_mapper_early":
        assert calls(group_plan(then, "more", ("/dev/vdc",)))[0] == "make_physical_volume", "once is enough"


def test_what_a_host_says_of_its_disks() -> None:
    found = parse_blocks(
        [
            *("@@ disk /dev/vdb", "KNAME=vdb", "SIZE=3221225472", "GROUP=data", "TYPE=LVM2_member", "HOLDER=dm-2"),
            *("@@ disk /dev/vdc", "KNAME=vdc", "SIZE=1073741824", "NONZERO=yes"),
            *("@@ disk /dev/vdz",),
            *("@@ signs", "NONZERO=yes", "OPEN=1"),
            *("@@ point", "REAL=/srv/a b", "ENTRY=old"),
            *("@@ initramfs", "LIBRARY=1.02.185", "EARLY=yes"),
        ]
    )
    assert found.disks["/dev/vdb"] == Disk(
        True, "vdb", 3 * GIB, physical_volume=True, group="data", holds=("LVM2_member", "used by dm-2")
    )
    assert found.disks["/dev/vdc"].holds == ("data in its first MiB",)
    assert not found.disks["/dev/vdz"].exists
    assert (found.signs, found.open) == (("data in its first MiB",), 1)
    assert found.point == Point("/srv/a b", ("old",))
    assert (found.libdevmapper, found.early) == ((1, 2, 185), True)
    assert not parse_blocks(["@@ initramfs"]).libdevmapper


def test_names_given_to_the_fact_cannot_leave_their_quotes() -> None:
    assert "'\"'\"'" in LvmBlocks().text(vg="a'; touch /x; '")
    assert operations.rebalance


# -- volumes that somebody cut


def cut(name: str, *, extents: int, size: int) -> Blocks:
    """centos/NAME is shorter than its file system."""
    host = storage(free=600)
    (group,) = host.groups
    third = volume(name, extents, 2)
    group = replace(group, volumes=(*group.volumes, third), free=600 - extents)
    systems = {**host.file_systems, name: file_system("ext4", size, "")}
    return blocks(host=replace(host, groups=(group,), file_systems=systems))


@pytest.mark.parametrize("size", ["400m", "80 extents", "300m", "100%FREE", "2G"])
def test_a_volume_that_was_cut_is_refused_whatever_size_is_asked_for(size: str) -> None:
    assert "somebody has cut" in refusal(volume_plan, cut("srv", extents=100, size=101), name="srv", size=size)
    # What is free may be its end, whoever asks for it.
    assert "centos/srv" in refusal(volume_plan, cut("srv", extents=100, size=101), name="new", size=size)
    assert volume_plan(cut("srv", extents=100, size=100), name="new", size="1G").changes


def test_a_volume_that_was_cut_is_not_removed_and_another_one_is() -> None:
    there = cut("srv", extents=100, size=101)
    away: dict[str, Any] = {"present": False, "size": None}
    assert "somebody has cut" in refusal(volume_plan, there, name="srv", confirm="centos/srv", **away)
    (group,) = there.storage.groups
    more = replace(group, volumes=(*group.volumes, volume("old", 50, 3)))
    systems = {**there.storage.file_systems, "old": file_system("", 50, "")}
    there = replace(there, storage=replace(there.storage, groups=(more,), file_systems=systems))
    assert "remove_volume" in calls(volume_plan(there, name="old", confirm="centos/old", **away))


def test_blocks_of_one_file_are_not_taken_for_cut_by_what_they_are_going_to_do() -> None:
    there = replace(cut("srv", extents=100, size=100), volume="centos/new")
    away = volume_plan(there, name="srv", present=False, size=None, confirm="centos/srv")
    there = after(there, away)
    there = after(there, volume_plan(there, name="srv", size="50 extents"))
    assert volume_plan(there, name="new", size="1G").changes
    smaller = volume_plan(blocks(), name="home", size="2G", fs="xfs", mount="/home")
    assert smaller.method == "beside"
    assert volume_plan(after(replace(blocks(), volume="centos/new"), smaller), name="new", size="1G").changes
