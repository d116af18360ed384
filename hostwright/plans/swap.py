"""Swap as the volume that shrinks or grows: it is made anew, with its UUID and label."""

from hostwright.facts.lvm import FileSystem, Storage, Volume
from hostwright.plans.sizes import size_text
from hostwright.plans.steps import Step
from hostwright.plans.task import Task, extents_text, stripes_option
from hostwright.refusal import Refusal


def swap_active(storage: Storage, vg: str, volume: Volume) -> int | None:
    """Bytes of it in use; None when it is not active."""
    names = {f"/dev/dm-{volume.device.split(':')[-1]}", f"/dev/{vg}/{volume.name}"}
    return next((swap.used for swap in storage.swaps if swap.path in names), None)


def swap_off_steps(storage: Storage, vg: str, volume: Volume) -> tuple[Step, ...]:
    used = swap_active(storage, vg, volume)
    if used is None:
        return ()
    if used > int(storage.host.get("memavailable", "0")):
        raise Refusal(
            f"{volume.name} holds {size_text(used)} of swapped-out memory, more than is free: end something first, "
            "or add other swap"
        )
    return (Step(f"take {volume.name} out of use ({size_text(used)} in it)", ("swap_off", volume.name)),)


def _swap_steps(task: Task, volume: Volume, system: FileSystem, middle: Step) -> tuple[Step, ...]:
    off = swap_off_steps(task.storage, task.group.name, volume)
    on = (Step(f"take {volume.name} into use again", ("swap_on", volume.name)),)
    make = (
        Step(f"make it swap again, with UUID {system.uuid}", ("make_swap", volume.name, system.uuid, system.label))
        if system.uuid
        else Step("make it swap again", ("make_swap", volume.name, "", system.label))
    )
    return (*off, middle, make, *on) if off else (middle, make)


def grow_swap(task: Task, volume: Volume, system: FileSystem, size: str) -> tuple[Step, ...]:
    middle = Step(f"extend {size}", ("extend_volume", volume.name, str(task.grown), stripes_option(volume)))
    return _swap_steps(task, volume, system, middle)


def shrink_swap(task: Task) -> tuple[Step, ...]:
    middle = Step(
        f"reduce {task.group.name}/{task.shrink.name} to {extents_text(task.group, task.target)}",
        ("reduce_volume", task.shrink.name, str(task.target)),
    )
    return _swap_steps(task, task.shrink, task.home, middle)
