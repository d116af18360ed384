"""Carries a plan out: its steps run as a job on the host, which is followed."""

from collections.abc import Callable
from functools import partial

from pyinfra.api import FunctionCommand, Host, State

from hostwright.base import job
from hostwright.base.refusing import refused_as
from hostwright.base.shown import shown
from hostwright.base.transport import connector_arguments, echo
from hostwright.lock.held import give_back, take, this_run, wait_seconds
from hostwright.lock.settings import DEPLOY, LEASE_SECONDS
from hostwright.lvm.names import HEADER, PROCEDURE
from hostwright.lvm.plan.steps import Plan

LIBRARY = ("job", "packages", "fstab", "rebalance", "copying", "kept_proof", "sizes", "initramfs", "blocks")


def carried_out(plan: Plan, look: Callable[[], Plan], lock_wait: float | None = None) -> list[FunctionCommand]:
    """
    + look: makes the plan anew, from what the host is like then
    + lock_wait: seconds to wait for whoever else has the lock of the host; what the data say, by default
    """
    return [FunctionCommand(_carry_out, (plan, refused_as(job.JobFailed)(look), lock_wait), {})]


def _carry_out(state: State, host: Host, plan: Plan, look: Callable[[], Plan], lock_wait: float | None) -> bool:  # noqa: ARG001
    given_back = None
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
                words = (connector_arguments(host), DEPLOY, this_run())
                if not take(host, *words, wait_seconds(lock_wait), LEASE_SECONDS, _doing(plan)):
                    return False
                given_back = partial(give_back, host, *words)
            except job.JobFailed as failure:
                if isinstance(failure, job.Lost) or not plan.stop:
                    raise
            plan = look()
    except job.JobFailed as failure:
        echo(str(failure), host.print_prefix)
        return False
    finally:
        if given_back:
            given_back()
    return True


def _job(identity: str) -> job.Job:
    return job.Job(PROCEDURE, identity, "hostwright moves space between volumes")


def _doing(plan: Plan) -> str:
    return f"changing the volumes of {plan.group}" if plan.group else "changing volumes"


def _run(host: Host, plan: Plan) -> None:
    """Returns when it is done, and raises JobFailed when it could not be."""
    current = _job(plan.follow or job.new_id())
    if not plan.follow:
        owner = this_run()
        words = {"LOCK": DEPLOY, "OWNER": owner, "DOING": _doing(plan)}
        variables = (*HEADER.items(), ("UNITS", _job("*").unit), *plan.variables)
        job.start(host, job.render(LIBRARY, plan.steps, variables, current, words), current, owner)
    elif plan.stop:
        job.stop(host, current)
    for line in job.follow(host, current):
        host.log(shown(line))
