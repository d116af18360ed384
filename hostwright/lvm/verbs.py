"""The steps that plans of blocks are made of, each with what the host is like after it."""

from dataclasses import dataclass, replace
from typing import ClassVar

from typing_extensions import override

from hostwright.lvm.facts.blocks import Blocks
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.groups import Group
from hostwright.lvm.facts.mounts import Mount, Swap, fstab_lines
from hostwright.lvm.plan.forecast import (
    EXTENT_SIZE,
    allocated,
    extended,
    group_of,
    new_volume,
    of_unknown_size,
    swap_path,
    with_disk,
    with_group,
    with_system,
    with_volume,
)
from hostwright.lvm.plan.steps import Step


class Unseen(Step):
    """What it does is nothing that a plan of blocks asks about."""

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        return blocks


@dataclass(frozen=True)
class IsUnchanged(Unseen):
    """
    + sequence: number of the group's metadata (vg_seqno)
    """

    sequence: int
    sh: ClassVar[str] = "is_unchanged"


@dataclass(frozen=True)
class InstallPackages(Step):
    packages: tuple[str, ...]
    sh: ClassVar[str] = "install_packages"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        tools = {"lvm"} if "lvm2" in self.packages else set()
        storage = replace(blocks.storage, tools=blocks.storage.tools | tools, lvm_error="")
        return replace(blocks, storage=storage)


# -- what a lost run left, and what it left undone


@dataclass(frozen=True)
class Recover(Unseen):
    """
    + job: the id of the job that was ended by force
    """

    job: str
    sh: ClassVar[str] = "recover"


@dataclass(frozen=True)
class PutBack(Unseen):
    sh: ClassVar[str] = "put_back"


@dataclass(frozen=True)
class Discard(Unseen):
    copy: str
    image: str = ""
    sh: ClassVar[str] = "discard"


@dataclass(frozen=True)
class DiscardLists(Unseen):
    volume: str = ""
    directory: str = ""
    sh: ClassVar[str] = "discard_lists"


@dataclass(frozen=True)
class ClearTags(Unseen):
    volume: str
    sh: ClassVar[str] = "clear_tags"


@dataclass(frozen=True)
class Uncover(Unseen):
    sh: ClassVar[str] = "uncover"


@dataclass(frozen=True)
class RestoreFstab(Unseen):
    sh: ClassVar[str] = "restore_fstab"


@dataclass(frozen=True)
class TidyFstab(Unseen):
    sh: ClassVar[str] = "tidy_fstab"


# -- physical volumes and volume groups


@dataclass(frozen=True)
class LoadDeviceMapperEarly(Step):
    sh: ClassVar[str] = "load_device_mapper_early"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        return replace(blocks, early=True)


@dataclass(frozen=True)
class MakePhysicalVolume(Step):
    device: str
    sh: ClassVar[str] = "make_physical_volume"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        return with_disk(blocks, self.device, physical_volume=True, holds=("LVM2_member",))


@dataclass(frozen=True)
class RemovePhysicalVolume(Step):
    device: str
    sh: ClassVar[str] = "remove_physical_volume"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        return with_disk(blocks, self.device, physical_volume=False, holds=())


@dataclass(frozen=True)
class MakeGroup(Step):
    """
    + extent_size: in bytes; LVM's own without it
    """

    extent_size: int | None
    devices: tuple[str, ...]
    sh: ClassVar[str] = "make_group"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        new = Group(vg, "", self.extent_size or EXTENT_SIZE, 0, 0, 0, False, False, False, (), ())
        groups = (*blocks.storage.groups, new)
        return extended(replace(blocks, storage=replace(blocks.storage, groups=groups)), new, self.devices)


@dataclass(frozen=True)
class ExtendGroup(Step):
    devices: tuple[str, ...]
    sh: ClassVar[str] = "extend_group"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        return extended(blocks, group_of(blocks, vg), self.devices)


@dataclass(frozen=True)
class RemoveGroup(Step):
    sh: ClassVar[str] = "remove_group"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        for device, disk in blocks.disks.items():
            if disk.group == vg:
                blocks = with_disk(blocks, device, group="")
        left = tuple(other for other in blocks.storage.groups if other.name != vg)
        return replace(blocks, storage=replace(blocks.storage, groups=left))


# -- volumes


@dataclass(frozen=True)
class CreateVolume(Step):
    """
    + tag: that nobody but us has written to it
    """

    volume: str
    extents: int
    tag: str = ""
    disks: tuple[str, ...] = ()
    sh: ClassVar[str] = "create_volume"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        group = group_of(blocks, vg)
        new = new_volume(self.volume, self.extents, (self.tag,) if self.tag else ())
        group = replace(group, volumes=(*group.volumes, new))
        return with_group(blocks, allocated(group, new.extents))


@dataclass(frozen=True)
class ExtendVolume(Step):
    """
    + stripes: 1 where the group has no stripes to add
    """

    volume: str
    extents: int
    stripes: int | None = None
    sh: ClassVar[str] = "extend_volume"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        group = group_of(blocks, vg)
        more = self.extents - next(volume.extents for volume in group.volumes if volume.name == self.volume)
        group = with_volume(group, self.volume, extents=self.extents)
        return with_group(blocks, allocated(group, more))


@dataclass(frozen=True)
class RemoveVolume(Step):
    volume: str
    sh: ClassVar[str] = "remove_volume"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        group = group_of(blocks, vg)
        gone = next(volume for volume in group.volumes if volume.name == self.volume)
        rest = tuple(volume for volume in group.volumes if volume != gone)
        group = replace(group, volumes=rest)
        blocks = with_group(blocks, allocated(group, -gone.extents))
        return with_system(blocks, group, self.volume, None)


@dataclass(frozen=True)
class ForgetNew(Step):
    volume: str
    sh: ClassVar[str] = "forget_new"
    lasts: ClassVar[bool] = True

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        group = with_volume(group_of(blocks, vg), self.volume, tags=())
        return with_group(blocks, group)


@dataclass(frozen=True)
class FormatVolume(Step):
    volume: str
    kind: str
    sh: ClassVar[str] = "format_volume"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        group = with_volume(group_of(blocks, vg), self.volume, tags=())
        system = FileSystem(self.kind, "", "", "", 0, 0, 0, foreseen=True)
        return with_system(with_group(blocks, group), group, self.volume, system)


@dataclass(frozen=True)
class GrowFileSystem(Step):
    volume: str
    kind: str
    point: str
    sh: ClassVar[str] = "grow_file_system"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        there = blocks.storage.file_systems.get(self.volume)
        if not there:
            return blocks
        system = of_unknown_size(there)
        return with_system(blocks, group_of(blocks, vg), self.volume, system)


# -- mounts, swap and fstab


@dataclass(frozen=True)
class MountVolume(Step):
    volume: str
    kind: str
    options: str
    point: str
    sh: ClassVar[str] = "mount_volume"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        group = group_of(blocks, vg)
        device = next(volume.device for volume in group.volumes if volume.name == self.volume)
        source = f"/dev/{group.name}/{self.volume}"
        mount = Mount(self.point, device, "/", self.kind, source, tuple(self.options.split(",")))
        return replace(blocks, storage=replace(blocks.storage, mounts=(*blocks.storage.mounts, mount)))


@dataclass(frozen=True)
class Remount(Unseen):
    volume: str
    options: str
    point: str
    sh: ClassVar[str] = "remount"


@dataclass(frozen=True)
class UnmountVolume(Step):
    point: str
    sh: ClassVar[str] = "unmount_volume"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        storage = blocks.storage
        gone_from = {
            name: replace(system, mounted="")
            for name, system in storage.file_systems.items()
            if system.mounted == self.point
        }
        mounts = tuple(mount for mount in storage.mounts if mount.point != self.point)
        storage = replace(storage, mounts=mounts, file_systems={**storage.file_systems, **gone_from})
        blocks = replace(blocks, storage=storage)
        return replace(blocks, open=0, holders=()) if gone_from else blocks


@dataclass(frozen=True)
class MakeSwap(Unseen):
    volume: str
    uuid: str = ""
    label: str = ""
    sh: ClassVar[str] = "make_swap"


@dataclass(frozen=True)
class SwapOn(Step):
    volume: str
    sh: ClassVar[str] = "swap_on"
    lasts: ClassVar[bool] = True

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        new = Swap(swap_path(group_of(blocks, vg), self.volume), 0)
        return replace(blocks, storage=replace(blocks.storage, swaps=(*blocks.storage.swaps, new)))


@dataclass(frozen=True)
class SwapOff(Step):
    volume: str
    sh: ClassVar[str] = "swap_off"

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        gone = swap_path(group_of(blocks, vg), self.volume)
        swaps = tuple(swap for swap in blocks.storage.swaps if swap.path != gone)
        is_ours = blocks.volume == f"{vg}/{self.volume}"
        return replace(blocks, storage=replace(blocks.storage, swaps=swaps), open=0 if is_ours else blocks.open)


@dataclass(frozen=True)
class ChangeLine(Step):
    """
    + old: nothing where a line is added
    + new: nothing where one is taken away
    """

    old: str = ""
    new: str = ""
    sh: ClassVar[str] = "change_line"
    lasts: ClassVar[bool] = True

    @override
    def forecast(self, blocks: Blocks, vg: str) -> Blocks:
        kept = tuple(line for line in blocks.storage.fstab if line.text != self.old)
        return replace(blocks, storage=replace(blocks.storage, fstab=(*kept, *fstab_lines([self.new]))))
