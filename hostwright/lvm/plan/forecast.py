"""What a host will be like once a plan has been carried out.

Blocks of one deploy file build on each other: each is planned for the host that the ones before it leave behind.
"""

from collections.abc import Sequence
from dataclasses import replace

from hostwright.lvm.facts.blocks import Blocks
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.groups import Group, PhysicalVolume, Volume
from hostwright.lvm.file_systems.kind import MIB
from hostwright.lvm.plan.steps import Plan, Step

EXTENT_SIZE = 4 * MIB
"""LVM's own default"""


def after(blocks: Blocks, plan: Plan) -> Blocks:
    if not plan.method:
        return stepped(blocks, plan.group, plan.steps)
    # The others are the way to its layout.
    blocks = stepped(blocks, plan.group, [step for step in plan.steps if step.lasts])
    storage = blocks.storage
    group = group_of(blocks, plan.group)
    known = {volume.name: volume for volume in group.volumes}
    volumes = [
        replace(known.get(name) or new_volume(name, 0, ()), extents=extents) for name, extents in plan.after.volumes
    ]
    freed = sum(volume.extents for volume in group.volumes) - sum(volume.extents for volume in volumes)
    ours = blocks.volume.startswith(f"{plan.group}/")
    systems = {name: of_unknown_size(there) if ours else there for name, there in storage.file_systems.items()}
    blocks = with_group(blocks, allocated(replace(group, volumes=tuple(volumes)), -freed))
    return replace(blocks, storage=replace(blocks.storage, file_systems=systems, marker=""))


def stepped(blocks: Blocks, vg: str, steps: Sequence[Step]) -> Blocks:
    for step in steps:
        blocks = step.forecast(blocks, vg)
    return blocks


def group_of(blocks: Blocks, vg: str) -> Group:
    group = blocks.storage.group(vg)
    assert group is not None
    return group


def extents_on(blocks: Blocks, devices: Sequence[str], extent_size: int) -> int:
    """What LVM makes of these disks; the first MiB of each is its own."""
    return sum(max(blocks.disks[device].size - MIB, 0) // extent_size for device in devices)


def extended(blocks: Blocks, group: Group, devices: Sequence[str]) -> Blocks:
    new = [
        PhysicalVolume(device, "", extents_on(blocks, [device], group.extent_size), 0, (), False, True)
        for device in devices
    ]
    more = sum(disk.extents for disk in new)
    for device in devices:
        blocks = with_disk(blocks, device, group=group.name)
    group = replace(group, disks=(*group.disks, *new), extents=group.extents + more, free=group.free + more)
    return with_group(blocks, group)


def new_volume(name: str, extents: int, tags: tuple[str, ...]) -> Volume:
    return Volume(name, "", extents, ("linear",), ("public",), ("linear",), (), tags, "", f"new:{name}")


def swap_path(group: Group, name: str) -> str:
    return f"/dev/{next(volume.node for volume in group.volumes if volume.name == name)}"


def allocated(group: Group, extents: int) -> Group:
    """Extents taken from the group's disks in their order, or given back to them (a negative number)."""
    disks = []
    left = extents
    for disk in group.disks:
        taken = max(-disk.allocated, min(left, disk.extents - disk.allocated if disk.allocatable else 0))
        disks.append(replace(disk, allocated=disk.allocated + taken))
        left -= taken
    return replace(group, disks=tuple(disks), free=group.free - extents)


def of_unknown_size(system: FileSystem) -> FileSystem:
    """It will fill its volume; what it said of its size before is no longer so."""
    return replace(system, spans=0, said={}, foreseen=True)


def with_disk(blocks: Blocks, device: str, **other: object) -> Blocks:
    if device not in blocks.disks:
        return blocks
    disk = replace(blocks.disks[device], **other)  # type: ignore[arg-type]
    return replace(blocks, disks={**blocks.disks, device: disk})


def with_volume(group: Group, name: str, **other: object) -> Group:
    volumes = tuple(
        replace(volume, **other) if volume.name == name else volume  # type: ignore[arg-type]
        for volume in group.volumes
    )
    return replace(group, volumes=volumes)


def with_group(blocks: Blocks, group: Group) -> Blocks:
    groups = tuple(group if other.name == group.name else other for other in blocks.storage.groups)
    return replace(blocks, storage=replace(blocks.storage, groups=groups))


def with_system(blocks: Blocks, group: Group, name: str, system: FileSystem | None) -> Blocks:
    """What the volume carries, if its group is the one that was looked at: others may have the same name elsewhere."""
    if not blocks.volume.startswith(f"{group.name}/"):
        return blocks
    systems = {key: there for key, there in blocks.storage.file_systems.items() if key != name}
    storage = replace(blocks.storage, file_systems=systems | ({name: system} if system else {}))
    blocks = replace(blocks, storage=storage)
    if blocks.volume != f"{group.name}/{name}":
        return blocks
    return replace(blocks, signs=(), open=0 if system is None else blocks.open)
