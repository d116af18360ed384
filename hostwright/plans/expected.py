"""What a host will be like once a plan has been carried out.

Blocks of one deploy file build on each other: each is planned for the host that the ones before it leave behind.
"""

from collections.abc import Sequence
from dataclasses import replace

from hostwright.facts.blocks import Blocks
from hostwright.facts.lvm import FileSystem, Group, Mount, PhysicalVolume, Swap, Volume, fstab_lines
from hostwright.plans.steps import Plan, Step
from hostwright.plans.volume_group import EXTENT_SIZE, extents_on

MOVED = ("change_line", "forget_new", "swap_on")
"""of a plan that moves space, the steps that are more than the way to its layout"""


def after(blocks: Blocks, plan: Plan) -> Blocks:
    if not plan.way:
        return stepped(blocks, plan.group, plan.steps)
    blocks = stepped(blocks, plan.group, [step for step in plan.steps if step.call[0] in MOVED])
    storage = blocks.storage
    group = storage.group(plan.group)
    assert group is not None
    known = {volume.name: volume for volume in group.volumes}
    volumes = [
        replace(known.get(name) or _new_volume(name, 0, ()), extents=extents) for name, extents in plan.after.volumes
    ]
    freed = sum(volume.extents for volume in group.volumes) - sum(volume.extents for volume in volumes)
    ours = blocks.volume.startswith(f"{plan.group}/")
    systems = {name: _of_unknown_size(there) if ours else there for name, there in storage.file_systems.items()}
    blocks = _with_group(blocks, _allocated(replace(group, volumes=tuple(volumes)), -freed))
    return replace(blocks, storage=replace(blocks.storage, file_systems=systems, marker=""))


def stepped(blocks: Blocks, vg: str, steps: Sequence[Step]) -> Blocks:
    for step in steps:
        blocks = _step(blocks, vg, step.call)
    return blocks


def _step(blocks: Blocks, vg: str, call: tuple[str, ...]) -> Blocks:
    storage = blocks.storage
    group = storage.group(vg)
    match call:
        case ("install_packages", *names):
            tools = {"lvm"} if "lvm2" in names else set()
            return replace(blocks, storage=replace(storage, tools=storage.tools | tools, lvm_error=""))
        case ("load_device_mapper_early",):
            return replace(blocks, early=True)
        case ("make_physical_volume", device):
            return _with_disk(blocks, device, physical_volume=True, holds=("LVM2_member",))
        case ("remove_physical_volume", device):
            return _with_disk(blocks, device, physical_volume=False, holds=())
        case ("make_group", size, *devices):
            new = Group(vg, "", int(size or EXTENT_SIZE), 0, 0, 0, False, False, False, (), ())
            return _extended(replace(blocks, storage=replace(storage, groups=(*storage.groups, new))), new, devices)
        case ("extend_group", *devices):
            assert group is not None
            return _extended(blocks, group, devices)
        case ("remove_group",):
            for device, disk in blocks.disks.items():
                if disk.group == vg:
                    blocks = _with_disk(blocks, device, group="")
            left = tuple(other for other in storage.groups if other.name != vg)
            return replace(blocks, storage=replace(storage, groups=left))
    return blocks if group is None else _volume_step(blocks, group, call)


def _volume_step(blocks: Blocks, group: Group, call: tuple[str, ...]) -> Blocks:
    storage = blocks.storage
    match call:
        case ("create_volume", name, extents, tag, *_):
            new = _new_volume(name, int(extents), (tag,) if tag else ())
            group = _allocated(replace(group, volumes=(*group.volumes, new)), new.extents)
            return _with_group(blocks, group)
        case ("extend_volume", name, extents, _):
            more = int(extents) - next(volume.extents for volume in group.volumes if volume.name == name)
            return _with_group(blocks, _allocated(_with_volume(group, name, extents=int(extents)), more))
        case ("remove_volume", name):
            gone = next(volume for volume in group.volumes if volume.name == name)
            rest = tuple(volume for volume in group.volumes if volume != gone)
            blocks = _with_group(blocks, _allocated(replace(group, volumes=rest), -gone.extents))
            return _with_system(blocks, group, name, None)
        case ("forget_new", name):
            return _with_group(blocks, _with_volume(group, name, tags=()))
        case ("format_volume", name, kind):
            blocks = _with_group(blocks, _with_volume(group, name, tags=()))
            return _with_system(blocks, group, name, FileSystem(kind, "", "", "", 0, 0, 0, (), foreseen=True))
        case ("grow_file_system", name, *_):
            there = storage.file_systems.get(name)
            return _with_system(blocks, group, name, _of_unknown_size(there)) if there else blocks
        case ("mount_volume", name, kind, options, point):
            device = next(volume.device for volume in group.volumes if volume.name == name)
            mount = Mount(point, device, "/", kind, f"/dev/{group.name}/{name}", tuple(options.split(",")))
            return replace(blocks, storage=replace(storage, mounts=(*storage.mounts, mount)))
        case ("unmount_volume", point):
            gone_from = {
                name: replace(system, mounted="")
                for name, system in storage.file_systems.items()
                if system.mounted == point
            }
            mounts = tuple(mount for mount in storage.mounts if mount.point != point)
            storage = replace(storage, mounts=mounts, file_systems={**storage.file_systems, **gone_from})
            blocks = replace(blocks, storage=storage)
            return replace(blocks, open=0, holders=()) if gone_from else blocks
        case ("swap_on", name):
            return replace(blocks, storage=replace(storage, swaps=(*storage.swaps, Swap(_swap_path(group, name), 0))))
        case ("swap_off", name):
            swaps = tuple(swap for swap in storage.swaps if swap.path != _swap_path(group, name))
            is_ours = blocks.volume == f"{group.name}/{name}"
            return replace(blocks, storage=replace(storage, swaps=swaps), open=0 if is_ours else blocks.open)
        case ("change_line", old, new):
            kept = tuple(line for line in storage.fstab if line.text != old)
            return replace(blocks, storage=replace(storage, fstab=(*kept, *fstab_lines([new]))))
    return blocks


def _extended(blocks: Blocks, group: Group, devices: Sequence[str]) -> Blocks:
    new = [
        PhysicalVolume(device, "", extents_on(blocks, [device], group.extent_size), 0, (), False, True)
        for device in devices
    ]
    more = sum(disk.extents for disk in new)
    for device in devices:
        blocks = _with_disk(blocks, device, group=group.name)
    group = replace(group, disks=(*group.disks, *new), extents=group.extents + more, free=group.free + more)
    return _with_group(blocks, group)


def _new_volume(name: str, extents: int, tags: tuple[str, ...]) -> Volume:
    return Volume(name, "", extents, ("linear",), ("public",), ("linear",), (), tags, "", f"new:{name}")


def _swap_path(group: Group, name: str) -> str:
    return f"/dev/dm-{next(volume.device for volume in group.volumes if volume.name == name).split(':')[-1]}"


def _allocated(group: Group, extents: int) -> Group:
    """Extents taken from the group's disks in their order, or given back to them (a negative number)."""
    disks = []
    left = extents
    for disk in group.disks:
        taken = max(-disk.allocated, min(left, disk.extents - disk.allocated if disk.allocatable else 0))
        disks.append(replace(disk, allocated=disk.allocated + taken))
        left -= taken
    return replace(group, disks=tuple(disks), free=group.free - extents)


def _of_unknown_size(system: FileSystem) -> FileSystem:
    """It will fill its volume; what it said of its size before is no longer so."""
    return replace(system, detail=(), foreseen=True)


def _with_disk(blocks: Blocks, device: str, **other: object) -> Blocks:
    if device not in blocks.disks:
        return blocks
    disk = replace(blocks.disks[device], **other)  # type: ignore[arg-type]
    return replace(blocks, disks={**blocks.disks, device: disk})


def _with_volume(group: Group, name: str, **other: object) -> Group:
    volumes = tuple(
        replace(volume, **other) if volume.name == name else volume  # type: ignore[arg-type]
        for volume in group.volumes
    )
    return replace(group, volumes=volumes)


def _with_group(blocks: Blocks, group: Group) -> Blocks:
    groups = tuple(group if other.name == group.name else other for other in blocks.storage.groups)
    return replace(blocks, storage=replace(blocks.storage, groups=groups))


def _with_system(blocks: Blocks, group: Group, name: str, system: FileSystem | None) -> Blocks:
    """What the volume carries, if its group is the one that was looked at: others may have the same name elsewhere."""
    if not blocks.volume.startswith(f"{group.name}/"):
        return blocks
    systems = {key: there for key, there in blocks.storage.file_systems.items() if key != name}
    storage = replace(blocks.storage, file_systems=systems | ({name: system} if system else {}))
    blocks = replace(blocks, storage=storage)
    if blocks.volume != f"{group.name}/{name}":
        return blocks
    return replace(blocks, signs=(), open=0 if system is None else blocks.open)
