"""Decides whether a disk becomes a physical volume of LVM, or stops being one."""

from hostwright.base.refusal import Refusal
from hostwright.lvm.facts.blocks import Blocks, Disk
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.plan.checks import check_host
from hostwright.lvm.plan.confirmation import check_confirmed
from hostwright.lvm.plan.sizes import size_text
from hostwright.lvm.plan.steps import Layout, Plan, Step
from hostwright.lvm.plan.task import install_packages
from hostwright.lvm.settings import PhysicalVolumeWish
from hostwright.lvm.verbs import MakePhysicalVolume, RemovePhysicalVolume

NOWHERE = Layout(0, 1, ())


def decide(blocks: Blocks, wish: PhysicalVolumeWish) -> Plan:
    check_host(blocks.storage)
    plan = Plan("", NOWHERE, NOWHERE)
    disk = blocks.disks[wish.device]
    if wish.present:
        there = is_physical_volume(blocks, wish.device, wish.key("device"))
        steps = () if there else make_steps(blocks, wish.device)
        return Plan("", NOWHERE, NOWHERE, (*install_lvm(blocks.storage), *steps) if steps else ())
    if not disk.physical_volume:
        return plan
    if disk.group:
        raise Refusal(
            f"it is part of volume group {disk.group}",
            f"take it out first (`pvmove {wish.device}`, `vgreduce {disk.group} {wish.device}`), or remove the group",
            key=wish.key("device"),
            value=wish.device,
        )
    lost = f"its LVM label and metadata on {size_text(disk.size)}; it is in no volume group"
    check_confirmed(f"physical volume {wish.device}", lost, wish.device, wish)
    step = RemovePhysicalVolume(f"remove LVM's label and metadata from {wish.device}", wish.device)
    return Plan("", NOWHERE, NOWHERE, (step,))


def install_lvm(storage: Storage) -> tuple[Step, ...]:
    return install_packages(storage, [] if "lvm" in storage.tools else ["lvm2"])


def is_physical_volume(blocks: Blocks, device: str, key: str) -> bool:
    """Refuses a device that is not there, or that cannot become one.

    + key: that asks for it
    """
    disk = blocks.disks[device]
    if not disk.exists:
        there = ", ".join(f"/dev/{found.name}" for found in blocks.storage.devices if found.type == "disk") or "none"
        raise Refusal("no block device of this host", f"name one of its disks: {there}", key=key, value=device)
    if disk.physical_volume:
        return True
    found = [*disk.holds, *_uses(blocks, disk)]
    if found:
        raise Refusal(
            f"it is not empty ({', '.join(found)})",
            "give another disk, or empty this one yourself, after a look (wipefs -a, or zeros in its first MiB)",
            key=key,
            value=device,
        )
    if disk.read_only:
        raise Refusal(
            "it is read-only, and LVM has to write its label there",
            f"give another disk, or make it writable (`blockdev --setrw {device}`)",
            key=key,
            value=device,
        )
    return False


def _uses(blocks: Blocks, disk: Disk) -> list[str]:
    children = [device.name for device in blocks.storage.devices if disk.name in device.parents]
    paths = {f"/dev/{disk.name}"}
    mounts = [f"mounted on {mount.point}" for mount in blocks.storage.mounts if mount.source in paths]
    swaps = ["in use as swap" for swap in blocks.storage.swaps if swap.path in paths]
    return [*children, *mounts, *swaps]


def make_steps(blocks: Blocks, device: str) -> tuple[Step, ...]:
    size = size_text(blocks.disks[device].size)
    return (MakePhysicalVolume(f"make {device} ({size}) a physical volume", device),)
