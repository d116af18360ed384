"""Carries a plan out: its steps run as a job on the host, which is followed."""

from collections.abc import Generator

import click
from pyinfra.api import FunctionCommand, Host, State, StringCommand

from hostwright import job
from hostwright.plans.steps import Plan

LIBRARY = ("job", "holders", "tree", "fstab", "lvm", "blocks")


def carried_out(plan: Plan) -> Generator[StringCommand | FunctionCommand, None, None]:
    identity = plan.follow
    if not identity:
        identity = job.new_id()
        yield job.start_command(job.render(LIBRARY, plan.steps, plan.variables, identity), identity)
    yield FunctionCommand(_follow, (identity,), {})


def _follow(state: State, host: Host, identity: str) -> bool:  # noqa: ARG001 - pyinfra passes both, by these names
    try:
        for line in job.follow(host, identity):
            host.log(line)
    except job.JobFailed as failure:
        click.echo(f"{host.print_prefix}{failure}", err=True)
        return False
    return True
