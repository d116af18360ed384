"""Carries a plan out: its steps run as a job on the host, which is followed."""

from collections.abc import Generator

import click
from pyinfra.api import FunctionCommand, Host, State

from hostwright import job
from hostwright.plans.steps import Plan

LIBRARY = ("job", "holders", "tree", "fstab", "lvm", "blocks")


def carried_out(plan: Plan) -> Generator[FunctionCommand, None, None]:
    yield FunctionCommand(_carry_out, (plan,), {})


def _carry_out(state: State, host: Host, plan: Plan) -> bool:  # noqa: ARG001 - pyinfra passes both, by these names
    try:
        carry_out(host, plan)
    except job.JobFailed as failure:
        click.echo(f"{host.print_prefix}{failure}", err=True)
        return False
    return True


def carry_out(host: Host, plan: Plan) -> None:
    """Returns when it is done, and raises JobFailed when it could not be."""
    identity = plan.follow
    if not identity:
        identity = job.new_id()
        job.start(host, job.render(LIBRARY, plan.steps, plan.variables, identity), identity)
    elif plan.stop:
        job.stop(host, identity)
    for line in job.follow(host, identity):
        host.log(line)
