"""Decides how one volume shrinks and another one grows by what that frees, or refuses.

Pure: what is, what is wanted -> steps. Whether an XFS volume may shrink is decided here: never in place, only by a
verified copy that takes its place.
"""

import re
from dataclasses import replace
from math import ceil
from typing import Any

from hostwright.base.refusal import Refusal
from hostwright.lvm import file_systems
from hostwright.lvm.facts.archives import Archives
from hostwright.lvm.facts.storage import FileSystem, FstabLine, Group, Mount, Storage, Survey, Volume
from hostwright.lvm.file_systems import EXT, MIB
from hostwright.lvm.moves import CheckProof, GiveBack, RemoveImage, TakeAway
from hostwright.lvm.plan.checks import check_layout, usable_group
from hostwright.lvm.plan.cut import UNTOLD, check_whole
from hostwright.lvm.plan.fstab import check_automount, check_line, mapped
from hostwright.lvm.plan.marker import memory_of, quota_options, read_marker, served_by, served_name, variables_of
from hostwright.lvm.plan.method import (
    LISTS_TAG,
    Method,
    choose,
    image_path,
    lists_directory,
    lists_volume,
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
from hostwright.lvm.plan.sizes import size_text, wished_extents
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


def examine(storage: Storage, wish: Rebalance, archives: Archives = UNTOLD) -> Task:
    """Refuses what cannot be meant or must not be touched, and settles the sizes."""
    group = usable_group(storage, wish.vg, wish.key("vg"))
    check_whole(storage, group, archives)
    if wish.shrink == wish.grow:
        both = f"{wish.key('shrink')} names it too, and space moves from one volume to another one"
        raise Refusal(both, "name another one", key=wish.key("grow"), value=wish.grow)
    if wish.staging and wish.scratch:
        both = f"{wish.key('staging')} and {wish.key('scratch')} are two ways to do the same"
        raise Refusal(both, "give one of them")
    marker = read_marker(storage)
    copy = group.volume(copy_name(wish))
    shrink = group.volume(wish.shrink) or ((copy or _gone(wish)) if marker else None)
    if shrink is None:
        raise _no_volume(group, wish, "shrink")
    grow = group.volume(wish.grow) if wish.grow else None
    if wish.grow and grow is None:
        raise _no_volume(group, wish, "grow")
    key = wish.key("shrink_to")
    if not wish.shrink_to and not wish.abandon:
        raise Refusal(f"{key} is not set, and has no default", f"write it in the inventory, or --data {key}=...")
    target = wished_extents(wish, "shrink_to", group, shrink.extents) if wish.shrink_to else shrink.extents
    if target > shrink.extents and not marker:
        raise Refusal(
            f"that is {extents_text(group, target)}, larger than {group.name}/{shrink.name} is now "
            f"({extents_text(group, shrink.extents)})",
            f"to make it grow, name it in {wish.key('grow')}",
            key=key,
            value=wish.shrink_to,
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
    # Before the source is looked through: mount(8), which that needs, does not do what a wrong line keeps it from.
    if mount and served == "volume" and task.needs_survey and not wish.abandon:
        check_line(storage, group, shrink, system, mount)
    return replace(task, grown=_grown(task))


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
    if "%FREE" in wanted:
        raise Refusal("no final size", "write 100%FREE, a size, or a share like 60%VG", **asked)
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
    lists = group.volume(lists_volume(task.wish))
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
    if task.source.kind == "swap":
        return replace(
            empty,
            steps=_guarded(task, (*cleared, *shrink_swap(task), *growth)),
            method="in-place",
            reason="swap holds nothing that must be kept",
            variables=variables_of(task),
        )
    _check_source(task, survey or Survey())
    assert survey is not None
    return _move(task, survey, empty, cleared, growth)


def _layout(task: Task, shrink: int, grow: int, group: Group) -> Layout:
    sizes = {
        volume.name: volume.extents
        for volume in group.volumes
        if volume.name not in (task.copy, lists_volume(task.wish)) and "[" not in volume.name
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
    if "hostwright.copy" in task.shrink.tags:
        steps.append(ClearTags(f"{task.shrink.name} is in place: take its mark away", task.shrink.name))
    staging = task.storage.staging
    image = image_path(task.wish) if staging and staging.owned and staging.image else ""
    # What lies on a borrowed disk when it is given back is moved to where there may be no room.
    steps += _left_lists(task)
    if copy or borrowed or image:
        if copy and "hostwright.copy" not in copy.tags:
            raise Refusal(f"{group.name}/{copy.name} is in the way, and not ours", "rename it first")
        what = " and ".join(
            [*([f"the unfinished {copy.name}"] if copy else []), *borrowed, *([image] if image else [])]
        )
        steps.append(Discard(f"clear away what a lost run left: {what}", task.copy, image))
    if task.mount and f"hostwright.cover.{task.wish.shrink}" in group.tags:
        steps.append(Uncover(f"let the directory beneath {task.mount.point} be written again"))
    if task.storage.marker:
        steps.append(RestoreFstab("put the line of fstab back as it was"))
    return tuple(steps)


def _left_lists(task: Task) -> list[Step]:
    name = lists_volume(task.wish)
    volume = task.group.volume(name)
    if volume and LISTS_TAG not in volume.tags:
        raise Refusal(f"{task.group.name}/{name} is in the way, and not ours", "rename it first")
    staging = task.storage.staging
    directory = lists_directory(image_path(task.wish)) if staging and staging.owned and staging.lists else ""
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
    if system.kind not in file_systems.GROWABLE:
        raise Refusal(
            f"{group.name}/{grow.name} carries {system.kind or 'no file system'}",
            f"name a volume with {', '.join(file_systems.GROWABLE)} or swap",
            key=task.wish.key("grow"),
            value=grow.name,
        )
    mount = next((mount for mount in storage.mounts if mount.device == grow.device), None)
    point = mount.point if mount else system.mounted
    lags = file_systems.lags(system, grow.extents * group.extent_size, group.extent_size)
    if not more and not lags:
        return ()
    if not point:
        raise Refusal(f"{group.name}/{grow.name} is not mounted", "mount it first: its file system grows while mounted")
    if odd := file_systems.peculiarity(system, Survey(), dict(storage.host), copied=False):
        raise Refusal(f"{group.name}/{grow.name}: {odd}")
    steps = list(install_step(task, file_systems.GROWING[system.kind]))
    if more:
        steps.append(ExtendVolume(f"extend {size}", grow.name, task.grown, stripes_option(grow)))
    steps.append(
        GrowFileSystem(f"grow the {system.kind} file system on {point} to fill it", grow.name, system.kind, point)
    )
    return tuple(steps)


def _check_source(task: Task, survey: Survey) -> None:
    group, source, mount = task.group, task.source, task.mount
    name = f"{group.name}/{task.shrink.name}"
    if source.kind == "swsuspend":
        raise Refusal(f"{name} holds a hibernation image", "resume from it, or make it swap again, first")
    if source.kind == "crypto_LUKS":
        raise Refusal(
            f"{name} is encrypted (LUKS on the volume)", "name another volume: only physical volumes may be on LUKS"
        )
    if source.kind not in file_systems.SHRINKABLE:
        raise Refusal(
            f"{name} carries {source.kind or 'nothing that blkid knows'}",
            f"name a volume with {', '.join(file_systems.SHRINKABLE)} or swap",
            key=task.wish.key("shrink"),
            value=task.wish.shrink,
        )
    if mount is None:
        raise Refusal(f"{name} is not mounted", "mount it first, so that its files can be read")
    if mount.point == "/":
        raise Refusal(
            f"{name} is the root file system, which cannot be unmounted, so it cannot shrink",
            "name another volume",
            key=task.wish.key("shrink"),
            value=task.wish.shrink,
        )
    _check_use(task, survey, name)


def _check_use(task: Task, survey: Survey, name: str) -> None:
    """What could keep it from being read, or unmounted."""
    storage, mount = task.storage, task.mount
    assert mount is not None
    own = [other for other in storage.mounts if other.device == mount.device or other.source == mount.source]
    if len(own) > 1:
        raise Refusal(f"{name} is mounted more than once ({', '.join(m.point for m in own)})", "unmount all but one")
    beneath = [other.point for other in storage.mounts if other.point.startswith(f"{mount.point}/")]
    if beneath:
        raise Refusal(f"file systems are mounted beneath {mount.point}: {', '.join(beneath)}", "unmount them first")
    if odd := file_systems.peculiarity(task.source, survey, dict(storage.host), copied=False):
        raise Refusal(f"{name}: {odd}")
    if survey.unreadable:
        raise Refusal(f"{mount.point} cannot be looked through ({'; '.join(survey.unreadable)})", f"check {name} first")
    _check_busy(task, survey)


def _check_busy(task: Task, survey: Survey) -> None:
    assert task.mount is not None
    if not survey.holders:
        return
    key = task.wish.key("busy")
    fixed = [holder for holder in survey.holders if holder.kind != "process"]
    if fixed:
        names = ", ".join(f"{holder.kind} {holder.command}" for holder in fixed)
        raise Refusal(f"{task.mount.point} is in use by {names}", f"end that first ({key}=stop ends processes only)")
    if task.wish.busy == "refuse":
        names = "; ".join(
            f"{holder.command or '?'} (pid {holder.pid}, user {holder.user}, {holder.how}"
            + (f", {_unit_text(holder.unit)})" if holder.unit else ")")
            for holder in survey.holders
        )
        remedy = f"end them, or let {key}=stop do it"
        raise Refusal(f"{task.mount.point} is in use: {names}", remedy, key=key, value=task.wish.busy)


def _unit_text(unit: str) -> str:
    """A unit as holders.sh names it, for people."""
    owner, _, name = unit.rpartition("/")
    if owner in ("docker", "podman"):
        return f"{owner} container {name}"
    return f"{name} of {owner}" if owner else name


def _check_run(task: Task) -> None:
    """A job tells there how it ends; and what fstab says is taken from there."""
    host = task.storage.host
    blocks, _, size = host.get("run_free", "").partition(" ")
    version = int(host.get("systemd") or 0)
    needed = SYSTEMD_KEEPS + MIB if version >= 233 else 2 * MIB
    if blocks and int(blocks) * int(size) < needed:
        raise Refusal(
            f"/run has {size_text(int(blocks) * int(size))} free, and {size_text(needed)} are needed for a job and for "
            f"systemd {version} as it reads /etc/fstab anew",
            "make room, or give it more (`mount -o remount,size=... /run`)",
        )


SYSTEMD_KEEPS = 16 * MIB
"""what `systemctl daemon-reload` wants to be free on /run since systemd 233 (dbus-manager.c)"""


def _check_room(task: Task, survey: Survey) -> None:
    source = task.source
    least = file_systems.least_bytes(source, survey)
    if task.size >= least:
        return
    files = file_systems.data_bytes(survey)
    own = file_systems.own_bytes(source, task.size, files)
    remedy = f"name '{ceil(least / task.group.extent_size)} extents', the least, or more"
    why = f"the files need {size_text(files)}, and {source.kind} itself about {size_text(own)}"
    if source.kind == "xfs" and task.size < file_systems.XFS_LEAST:
        why = "XFS needs 300 MiB at least (mkfs.xfs refuses less)"
    asked = f"that is {size_text(task.size)}, but {why}"
    raise Refusal(asked, remedy, key=task.wish.key("shrink_to"), value=task.wish.shrink_to)


def _move(task: Task, survey: Survey, plan: Plan, cleared: tuple[Step, ...], growth: tuple[Step, ...]) -> Plan:
    _check_room(task, survey)
    _check_run(task)
    method = choose(task, survey)
    if method.name != "in-place":
        _check_carried(task)
        _check_paths(task, survey)
        if survey.encrypted is None:
            tools = install_step(task, file_systems.COPYING)
            return replace(plan, after=plan.before, steps=_guarded(task, tools), again=True)
        odd = file_systems.peculiarity(task.source, survey, dict(task.storage.host), copied=True)
        if odd:
            raise Refusal(f"{task.group.name}/{task.shrink.name}: {odd}")
        features = file_systems.value(task.source, "Filesystem features").split()
        if (
            task.source.kind in EXT
            and "quota" not in features
            and (quota_options(task) or "jquota=" in mount_options(task))
        ):
            raise Refusal(
                f"{task.source.mounted} keeps quotas in files",
                "turn them into the quota feature first (tune2fs -O quota)",
            )
    made = {"beside": beside_steps, "staging": staging_steps, "in-place": in_place_steps}[method.name]
    steps = made(task, survey, method)
    copied, inodes = survey.allocated, survey.inodes
    if method.name == "in-place" and task.source.kind == "btrfs":
        read_only, away = 0, 5 + inodes // 5000
    elif method.name == "in-place":
        read_only, away = 0, 10 + copied // (50 * MIB) + inodes // 5000
    else:
        read_only, away = 5 + copied // (60 * MIB) + inodes // 1000, 5 + inodes // 10000
    return replace(
        plan,
        steps=_guarded(task, (*install_step(task, _tools(task, method)), *cleared, *steps, *growth)),
        method=method.name,
        reason=method.reason,
        notes=_notes(task, survey, method),
        read_only=read_only * (2 if method.image else 1),
        away=away * (2 if method.image else 1),
        variables=variables_of(task, image=method.image),
    )


def _check_carried(task: Task) -> None:
    """Refuses what a new volume cannot have as the old one has it, or what would keep it from being active."""
    group, volume = task.group, task.shrink
    name = f"{group.name}/{volume.name}"
    if re.match(r"\s*/dev/(disk/by-id/dm-uuid-LVM-|dm-)", memory_of(task)["line"]):
        raise Refusal(
            f"/etc/fstab names {name} by what no other volume has ({memory_of(task)['line'].split()[0]})",
            f"write {mapped(group.name, volume.name)} in its place",
        )
    if volume.attributes[1] != "w":
        raise Refusal(f"{name} is read-only", f"`lvchange -p rw {name}` first, or take it from lvm.conf's lists")
    if volume.attributes[3] == "m":
        raise Refusal(f"{name} has a persistent device number of its own", f"give it up first (`lvchange -M n {name}`)")
    if volume.attributes[9:] == "k":
        raise Refusal(f"{name} is left out when volumes are activated", f"end that first (`lvchange -k n {name}`)")
    _check_listed(task)


def _check_listed(task: Task) -> None:
    """The copy must be active at boot, too."""
    group, active = task.group, task.storage.active
    if active is None:
        raise Refusal(
            "lvm.conf has a volume_list, and `lvmconfig activation/volume_list` does not tell it",
            "see what that command complains of",
        )
    name, copy = f"{group.name}/{task.wish.shrink}", f"{group.name}/{task.copy}"
    kept = [tag for tag in memory_of(task)["tags"].split(",") if tag]
    tags = {f"@{tag}" for tag in (*kept, *group.tags)}
    for listed in active:
        if name in listed and not {group.name, copy, *tags} & set(listed):
            raise Refusal(
                f"a volume_list of lvm.conf allows {name} by its name", f"allow {copy} there too, for its copy"
            )


def _check_paths(task: Task, survey: Survey) -> None:
    """What no tool can be told cannot be copied (PATH_MAX, limits.h, with room for where it is mounted)."""
    if survey.long:
        assert task.mount is not None
        point = task.mount.point
        raise Refusal(
            f"{point} has paths of more than 4,000 bytes, which no tool can copy",
            f"rename or move up what (cd {point} && find . -xdev -path \"$(printf %4001s | tr ' ' '?')*\") names",
        )


def _tools(task: Task, method: Method) -> tuple[str, ...]:
    if method.name == "in-place":
        return ("btrfs",) if task.source.kind == "btrfs" else ("e2fsck", "resize2fs")
    quota = file_systems.QUOTAS.get(task.source.kind, ()) if quota_options(task) else ()
    return (*file_systems.COPYING, *file_systems.MAKING[task.source.kind], *quota)


def _resume(task: Task, survey: Survey | None, plan: Plan, growth: tuple[Step, ...]) -> Plan:
    """A lost run had the copy proved and fstab pointed at it: it is what people use now, and only forward is safe."""
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
    if task.served == "image" and old and "hostwright.copy" in old.tags:
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
        source = replace(task.source, kind=memory["kind"], uuid=memory["uuid"], label=memory["label"])
        made = replace(task, source=source)
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
        steps=_guarded(task, (*install_step(task, file_systems.COPYING), *steps, *growth)),
        method="staging" if memory["image"] else "beside",
        reason=f"a run was lost after its copy had been proved: {point} is that copy now, the rest is done from there",
        variables=variables_of(task),
        again=True,
        read_only=5 + survey.allocated // (60 * MIB) if task.served == "image" else 0,
        away=5,
    )


def _notes(task: Task, survey: Survey, method: Method) -> tuple[str, ...]:
    assert task.mount is not None
    point = task.mount.point
    notes = []
    if task.wish.busy == "stop" and survey.holders:
        units = sorted({_unit_text(holder.unit) for holder in survey.holders if holder.unit})
        others = [f"{h.command or '?'} (pid {h.pid}, user {h.user})" for h in survey.holders if not h.unit]
        if units:
            notes.append(f"stopped while {point} is away, and started again: {', '.join(units)}")
        if others:
            notes.append(f"ended, and not started again: {'; '.join(others)}")
    if method.name == "in-place":
        if task.source.kind in EXT:
            notes.append("cannot survive: times of directories whose entries resize2fs gives other inode numbers")
        return tuple(notes)
    notes.append("cannot survive: inode numbers, ctime, birth time; preallocated space beyond what files hold")
    used = task.source.size - task.source.free
    if survey.allocated > used + used // 20 + 64 * MIB:
        notes.append("blocks shared by reflinks become separate ones (the size check counts them so)")
    features = file_systems.value(task.source, "Filesystem features").split()
    if "metadata_csum" in features and "metadata_csum_seed" not in features:
        notes.append("ext4 gains the feature metadata_csum_seed, so that its UUID changes in one write")
    if "lsattr_projects" not in task.storage.host:
        notes.append("project IDs cannot be read here (e2fsprogs before 1.43): they do not survive")
    if "striped" in task.shrink.segment_types:
        notes.append(f"{task.shrink.name} is striped now, and becomes linear")
    if task.wish.scratch and not method.scratch:
        notes.append(f"{task.wish.scratch} is not needed, and not touched")
    return tuple(notes)
