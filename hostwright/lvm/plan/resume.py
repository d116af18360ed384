"""What is done first when a run is at work, was ended by force, left the source unmounted, or is to be given up."""

from dataclasses import replace

from hostwright.base.refusal import Refusal
from hostwright.lvm import names
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.groups import Group, Volume
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.facts.survey import Survey
from hostwright.lvm.file_systems import COPYING
from hostwright.lvm.file_systems.kind import MIB
from hostwright.lvm.moves import CheckProof, GiveBack, RemoveImage, TakeAway
from hostwright.lvm.plan.fstab import check_automount
from hostwright.lvm.plan.marker import names_volume, read_marker, variables_of
from hostwright.lvm.plan.method import image_path, place_of_resumed_lists
from hostwright.lvm.plan.sequence import REMOVE_LISTS, exchange_steps, lists_step, remake_steps, settling_steps
from hostwright.lvm.plan.source import check_listed, check_paths, check_run, check_use
from hostwright.lvm.plan.steps import Layout, Plan, Step
from hostwright.lvm.plan.task import Task, guarded, install_step, no_file_system
from hostwright.lvm.verbs import ClearTags, Discard, DiscardLists, PutBack, Recover, RestoreFstab, TidyFstab, Uncover


def before_all(storage: Storage, vg: str = "", *, stop: bool = False) -> Plan | None:
    """What comes before anything that is wished of disks, groups or volumes: to end what a run began.

    + vg: the group that is shown with it
    + stop: a run that is still at work is ended, not followed
    """
    job, shown = storage.job, storage.group(vg)
    volumes = tuple((volume.name, volume.extents) for volume in shown.volumes) if shown else ()
    layout = Layout(shown.extents, shown.extent_size, volumes) if shown else Layout(0, 1, ())
    plan = Plan(vg, layout, layout, again=True)
    if job.running:
        return replace(plan, follow=job.id, reason="a run is still at work on this host", stop=stop)
    if job.id and not job.status:
        title = "put right what a run left that was ended by force; then plan again"
        return replace(plan, steps=(Recover(title, job.id),))
    for group in storage.groups:
        for volume in group.volumes:
            system = storage.file_systems.get(volume.name) or no_file_system()
            if f"{names.COVER_TAG}{volume.name}" in group.tags and not _is_mounted(storage, volume, system):
                return put_back(storage, group, volume, system, plan)
    return None


def _is_mounted(storage: Storage, volume: Volume, system: FileSystem) -> bool:
    point = read_marker(storage).get("point") or system.mounted
    return any(mount.device == volume.device or mount.point == point for mount in storage.mounts)


def left_unmounted(task: Task, plan: Plan) -> Plan | None:
    """What comes first where a run left the source unmounted.

    Only what a run leaves says so, its mark in fstab or its tag of the group: others unmount the source on purpose.
    """
    if task.mount or not (read_marker(task.storage) or f"{names.COVER_TAG}{task.wish.shrink}" in task.group.tags):
        return None
    return put_back(task.storage, task.group, replace(task.shrink, name=task.wish.shrink), task.source, plan)


def put_back(storage: Storage, group: Group, volume: Volume, system: FileSystem, plan: Plan) -> Plan:
    memory = read_marker(storage)
    lines = [
        line
        for line in storage.fstab
        if (line.point == memory["point"] if memory else names_volume(group, volume, system, line.spec))
    ]
    if len(lines) != 1:
        raise Refusal(
            f"a lost run left {group.name}/{volume.name} unmounted, and /etc/fstab has "
            f"{'several lines' if lines else 'no line'} for it",
            "mount it where it belongs, then run again",
        )
    point, options = lines[0].point, memory["options"] if memory else lines[0].options
    return replace(
        plan,
        after=plan.before,
        steps=(PutBack(f"mount {point} again, which a lost run left unmounted; then plan again"),),
        variables=(("VG", group.name), ("LV", volume.name), ("MOUNT", point), ("OPTIONS", options)),
        again=True,
    )


def abandon(task: Task, plan: Plan, leftovers: tuple[Step, ...]) -> Plan:
    """Back to the state before, while the source itself is still the newest there is."""
    if task.served != "volume":
        memory, key = read_marker(task.storage), task.wish.key("abandon")
        raise Refusal(
            f"{memory['point']} is served from its proved copy already, and going back would lose what was written "
            "since, which is only there",
            f"run without {key}, and the rest is done from here",
            key=key,
            value=task.wish.abandon,
        )
    return replace(plan, steps=leftovers)


# -- what a lost run left, and what it left to do


def leftovers(task: Task) -> tuple[Step, ...]:
    """What a lost run left: nobody relies on it, since fstab does not name it."""
    group = task.group
    copy = group.volume(task.copy)
    borrowed = [*(disk.name for disk in group.disks if disk.lent), *task.storage.lent]
    steps: list[Step] = []
    if names.COPY_TAG in task.shrink.tags:
        steps.append(ClearTags(f"remove our tag from {task.shrink.name}, which is in place", task.shrink.name))
    staging = task.storage.staging
    image = image_path(task.wish) if staging and staging.owned and staging.image else ""
    # What lies on a borrowed disk when it is given back is moved to where there may be no room.
    steps += left_lists(task)
    if copy or borrowed or image:
        if copy and names.COPY_TAG not in copy.tags:
            raise Refusal(f"{group.name}/{copy.name} is in the way, and not ours", "rename it first")
        what = " and ".join(
            [*([f"the unfinished {copy.name}"] if copy else []), *borrowed, *([image] if image else [])]
        )
        steps.append(Discard(f"clear away what a lost run left: {what}", task.copy, image))
    if task.mount and f"{names.COVER_TAG}{task.wish.shrink}" in group.tags:
        steps.append(Uncover(f"make the directory beneath {task.mount.point} writable again"))
    if task.storage.marker:
        steps.append(RestoreFstab("put the line of fstab back as it was"))
    elif task.storage.host.get("fstab_left"):
        steps.append(TidyFstab("remove what a lost run left beside /etc/fstab"))
    return tuple(steps)


def left_lists(task: Task) -> list[Step]:
    name = names.lists_volume(task.wish.shrink)
    volume = task.group.volume(name)
    if volume and names.LISTS_TAG not in volume.tags:
        raise Refusal(f"{task.group.name}/{name} is in the way, and not ours", "rename it first")
    staging = task.storage.staging
    directory = names.lists_directory(image_path(task.wish)) if staging and staging.owned and staging.lists else ""
    if not volume and not directory:
        return []
    where = " and ".join([*([name] if volume else []), *([directory] if directory else [])])
    return [DiscardLists(f"clear away lists that a lost run left: {where}", name if volume else "", directory)]


def finished(task: Task, survey: Survey, plan: Plan, growth: tuple[Step, ...]) -> Plan:
    """A lost run had the copy proved and fstab pointed at it: that is what people use now, and only forward is safe."""
    memory = read_marker(task.storage)
    check_run(task)
    if task.line:
        check_automount(task.storage, task.line)
    check_use(task, survey, f"{task.group.name}/{task.wish.shrink}")
    steps = (_from_image if task.served == "image" else _from_copy)(task, survey, memory)
    served = memory["point"]
    return replace(
        plan,
        steps=guarded(task.group, (*install_step(task, tuple(COPYING)), *steps, *growth)),
        method="staging" if memory["image"] else "beside",
        reason=f"a run was lost after its copy had been proved: {served} is that copy now, the rest is done from there",
        variables=variables_of(task),
        again=True,
        read_only=5 + survey.allocated // (60 * MIB) if task.served == "image" else 0,
        away=5,
    )


def _from_image(task: Task, survey: Survey, memory: dict[str, str]) -> list[Step]:
    """The volume is made anew, and filled from its staged copy."""
    name = task.wish.shrink
    old, copy = task.group.volume(name), task.group.volume(task.copy)
    steps = left_lists(task)
    if old and names.COPY_TAG in old.tags:
        steps.append(Discard(f"clear away the unfinished {name}", name))
        old = None
    if copy:
        steps.append(Discard(f"clear away the unfinished {copy.name}", task.copy))
    steps.append(lists_step(task, survey, place_of_resumed_lists(task, survey, memory["image"], old)))
    if old:
        steps.append(_check_proof(name))
    check_listed(task)
    check_paths(task, survey)
    source = replace(task.source, kind=memory["kind"], uuid=memory["uuid"], label=memory["label"])
    made = replace(task, source=source)
    return [*steps, *remake_steps(made, survey, memory["image"], old=old is not None)]


def _from_copy(task: Task, survey: Survey, memory: dict[str, str]) -> list[Step]:
    """The copy takes the place of the old volume, if it has not done so already."""
    name = task.wish.shrink
    old, copy = task.group.volume(name), task.group.volume(task.copy)
    former = name if old and copy else memory["image"]
    steps = left_lists(task)
    if former:
        steps.append(lists_step(task, survey, place_of_resumed_lists(task, survey, memory["image"], old)))
        steps.append(_check_proof(former))
    steps.append(TakeAway(f"unmount {memory['point']} and check its file system"))
    steps += exchange_steps(task, old=old is not None, served=True) if copy else settling_steps(task)
    if memory["image"]:
        steps.append(RemoveImage("remove the staged copy", memory["image"]))
    if former:
        steps.append(REMOVE_LISTS)
    lent = [disk.name for disk in task.group.disks if disk.lent]
    return [*steps, *(GiveBack(f"wipe {disk} and give it back", disk) for disk in lent)]


def _check_proof(former: str) -> Step:
    return CheckProof(f"check that {former} holds what was proved, before it is removed", former)
