"""What is done first when a run is at work, was ended by force, left home unmounted, or is to be given up."""

from dataclasses import replace

from hostwright.facts.lvm import Storage
from hostwright.plans.memory import names_volume, read_marker
from hostwright.plans.steps import Layout, Plan, Step
from hostwright.plans.task import Task
from hostwright.plans.verbs import PutBack, Recover
from hostwright.refusal import Refusal
from hostwright.settings import Rebalance


def before_all(storage: Storage, wish: Rebalance) -> Plan | None:
    """What comes before anything that is wished, if the last run's job did not come to its end."""
    job = storage.job
    group = storage.group(wish.vg)
    volumes = tuple((volume.name, volume.extents) for volume in group.volumes) if group else ()
    layout = Layout(group.extents, group.extent_size, volumes) if group else Layout(0, 1, ())
    plan = Plan(wish.vg, layout, layout, again=True)
    if job.running:
        reason = "a run is still at work on this host, whoever began it"
        return replace(plan, follow=job.id, reason=reason, stop=wish.abandon)
    return recovered(storage, plan)


def recovered(storage: Storage, plan: Plan) -> Plan | None:
    """What comes first where the last run's job left no word of its end."""
    job = storage.job
    if job.running or not job.id or job.status:
        return None
    title = "put back what a run left undone that was ended by force; then plan anew"
    return replace(plan, steps=(Recover(title, job.id),), again=True)


def put_back(task: Task, plan: Plan) -> Plan | None:
    """What comes first where a run left home unmounted.

    Only what a run leaves says so, its mark in fstab or its tag of the group: others unmount home on purpose.
    """
    memory, tag = read_marker(task.storage), f"hostwright.cover.{task.wish.shrink}"
    if task.mount or not (memory or tag in task.group.tags):
        return None
    name = f"{task.group.name}/{task.wish.shrink}"
    lines = [task.line] if memory else [line for line in task.storage.fstab if names_volume(task, line.spec)]
    if len(lines) != 1 or lines[0] is None:
        raise Refusal(
            f"a lost run left {name} unmounted, and /etc/fstab has {'no line' if len(lines) < 2 else 'several lines'} "
            "for it: mount it where it belongs, then run again"
        )
    point, options = lines[0].point, memory["options"] if memory else lines[0].options
    variables = (("VG", task.group.name), ("LV", task.wish.shrink), ("MOUNT", point), ("OPTIONS", options))
    return replace(
        plan,
        after=plan.before,
        steps=(PutBack(f"put {point} back, which a lost run left unmounted; then plan anew"),),
        variables=variables,
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
