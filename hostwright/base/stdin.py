"""Commands that get what must be in no process list and no log on their standard input."""

from typing import Any

from pyinfra import host
from pyinfra.api import StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS
from pyinfra.connectors.util import CommandOutput

from hostwright.base.transport import reaching


def asked(command: StringCommand, stdin: str, arguments: dict[str, Any]) -> tuple[bool, CommandOutput]:
    """In place of a fact, and of a command whose words are shown only as they may be."""
    show = host.state.print_fact_input
    return host.run_shell_command(command, print_input=show, **_connecting(reaching(host, arguments), stdin))


def _connecting(arguments: dict[str, Any], stdin: str) -> dict[str, Any]:
    return {key: arguments[key] for key in CONNECTOR_ARGUMENT_KEYS if key in arguments} | {"_stdin": stdin}
