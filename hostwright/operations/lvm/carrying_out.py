"""Carries a plan out: its steps run as a job on the host, which is followed."""

from collections.abc import Callable
from functools import partial

from pyinfra.api import FunctionCommand, Host, State

from hostwright import job
from hostwright.operations import lock
from hostwright.plans.steps import Plan
from hostwright.refusal import Refusal
from hostwright.shown import shown
from hostwright.transport import connector_arguments, echo

VOLUMES = ("asking", "packages", "copies", "work", "room", "exchange", "leftovers", "lent", "sizes", "lvm")
LIBRARY = (
    *("processes", "lock", "job", "holders", "ownership"),
    *("lists", "tree", "marks", "compare", "quotas", "copying", "proof"),
    *("fstab", *VOLUMES, "places", "initramfs", "blocks"),
)


def carried_out(plan: Plan, look: Callable[[], Plan], lock_wait: float = lock.WAIT_SECONDS) -> list[FunctionCommand]:
    """
    + look: makes the plan anew, from what the host is like then
    + lock_wait: seconds to wait for whoever else has the lock of the host
    """
    return [FunctionCommand(_carry_out, (plan, look, lock_wait), {})]


def _carry_out(state: State, host: Host, plan: Plan, look: Callable[[], Plan], lock_wait: float) -> bool:  # noqa: ARG001
    give_back = None
    try:
        while plan.changes:
            try:
                _run(host, plan)
                if not plan.again:
                    return True
            except job.Busy:
                plan = look()
                if plan.follow:
                    continue
                words = (connector_arguments(host), lock.DEPLOY, lock.this_run())
                if not lock.take(host, *words, lock_wait, lock.LEASE_SECONDS, _doing(plan)):
                    return False
                give_back = partial(lock.give_back, host, *words)
            except job.JobFailed as failure:
                if isinstance(failure, job.Lost) or not plan.stop:
                    raise
            plan = look()
    except (job.JobFailed, Refusal) as failure:
        echo(str(failure), host.print_prefix)
        return False
    finally:
        if give_back:
            give_back()
    return True


def _doing(plan: Plan) -> str:
    return f"changing the volumes of {plan.group}" if plan.group else "changing volumes"


def _run(host: Host, plan: Plan) -> None:
    """Returns when it is done, and raises JobFailed when it could not be."""
    identity = plan.follow
    if not identity:
        identity, owner = job.new_id(), lock.this_run()
        words = {"LOCK": lock.DEPLOY, "OWNER": owner, "DOING": _doing(plan)}
        job.start(host, job.render(LIBRARY, plan.steps, plan.variables, identity, words), identity, owner)
    elif plan.stop:
        job.stop(host, identity)
    for line in job.follow(host, identity):
        host.log(shown(line))
