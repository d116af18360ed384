"""Swap as the volume that shrinks or grows: it is made anew, with its UUID and label."""

from hostwright.facts.lvm import FileSystem, Volume
from hostwright.plans.sizes import size_text
from hostwright.plans.steps import Step
from hostwright.plans.task import Task, extents_text, stripes_option
from hostwright.refusal import Refusal


def _swap_active(task: Task, volume: Volume) -> int | None:
    """Bytes of it in use; None when it is not active."""
    names = {f"/dev/dm-{volume.device.split(':')[-1]}", f"/dev/{task.group.name}/{volume.name}"}
    return next((swap.used for swap in task.storage.swaps if swap.path in names), None)


def _swap_steps(task: Task, volume: Volume, system: FileSystem, middle: Step) -> tuple[Step, ...]:
    used = _swap_active(task, volume)
    if used is not None and used > int(task.storage.host.get("memavailable", "0")):
        raise Refusal(
            f"{volume.name} holds {size_text(used)} of swapped-out memory, more than is free: end something first, "
            "or add other swap"
        )
    off = (Step(f"take {volume.name} out of use ({size_text(used or 0)} in it)", ("swap_off", volume.name)),)
    on = (Step(f"take {volume.name} into use again", ("swap_on", volume.name)),)
    make = (
        Step(f"make it swap again, with UUID {system.uuid}", ("make_swap", volume.name, system.uuid, system.label))
        if system.uuid
        else Step("make it swap again", ("make_swap", volume.name, "", system.label))
    )
    return (middle, make) if used is None else (*off, middle, make, *on)


def grow_swap(task: Task, volume: Volume, system: FileSystem, size: str) -> tuple[Step, ...]:
    middle = Step(f"extend {size}", ("extend_volume", volume.name, str(task.grown), stripes_option(volume)))
    return _swap_steps(task, volume, system, middle)


def shrink_swap(task: Task) -> tuple[Step, ...]:
    middle = Step(
        f"reduce {task.group.name}/{task.shrink.name} to {extents_text(task.group, task.target)}",
        ("reduce_volume", task.shrink.name, str(task.target)),
    )
    return _swap_steps(task, task.shrink, task.home, middle)
