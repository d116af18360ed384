"""What volumes are made of: physical volumes, volume groups, and volumes with a file system and a mount point.

Each is planned twice: when the deploy file is loaded, for the host that the blocks before it will leave behind, so that
every refusal comes before the first change; and, where this run has changed the host since, when its turn has come.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from pyinfra import host
from pyinfra.api import FunctionCommand, Host
from pyinfra.api.operation import OperationMeta
from typing_extensions import Unpack

from hostwright.base.arguments import Arguments, NamedArguments
from hostwright.base.observe import observe
from hostwright.base.refusing import named, refusing
from hostwright.base.settings import Model, validated
from hostwright.lvm.facts.blocks import Blocks, LvmBlocks
from hostwright.lvm.facts.survey import LvmSurvey, Survey
from hostwright.lvm.names import DEFAULT_STAGING
from hostwright.lvm.operations.archives import archives_of
from hostwright.lvm.operations.job import carried_out
from hostwright.lvm.plan import logical_volume as logical_volume_plan
from hostwright.lvm.plan import physical_volume as physical_volume_plan
from hostwright.lvm.plan import volume_group as volume_group_plan
from hostwright.lvm.plan.forecast import after
from hostwright.lvm.plan.picture import draw, draw_steps
from hostwright.lvm.plan.resume import before_all
from hostwright.lvm.plan.steps import Plan
from hostwright.lvm.plan.task import Task, kernel_name
from hostwright.lvm.settings import LogicalVolumeWish, PhysicalVolumeWish, VolumeGroupWish
from hostwright.planned import planned


@dataclass
class Coming:
    """What the blocks of a run that are planned already will do to a host, and the disks that they are about."""

    plans: list[Plan] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)


Look = Callable[[Coming], Plan]
_coming: WeakKeyDictionary[Host, Coming] = WeakKeyDictionary()


@named
def physical_volume(
    device: str,
    present: bool = True,
    confirm: str | None = None,
    **arguments: Unpack[NamedArguments],
) -> OperationMeta:
    """
    Make a blank disk or partition a physical volume of LVM, or make a physical volume blank again.

    + device: its path, such as `/dev/vdb` or `/dev/disk/by-id/...`
    + present: `False` takes LVM's label from it; only where no volume group has it
    + confirm: the device once more, for `present=False`: what is removed is asked for twice

    Refused, before anything is changed on any host: a device that is not there, is read-only, or is not blank (a file
    system, a partition table, any signature, data in its first MiB, partitions, mappings, mounted, swap); to remove one
    that is part of a volume group, or that `confirm` does not name.
    Sources: pvcreate(8), pvremove(8), wipefs(8), blkid(8).

    **Example:**

    .. code:: python

        from hostwright import lvm

        lvm.physical_volume("/dev/vdb")
    """
    wish = _wish(PhysicalVolumeWish, device=device, present=present, confirm=confirm)

    def look(coming: Coming) -> Plan:
        blocks = _observed(coming, arguments, devices=[wish.device])
        return before_all(blocks.storage) or physical_volume_plan.decide(blocks, wish)

    return _block(f"Physical volume {wish.device}{_absent(present)}", look, arguments, devices=[wish.device])


@named
def volume_group(
    name: str,
    devices: Sequence[str] = (),
    extent_size: str | None = None,
    present: bool = True,
    confirm: str | None = None,
    **arguments: Unpack[Arguments],
) -> OperationMeta:
    """
    Make a volume group of disks, or extend it by those that it lacks; or remove one that is empty.

    + name: name of the volume group
    + devices: paths of disks that must be in it, blank ones or physical volumes; other disks of the group stay in it
    + extent_size: a power of two, such as `4M` (LVM's default) or `32M` (LVM's binary units)
    + present: `False` removes the group; its disks stay physical volumes
    + confirm: the name once more, for `present=False`: what is removed is asked for twice

    Refused, before anything is changed on any host: a disk that is not there, is not blank, or is in another group; a
    group with extents of another size, or that is partial, exported or shared; to remove a group with volumes in it, or
    one that `confirm` does not name.
    Sources: vgcreate(8), vgextend(8), vgremove(8).

    **Example:**

    .. code:: python

        from hostwright import lvm

        lvm.volume_group("data", ["/dev/vdb", "/dev/vdc"])
    """
    wish = _wish(
        VolumeGroupWish,
        name=name,
        devices=(devices,) if isinstance(devices, str) else tuple(devices),
        extent_size=extent_size,
        present=present,
        confirm=confirm,
    )

    def look(coming: Coming) -> Plan:
        blocks = _observed(coming, arguments, devices=wish.devices, vg=wish.name)
        return before_all(blocks.storage) or volume_group_plan.decide(blocks, wish)

    return _block(f"Volume group {wish.name}{_absent(present)}", look, arguments, devices=wish.devices)


@named
def logical_volume(
    vg: str,
    name: str,
    size: str | None = None,
    fs: str | None = None,
    mount: str | None = None,
    options: str = "defaults",
    present: bool = True,
    confirm: str | None = None,
    busy: str = "refuse",
    staging: str | None = None,
    scratch: str | None = None,
    strategy: str | None = None,
    **arguments: Unpack[Arguments],
) -> OperationMeta:
    """
    Make a logical volume of a size, with its file system, mounted now and at boot; or grow, shrink or remove it.

    + vg: name of the volume group
    + name: name of the volume
    + size: its size: `50G`, `51200m` (LVM's binary units), `12800 extents`, `40%VG`, or `100%FREE` for all that is left
    + fs: `xfs`, `ext4`, `ext3`, `ext2`, `btrfs`, or `swap` (which is taken into use); none leaves what is on it alone
    + mount: its mount point, a directory that is made if it is not there
    + options: its mount options, with commas between them, as in fstab(5)
    + present: `False` unmounts the volume and removes it, with its line in /etc/fstab
    + confirm: `VG/NAME` once more, for `present=False`: what is removed is asked for twice
    + busy: when somebody uses a volume that must shrink: `refuse`, or `stop` them, as `rebalance` does
    + staging, scratch, strategy: how the copy is made when it must shrink, as `rebalance` takes them

    It grows online, and shrinks as `rebalance` does it, by a copy that is compared before the old one goes; what that
    frees stays free in the group.

    Refused, before anything is changed on any host: a relative size, or one that the group has no room for; another
    file system than the volume carries (nothing is ever overwritten), or one on a volume that is not blank; a mount
    point with entries in it, or that something else is mounted on, now or by /etc/fstab; what `rebalance` refuses, for
    a volume that must shrink; a group with a volume that somebody cut; to remove a volume that is in use, or that
    `confirm` does not name.
    Sources: lvcreate(8), lvextend(8), lvremove(8), mkfs(8), mount(8), fstab(5), swapon(8).

    **Example:**

    .. code:: python

        from hostwright import lvm

        lvm.logical_volume("data", "pg", "20G", fs="xfs", mount="/var/lib/postgresql")
    """
    values = {key: value for key, value in locals().items() if key in LogicalVolumeWish.model_fields}
    wish = _wish(LogicalVolumeWish, **values)
    title = f"Logical volume {wish.full_name}{f' of {wish.size}' if present else ''}{_absent(present)}"
    return _block(title, partial(_volume_plan, wish, arguments), arguments, pictured=True)


def _volume_plan(wish: LogicalVolumeWish, arguments: Mapping[str, Any], coming: Coming) -> Plan:
    blocks = _observed(
        coming,
        arguments,
        vg=wish.vg,
        volume=wish.name,
        point=wish.mount or "",
        staging=wish.staging or ("" if wish.scratch else DEFAULT_STAGING),
        scratch=wish.scratch or "",
        holders="" if wish.present else "yes",
    )
    if first := before_all(blocks.storage, wish.vg):
        return first
    archives = archives_of(blocks.storage, wish.vg, arguments)
    task = logical_volume_plan.shrinking(blocks, wish, archives)
    return logical_volume_plan.decide(blocks, wish, task, _survey(task, arguments), archives)


def _survey(task: Task | None, arguments: Mapping[str, Any]) -> Survey | None:
    if task is None or not task.needs_survey or task.mount is None:
        return None
    device = kernel_name(task.storage, task.mount)
    return observe(LvmSurvey, arguments, mount_point=task.mount.point, device=device)


def _wish(model: type[Model], **values: Any) -> Model:
    with refusing():
        return validated(model, values)


def _absent(present: bool) -> str:
    return "" if present else ": removed"


def _observed(coming: Coming, arguments: Mapping[str, Any], *, devices: Sequence[str] = (), **about: str) -> Blocks:
    paths = " ".join(dict.fromkeys([*coming.devices, *devices]))
    blocks = observe(LvmBlocks, arguments, devices=paths, **about)
    for plan in coming.plans:
        blocks = after(blocks, plan)
    return blocks


def _block(
    title: str,
    look: Look,
    arguments: Mapping[str, Any],
    *,
    devices: Sequence[str] = (),
    pictured: bool = False,
) -> OperationMeta:

    def decide(_: Mapping[str, Any]) -> Plan:
        # Where operations are made while others run, nothing is still to come.
        here = host.state.inventory.get_host(host.name)
        coming = Coming() if host.state.is_executing else _coming.setdefault(here, Coming())
        plan = look(coming)
        coming.plans.append(plan)
        coming.devices.extend(devices)
        return plan

    def drawn(plan: Plan) -> str:
        if not plan.changes:
            return ""
        return draw(host.name, plan) if pictured and not plan.follow else draw_steps(host.name, title, plan)

    def job(plan: Plan) -> list[FunctionCommand]:
        return carried_out(plan, lambda: decide({}))

    return planned(title, decide, drawn, job, arguments)
