"""What is done first when a run is at work, was ended by force, left home unmounted, or is to be given up."""

from dataclasses import replace

from hostwright.base.refusal import Refusal
from hostwright.lvm import names
from hostwright.lvm.facts.file_system import FileSystem
from hostwright.lvm.facts.groups import Group, Volume
from hostwright.lvm.facts.storage import Storage
from hostwright.lvm.plan.marker import names_volume, read_marker
from hostwright.lvm.plan.steps import Layout, Plan, Step
from hostwright.lvm.plan.task import Task, no_file_system
from hostwright.lvm.verbs import PutBack, Recover


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
        return replace(plan, follow=job.id, reason="a run is still at work on this host, whoever began it", stop=stop)
    if job.id and not job.status:
        title = "put back what a run left undone that was ended by force; then plan anew"
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
    """What comes first where a run left home unmounted.

    Only what a run leaves says so, its mark in fstab or its tag of the group: others unmount home on purpose.
    """
    if task.mount or not (read_marker(task.storage) or f"{names.COVER_TAG}{task.wish.shrink}" in task.group.tags):
        return None
    return put_back(task.storage, task.group, replace(task.shrink, name=task.wish.shrink), task.home, plan)


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
            f"{'several lines' if lines else 'no line'} for it: mount it where it belongs, then run again"
        )
    point, options = lines[0].point, memory["options"] if memory else lines[0].options
    return replace(
        plan,
        after=plan.before,
        steps=(PutBack(f"put {point} back, which a lost run left unmounted; then plan anew"),),
        variables=(("VG", group.name), ("LV", volume.name), ("MOUNT", point), ("OPTIONS", options)),
        again=True,
    )


def abandon(task: Task, plan: Plan, leftovers: tuple[Step, ...]) -> Plan:
    """Back to the state before, while home itself is still the newest there is."""
    if task.served != "volume":
        memory = read_marker(task.storage)
        raise Refusal(
            f"lvm_abandon: {memory['point']} is served from its proved copy already, and what was written since is "
            "only there: going back would lose it. Run without lvm_abandon, and the rest is done from here"
        )
    return replace(plan, steps=leftovers)
