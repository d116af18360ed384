"""Decides how a volume comes to have a size, a file system and a mount point, or goes away.

A volume that must become smaller is left to rebalance.py, with nothing that grows.
"""

from collections.abc import Callable
from dataclasses import replace

from hostwright.base.refusal import Refusal
from hostwright.lvm import names
from hostwright.lvm.facts.archives import Archives
from hostwright.lvm.facts.blocks import Blocks
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.groups import Group, Volume
from hostwright.lvm.facts.mounts import Mount
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.facts.survey import Survey
from hostwright.lvm.file_systems import KINDS, packages
from hostwright.lvm.plan import rebalance
from hostwright.lvm.plan.checks import check_layout, usable_group
from hostwright.lvm.plan.confirmation import check_confirmed
from hostwright.lvm.plan.cut import UNTOLD, check_whole
from hostwright.lvm.plan.file_system import lags
from hostwright.lvm.plan.forecast import after, stepped
from hostwright.lvm.plan.fstab import line_steps, own_lines
from hostwright.lvm.plan.marker import read_marker
from hostwright.lvm.plan.sizes import size_text, wished_extents
from hostwright.lvm.plan.steps import Layout, Plan, Step
from hostwright.lvm.plan.swap import swap_active, swap_off_steps
from hostwright.lvm.plan.task import (
    Task,
    extents_text,
    guarded,
    install_packages,
    no_file_system,
    own_disks,
    stripes_option,
)
from hostwright.lvm.settings import LogicalVolumeWish, Shrinking, takes_all
from hostwright.lvm.verbs import (
    ChangeLine,
    CreateVolume,
    ExtendVolume,
    ForgetNew,
    FormatVolume,
    IsUnchanged,
    MountVolume,
    RemoveVolume,
    SwapOn,
    UnmountVolume,
)


def shrinking(blocks: Blocks, wish: LogicalVolumeWish, archives: Archives = UNTOLD) -> Task | None:
    """The task of making it smaller, or of ending what a lost run had begun; None when there is nothing of the kind."""
    storage = blocks.storage
    if not wish.present or storage.group(wish.vg) is None:
        return None
    group = usable_group(storage, wish.vg)
    volume = group.volume(wish.name)
    lost = _lost(storage, group, wish)
    if not lost and (volume is None or _wanted(group, wish) >= volume.extents):
        return None
    if volume:
        _check_kind(storage, wish)
    return rebalance.examine(
        storage,
        Shrinking(
            vg=wish.vg,
            shrink=wish.name,
            shrink_to=f"{_wanted(group, wish)} extents" if takes_all(wish.size or "") else wish.size or "",
            grow=None,
            busy=wish.busy,
            staging=wish.staging,
            scratch=wish.scratch,
            strategy=wish.strategy,
        ),
        archives,
    )


def decide(
    blocks: Blocks,
    wish: LogicalVolumeWish,
    task: Task | None = None,
    survey: Survey | None = None,
    archives: Archives = UNTOLD,
) -> Plan:
    """The plan; `task` is what `shrinking` made of the wish, and `survey` what it needs to know of the files."""
    if not wish.present:
        return _removal(blocks, wish, archives)
    group = usable_group(blocks.storage, wish.vg, wish.key("vg"))
    check_whole(blocks.storage, group, archives)
    if task:
        plan = rebalance.decide(task, survey)
        # What is still to be done for a volume that a lost run had left is seen once it is whole.
        rest = _staged(blocks, wish, STAGES[1:]) if task.served == "volume" and not plan.again else ()
        return replace(plan, steps=(*plan.steps, *rest))
    steps = list(_staged(blocks, wish, STAGES))
    now = stepped(blocks, wish.vg, steps)
    growth = _growth(now, wish)
    then = after(now, growth) if growth else now
    if growth:
        steps += [step for step in growth.steps if not isinstance(step, IsUnchanged)]
    before, end = _layout(group), _layout(usable_group(then.storage, wish.vg))
    if not steps:
        return Plan(wish.vg, before, before)
    variables = growth.variables if growth else (("VG", wish.vg),)
    return Plan(wish.vg, before, end, guarded(group, steps), variables=variables)


def _lost(storage: Storage, group: Group, wish: LogicalVolumeWish) -> bool:
    """Whether a run was lost in the middle of making this very volume smaller."""
    marker = read_marker(storage)
    if not marker:
        return False
    volume = group.volume(wish.name)
    return (
        marker["image"].endswith(names.image_path("", wish.vg, wish.name))
        or group.volume(names.copy_name(wish.name)) is not None
        or (volume is not None and names.COPY_TAG in volume.tags)
    )


def _free(group: Group) -> int:
    return sum(disk.extents - disk.allocated for disk in own_disks(group) if disk.allocatable)


def _wanted(group: Group, wish: LogicalVolumeWish) -> int:
    assert wish.size is not None
    volume = group.volume(wish.name)
    now = volume.extents if volume else 0
    if takes_all(wish.size):
        return now + _free(group)
    return wished_extents(wish, "size", group, now if volume else None)


def _check_kind(storage: Storage, wish: LogicalVolumeWish) -> str:
    """What it carries; refuses when that is something else than wished."""
    kind = (storage.file_systems.get(wish.name) or no_file_system()).kind
    if wish.fs and kind not in ("", wish.fs):
        raise Refusal(
            f"{wish.full_name} carries {kind}, not {wish.fs}, and that is never overwritten",
            f"say fs={kind!r}, or remove the volume first (present=False, confirm={wish.full_name!r})",
            key=wish.key("fs"),
            value=wish.fs,
        )
    return kind


def _found(blocks: Blocks, wish: LogicalVolumeWish) -> tuple[Group, Volume, FileSystem]:
    group = usable_group(blocks.storage, wish.vg)
    volume = group.volume(wish.name)
    assert volume is not None
    return group, volume, blocks.storage.file_systems.get(wish.name) or no_file_system()


def _mounts(storage: Storage, volume: Volume, system: FileSystem) -> list[Mount]:
    return [
        mount
        for mount in storage.mounts
        if mount.device == volume.device or (system.mounted and mount.point == system.mounted)
    ]


# -- the stages, each for the host that the one before it leaves behind


def _made(blocks: Blocks, wish: LogicalVolumeWish) -> tuple[Step, ...]:
    group = usable_group(blocks.storage, wish.vg)
    volume = group.volume(wish.name)
    if volume:
        check_layout(group, volume)
    now = volume.extents if volume else 0
    wanted = _wanted(group, wish)
    if wanted - now > _free(group):
        lacking = (wanted - now - _free(group)) * group.extent_size
        raise Refusal(
            f"it needs {size_text(lacking)} more than {group.name} has free ({extents_text(group, _free(group))})",
            "name a smaller size, or add a disk to the group",
            key=wish.key("size"),
            value=wish.size,
        )
    if wanted < 1:
        raise Refusal(
            f"{group.name} has no free extent for {wish.name}",
            "add a disk to the group, or make another volume smaller first",
            key=wish.key("size"),
            value=wish.size,
        )
    size = wanted * group.extent_size
    if wish.fs and size < KINDS[wish.fs].least:
        least = size_text(KINDS[wish.fs].least)
        raise Refusal(f"too small for {wish.fs}", f"give it {least} at least", key=wish.key("size"), value=wish.size)
    if volume:
        return ()
    disks = [disk.name for disk in own_disks(group) if disk.allocatable]
    title = f"make {wish.full_name} ({extents_text(group, wanted)})"
    return (CreateVolume(title, wish.name, wanted, names.NEW_TAG if wish.fs else "", tuple(disks)),)


def _formatted(blocks: Blocks, wish: LogicalVolumeWish) -> tuple[Step, ...]:
    if wish.fs is None:
        return ()
    kind = _check_kind(blocks.storage, wish)
    _, volume, _ = _found(blocks, wish)
    if kind:
        step = ForgetNew(f"remove our tag from {wish.full_name}, which has its file system", wish.name)
        return (step,) if names.NEW_TAG in volume.tags else ()
    signs = [sign for sign in blocks.signs if names.NEW_TAG not in volume.tags or not sign.startswith("data in")]
    if signs:
        raise Refusal(
            f"{wish.full_name} is not blank ({', '.join(signs)}), and no file system is made on it",
            f"empty it yourself, after a look, or remove it first (present=False, confirm={wish.full_name!r})",
            key=wish.key("fs"),
            value=wish.fs,
        )
    if blocks.open:
        raise Refusal(
            f"{wish.full_name} is in use (its device is open), and no file system is made on it",
            "end that first",
            key=wish.key("fs"),
            value=wish.fs,
        )
    missing = [packages()[tool] for tool in KINDS[wish.fs].making[:1] if tool not in blocks.storage.tools]
    what = "swap" if wish.fs == "swap" else f"a file system ({wish.fs})"
    return (
        *install_packages(blocks.storage, missing),
        FormatVolume(f"make {what} on {wish.full_name}", wish.name, wish.fs),
    )


def _put_to_use(blocks: Blocks, wish: LogicalVolumeWish) -> tuple[Step, ...]:
    storage = blocks.storage
    _, volume, system = _found(blocks, wish)
    if wish.fs == "swap":
        if swap_active(storage, wish.vg, volume) is not None:
            return ()
        return (SwapOn(f"use {wish.full_name} as swap", wish.name),)
    if wish.mount is None:
        return ()
    own = _mounts(storage, volume, system)
    if any(mount.point == wish.mount for mount in own):
        return ()
    if own:
        raise Refusal(
            f"{wish.full_name} is mounted on {own[0].point}",
            f"unmount it first, or say mount={own[0].point!r}",
            key=wish.key("mount"),
            value=wish.mount,
        )
    if refusal := _unfit_point(blocks, wish.mount):
        raise Refusal(*refusal, key=wish.key("mount"), value=wish.mount)
    assert wish.fs is not None
    return (MountVolume(f"mount it on {wish.mount}", wish.name, wish.fs, wish.options, wish.mount),)


def _unfit_point(blocks: Blocks, path: str) -> tuple[str, str] | None:
    """Why nothing is mounted there, and what to do instead."""
    point = blocks.point
    other = next((mount for mount in blocks.storage.mounts if mount.point == path), None)
    if other:
        return f"{other.source} is mounted there", "unmount it first, or name another directory"
    if point is None:
        return None
    if point.real != path:
        return f"it leads to {point.real} (symbolic link, or dots)", "name that"
    if point.odd:
        return "it is there, but no directory", "name another one"
    if point.entries:
        hidden = f"it has entries in it ({', '.join(point.entries)}), which the mount would hide"
        return hidden, "move them away first, or name another directory"
    return None


def _persisted(blocks: Blocks, wish: LogicalVolumeWish) -> tuple[Step, ...]:
    if wish.mount is None and wish.fs != "swap":
        return ()
    group, volume, system = _found(blocks, wish)
    return line_steps(blocks.storage, group, volume, system, wish)


Stage = Callable[[Blocks, LogicalVolumeWish], tuple[Step, ...]]
STAGES: tuple[Stage, ...] = (_made, _formatted, _put_to_use, _persisted)


def _staged(blocks: Blocks, wish: LogicalVolumeWish, stages: tuple[Stage, ...]) -> tuple[Step, ...]:
    steps: tuple[Step, ...] = ()
    for stage in stages:
        made = stage(blocks, wish)
        blocks = stepped(blocks, wish.vg, made)
        steps += made
    return steps


def _growth(blocks: Blocks, wish: LogicalVolumeWish) -> Plan | None:
    """The volume first, then its file system; one that lags behind its volume is a change too."""
    group, volume, system = _found(blocks, wish)
    wanted = _wanted(group, wish)
    behind = lags(system, volume.extents * group.extent_size, group.extent_size)
    if wanted == volume.extents and not behind:
        return None
    if system.kind not in KINDS:
        title = f"extend {wish.full_name} to {extents_text(group, wanted)}"
        step = ExtendVolume(title, wish.name, wanted, stripes_option(volume))
        layout = _layout(group)
        return Plan(group.name, layout, layout, (step,), variables=(("VG", wish.vg),))
    own = _mounts(blocks.storage, volume, system)
    line = next((line for line in blocks.storage.fstab if own and line.point == own[0].point), None)
    alone = Shrinking(vg=wish.vg, shrink=wish.name, shrink_to=f"{volume.extents} extents", grow=wish.name)
    mount = own[0] if own else None
    task = Task(alone, blocks.storage, group, volume, volume, volume.extents, wanted, system, mount, line, "volume")
    return rebalance.decide(task, None)


def _layout(group: Group) -> Layout:
    return Layout(group.extents, group.extent_size, tuple((volume.name, volume.extents) for volume in group.volumes))


# -- removal


def _removal(blocks: Blocks, wish: LogicalVolumeWish, archives: Archives) -> Plan:
    storage = blocks.storage
    if storage.group(wish.vg) is None:
        return Plan(wish.vg, Layout(0, 1, ()), Layout(0, 1, ()))
    group = usable_group(storage, wish.vg)
    layout = _layout(group)
    if _lost(storage, group, wish):
        raise Refusal(
            f"a lost run left {wish.full_name} half moved, and its marker in /etc/fstab",
            "let present=True end that first, then remove it",
            key=wish.key("present"),
            value=wish.present,
        )
    if group.volume(wish.name) is None:
        return Plan(wish.vg, layout, layout)
    _, volume, system = _found(blocks, wish)
    check_whole(storage, group, archives, only=wish.name)
    check_layout(group, volume)
    own = _mounts(storage, volume, system)
    _check_unused(blocks, wish, own, swap=swap_active(storage, wish.vg, volume) is not None)
    check_confirmed(f"volume {wish.full_name}", _lost_text(blocks, group, volume, system), wish.full_name, wish)
    steps = [
        *(UnmountVolume(f"unmount {mount.point}", mount.point) for mount in own),
        *(swap_off_steps(storage, wish.vg, volume)),
        *(
            ChangeLine(f"remove its line from /etc/fstab: {line.text}", line.text)
            for line in own_lines(storage, group, volume, system)
        ),
        RemoveVolume(f"remove {wish.full_name}", wish.name),
    ]
    end = Layout(layout.extents, layout.extent_size, tuple(v for v in layout.volumes if v[0] != wish.name))
    return Plan(wish.vg, layout, end, guarded(group, steps), variables=(("VG", wish.vg),))


def _lost_text(blocks: Blocks, group: Group, volume: Volume, system: FileSystem) -> str:
    size = extents_text(group, volume.extents)
    if system.kind == "swap":
        return f"swap of {size}"
    if system.mounted:
        return f"{size}, {system.kind} on {system.mounted}, {size_text(system.size - system.free)} of it used"
    if system.kind:
        return f"{size}, {system.kind}; not mounted, so how much is in it is not known"
    signs = ", ".join(sign for sign in blocks.signs if not sign.startswith("data in"))
    return f"{size}, {signs or 'raw data' if blocks.signs else 'which look blank'}"


def _check_unused(blocks: Blocks, wish: LogicalVolumeWish, own: list[Mount], *, swap: bool) -> None:
    storage, full = blocks.storage, wish.full_name
    if len(own) > 1:
        points = ", ".join(mount.point for mount in own)
        raise Refusal(f"{full} is mounted more than once ({points})", "unmount all but one, then it can be removed")
    if not own:
        if blocks.open and not swap:
            raise Refusal(f"{full} is in use (its device is open, though it is not mounted)", "end that first")
        return
    point = own[0].point
    if point == "/":
        raise Refusal(
            f"{full} is the root file system, which is not removed from below itself",
            "remove it from a rescue system",
            key=wish.key("present"),
            value=wish.present,
        )
    beneath = [mount.point for mount in storage.mounts if mount.point.startswith(f"{point}/")]
    if beneath:
        raise Refusal(f"file systems are mounted beneath {point}: {', '.join(beneath)}", "unmount them first")
    if blocks.holders:
        names = "; ".join(
            f"{holder.command} (pid {holder.pid}, user {holder.user}, {holder.how})" if holder.pid else holder.command
            for holder in blocks.holders
        )
        raise Refusal(f"{point} is in use: {names}", f"end that first, then {full} can be removed")
