"""The steps of each way, in the order that keeps a complete copy of home at every moment."""

from hostwright.facts.lvm import Survey
from hostwright.plans import file_systems
from hostwright.plans.memory import memory_of
from hostwright.plans.sizes import size_text
from hostwright.plans.steps import Step
from hostwright.plans.task import Task, extents_text, own_disks
from hostwright.plans.ways import Way, lists_bytes


def _target_text(task: Task) -> str:
    return f"{task.group.name}/{task.copy} ({extents_text(task.group, task.target)})"


REMOVE_LISTS = Step("remove the lists", ("drop_lists",))


def lists_step(task: Task, survey: Survey, place: tuple[str, ...]) -> Step:
    where = f"make {place[0] if place[0].startswith('/') else f'{task.group.name}/{place[0]}'}"
    size = size_text(lists_bytes(survey))
    return Step(f"{where if place[0] else 'keep memory'} for lists of entries ({size})", ("make_lists", *place))


def _fill(task: Task, survey: Survey, target: str, size: int, served_image: str = "") -> list[Step]:
    """Make a file system in `target`, fill it from home, and prove the copy, with home away at the end."""
    assert task.mount is not None
    point = task.mount.point
    return [
        Step(
            f"make a {task.home.kind} file system in it, of the same make",
            ("make_file_system", target, *file_systems.make_command(task.home, survey, size)),
        ),
        Step(f"copy {point} ({size_text(survey.allocated)}), which stays in use", ("copy_live", target)),
        Step(f"make {point} read-only", ("freeze",)),
        Step("copy what changed since, and compare everything with the copy read from disk", ("verify", target)),
        Step(f"take {point} away and check its file system", ("take_away", served_image)),
    ]


# Of two btrfs with one UUID the kernel may take either, whatever the boot is told.
ALONE_WITH_ITS_UUID = ("btrfs",)


def _identified_late(task: Task) -> bool:
    return memory_of(task)["kind"] in ALONE_WITH_ITS_UUID


def _identify(task: Task, name: str) -> Step:
    return Step(f"give it UUID {memory_of(task)['uuid']} and the label it had", ("set_identity", name))


def exchange_steps(task: Task, *, old: bool, served: bool = False) -> list[Step]:
    """From here a boot takes the copy; it becomes the volume that home has always been.

    A UUID is not changed in one write: while it changes, the boot still takes the other complete copy.
    """
    assert task.mount is not None
    name = task.wish.shrink
    serve = Step("let the boot take the copy (fstab)", ("serve_volume", task.copy))
    remove = Step(f"remove the old {name}", ("remove_volume", name))
    return [
        *([_identify(task, task.copy)] if not _identified_late(task) and not served else []),
        *([] if served else [serve]),
        *([remove] if old else []),
        Step(f"give the copy the name {name}", ("rename_volume", task.copy, name)),
        *settling_steps(task),
    ]


def settling_steps(task: Task) -> list[Step]:
    assert task.mount is not None
    name, point = task.wish.shrink, task.mount.point
    return [
        *([_identify(task, name)] if _identified_late(task) else []),
        Step(f"mount {point}", ("bring_back",)),
        Step("put the line of fstab back as it was", ("restore_fstab",)),
        Step("take our mark from the volume", ("clear_tags", name)),
    ]


def beside_steps(task: Task, survey: Survey, way: Way) -> list[Step]:
    disks = (way.scratch,) if way.scratch else tuple(disk.name for disk in own_disks(task.group))
    borrow = ("borrow_disk", way.scratch, str(way.wiped))
    steps = [
        *([Step(f"borrow {way.scratch} for {task.group.name}", borrow)] if way.scratch else []),
        Step(f"make {_target_text(task)}", ("make_volume", task.copy, str(task.target), *disks)),
        lists_step(task, survey, way.lists),
        *_fill(task, survey, task.copy, task.size),
        Step(
            f"let the boot keep to the old {task.wish.shrink} by its own id (fstab)", ("serve_volume", task.wish.shrink)
        ),
        *exchange_steps(task, old=True),
        REMOVE_LISTS,
    ]
    if way.scratch:
        steps.append(
            Step(
                f"move {task.wish.shrink} to the group's own disks, wipe {way.scratch}, give it back",
                ("give_back", way.scratch),
            )
        )
    return steps


def staging_steps(task: Task, survey: Survey, way: Way) -> list[Step]:
    assert task.mount is not None
    point = task.mount.point
    return [
        Step(f"make {way.image} ({size_text(way.image_size)})", ("make_image", way.image, str(way.image_size))),
        lists_step(task, survey, way.lists),
        *_fill(task, survey, way.image, way.image_size),
        Step("let the boot take the staged copy (fstab)", ("serve_image", way.image)),
        Step(f"mount {point} from the staged copy: it can be used", ("bring_back",)),
        *remake_steps(task, survey, way.image, old=True),
    ]


def remake_steps(task: Task, survey: Survey, image: str, *, old: bool) -> list[Step]:
    name = task.wish.shrink
    return [
        *([Step(f"remove the old {name}", ("remove_volume", name))] if old else []),
        Step(f"make {_target_text(task)}", ("make_volume", task.copy, str(task.target))),
        *_fill(task, survey, task.copy, task.size, image),
        *exchange_steps(task, old=False),
        Step("remove the staged copy", ("remove_image", image)),
        REMOVE_LISTS,
    ]


def in_place_steps(task: Task, _survey: Survey, _way: Way) -> list[Step]:
    assert task.mount is not None
    name, point, kind = task.wish.shrink, task.mount.point, task.home.kind
    reduce = Step(
        f"reduce {task.group.name}/{name} to {extents_text(task.group, task.target)}",
        ("reduce_volume", name, str(task.target)),
    )
    back = Step(f"mount {point}", ("bring_back",))
    if kind == "btrfs":
        return [
            Step(f"shrink btrfs to {size_text(task.size)}, in use", ("shrink_btrfs", str(task.size))),
            Step(f"take {point} away and check its file system", ("take_away", "")),
            reduce,
            back,
        ]
    return [
        Step(f"take {point} away and check its file system", ("take_away", "")),
        Step(f"shrink {kind} to {size_text(task.size)}", ("shrink_ext", str(task.size // 1024) + "K")),
        reduce,
        back,
    ]
