"""Scripts get to a host's shell on its standard input: command lines are in the process list and in sudo's journal."""

import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from queue import Queue
from typing import Any, TypeVar, cast

import click
from paramiko import SSHException, Transport
from paramiko.file import BufferedFile
from pyinfra.api import Host, StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS, pop_global_arguments
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.output import echo as pyinfra_echo
from pyinfra.connectors import util
from pyinfra.connectors.base import BaseConnector
from pyinfra.connectors.util import CommandOutput, OutputLine, remove_any_sudo_askpass_file

from hostwright.base.scripts import whole
from hostwright.base.shown import shown

Answer = TypeVar("Answer")
LOST_SECONDS = 120.0
RETRY_SECONDS = 3.0
# What pyinfra and paramiko raise when a host cannot be reached, or can no longer.
LOST = (SSHException, OSError, EOFError, PyinfraError)


def echo(text: str, prefix: str = "") -> None:
    """Our own lines, with a host's words in them, to a person.

    + prefix: pyinfra's own, which may be coloured
    """
    click.echo(prefix + "\n".join(map(shown, text.split("\n"))), err=True)


def _read(
    name: str,
    stream: Iterable[Any],
    output_queue: "Queue[OutputLine]",
    print_output: bool = False,
    print_func: Callable[[str], str] = str,
) -> None:
    """In place of pyinfra's own, which takes half an answer for all where a byte is no UTF-8, and prints controls."""
    if isinstance(stream, BufferedFile):
        cast(Any, stream)._flags |= BufferedFile.FLAG_BINARY
    for line in stream:
        text = line.decode(errors="surrogateescape").rstrip("\n")
        # What is said there is for people alone, and pyinfra prints it when a command fails.
        text = shown(text) if name == "stderr" else text
        output_queue.put(OutputLine(name, text))
        if print_output:
            pyinfra_echo(print_func(shown(text)), err=True)


cast(Any, util).read_buffer = _read


def connector_arguments(host: Host) -> dict[str, Any]:
    """How the operation at work reaches its host: sudo, environment and the like."""
    arguments = cast(dict[str, Any], host.current_op_global_arguments or {})
    return {key: arguments[key] for key in CONNECTOR_ARGUMENT_KEYS if key in arguments}


def reaching(host: Host, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """For looks: within an operation its own arguments count, else these and the inventory's."""
    known = pop_global_arguments(host.state, host, dict(arguments))[0]
    return connector_arguments(host) or cast(dict[str, Any], known)


def run(
    host: Host | BaseConnector,
    title: str,
    text: str,
    arguments: Mapping[str, Any],
    data: str = "",
    print_input: bool = False,
    print_output: bool = False,
) -> tuple[bool, CommandOutput]:
    """
    + title: what the process list shows of the script
    + data: what it reads from `data`
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        said = "a name on the host is no UTF-8, and cannot be told back to it: rename it there"
        if print_output:
            echo(said)
        return False, CommandOutput([OutputLine("stderr", said)])
    if is_cut(host):
        _connect(host)
    chosen: dict[str, Any] = {key: arguments[key] for key in CONNECTOR_ARGUMENT_KEYS if key in arguments}
    command, chosen["_stdin"] = StringCommand("sh", "-s", "hostwright", title), whole(text, data)
    if chosen.get("_su_password") or chosen.get("_get_pty"):
        # Standard input is su's or a terminal's then.
        if data:
            said = "files go by standard input, which _su_password and _get_pty take for themselves: use _sudo"
            return False, CommandOutput([OutputLine("stderr", said)])
        command = StringCommand("sh", "-c", shlex.quote(chosen.pop("_stdin")), "hostwright", title)
    return host.run_shell_command(command, print_output, print_input, **chosen)


def patiently(host: Host, ask: Callable[[], Answer]) -> Answer:
    """Asks until there is an answer; a lost connection is made anew for two minutes."""
    answered = time.monotonic()
    while True:
        try:
            return ask()
        except LOST:
            if time.monotonic() - answered > LOST_SECONDS:
                raise
            _hang_up(host)
            time.sleep(RETRY_SECONDS)


def is_cut(host: Host | BaseConnector) -> bool:
    """Whether the SSH connection is gone, as far as can be seen from here."""
    transport = _transport(host)
    return transport is not None and not transport.is_active()


def _transport(host: Host | BaseConnector) -> Transport | None:
    client = getattr(getattr(host, "connector", None), "client", None)
    return client.get_transport() if client else None


def _connect(host: Any) -> None:
    connector = host.connector
    old, host.connected = connector.client, False
    try:
        host.connect(raise_exceptions=True, show_errors=False)
    except PyinfraError:
        # A client without a transport is an AttributeError for whoever comes next.
        connector.client = old
        raise
    # The host may have been booted meanwhile.
    remove_any_sudo_askpass_file(host)


def _hang_up(host: Host) -> None:
    transport = _transport(host)
    if transport:
        transport.close()
