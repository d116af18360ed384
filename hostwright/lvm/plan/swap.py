"""Swap as the volume that shrinks or grows: it is made anew, with its UUID and label."""

from hostwright.base.refusal import Refusal
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.groups import Volume
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.moves import ReduceVolume
from hostwright.lvm.plan.sizes import size_text
from hostwright.lvm.plan.steps import Step
from hostwright.lvm.plan.task import Task, extents_text, stripes_option
from hostwright.lvm.verbs import ExtendVolume, MakeSwap, SwapOff, SwapOn


def swap_active(storage: Storage, vg: str, volume: Volume) -> int | None:
    """Bytes of it in use; None when it is not active."""
    names = {f"/dev/{volume.node}", f"/dev/{vg}/{volume.name}"}
    return next((swap.used for swap in storage.swaps if swap.path in names), None)


def swap_off_steps(storage: Storage, vg: str, volume: Volume) -> tuple[Step, ...]:
    used = swap_active(storage, vg, volume)
    if used is None:
        return ()
    if used > int(storage.host.get("memavailable", "0")):
        raise Refusal(
            f"{volume.name} holds {size_text(used)} of swapped-out memory, more than is free",
            "end something first, or add other swap",
        )
    return (SwapOff(f"stop using {volume.name} as swap ({size_text(used)} in it)", volume.name),)


def _swap_steps(task: Task, volume: Volume, system: FileSystem, middle: Step) -> tuple[Step, ...]:
    off = swap_off_steps(task.storage, task.group.name, volume)
    on = (SwapOn(f"use {volume.name} as swap again", volume.name),)
    title = "make it swap again" + (f", with UUID {system.uuid}" if system.uuid else "")
    make = MakeSwap(title, volume.name, system.uuid, system.label)
    return (*off, middle, make, *on) if off else (middle, make)


def grow_swap(task: Task, volume: Volume, system: FileSystem, size: str) -> tuple[Step, ...]:
    middle = ExtendVolume(f"extend {size}", volume.name, task.grown, stripes_option(volume))
    return _swap_steps(task, volume, system, middle)


def shrink_swap(task: Task) -> tuple[Step, ...]:
    middle = ReduceVolume(
        f"reduce {task.group.name}/{task.shrink.name} to {extents_text(task.group, task.target)}",
        task.shrink.name,
        task.target,
    )
    return _swap_steps(task, task.shrink, task.source, middle)
