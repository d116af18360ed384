"""What scripts that only look say of a host."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import click
from pyinfra import host
from pyinfra.connectors.util import CommandOutput

from hostwright import transport

T = TypeVar("T")


class ScriptFact(Generic[T]):
    """What one script says of a host, and what is made of it.

    + secret: what it says is for no output, however much of that is asked for
    """

    text: Callable[..., str]
    secret = False

    def process(self, output: list[str]) -> T:
        raise NotImplementedError


def observe(fact: type[ScriptFact[T]], arguments: Mapping[str, Any], **about: Any) -> T | None:
    """In place of host.get_fact, which knows command lines only; nothing where the host did not tell."""
    known = transport.reaching(host, arguments)
    text = fact().text(**about)

    def ask() -> tuple[bool, CommandOutput]:
        shown = (host.state.print_fact_input, host.state.print_fact_output and not fact.secret)
        return transport.run(host, fact.__name__, text, known, "", *shown)

    try:
        good, output = transport.patiently(host, ask)
    except transport.LOST as error:
        click.echo(f"{host.print_prefix}{error}", err=True)
        return None
    if good and output.stdout_lines:
        return fact().process(output.stdout_lines)
    for line in output.stderr_lines:
        click.echo(f"{host.print_prefix}{line}", err=True)
    return None
