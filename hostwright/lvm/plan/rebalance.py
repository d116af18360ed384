"""Decides how one volume shrinks and another one grows by what that frees, or refuses.

Pure: what is, what is wanted -> steps. Whether an XFS volume may shrink is decided here: never in place, only by a
verified copy that takes its place.
"""

from dataclasses import replace
from typing import Any

from hostwright.base.refusal import Refusal
from hostwright.lvm import names
from hostwright.lvm.facts.archives import Archives
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.groups import Group, Volume
from hostwright.lvm.facts.mounts import FstabLine, Mount
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.facts.survey import Survey
from hostwright.lvm.file_systems import COPYING, KINDS, one_of
from hostwright.lvm.file_systems.kind import MIB
from hostwright.lvm.plan.checks import check_layout, usable_group
from hostwright.lvm.plan.cut import UNTOLD, check_whole
from hostwright.lvm.plan.file_system import check_peculiar, lags
from hostwright.lvm.plan.fstab import check_line
from hostwright.lvm.plan.marker import quota_options, read_marker, served_by, variables_of
from hostwright.lvm.plan.method import Method, choose
from hostwright.lvm.plan.resume import abandon, finished, left_unmounted, leftovers
from hostwright.lvm.plan.sequence import (
    beside_steps,
    in_place_steps,
    staging_steps,
)
from hostwright.lvm.plan.sizes import size_text, wished_extents
from hostwright.lvm.plan.source import (
    check_carried,
    check_copied,
    check_paths,
    check_room,
    check_run,
    check_source,
    unit_text,
)
from hostwright.lvm.plan.steps import Layout, Plan, Step
from hostwright.lvm.plan.swap import grow_swap, shrink_swap
from hostwright.lvm.plan.task import (
    Task,
    copy_name,
    extents_text,
    guarded,
    install_step,
    no_file_system,
    own_disks,
    stripes_option,
)
from hostwright.lvm.settings import Rebalance
from hostwright.lvm.verbs import (
    ExtendVolume,
    GrowFileSystem,
)

AS_SERVED = "as served"


def check_wish(wish: Rebalance) -> None:
    """Refuses what cannot be meant on any host."""
    if not wish.shrink_to and not wish.abandon:
        key = wish.key("shrink_to")
        remedy = f"write it in the inventory, or --data {key}=..."
        raise Refusal(f"{key} is not set, and has no default", remedy, key=key)
    if wish.shrink == wish.grow:
        both = f"{wish.key('shrink')} names it too, and space moves from one volume to another one"
        raise Refusal(both, "name another one", key=wish.key("grow"), value=wish.grow)
    if wish.staging and wish.scratch:
        both = f"{wish.key('staging')} and {wish.key('scratch')} are two ways to do the same"
        raise Refusal(both, "give one of them")


def examine(storage: Storage, wish: Rebalance, archives: Archives = UNTOLD) -> Task:
    """Refuses what cannot be meant or must not be touched, and settles the sizes."""
    group = usable_group(storage, wish.vg, wish.key("vg"))
    check_whole(storage, group, archives)
    check_wish(wish)
    marker = read_marker(storage)
    copy = group.volume(copy_name(wish))
    shrink = group.volume(wish.shrink) or ((copy or _gone(wish)) if marker else None)
    if shrink is None:
        raise _no_volume(group, wish, "shrink")
    grow = group.volume(wish.grow) if wish.grow else None
    if wish.grow and grow is None:
        raise _no_volume(group, wish, "grow")
    target = _target(wish, group, shrink, is_lost=bool(marker))
    served = served_by(storage, group, wish, marker) if marker else "volume"
    if served == "copy":
        target = (copy or shrink).extents
    names = [AS_SERVED] if served == "image" else [wish.shrink, copy_name(wish)]
    system = next((storage.file_systems[name] for name in names if name in storage.file_systems), no_file_system())
    mount, line = _where(storage, shrink if served == "volume" else None, system, marker)
    task = Task(wish, storage, group, shrink, grow, target, 0, system, mount, line, served)
    for volume in (shrink, *([grow] if grow else [])):
        check_layout(group, volume)
    # Before the source is looked through: mount(8), which that needs, does not do what a wrong line keeps it from.
    if mount and served == "volume" and task.needs_survey and not wish.abandon:
        check_line(storage, group, shrink, system, mount)
    return replace(task, grown=_grown(task))


def _target(wish: Rebalance, group: Group, shrink: Volume, *, is_lost: bool) -> int:
    """The extents that the volume has in the end, which a lost run may have shrunk already."""
    if not wish.shrink_to:
        return shrink.extents
    target = wished_extents(wish, "shrink_to", group, shrink.extents)
    if target > shrink.extents and not is_lost:
        raise Refusal(
            f"that is {extents_text(group, target)}, larger than {group.name}/{shrink.name} is now "
            f"({extents_text(group, shrink.extents)})",
            f"to make it grow, name it in {wish.key('grow')}",
            key=wish.key("shrink_to"),
            value=wish.shrink_to,
        )
    return target


def _gone(wish: Rebalance) -> Volume:
    """The volume whose files live in their staged copy, as a run was lost before it was made anew."""
    return Volume(wish.shrink, "", 0, ("linear",), ("public",), ("linear",), (), (), "", "none")


def _no_volume(group: Group, wish: Rebalance, field: str) -> Refusal:
    there = ", ".join(volume.name for volume in group.volumes) or "none"
    remedy = f"name one of those that are there: {there}"
    return Refusal(f"no volume of group {group.name}", remedy, key=wish.key(field), value=getattr(wish, field))


def _where(
    storage: Storage, volume: Volume | None, system: FileSystem, marker: dict[str, str]
) -> tuple[Mount | None, FstabLine | None]:
    """Where the source is mounted, and the line of fstab that says so."""
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
    asked: dict[str, Any] = {"key": wish.key("grow_to"), "value": wish.grow_to}
    extents = wished_extents(wish, "grow_to", group, grow.extents)
    if extents < grow.extents:
        raise Refusal(
            f"that is {extents_text(group, extents)}, below the present size of {group.name}/{grow.name} "
            f"({extents_text(group, grow.extents)})",
            "name a larger size: it grows, it never shrinks",
            **asked,
        )
    if extents > grow.extents + left:
        lacking = (extents - grow.extents - left) * group.extent_size
        raise Refusal(
            f"it needs {size_text(lacking)} more than there will be",
            f"name {extents_text(group, grow.extents + left)} at most, or shrink {task.shrink.name} further",
            **asked,
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
        return abandon(task, back, leftovers(task) if task.served == "volume" else ())
    if task.served != "volume":
        assert survey is not None
        return finished(task, survey, empty, growth)
    cleared = leftovers(task)
    if task.shrink.extents == task.target:
        steps = (*cleared, *growth)
        return replace(empty, steps=guarded(task.group, steps), variables=variables_of(task)) if steps else empty
    if task.source.kind == "swap":
        return replace(
            empty,
            steps=guarded(task.group, (*cleared, *shrink_swap(task), *growth)),
            method="in-place",
            reason="swap holds nothing that must be kept",
            variables=variables_of(task),
        )
    check_source(task, survey or Survey())
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
            f"{group.name}/{grow.name} carries {system.kind or 'no file system'}",
            f"name a volume with {one_of([*KINDS])}",
            key=task.wish.key("grow"),
            value=grow.name,
        )
    mount = next((mount for mount in storage.mounts if mount.device == grow.device), None)
    point = mount.point if mount else system.mounted
    behind = lags(system, grow.extents * group.extent_size, group.extent_size)
    if not more and not behind:
        return ()
    if not point:
        raise Refusal(f"{group.name}/{grow.name} is not mounted", "mount it first: its file system grows while mounted")
    check_peculiar(f"{group.name}/{grow.name}", system, Survey(), storage.host, copied=False)
    steps = list(install_step(task, KINDS[system.kind].growing))
    if more:
        steps.append(ExtendVolume(f"extend {size}", grow.name, task.grown, stripes_option(grow)))
    steps.append(
        GrowFileSystem(f"grow the {system.kind} file system on {point} to fill it", grow.name, system.kind, point)
    )
    return tuple(steps)


def _move(task: Task, survey: Survey, plan: Plan, cleared: tuple[Step, ...], growth: tuple[Step, ...]) -> Plan:
    check_room(task, survey)
    check_run(task)
    method = choose(task, survey)
    if method.name != "in-place":
        check_carried(task)
        check_paths(task, survey)
        if survey.encrypted is None:
            tools = install_step(task, tuple(COPYING))
            return replace(plan, after=plan.before, steps=guarded(task.group, tools), again=True)
        check_copied(task, survey)
    made = {"beside": beside_steps, "staging": staging_steps, "in-place": in_place_steps}[method.name]
    steps = made(task, survey, method)
    read_only, away = _seconds(task, survey, method)
    return replace(
        plan,
        steps=guarded(task.group, (*install_step(task, _tools(task, method)), *cleared, *steps, *growth)),
        method=method.name,
        reason=method.reason,
        notes=_notes(task, survey, method),
        read_only=read_only,
        away=away,
        variables=variables_of(task, image=method.image),
    )


def _seconds(task: Task, survey: Survey, method: Method) -> tuple[int, int]:
    """For how long the files can only be read, and for how long they are not there."""
    copied, inodes = survey.allocated, survey.inodes
    if method.name == "in-place" and KINDS[task.source.kind].shrinks_mounted:
        return 0, 5 + inodes // 5000
    if method.name == "in-place":
        return 0, 10 + copied // (50 * MIB) + inodes // 5000
    times = 2 if method.image else 1
    return times * (5 + copied // (60 * MIB) + inodes // 1000), times * (5 + inodes // 10000)


def _tools(task: Task, method: Method) -> tuple[str, ...]:
    kind = KINDS[task.source.kind]
    if method.name == "in-place":
        return kind.shrinking
    return (*COPYING, *kind.making, *(kind.quotas if quota_options(task) else ()))


def _notes(task: Task, survey: Survey, method: Method) -> tuple[str, ...]:
    assert task.mount is not None
    point, kind = task.mount.point, KINDS[task.source.kind]
    notes = []
    if task.wish.busy == "stop" and survey.holders:
        units = sorted({unit_text(holder.unit) for holder in survey.holders if holder.unit})
        others = [f"{h.command or '?'} (pid {h.pid}, user {h.user})" for h in survey.holders if not h.unit]
        if units:
            notes.append(f"stopped while {point} is away, and started again: {', '.join(units)}")
        if others:
            notes.append(f"ended, and not started again: {'; '.join(others)}")
    if method.name == "in-place":
        if kind.lost_in_place:
            notes.append(f"cannot survive: {kind.lost_in_place}")
        return tuple(notes)
    notes.append("cannot survive: inode numbers, ctime, birth time; preallocated space beyond what files hold")
    used = task.source.size - task.source.free
    if survey.allocated > used + used // 20 + 64 * MIB:
        notes.append("blocks shared by reflinks become separate ones (the size check counts them so)")
    if gain := kind.gain(task.source.said):
        notes.append(f"{kind.name} gains {gain}")
    if "lsattr_projects" not in task.storage.host:
        notes.append("project IDs cannot be read here (e2fsprogs before 1.43): they do not survive")
    if "striped" in task.shrink.segment_types:
        notes.append(f"{task.shrink.name} is striped now, and becomes linear")
    if task.wish.scratch and not method.scratch:
        notes.append(f"{task.wish.scratch} is not needed, and not touched")
    return tuple(notes)
