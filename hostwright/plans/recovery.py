"""What is done first when a run is at work, was ended by force, or is to be given up."""

from dataclasses import replace

from hostwright.facts.lvm import Storage
from hostwright.plans.memory import read_marker
from hostwright.plans.steps import Layout, Plan, Step
from hostwright.plans.task import Task
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
    if job.id and not job.status:
        title = "put back what a run left undone that was ended by force; then plan anew"
        return replace(plan, steps=(Step(title, ("recover", job.id)),))
    return None


def abandon(task: Task, plan: Plan, leftovers: tuple[Step, ...]) -> Plan:
    """Back to the state before, while home itself is still the newest there is."""
    if task.served != "volume":
        memory = read_marker(task.storage)
        raise Refusal(
            f"lvm_abandon: {memory['point']} is served from its proved copy already, and what was written since is "
            "only there: going back would lose it. Run without lvm_abandon, and the rest is done from here"
        )
    return replace(plan, steps=leftovers)
