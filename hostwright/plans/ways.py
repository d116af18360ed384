"""Chooses how the space is freed: beside, staging or in place, by what the host has."""

from dataclasses import dataclass

from hostwright.facts.lvm import Mount, Survey
from hostwright.plans import file_systems
from hostwright.plans.file_systems import MIB
from hostwright.plans.sizes import size_text
from hostwright.plans.task import Task, ancestors, encrypted, extents_text, group_encrypted, kernel_name, own_disks
from hostwright.refusal import Refusal
from hostwright.settings import Rebalance

DEFAULT_STAGING = "/var/lib"


@dataclass(frozen=True)
class Way:
    """A way to free the space: where the copy goes, or nothing for in place."""

    name: str
    reason: str
    image: str = ""
    image_size: int = 0
    scratch: str = ""


def image_path(wish: Rebalance) -> str:
    """Where the staged copy is, or would be."""
    return f"{(wish.staging or DEFAULT_STAGING).rstrip('/')}/hostwright/{wish.vg}-{wish.shrink}.img"


def choose(task: Task, survey: Survey) -> Way:
    """The way to free the space: what the wish forces, else the first that the host has room for."""
    ways = {
        "beside": lambda: _way_beside(task),
        "staging": lambda: _way_staging(task, survey),
        "in-place": lambda: _way_in_place(task),
    }
    if task.wish.strategy:
        way = ways[task.wish.strategy]()
        if isinstance(way, str):
            raise Refusal(f"lvm_strategy = {task.wish.strategy!r}: {way}")
        return way
    if task.home.kind == "btrfs":
        way = _way_in_place(task)
        if not isinstance(way, str):
            return way
    order = ("beside",) if task.wish.scratch else ("beside", "staging")
    lacking = []
    for name in order:
        way = ways[name]()
        if not isinstance(way, str):
            return way
        lacking.append(f"{name}: {way}")
    raise Refusal(
        f"no way to shrink {task.group.name}/{task.shrink.name} ({task.home.kind}) to "
        f"{extents_text(task.group, task.target)} on this host. " + "; ".join(lacking)
    )


def _way_beside(task: Task) -> Way | str:
    group = task.group
    free = sum(disk.extents - disk.allocated for disk in own_disks(group) if disk.allocatable)
    leftover = group.volume(task.copy)
    if leftover and set(leftover.disks) <= {disk.name for disk in own_disks(group)}:
        free += leftover.extents
    if free >= task.target and not task.wish.scratch:
        return Way(
            "beside",
            f"{group.name} has {extents_text(group, free)} free: enough for a second, smaller {task.shrink.name}",
        )
    if not task.wish.scratch:
        lacking = (task.target - free) * group.extent_size
        return (
            f"{group.name} has {size_text(free * group.extent_size)} free, "
            f"{lacking / 1024**3:.2f} GiB less than a second {task.shrink.name} takes; "
            f"a spare disk of {size_text(task.size + group.extent_size)} or more (lvm_scratch) would do"
        )
    return _scratch_way(task)


def _scratch_way(task: Task) -> Way | str:
    group, scratch, wish = task.group, task.storage.scratch, task.wish
    if scratch is None or not scratch.exists:
        return f"lvm_scratch = {wish.scratch!r} is no disk of this host"
    if not scratch.lent and any(wish.scratch == disk.name for disk in group.disks):
        return f"lvm_scratch = {wish.scratch!r} is a disk of {group.name} already"
    children = [device.name for device in task.storage.devices if scratch.name in device.parents]
    if not scratch.lent and (scratch.holds or children):
        return (
            f"lvm_scratch = {wish.scratch!r} is not empty ({', '.join([*scratch.holds, *children])}): "
            "give another disk, or empty it yourself (wipefs -a, after a look)"
        )
    if group_encrypted(task) and not encrypted(task, [scratch.name]):
        return (
            f"lvm_scratch = {wish.scratch!r} is not encrypted, but {group.name} is: "
            "open a LUKS device on it and give that one"
        )
    room = (scratch.size - 2 * MIB) // group.extent_size
    if room < task.target:
        lacking = (task.target - room) * group.extent_size
        return (
            f"lvm_scratch = {wish.scratch!r} has room for {extents_text(group, max(room, 0))}: "
            f"{lacking / 1024**3:.2f} GiB less than {task.shrink.name} will take"
        )
    return Way(
        "beside",
        f"{wish.scratch} is lent for it: {task.shrink.name} is made anew there, then moved to the group's own disks",
        scratch=wish.scratch or "",
    )


def _way_staging(task: Task, survey: Survey) -> Way | str:
    storage, wish = task.storage, task.wish
    directory = wish.staging or DEFAULT_STAGING
    said = f"lvm_staging = {directory!r}" if wish.staging else directory
    staging = storage.staging
    if staging is None or not staging.exists:
        return f"{said} is no directory of this host"
    mount = next((m for m in reversed(storage.mounts) if m.point == staging.mount), None)
    if mount is None:
        return f"{said} is on no file system that mountinfo knows"
    assert task.mount is not None
    if mount.kind not in ("xfs", "ext4", "btrfs"):
        return f"{said} is on {mount.kind}: staging must be on a local xfs, ext4 or btrfs, which a reboot keeps"
    if _backed_by_home(task, mount):
        return f"{said} is on {task.mount.point} itself, or backed by it: name another file system"
    if mount.point != "/" and not any(
        line.point == mount.point and "noauto" not in line.options.split(",") for line in storage.fstab
    ):
        return f"{said} is on {mount.point}, which is not mounted at boot (no line in /etc/fstab)"
    if _removable(task, mount):
        return f"{said} is on a removable disk"
    if "ro" in mount.options:
        return f"{said} is mounted read-only"
    if group_encrypted(task) and not encrypted(task, [kernel_name(storage, mount)]):
        return f"{said} is not encrypted, but {task.group.name} is"
    least = file_systems.least_bytes(task.home, survey)
    room = staging.free + staging.image - staging.size // 10
    if room < least:
        return (
            f"{said} has {size_text(staging.free)} free, of which a tenth of its file system "
            f"({size_text(staging.size // 10)}) stays free; {(least - room) / 1024**3:.2f} GiB are lacking there "
            f"(or name another directory in lvm_staging)"
        )
    size = min(task.size, room, least + least // 4 + 64 * MIB) // MIB * MIB
    return Way(
        "staging",
        f"{task.group.name} has no room for a second {task.shrink.name}; {directory} (on {mount.point}, {mount.kind}) "
        f"has {size_text(staging.free)} free for a copy",
        image=image_path(task.wish),
        image_size=size,
    )


def _backed_by_home(task: Task, mount: Mount) -> bool:
    assert task.mount is not None
    if mount.device == task.mount.device or mount.source == task.mount.source:
        return True
    return f"dm-{task.shrink.device.split(':')[-1]}" in ancestors(task, kernel_name(task.storage, mount))


def _removable(task: Task, mount: Mount) -> bool:
    chain = ancestors(task, kernel_name(task.storage, mount))
    return any(device.removable for device in task.storage.devices if device.name in chain)


def _way_in_place(task: Task) -> Way | str:
    if task.home.kind == "xfs":
        return "XFS cannot shrink in place: only a smaller copy can take its place"
    if set(task.shrink.segment_types) != {"linear"}:
        return f"{task.shrink.name} is striped: LVM reduces it by whole stripes only"
    if task.home.kind == "btrfs":
        return Way("in-place", "btrfs shrinks while it is mounted, keeping subvolumes, snapshots and reflinks")
    return Way(
        "in-place",
        "forced: resize2fs moves the blocks of the only copy; a power cut in it can cost the file system",
    )
