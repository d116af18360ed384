"""Chooses how the space is freed: beside, staging or in place, by what the host has."""

from dataclasses import dataclass
from math import ceil

from hostwright.base.refusal import Refusal
from hostwright.lvm import names
from hostwright.lvm.facts.groups import Group, Volume
from hostwright.lvm.facts.mounts import Mount
from hostwright.lvm.facts.storage import Staging
from hostwright.lvm.facts.survey import Survey
from hostwright.lvm.file_systems import COPYING, KINDS, one_of
from hostwright.lvm.file_systems.kind import MIB
from hostwright.lvm.plan.file_system import least_bytes
from hostwright.lvm.plan.marker import quota_options
from hostwright.lvm.plan.sizes import size_text
from hostwright.lvm.plan.swap import swap_active
from hostwright.lvm.plan.task import Task, ancestors, encrypted, extents_text, group_encrypted, kernel_name, own_disks
from hostwright.lvm.settings import Rebalance

# What stays free beside a staged copy: a tenth of its file system, but no more than this.
RESERVE = 1024 * MIB
# What the lists of a copy take for each entry, for each byte that paths have beyond 40 on average, and beside that.
# Measured with an attribute of 60 bytes each: 730 bytes for paths of 20, 1,070 for 60, 2,020 for 150.
LISTED = 1024
LISTED_PATH = 11
LISTS_LEAST = 8 * MIB
# Measured: `apt-get update` takes 51 MB, the packages with their archives 15 MB. Metadata of dnf are larger.
PACKAGES = 128 * MIB


def lists_bytes(survey: Survey) -> int:
    return survey.entries * LISTED + max(0, survey.paths - survey.entries * 40) * LISTED_PATH + LISTS_LEAST


def lists_extents(group: Group, survey: Survey) -> int:
    """Of a volume for lists; a file system keeps some of it for itself."""
    return ceil(lists_bytes(survey) * 1.1 / group.extent_size)


@dataclass(frozen=True)
class Lists:
    """Where lists of entries lie: in a directory, in a volume of so many extents on these disks, or in memory."""

    place: str = ""
    extents: int | None = None
    disks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Method:
    """A way to free the space: where the copy goes, or nothing for in place."""

    name: str
    reason: str
    image: str = ""
    image_size: int = 0
    scratch: str = ""
    lists: Lists = Lists()
    wiped: int = 0
    """bytes at the beginning of a lent disk that are used"""


def image_path(wish: Rebalance) -> str:
    """Where the staged copy is, or would be."""
    return names.image_path(wish.staging or names.DEFAULT_STAGING, wish.vg, wish.shrink)


def choose(task: Task, survey: Survey) -> Method:
    """The way to free the space: what the wish forces, else the first that the host has room for."""
    methods = {
        "beside": lambda: _beside(task, survey),
        "staging": lambda: _staging(task, survey),
        "in-place": lambda: _in_place(task),
    }
    if task.wish.strategy:
        method = methods[task.wish.strategy]()
        if isinstance(method, str):
            key = task.wish.key("strategy")
            remedy = f"leave {key} out" if task.wish.strategy == "in-place" else _how_to_make_room(task, survey)
            raise Refusal(method, remedy, key=key, value=task.wish.strategy)
        return method
    if KINDS[task.source.kind].shrinks_mounted:
        method = _in_place(task)
        if not isinstance(method, str):
            return method
    order = ("beside",) if task.wish.scratch else ("beside", "staging")
    lacking = []
    for name in order:
        method = methods[name]()
        if not isinstance(method, str):
            return method
        lacking.append(f"{name}: {method}")
    raise Refusal(
        f"no way to shrink {task.group.name}/{task.shrink.name} ({task.source.kind}) to "
        f"{extents_text(task.group, task.target)} on this host. {'; '.join(lacking)}",
        _how_to_make_room(task, survey),
        key=task.wish.key("shrink_to"),
        value=task.wish.shrink_to,
    )


def _how_to_make_room(task: Task, survey: Survey) -> str:
    """Every way there is, by the room that it asks for."""
    group, wish, staging = task.group, task.wish, task.storage.staging
    least, free = least_bytes(task.source, survey), free_extents(task) - lists_extents(group, survey)
    short = lacking = 0
    ways = []
    if wish.strategy != "staging":
        spare = task.size + lists_extents(group, survey) * group.extent_size + max(group.extent_size, 2 * MIB)
        ways.append((spare, f"{wish.key('scratch')}: a blank disk of {_gibibytes(spare)}"))
        lacking = 0 if wish.scratch else task.target - free
    if lacking > 0:
        ways.append((lacking * group.extent_size, f"free {_gibibytes(lacking * group.extent_size)} in {group.name}"))
        if least <= free * group.extent_size:
            ways.append((0, f"{wish.key('shrink_to')}='{free} extents', for which {group.name} has room"))
    if wish.strategy != "beside" and not wish.scratch:
        elsewhere = least + lists_bytes(survey) + RESERVE
        other = f"{wish.key('staging')}: a directory on another local file system, {_gibibytes(elsewhere)} free"
        ways.append((elsewhere, other))
        if staging and staging.exists and not _unfit(task, staging):
            short = least - _room(task, survey, staging)
    if short > 0 and staging:
        ways.append((short, f"free {_gibibytes(short)} on {staging.mount}"))
    ways += _from_swap(task, lacking, short)
    words = [text for _, text in sorted(ways)]
    if not wish.strategy and not isinstance(_in_place(task), str):
        forced = f"{wish.key('strategy')}=in-place needs no room, but a power cut in it can cost the file system"
        words.append(forced)
    return f"what would do, the smallest first: {'; '.join(words)}"


def _from_swap(task: Task, lacking: int, short: int) -> list[tuple[int, str]]:
    """Swap can give its extents to the source's copy, or to the volume that the copy is staged on."""
    group, wish, storage = task.group, task.wish, task.storage
    staging = storage.staging
    mount = next((m for m in reversed(storage.mounts) if staging and m.point == staging.mount), None)
    node = kernel_name(storage, mount) if mount else ""
    under = next((volume for volume in group.volumes if volume.node == node), None)
    grow = next((volume for volume in group.volumes if volume.name == wish.grow), None)
    # A file system that grows keeps some of it for itself, and a tenth stays free.
    staged = ceil(short * 1.15 / group.extent_size)
    ways = []
    for swap in group.volumes:
        used = swap_active(storage, group.name, swap)
        if used is None or used > int(storage.host.get("memavailable", "0")) or swap.name in (wish.shrink, wish.grow):
            continue
        for extents, volume, kept in ((lacking, grow, True), (staged, under, False)):
            if volume and 0 < extents < swap.extents:
                grow_to = f"'{volume.extents} extents'" if kept else "100%FREE"
                words = (
                    f"lvm_vg={group.name}",
                    f"lvm_shrink={swap.name}",
                    f"lvm_shrink_to='{swap.extents - extents} extents'",
                    f"lvm_grow={volume.name}",
                    f"lvm_grow_to={grow_to}",
                )
                size = extents * group.extent_size
                deploy = " ".join(f"--data {word}" for word in words)
                ways.append(
                    (size, f"take {_gibibytes(size)} from {swap.name} first: pyinfra INVENTORY deploys/lvm.py {deploy}")
                )
    return sorted(ways)[:1]


def _gibibytes(size: int) -> str:
    return f"{ceil(size * 100 / 1024**3) / 100:.2f} GiB"


def free_extents(task: Task) -> int:
    """With those of a lost run's copy, unless the source is that copy, and of its lists."""
    group = task.group
    free = sum(disk.extents - disk.allocated for disk in own_disks(group) if disk.allocatable)
    leftover = group.volume(task.copy) if task.served != "copy" else None
    if leftover and set(leftover.disks) <= {disk.name for disk in own_disks(group)}:
        free += leftover.extents
    lists = group.volume(names.lists_volume(task.wish.shrink))
    if lists and set(lists.disks) <= {disk.name for disk in own_disks(group)}:
        free += lists.extents
    return free


def _beside(task: Task, survey: Survey) -> Method | str:
    group, free = task.group, free_extents(task)
    if free >= task.target and not task.wish.scratch:
        lists = place_of_lists(task, survey, free - task.target)
        if isinstance(lists, str):
            return lists
        return Method(
            "beside",
            f"{group.name} has {extents_text(group, free)} free: enough for a second, smaller {task.shrink.name}",
            lists=lists,
        )
    if not task.wish.scratch:
        lacking = (task.target - free) * group.extent_size
        return (
            f"{group.name} has {size_text(free * group.extent_size)} free, "
            f"{lacking / 1024**3:.2f} GiB less than a second {task.shrink.name} takes"
        )
    return _on_scratch(task, survey)


def place_of_lists(task: Task, survey: Survey, free: int, spare: int = 0) -> Lists | str:
    """In the extents that are left; else on root, if it has room; else on a lent disk; else in memory, as it is now.

    + free, spare: extents that are left on the group's own disks, and on a lent one
    """
    group, storage = task.group, task.storage
    needed, extents = lists_bytes(survey), lists_extents(group, survey)
    if free >= extents:
        return Lists(names.lists_volume(task.wish.shrink), extents, tuple(disk.name for disk in own_disks(group)))
    staging = storage.staging
    if staging and staging.exists and not _unfit(task, staging):
        room = staging.free - min(staging.size // 10, RESERVE)
        if room >= needed:
            return Lists(names.lists_directory(image_path(task.wish)))
    if spare >= extents:
        return Lists(names.lists_volume(task.wish.shrink), extents, (task.wish.scratch or "",))
    if storage.run_free and storage.run_free // 2 >= needed <= int(storage.host.get("memavailable", "0")) // 4:
        return Lists()
    return (
        f"the lists of what is in {task.shrink.name} need {size_text(needed)}: {group.name} has "
        f"{extents_text(group, max(free, 0))} left for them, and {_staging_said(task)} no room"
    )


def place_of_resumed_lists(task: Task, survey: Survey, image: str, old: Volume | None) -> Lists:
    """Beside the staged copy; where there is no such, or no room, as for a new copy."""
    staging = task.storage.staging
    looked_at = staging is not None and image == image_path(task.wish)
    if looked_at and staging and staging.free >= lists_bytes(survey):
        return Lists(names.lists_directory(image))
    free = free_extents(task)
    if task.served == "image":
        # The volume that is made anew needs its extents while lists are there.
        free = min(free, free + (old.extents if old else 0) - task.target)
    place = place_of_lists(task, survey, free)
    if isinstance(place, str) and image and not looked_at:
        return Lists(names.lists_directory(image))
    if isinstance(place, str):
        room = _gibibytes(lists_bytes(survey) + RESERVE)
        raise Refusal(place, f"see that it has {room} free, or name a directory that has as {task.wish.key('staging')}")
    return place


def _on_scratch(task: Task, survey: Survey) -> Method | str:
    group, scratch, wish = task.group, task.storage.scratch, task.wish
    said = f"{wish.key('scratch')} = {wish.scratch!r}"
    if scratch is None or not scratch.exists:
        return f"{said} is no disk of this host"
    if not scratch.lent and any(wish.scratch == disk.name for disk in group.disks):
        return f"{said} is a disk of {group.name} already"
    children = [device.name for device in task.storage.devices if scratch.name in device.parents]
    if not scratch.lent and (scratch.holds or children):
        return (
            f"{said} is not empty ({', '.join([*scratch.holds, *children])}): "
            "give another disk, or empty it yourself (wipefs -a, after a look)"
        )
    if group_encrypted(task) and not encrypted(task, [scratch.name]):
        return f"{said} is not encrypted, but {group.name} is: open a LUKS device on it and give that one"
    room = (scratch.size - 2 * MIB) // group.extent_size
    if room < task.target:
        lacking = (task.target - room) * group.extent_size
        return (
            f"{said} has room for {extents_text(group, max(room, 0))}: "
            f"{lacking / 1024**3:.2f} GiB less than {task.shrink.name} will take"
        )
    lists = place_of_lists(task, survey, free_extents(task), room - task.target)
    if isinstance(lists, str):
        return lists
    more = (lists.extents or 0) * group.extent_size if lists.disks == (wish.scratch,) else 0
    return Method(
        "beside",
        f"{wish.scratch} is lent for it: {task.shrink.name} is made anew there, then moved to the group's own disks",
        scratch=wish.scratch or "",
        lists=lists,
        wiped=task.size + more + WIPE_MORE,
    )


# The volume lies at the beginning of the disk, behind LVM's own area.
WIPE_MORE = 64 * MIB


def _staging(task: Task, survey: Survey) -> Method | str:
    said, staging = _staging_said(task), task.storage.staging
    if staging is None or not staging.exists:
        return f"{said} is no directory of this host"
    if unfit := _unfit(task, staging):
        return f"{said} {unfit}"
    least = least_bytes(task.source, survey)
    room = _room(task, survey, staging)
    if room < least:
        return (
            f"{said} has {size_text(staging.free)} free, of which {size_text(staging.free + staging.image - room)} are "
            f"for lists and packages, and to stay free; {_gibibytes(least - room)} are lacking there"
        )
    size = min(task.size, room, least + least // 4 + 64 * MIB) // MIB * MIB
    mount = next(m for m in reversed(task.storage.mounts) if m.point == staging.mount)
    directory = task.wish.staging or names.DEFAULT_STAGING
    return Method(
        "staging",
        f"{task.group.name} has no room for a second {task.shrink.name}; {directory} (on {mount.point}, {mount.kind}) "
        f"has {size_text(staging.free)} free for a copy",
        image=image_path(task.wish),
        image_size=size,
        lists=Lists(names.lists_directory(image_path(task.wish))),
    )


def _staging_said(task: Task) -> str:
    return f"{task.wish.key('staging')} = {task.wish.staging!r}" if task.wish.staging else names.DEFAULT_STAGING


def _unfit(task: Task, staging: Staging) -> str:
    """Why no copy is staged there, however much room there is; empty when one can be."""
    storage = task.storage
    assert task.mount is not None
    if set(task.wish.staging or "") & set(" \t\n\\"):
        return "has white space or a backslash in it: name another directory"
    if not staging.owned:
        return "is not root's alone, so others could change what is made there: name one that only root can write to"
    mount = next((m for m in reversed(storage.mounts) if m.point == staging.mount), None)
    if mount is None:
        return "is on no file system that mountinfo knows"
    holding = [kind.name for kind in KINDS.values() if kind.holds_images]
    if mount.kind not in holding:
        return f"is on {mount.kind}: staging must be on a local {one_of(holding)}, which a reboot keeps"
    if _backed_by_source(task, mount):
        return f"is on {task.mount.point} itself, or backed by it: name another file system"
    if mount.point != "/" and not any(
        line.point == mount.point and "noauto" not in line.options.split(",") for line in storage.fstab
    ):
        return f"is on {mount.point}, which is not mounted at boot (no line in /etc/fstab)"
    if _removable(task, mount):
        return "is on a removable disk"
    if "ro" in mount.options:
        return "is mounted read-only"
    if group_encrypted(task) and not encrypted(task, [kernel_name(storage, mount)]):
        return f"is not encrypted, but {task.group.name} is"
    return ""


def _room(task: Task, survey: Survey, staging: Staging) -> int:
    """What an image may take."""
    kind = KINDS[task.source.kind]
    tools = {*COPYING, *kind.making, *(kind.quotas if quota_options(task) else ())}
    installed = staging.mount in ("/", "/usr", "/var") and not tools <= task.storage.tools
    aside = min(staging.size // 10, RESERVE) + lists_bytes(survey) + (PACKAGES if installed else 0)
    return staging.free + staging.image - aside


def _backed_by_source(task: Task, mount: Mount) -> bool:
    assert task.mount is not None
    if mount.device == task.mount.device or mount.source == task.mount.source:
        return True
    return task.shrink.node in ancestors(task, kernel_name(task.storage, mount))


def _removable(task: Task, mount: Mount) -> bool:
    chain = ancestors(task, kernel_name(task.storage, mount))
    return any(device.removable for device in task.storage.devices if device.name in chain)


def _in_place(task: Task) -> Method | str:
    kind = KINDS[task.source.kind]
    if not kind.in_place:
        return kind.not_in_place
    if set(task.shrink.segment_types) != {"linear"}:
        return f"{task.shrink.name} is striped: LVM reduces it by whole stripes only"
    return Method("in-place", kind.in_place)
