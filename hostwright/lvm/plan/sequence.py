"""The steps of each method, in the order that keeps a complete copy of the source at every moment."""

from hostwright.lvm import moves
from hostwright.lvm.facts.survey import Survey
from hostwright.lvm.file_systems import KINDS
from hostwright.lvm.plan.marker import memory_of
from hostwright.lvm.plan.method import Lists, Method, lists_bytes
from hostwright.lvm.plan.sizes import size_text
from hostwright.lvm.plan.steps import Step
from hostwright.lvm.plan.task import Task, extents_text, own_disks
from hostwright.lvm.verbs import ClearTags, RemoveVolume, RestoreFstab


def _target_text(task: Task) -> str:
    return f"{task.group.name}/{task.copy} ({extents_text(task.group, task.target)})"


REMOVE_LISTS = moves.DropLists("remove the lists")


def lists_step(task: Task, survey: Survey, lists: Lists) -> Step:
    where = f"make {lists.place if lists.place.startswith('/') else f'{task.group.name}/{lists.place}'}"
    title = f"{where if lists.place else 'keep memory'} for lists of entries ({size_text(lists_bytes(survey))})"
    return moves.MakeLists(title, lists.place, lists.extents, lists.disks)


def _fill(task: Task, survey: Survey, target: str, size: int, served_image: str = "") -> list[Step]:
    """Make a file system in `target`, fill it from the source, and prove the copy, with the source away at the end."""
    assert task.mount is not None
    point = task.mount.point
    return [
        moves.MakeFileSystem(
            f"make a {task.source.kind} file system in it, of the same make",
            target,
            KINDS[task.source.kind].make_command(task.source.said, size, survey.inodes),
        ),
        moves.CopyLive(f"copy {point} ({size_text(survey.allocated)}), which stays in use", target),
        moves.Freeze(f"make {point} read-only"),
        moves.Verify("copy what changed since, and compare everything with the copy read from disk", target),
        moves.TakeAway(f"unmount {point} and check its file system", served_image),
    ]


def _identified_late(task: Task) -> bool:
    return KINDS[memory_of(task)["kind"]].alone_with_its_uuid


def _identify(task: Task, name: str) -> Step:
    return moves.SetIdentity(f"give it UUID {memory_of(task)['uuid']} and the label it had", name)


def exchange_steps(task: Task, *, old: bool, served: bool = False) -> list[Step]:
    """From here a boot takes the copy; it becomes the volume that the source has always been.

    A UUID is not changed in one write: while it changes, the boot still takes the other complete copy.
    """
    assert task.mount is not None
    name = task.wish.shrink
    serve = moves.ServeVolume("let the boot take the copy (fstab)", task.copy)
    remove = RemoveVolume(f"remove the old {name}", name)
    return [
        *([_identify(task, task.copy)] if not _identified_late(task) and not served else []),
        *([] if served else [serve]),
        *([remove] if old else []),
        moves.RenameVolume(f"give the copy the name {name}", task.copy, name),
        *settling_steps(task),
    ]


def settling_steps(task: Task) -> list[Step]:
    assert task.mount is not None
    name, point = task.wish.shrink, task.mount.point
    return [
        *([_identify(task, name)] if _identified_late(task) else []),
        moves.BringBack(f"mount {point}"),
        RestoreFstab("put the line of fstab back as it was"),
        ClearTags("remove our tag from the volume", name),
    ]


def beside_steps(task: Task, survey: Survey, method: Method) -> list[Step]:
    disks = (method.scratch,) if method.scratch else tuple(disk.name for disk in own_disks(task.group))
    steps = [
        *(
            [moves.BorrowDisk(f"borrow {method.scratch} for {task.group.name}", method.scratch, method.wiped)]
            if method.scratch
            else []
        ),
        moves.MakeVolume(f"make {_target_text(task)}", task.copy, task.target, disks),
        lists_step(task, survey, method.lists),
        *_fill(task, survey, task.copy, task.size),
        moves.ServeVolume(f"let the boot keep to the old {task.wish.shrink} by its own id (fstab)", task.wish.shrink),
        *exchange_steps(task, old=True),
        REMOVE_LISTS,
    ]
    if method.scratch:
        steps.append(
            moves.GiveBack(
                f"move {task.wish.shrink} to the group's own disks, wipe {method.scratch}, give it back", method.scratch
            )
        )
    return steps


def staging_steps(task: Task, survey: Survey, method: Method) -> list[Step]:
    assert task.mount is not None
    point = task.mount.point
    return [
        moves.MakeImage(f"make {method.image} ({size_text(method.image_size)})", method.image, method.image_size),
        lists_step(task, survey, method.lists),
        *_fill(task, survey, method.image, method.image_size),
        moves.ServeImage("let the boot take the staged copy (fstab)", method.image),
        moves.BringBack(f"mount {point} from the staged copy: it can be used"),
        *remake_steps(task, survey, method.image, old=True),
    ]


def remake_steps(task: Task, survey: Survey, image: str, *, old: bool) -> list[Step]:
    name = task.wish.shrink
    return [
        *([RemoveVolume(f"remove the old {name}", name)] if old else []),
        moves.MakeVolume(f"make {_target_text(task)}", task.copy, task.target),
        *_fill(task, survey, task.copy, task.size, image),
        *exchange_steps(task, old=False),
        moves.RemoveImage("remove the staged copy", image),
        REMOVE_LISTS,
    ]


def in_place_steps(task: Task, _survey: Survey, _method: Method) -> list[Step]:
    assert task.mount is not None
    name, point, kind = task.wish.shrink, task.mount.point, task.source.kind
    reduce = moves.ReduceVolume(
        f"reduce {task.group.name}/{name} to {extents_text(task.group, task.target)}", name, task.target
    )
    back = moves.BringBack(f"mount {point}")
    if KINDS[kind].shrinks_mounted:
        return [
            moves.ShrinkBtrfs(f"shrink {kind} to {size_text(task.size)}, in use", task.size),
            moves.TakeAway(f"unmount {point} and check its file system"),
            reduce,
            back,
        ]
    return [
        moves.TakeAway(f"unmount {point} and check its file system"),
        moves.ShrinkExt(f"shrink {kind} to {size_text(task.size)}", task.size // 1024),
        reduce,
        back,
    ]
