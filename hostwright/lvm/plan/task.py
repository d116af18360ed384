"""A wish to move space, held against what the host has; and small questions about it."""

from collections.abc import Iterable
from dataclasses import dataclass

from hostwright.base.refusal import Refusal
from hostwright.lvm import names
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.groups import Group, PhysicalVolume, Volume
from hostwright.lvm.facts.mounts import FstabLine, Mount
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.file_systems import packages
from hostwright.lvm.plan.sizes import size_text
from hostwright.lvm.plan.steps import Step
from hostwright.lvm.settings import Rebalance
from hostwright.lvm.verbs import InstallPackages, IsUnchanged


@dataclass(frozen=True)
class Task:
    """A wish that passed every check that needs no look at its files. Sizes in extents."""

    wish: Rebalance
    storage: Storage
    group: Group
    shrink: Volume
    grow: Volume | None
    target: int
    grown: int
    source: FileSystem
    """on the volume that shrinks"""
    mount: Mount | None
    line: FstabLine | None
    served: str
    """how the source is served: `volume` (as ever), `copy` (a lost run's copy) or `image` (a lost run's staged copy)"""

    @property
    def size(self) -> int:
        return self.target * self.group.extent_size

    @property
    def copy(self) -> str:
        return names.copy_name(self.wish.shrink)

    @property
    def needs_survey(self) -> bool:
        return self.mount is not None and (self.shrink.extents > self.target or self.served != "volume")


def copy_name(wish: Rebalance) -> str:
    return names.copy_name(wish.shrink)


def no_file_system() -> FileSystem:
    return FileSystem("", "", "", "", 0, 0, 0)


def own_disks(group: Group) -> list[PhysicalVolume]:
    return [disk for disk in group.disks if not disk.lent]


def extents_text(group: Group, extents: int) -> str:
    return f"{size_text(extents * group.extent_size)}, {extents} extents"


def guarded(group: Group, steps: Iterable[Step]) -> tuple[Step, ...]:
    """Nobody has changed the group since, or nothing is done."""
    return (IsUnchanged(f"check that {group.name} is as planned", group.sequence), *steps)


def install_step(task: Task, tools: tuple[str, ...]) -> tuple[Step, ...]:
    known = packages()
    return install_packages(task.storage, sorted({known[tool] for tool in tools if tool not in task.storage.tools}))


def install_packages(storage: Storage, missing: list[str]) -> tuple[Step, ...]:
    if not missing:
        return ()
    manager = storage.host.get("manager")
    if not manager:
        raise Refusal(
            f"{', '.join(missing)} must be installed, and this host has no apt, dnf, yum or zypper",
            "install them by hand",
        )
    return (InstallPackages(f"install {', '.join(missing)} with {manager}", tuple(missing)),)


def stripes_option(volume: Volume) -> int | None:
    return 1 if "striped" in volume.segment_types else None


def encrypted(task: Task, names: list[str]) -> bool:
    """Whether every one of the disks has a dm-crypt device below it, or is one."""
    devices = {device.name: device for device in task.storage.devices}

    def crypted(name: str) -> bool:
        device = devices.get(name)
        return device is not None and (device.type == "crypt" or any(crypted(parent) for parent in device.parents))

    return bool(names) and all(crypted(name) for name in names)


def group_encrypted(task: Task) -> bool:
    return encrypted(task, [task.shrink.node])


def kernel_name(storage: Storage, mount: Mount) -> str:
    """What the kernel calls the device of a mount; btrfs shows no device number of its own there."""
    name = mount.source.rsplit("/", 1)[-1]
    for group in storage.groups:
        for volume in group.volumes:
            mapped = f"{group.name.replace('-', '--')}-{volume.name.replace('-', '--')}"
            if volume.device and (volume.device == mount.device or mapped == name):
                return volume.node
    return name


def ancestors(task: Task, name: str) -> set[str]:
    devices = {device.name: device for device in task.storage.devices}
    found: set[str] = set()
    queue = [name]
    while queue:
        current = queue.pop()
        if current not in found:
            found.add(current)
            queue.extend(devices[current].parents if current in devices else ())
    return found


def mount_options(task: Task) -> str:
    return task.line.options if task.line else "defaults"
