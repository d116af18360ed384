"""Decides how one volume shrinks and another one grows by what that frees, or refuses.

Pure: what is, what is wanted -> steps. Whether an XFS volume may shrink is decided here: never in place, only by a
verified copy that takes its place.
"""

from dataclasses import replace
from math import ceil

from hostwright.base.refusal import Refusal
from hostwright.lvm import names
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.groups import Group, Volume
from hostwright.lvm.facts.mounts import FstabLine, Mount, fstab_lines
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.facts.survey import Survey
from hostwright.lvm.file_systems import COPYING, KINDS, one_of
from hostwright.lvm.file_systems.kind import MIB
from hostwright.lvm.moves import CheckProof, GiveBack, RemoveImage, TakeAway
from hostwright.lvm.plan.checks import check_layout, usable_group
from hostwright.lvm.plan.cut import check_whole
from hostwright.lvm.plan.file_system import files_bytes, lags, least_bytes, peculiarity
from hostwright.lvm.plan.fstab import check_automount, check_line, mapped
from hostwright.lvm.plan.marker import memory_of, quota_options, read_marker, served_by, served_name, variables_of
from hostwright.lvm.plan.method import (
    Way,
    choose,
    image_path,
    place_of_resumed_lists,
)
from hostwright.lvm.plan.resume import abandon, left_unmounted
from hostwright.lvm.plan.sequence import (
    REMOVE_LISTS,
    beside_steps,
    exchange_steps,
    in_place_steps,
    lists_step,
    remake_steps,
    settling_steps,
    staging_steps,
)
from hostwright.lvm.plan.sizes import extents_of, size_text
from hostwright.lvm.plan.steps import Layout, Plan, Step
from hostwright.lvm.plan.swap import grow_swap, shrink_swap
from hostwright.lvm.plan.task import (
    Task,
    copy_name,
    extents_text,
    install_step,
    mount_options,
    no_file_system,
    own_disks,
    stripes_option,
)
from hostwright.lvm.settings import Rebalance
from hostwright.lvm.verbs import (
    ClearTags,
    Discard,
    DiscardLists,
    ExtendVolume,
    GrowFileSystem,
    IsUnchanged,
    RestoreFstab,
    Uncover,
)

AS_SERVED = "as served"


def examine(storage: Storage, wish: Rebalance) -> Task:
    """Refuses what cannot be meant or must not be touched, and settles the sizes."""
    group = usable_group(storage, wish.vg)
    check_whole(storage, group)
    if wish.shrink == wish.grow:
        raise Refusal(f"lvm_shrink and lvm_grow are both {wish.shrink!r}: space moves from one volume to another one")
    if wish.staging and wish.scratch:
        raise Refusal("lvm_staging and lvm_scratch are two ways to do the same: give one of them")
    marker = read_marker(storage)
    copy = group.volume(copy_name(wish))
    shrink = group.volume(wish.shrink) or ((copy or _gone(wish)) if marker else None)
    if shrink is None:
        raise Refusal(_no_volume(group, wish.shrink))
    grow = group.volume(wish.grow) if wish.grow else None
    if wish.grow and grow is None:
        raise Refusal(_no_volume(group, wish.grow))
    if not wish.shrink_to and not wish.abandon:
        raise Refusal(
            "lvm_shrink_to is not set, and has no default: write it in the inventory, or --data lvm_shrink_to=..."
        )
    wanted = wish.shrink_to or f"{shrink.extents} extents"
    target = extents_of(wanted, extent_size=group.extent_size, group_extents=group.extents, now=shrink.extents)
    if target > shrink.extents and not marker:
        raise Refusal(
            f"lvm_shrink_to = {wish.shrink_to!r} ({extents_text(group, target)}) is larger than "
            f"{group.name}/{shrink.name} is now ({extents_text(group, shrink.extents)}): "
            "to make it grow, name it in lvm_grow"
        )
    served = served_by(storage, group, wish, marker) if marker else "volume"
    if served == "copy":
        target = (copy or shrink).extents
    names = [AS_SERVED] if served == "image" else [wish.shrink, copy_name(wish)]
    system = next((storage.file_systems[name] for name in names if name in storage.file_systems), no_file_system())
    mount, line = _where(storage, shrink if served == "volume" else None, system, marker)
    task = Task(wish, storage, group, shrink, grow, target, 0, system, mount, line, served)
    for volume in (shrink, *([grow] if grow else [])):
        check_layout(group, volume)
    # Before home is looked through: mount(8), which that needs, does not do what a wrong line keeps it from.
    if mount and served == "volume" and task.needs_survey and not wish.abandon:
        check_line(storage, group, shrink, system, mount)
    return replace(task, grown=_grown(task))


def _gone(wish: Rebalance) -> Volume:
    """The volume of a home that lives in its staged copy, because a run was lost before it was made anew."""
    return Volume(wish.shrink, "", 0, ("linear",), ("public",), ("linear",), (), (), "", "none")


def _no_volume(group: Group, name: str) -> str:
    there = ", ".join(volume.name for volume in group.volumes) or "none"
    return f"no volume {name!r} in volume group {group.name}; there are: {there}"


def _where(
    storage: Storage, volume: Volume | None, system: FileSystem, marker: dict[str, str]
) -> tuple[Mount | None, FstabLine | None]:
    """Where home is mounted, and the line of fstab that says so."""
    if marker:
        point = marker["point"]
        line = next((line for line in storage.fstab if line.point == point), None)
        return next((mount for mount in reversed(storage.mounts) if mount.point == point), None), line
    assert volume is not None
    if system.kind in ("swap", "swsuspend"):
        return None, None
    own = [
        mount
        for mount in storage.mounts
        if mount.device == volume.device or (system.mounted and mount.point == system.mounted)
    ]
    mount = own[0] if own else None
    line = next((line for line in storage.fstab if mount and line.point == mount.point), None)
    return mount, line


def _grown(task: Task) -> int:
    """The extents that the growing volume has in the end."""
    group, wish, grow = task.group, task.wish, task.grow
    if grow is None:
        return 0
    left = _left(task)
    wanted = wish.grow_to.replace(" ", "").upper()
    if wanted == "100%FREE":
        return grow.extents + left
    if "%FREE" in wanted:
        raise Refusal(f"lvm_grow_to = {wish.grow_to!r}: 100%FREE, a size, or a share like 60%VG")
    extents = extents_of(wish.grow_to, extent_size=group.extent_size, group_extents=group.extents, now=grow.extents)
    if extents < grow.extents:
        raise Refusal(
            f"lvm_grow_to = {wish.grow_to!r} ({extents_text(group, extents)}) is below the present size of "
            f"{group.name}/{grow.name} ({extents_text(group, grow.extents)}): it grows, it never shrinks"
        )
    if extents > grow.extents + left:
        lacking = (extents - grow.extents - left) * group.extent_size
        raise Refusal(
            f"lvm_grow_to = {wish.grow_to!r} needs {size_text(lacking)} more than there will be: "
            f"{extents_text(group, grow.extents + left)} is the most, or shrink {task.shrink.name} further"
        )
    return extents


def _left(task: Task) -> int:
    """Free extents in the end, on the group's own disks, with a lost run's copy gone."""
    group = task.group
    own = sum(disk.extents - disk.allocated for disk in own_disks(group) if disk.allocatable)
    lists = group.volume(names.lists_volume(task.wish.shrink))
    own += lists.extents if lists else 0
    leftover = group.volume(task.copy)
    if task.served == "volume":
        back = sum(disk.allocated for disk in group.disks if disk not in own_disks(group))
        own += leftover.extents - back if leftover else -back
        return own + task.shrink.extents - task.target
    final = task.target
    there = sum(volume.extents for volume in group.volumes if volume.name in (task.wish.shrink, task.copy))
    borrowed = sum(disk.allocated for disk in group.disks if disk not in own_disks(group))
    return own + there - borrowed - final


def decide(task: Task, survey: Survey | None) -> Plan:
    """The plan, with every refusal that is left."""
    group = task.group
    before = _layout(task, task.shrink.extents, task.grow.extents if task.grow else 0, group)
    after = _layout(task, task.target, task.grown, group)
    empty = Plan(group.name, before, after)
    if first := left_unmounted(task, empty):
        return first
    growth = _growth(task)
    if task.wish.abandon:
        back = replace(empty, after=before, variables=variables_of(task))
        return abandon(task, back, _leftovers(task) if task.served == "volume" else ())
    if task.served != "volume":
        return _resume(task, survey, empty, growth)
    cleared = _leftovers(task)
    if task.shrink.extents == task.target:
        steps = (*cleared, *growth)
        return replace(empty, steps=_guarded(task, steps), variables=variables_of(task)) if steps else empty
    if task.home.kind == "swap":
        return replace(
            empty,
            steps=_guarded(task, (*cleared, *shrink_swap(task), *growth)),
            way="in-place",
            reason="swap holds nothing that must be kept",
            variables=variables_of(task),
        )
    _check_home(task, survey or Survey())
    assert survey is not None
    return _move(task, survey, empty, cleared, growth)


def _layout(task: Task, shrink: int, grow: int, group: Group) -> Layout:
    sizes = {
        volume.name: volume.extents
        for volume in group.volumes
        if volume.name not in (task.copy, names.lists_volume(task.wish.shrink)) and "[" not in volume.name
    } | {task.shrink.name if task.shrink.name != task.copy else task.wish.shrink: shrink}
    first = {task.grow.name: grow} if task.grow else {}
    sizes |= first
    order = [*first, *(name for name in sizes if name not in first)]
    extents = sum(disk.extents for disk in group.disks if disk in own_disks(group))
    return Layout(extents, group.extent_size, tuple((name, sizes[name]) for name in order))


def _guarded(task: Task, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return (IsUnchanged(f"see that {task.group.name} is as planned", task.group.sequence), *steps)


def _leftovers(task: Task) -> tuple[Step, ...]:
    """What a lost run left: nobody relies on it, since fstab does not name it."""
    group = task.group
    copy = group.volume(task.copy)
    borrowed = [*(disk.name for disk in group.disks if disk.lent), *task.storage.lent]
    steps: list[Step] = []
    if names.COPY_TAG in task.shrink.tags:
        steps.append(ClearTags(f"{task.shrink.name} is in place: take its mark away", task.shrink.name))
    staging = task.storage.staging
    image = image_path(task.wish) if staging and staging.owned and staging.image else ""
    # What lies on a borrowed disk when it is given back is moved to where there may be no room.
    steps += _left_lists(task)
    if copy or borrowed or image:
        if copy and names.COPY_TAG not in copy.tags:
            raise Refusal(f"{group.name}/{copy.name} is in the way and not ours: rename it first")
        what = " and ".join(
            [*([f"the unfinished {copy.name}"] if copy else []), *borrowed, *([image] if image else [])]
        )
        steps.append(Discard(f"clear away what a lost run left: {what}", task.copy, image))
    if task.mount and f"{names.COVER_TAG}{task.wish.shrink}" in group.tags:
        steps.append(Uncover(f"let the directory beneath {task.mount.point} be written again"))
    if task.storage.marker:
        steps.append(RestoreFstab("put the line of fstab back as it was"))
    return tuple(steps)


def _left_lists(task: Task) -> list[Step]:
    name = names.lists_volume(task.wish.shrink)
    volume = task.group.volume(name)
    if volume and names.LISTS_TAG not in volume.tags:
        raise Refusal(f"{task.group.name}/{name} is in the way and not ours: rename it first")
    staging = task.storage.staging
    directory = names.lists_directory(image_path(task.wish)) if staging and staging.owned and staging.lists else ""
    if not volume and not directory:
        return []
    where = " and ".join([*([name] if volume else []), *([directory] if directory else [])])
    return [DiscardLists(f"clear away lists that a lost run left: {where}", name if volume else "", directory)]


def _growth(task: Task) -> tuple[Step, ...]:
    group, grow, storage = task.group, task.grow, task.storage
    if grow is None:
        return ()
    system = storage.file_systems.get(grow.name) or no_file_system()
    more = task.grown > grow.extents
    size = f"{group.name}/{grow.name} to {extents_text(group, task.grown)}"
    if system.kind == "swap":
        return grow_swap(task, grow, system, size) if more else ()
    if system.kind not in KINDS:
        raise Refusal(
            f"{group.name}/{grow.name} (lvm_grow) carries {system.kind or 'no file system'}: "
            f"it must be one of {one_of([*KINDS])}"
        )
    mount = next((mount for mount in storage.mounts if mount.device == grow.device), None)
    point = mount.point if mount else system.mounted
    behind = lags(system, grow.extents * group.extent_size, group.extent_size)
    if not more and not behind:
        return ()
    if not point:
        raise Refusal(f"{group.name}/{grow.name} is not mounted: mount it first, its file system grows while mounted")
    if odd := peculiarity(system, Survey(), storage.host, copied=False):
        raise Refusal(f"{group.name}/{grow.name}: {odd}")
    steps = list(install_step(task, KINDS[system.kind].growing))
    if more:
        steps.append(ExtendVolume(f"extend {size}", grow.name, task.grown, stripes_option(grow)))
    steps.append(
        GrowFileSystem(f"grow the {system.kind} file system on {point} to fill it", grow.name, system.kind, point)
    )
    return tuple(steps)


def _check_home(task: Task, survey: Survey) -> None:
    group, home, mount = task.group, task.home, task.mount
    name = f"{group.name}/{task.shrink.name}"
    if home.kind == "swsuspend":
        raise Refusal(f"{name} holds a hibernation image: resume from it, or make it swap again, first")
    if home.kind == "crypto_LUKS":
        raise Refusal(f"{name} is encrypted (LUKS on the volume): not supported; physical volumes on LUKS are fine")
    if home.kind not in KINDS:
        raise Refusal(
            f"{name} carries {home.kind or 'nothing that blkid knows'}: "
            f"a volume shrinks when it carries {one_of([*KINDS])}"
        )
    if mount is None:
        raise Refusal(f"{name} is not mounted: mount it first, so that its files can be read")
    if mount.point == "/":
        raise Refusal(f"{name} is the root file system: it cannot be unmounted, so it cannot shrink")
    _check_use(task, survey, name)


def _check_use(task: Task, survey: Survey, name: str) -> None:
    """What could keep it from being read, or unmounted."""
    storage, mount = task.storage, task.mount
    assert mount is not None
    own = [other for other in storage.mounts if other.device == mount.device or other.source == mount.source]
    if len(own) > 1:
        raise Refusal(f"{name} is mounted more than once ({', '.join(m.point for m in own)}): unmount all but one")
    beneath = [other.point for other in storage.mounts if other.point.startswith(f"{mount.point}/")]
    if beneath:
        raise Refusal(f"file systems are mounted beneath {mount.point}: {', '.join(beneath)}: unmount them first")
    if odd := peculiarity(task.home, survey, storage.host, copied=False):
        raise Refusal(f"{name}: {odd}")
    if survey.unreadable:
        raise Refusal(f"{mount.point} cannot be looked through ({'; '.join(survey.unreadable)}): check {name} first")
    _check_busy(task, survey)


def _check_busy(task: Task, survey: Survey) -> None:
    assert task.mount is not None
    if not survey.holders:
        return
    fixed = [holder for holder in survey.holders if holder.kind != "process"]
    if fixed:
        names = ", ".join(f"{holder.kind} {holder.command}" for holder in fixed)
        raise Refusal(f"{task.mount.point} is in use by {names}: end that first (lvm_busy=stop ends processes only)")
    if task.wish.busy == "refuse":
        names = "; ".join(
            f"{holder.command or '?'} (pid {holder.pid}, user {holder.user}, {holder.how}"
            + (f", {_unit_text(holder.unit)})" if holder.unit else ")")
            for holder in survey.holders
        )
        raise Refusal(f"{task.mount.point} is in use: {names}. End them, or let lvm_busy=stop do it")


def _unit_text(unit: str) -> str:
    """A unit as shell/holders.sh names it, for people."""
    owner, _, name = unit.rpartition("/")
    if owner in ("docker", "podman"):
        return f"{owner} container {name}"
    return f"{name} of {owner}" if owner else name


def _check_run(task: Task) -> None:
    """A job tells there how it ends; and what fstab says is taken from there."""
    host = task.storage.host
    free = task.storage.run_free
    version = int(host.get("systemd") or 0)
    needed = SYSTEMD_KEEPS + MIB if version >= 233 else 2 * MIB
    if free is not None and free < needed:
        raise Refusal(
            f"/run has {size_text(free)} free, and {size_text(needed)} are needed for a job and for "
            f"systemd {version} as it reads /etc/fstab anew: make room, or give it more: mount -o remount,size=... /run"
        )


SYSTEMD_KEEPS = 16 * MIB
"""what `systemctl daemon-reload` wants to be free on /run since systemd 233 (dbus-manager.c)"""


def _check_room(task: Task, survey: Survey) -> None:
    home = task.home
    least = least_bytes(home, survey)
    if task.size >= least:
        return
    files = files_bytes(survey)
    own = KINDS[home.kind].own_bytes(task.size, files)
    if task.size < (smallest := KINDS[home.kind].least):
        raise Refusal(f"lvm_shrink_to = {task.wish.shrink_to!r}: {home.kind} needs {size_text(smallest)} at least")
    raise Refusal(
        f"lvm_shrink_to = {task.wish.shrink_to!r} is {size_text(task.size)}, but the files need {size_text(files)} and "
        f"{home.kind} itself about {size_text(own)}: '{ceil(least / task.group.extent_size)} extents' is the least"
    )


def _move(task: Task, survey: Survey, plan: Plan, cleared: tuple[Step, ...], growth: tuple[Step, ...]) -> Plan:
    _check_room(task, survey)
    _check_run(task)
    way = choose(task, survey)
    if way.name != "in-place":
        _check_carried(task)
        _check_paths(task, survey)
        if survey.encrypted is None:
            tools = install_step(task, tuple(COPYING))
            return replace(plan, after=plan.before, steps=_guarded(task, tools), again=True)
        odd = peculiarity(task.home, survey, task.storage.host, copied=True)
        if odd:
            raise Refusal(f"{task.group.name}/{task.shrink.name}: {odd}")
        quotas = quota_options(task) or "jquota=" in mount_options(task)
        if quotas and KINDS[task.home.kind].quotas_in_files(task.home.said):
            raise Refusal(
                f"{task.home.mounted} keeps quotas in files: turn them into the quota feature first (tune2fs -O quota)"
            )
    steps = {"beside": beside_steps, "staging": staging_steps, "in-place": in_place_steps}[way.name](task, survey, way)
    copied, inodes = survey.allocated, survey.inodes
    if way.name == "in-place" and KINDS[task.home.kind].shrinks_mounted:
        read_only, away = 0, 5 + inodes // 5000
    elif way.name == "in-place":
        read_only, away = 0, 10 + copied // (50 * MIB) + inodes // 5000
    else:
        read_only, away = 5 + copied // (60 * MIB) + inodes // 1000, 5 + inodes // 10000
    return replace(
        plan,
        steps=_guarded(task, (*install_step(task, _tools(task, way)), *cleared, *steps, *growth)),
        way=way.name,
        reason=way.reason,
        notes=_notes(task, survey, way),
        read_only=read_only * (2 if way.image else 1),
        away=away * (2 if way.image else 1),
        variables=variables_of(task, image=way.image),
    )


def _check_carried(task: Task) -> None:
    """Refuses what a new volume cannot have as the old one has it, or what would keep it from being active."""
    group, volume = task.group, task.shrink
    name = f"{group.name}/{volume.name}"
    spec = next((line.spec for line in fstab_lines([memory_of(task)["line"]])), "")
    if spec.startswith(("/dev/disk/by-id/dm-uuid-LVM-", "/dev/dm-")):
        raise Refusal(
            f"/etc/fstab names {name} by what no other volume has ({spec}): "
            f"write {mapped(group.name, volume.name)} in its place"
        )
    if volume.attributes[1] != "w":
        raise Refusal(f"{name} is read-only: `lvchange -p rw {name}` first, or take it from lvm.conf's lists")
    if volume.attributes[3] == "m":
        raise Refusal(f"{name} has a device number of its own for ever: give it up first (lvchange -M n {name})")
    if volume.attributes[9:] == "k":
        raise Refusal(f"{name} is left out when volumes are activated: end that first (lvchange -k n {name})")
    _check_listed(task)


def _check_listed(task: Task) -> None:
    """The copy must be active at boot, too."""
    group, active = task.group, task.storage.active
    if active is None:
        raise Refusal("lvm.conf has a volume_list, and `lvmconfig activation/volume_list` does not tell it")
    name, copy = f"{group.name}/{task.wish.shrink}", f"{group.name}/{task.copy}"
    kept = [tag for tag in memory_of(task)["tags"].split(",") if tag]
    tags = {f"@{tag}" for tag in (*kept, *group.tags)}
    for listed in active:
        if name in listed and not {group.name, copy, *tags} & set(listed):
            raise Refusal(f"a volume_list of lvm.conf allows {name} by its name: allow {copy} there too, for its copy")


def _check_paths(task: Task, survey: Survey) -> None:
    """What no tool can be told cannot be copied (PATH_MAX, limits.h, with room for where it is mounted)."""
    if survey.long:
        point = task.mount.point if task.mount else "home"
        raise Refusal(
            f"{point} has paths of more than 4,000 bytes, which no tool can copy: rename or move up what "
            f"(cd {point} && find . -xdev -path \"$(printf %4001s | tr ' ' '?')*\") names"
        )


def _tools(task: Task, way: Way) -> tuple[str, ...]:
    kind = KINDS[task.home.kind]
    if way.name == "in-place":
        return kind.shrinking
    return (*COPYING, *kind.making, *(kind.quotas if quota_options(task) else ()))


def _resume(task: Task, survey: Survey | None, plan: Plan, growth: tuple[Step, ...]) -> Plan:
    """A lost run had the copy proved and fstab pointed at it: it is home now, and only forward is safe."""
    memory = read_marker(task.storage)
    point, name = memory["point"], task.wish.shrink
    old = task.group.volume(name)
    copy = task.group.volume(task.copy)
    assert survey is not None
    _check_run(task)
    if task.line:
        check_automount(task.storage, task.line)
    _check_use(task, survey, f"{task.group.name}/{name}")
    steps = _left_lists(task)
    if task.served == "image" and old and names.COPY_TAG in old.tags:
        steps.append(Discard(f"clear away the unfinished {name}", name))
        old = None
    if task.served == "image" and copy:
        steps.append(Discard(f"clear away the unfinished {copy.name}", task.copy))
    former = name if old and served_name(task) != name else memory["image"] if task.served == "copy" else ""
    if task.served == "image" or former:
        steps.append(lists_step(task, survey, place_of_resumed_lists(task, survey, memory["image"], old)))
    if former:
        steps.append(CheckProof(f"see that {former} holds what was proved, before it goes", former))
    if task.served == "image":
        _check_listed(task)
        _check_paths(task, survey)
        made = replace(task, home=replace(task.home, kind=memory["kind"], uuid=memory["uuid"], label=memory["label"]))
        steps += remake_steps(made, survey, memory["image"], old=old is not None)
    else:
        steps.append(TakeAway(f"take {point} away and check its file system"))
        if copy:
            steps += exchange_steps(task, old=old is not None, served=True)
        else:
            steps += settling_steps(task)
        if memory["image"]:
            steps.append(RemoveImage("remove the staged copy", memory["image"]))
        if former:
            steps.append(REMOVE_LISTS)
        for disk in task.group.disks:
            if disk.lent:
                steps.append(GiveBack(f"wipe {disk.name} and give it back", disk.name))
    return replace(
        plan,
        steps=_guarded(task, (*install_step(task, tuple(COPYING)), *steps, *growth)),
        way="staging" if memory["image"] else "beside",
        reason=f"a run was lost after its copy had been proved: {point} is that copy now, the rest is done from there",
        variables=variables_of(task),
        again=True,
        read_only=5 + survey.allocated // (60 * MIB) if task.served == "image" else 0,
        away=5,
    )


def _notes(task: Task, survey: Survey, way: Way) -> tuple[str, ...]:
    assert task.mount is not None
    point, kind = task.mount.point, KINDS[task.home.kind]
    notes = []
    if task.wish.busy == "stop" and survey.holders:
        units = sorted({_unit_text(holder.unit) for holder in survey.holders if holder.unit})
        others = [f"{h.command or '?'} (pid {h.pid}, user {h.user})" for h in survey.holders if not h.unit]
        if units:
            notes.append(f"stopped while {point} is away, and started again: {', '.join(units)}")
        if others:
            notes.append(f"ended, and not started again: {'; '.join(others)}")
    if way.name == "in-place":
        if kind.lost_in_place:
            notes.append(f"cannot survive: {kind.lost_in_place}")
        return tuple(notes)
    notes.append("cannot survive: inode numbers, ctime, birth time; preallocated space beyond what files hold")
    used = task.home.size - task.home.free
    if survey.allocated > used + used // 20 + 64 * MIB:
        notes.append("blocks shared by reflinks become separate ones (the size check counts them so)")
    if gain := kind.gain(task.home.said):
        notes.append(f"{kind.name} gains {gain}")
    if "lsattr_projects" not in task.storage.host:
        notes.append("project IDs cannot be read here (e2fsprogs before 1.43): they do not survive")
    if "striped" in task.shrink.segment_types:
        notes.append(f"{task.shrink.name} is striped now, and becomes linear")
    if task.wish.scratch and not way.scratch:
        notes.append(f"{task.wish.scratch} is not needed, and not touched")
    return tuple(notes)
