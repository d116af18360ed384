"""Scripts that look and scripts that act: they and their data go by standard input, past process lists and logs."""

from collections.abc import Mapping
from typing import Any

from pyinfra import host
from pyinfra.api import Host
from pyinfra.connectors.util import CommandOutput

from hostwright.base import transport


def query(
    title: str, text: str, arguments: Mapping[str, Any], data: str = "", secret: bool = False
) -> tuple[bool, CommandOutput]:
    """In place of a fact: a lost connection is made anew, so only for what may be asked twice.

    + secret: what it says is for no output, however much of that is asked for
    """
    known = transport.reaching(host, arguments)

    def ask() -> tuple[bool, CommandOutput]:
        shown = (host.state.print_fact_input, host.state.print_fact_output and not secret)
        return transport.run(host, title, text, known, data, *shown)

    return transport.patiently(host, ask)


def execute(host: Host, title: str, text: str, data: str = "", show: bool = False) -> tuple[bool, CommandOutput]:
    """In place of a command of the operation at work, which reaches the host in the same way.

    + show: its output as it comes
    """
    return transport.run(host, title, text, transport.connector_arguments(host), data, print_output=show)
