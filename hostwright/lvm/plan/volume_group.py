"""Decides how a volume group is made, extended or removed."""

from hostwright.base.refusal import Refusal
from hostwright.lvm.facts.blocks import Blocks
from hostwright.lvm.facts.groups import Group
from hostwright.lvm.plan.checks import check_host, usable_group
from hostwright.lvm.plan.confirmation import check_confirmed
from hostwright.lvm.plan.forecast import EXTENT_SIZE, extents_on
from hostwright.lvm.plan.physical_volume import NOWHERE, install_lvm, is_physical_volume, make_steps
from hostwright.lvm.plan.sizes import size_text
from hostwright.lvm.plan.steps import Layout, Plan, Step
from hostwright.lvm.plan.task import guarded
from hostwright.lvm.settings import VolumeGroupWish, bytes_of
from hostwright.lvm.verbs import ExtendGroup, LoadDeviceMapperEarly, MakeGroup, RemoveGroup

SAFE_SIDE_BY_SIDE = (1, 2, 191)
"""the libdevmapper that shares the making of /dev/mapper/control with another process"""


def decide(blocks: Blocks, wish: VolumeGroupWish) -> Plan:
    check_host(blocks.storage)
    if not wish.present:
        return _removal(blocks, wish)
    group = usable_group(blocks.storage, wish.name) if blocks.storage.group(wish.name) else None
    if group and wish.extent_size and bytes_of(wish.extent_size) != group.extent_size:
        raise Refusal(
            f"volume group {group.name} has extents of {size_text(group.extent_size)}",
            "leave extent_size out, or change them by hand (vgchange -s), where its sizes allow it",
            key=wish.key("extent_size"),
            value=wish.extent_size,
        )
    _check_different(blocks, wish)
    steps, lacking = _lacking(blocks, wish)
    before = _layout(group)
    if not lacking:
        return Plan(wish.name, before, before)
    size = group.extent_size if group else bytes_of(wish.extent_size) if wish.extent_size else EXTENT_SIZE
    more = extents_on(blocks, lacking, size)
    after = Layout(before.extents + more, size, before.volumes)
    if group:
        title = f"extend {wish.name} by {', '.join(lacking)} ({size_text(more * size)})"
        more_steps = guarded(group, [*steps, ExtendGroup(title, tuple(lacking))])
        return Plan(wish.name, before, after, more_steps, variables=(("VG", wish.name),))
    title = f"make volume group {wish.name} of {', '.join(lacking)} ({size_text(more * size)})"
    make = MakeGroup(title, size if wish.extent_size else None, tuple(lacking))
    steps = [*install_lvm(blocks.storage), *_safe_at_boot(blocks), *steps, make]
    return Plan(wish.name, NOWHERE, after, tuple(steps), variables=(("VG", wish.name),))


def _lacking(blocks: Blocks, wish: VolumeGroupWish) -> tuple[list[Step], list[str]]:
    """The disks that the group lacks, and the steps that make physical volumes of those that are none."""
    steps: list[Step] = []
    lacking = []
    for device in wish.devices:
        there = is_physical_volume(blocks, device, wish.key("devices"))
        other = blocks.disks[device].group
        if other and other != wish.name:
            raise Refusal(
                f"it is part of volume group {other}",
                f"give another disk, or take it out of there first (`pvmove {device}`, `vgreduce {other} {device}`)",
                key=wish.key("devices"),
                value=device,
            )
        if not there:
            steps += make_steps(blocks, device)
        if not other:
            lacking.append(device)
    return steps, lacking


def _safe_at_boot(blocks: Blocks) -> list[Step]:
    """Only a second group can come in the way of another. Debian 12 and Ubuntu 24.04 have an older libdevmapper."""
    if not blocks.storage.groups or not blocks.libdevmapper or blocks.early or blocks.libdevmapper >= SAFE_SIDE_BY_SIDE:
        return []
    title = "load dm_mod early, in a new initramfs: this LVM can lose one of two groups at boot"
    return [LoadDeviceMapperEarly(title)]


def _check_different(blocks: Blocks, wish: VolumeGroupWish) -> None:
    seen: dict[str, str] = {}
    for device in wish.devices:
        name = blocks.disks[device].name
        if name and name in seen:
            raise Refusal(f"{seen[name]} is the same disk", "name it once", key=wish.key("devices"), value=device)
        seen[name] = device


def _layout(group: Group | None) -> Layout:
    if group is None:
        return NOWHERE
    volumes = tuple((volume.name, volume.extents) for volume in group.volumes)
    return Layout(group.extents, group.extent_size, volumes)


def _removal(blocks: Blocks, wish: VolumeGroupWish) -> Plan:
    if blocks.storage.group(wish.name) is None:
        return Plan(wish.name, NOWHERE, NOWHERE)
    group = usable_group(blocks.storage, wish.name)
    if group.volumes:
        names = ", ".join(f"{group.name}/{volume.name}" for volume in group.volumes)
        raise Refusal(
            f"volume group {group.name} has volumes in it ({names})",
            "remove them first, one by one",
            key=wish.key("present"),
            value=wish.present,
        )
    disks = ", ".join(disk.name for disk in group.disks)
    lost = f"{size_text(group.extents * group.extent_size)} without a volume on {disks}, which stay physical volumes"
    check_confirmed(f"volume group {group.name}", lost, group.name, wish)
    steps = guarded(group, [RemoveGroup(f"remove {group.name}")])
    return Plan(wish.name, _layout(group), NOWHERE, steps, variables=(("VG", wish.name),))
