"""Commands that get what must be in no process list and no log on their standard input."""

from typing import Any

from pyinfra import host
from pyinfra.api import StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS
from pyinfra.connectors.util import CommandOutput

from hostwright.transport import connector_arguments, reaching


def asked(command: StringCommand, stdin: str, arguments: dict[str, Any]) -> tuple[bool, CommandOutput]:
    """For plans, in place of a fact."""
    show = host.state.print_fact_input
    return host.run_shell_command(command, print_input=show, **_connecting(reaching(host, arguments), stdin))


def told(command: StringCommand, stdin: str) -> bool:
    """For operations; what the command says is shown as it comes."""
    arguments = _connecting(connector_arguments(host), stdin)
    return host.run_shell_command(command, print_output=True, **arguments)[0]


def _connecting(arguments: dict[str, Any], stdin: str) -> dict[str, Any]:
    return {key: arguments[key] for key in CONNECTOR_ARGUMENT_KEYS if key in arguments} | {"_stdin": stdin}
