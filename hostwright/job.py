"""Runs a script detached on a host, and follows it: a controller may vanish, the job goes on and is found again."""

import base64
import gzip
import secrets
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from paramiko import SSHException
from pyinfra.api import Host, StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS
from pyinfra.api.exceptions import PyinfraError
from pyinfra.connectors.util import CommandOutput

from hostwright.plans.steps import Step
from hostwright.shell import script, sections

DIRECTORY = "/run/hostwright/lvm"
POLL_SECONDS = 3.0
LOST_SECONDS = 120.0
LEASE_SECONDS = 10
# The status with which a job ends that did not get the host's lock (shell/lock.sh).
BUSY = "75"


def new_id() -> str:
    return secrets.token_hex(4)


def render(
    files: Sequence[str], steps: Sequence[Step], variables: Sequence[tuple[str, str]], job: str, lock: Mapping[str, str]
) -> str:
    """The whole script of a job: header, library, and a line for each step.

    + lock: LOCK, OWNER and DOING, as shell/lock.sh wants them; it is taken for as long as the job is at work
    """
    header = dict(variables) | {
        "ID": job,
        "STEPS": str(len(steps)),
        "RUN": f"{DIRECTORY}/{job}",
        "LOG": "/var/log/hostwright/lvm.log",
        "WORK": f"{DIRECTORY}/mnt",
        "LEASE": str(LEASE_SECONDS),
        "WAIT": "0",
        "CONNECTION": "no",
    }
    header |= lock
    lines = [f"step {number} {shlex.quote(step.title)} {shlex.join(step.call)}" for number, step in enumerate(steps, 1)]
    return "\n".join(["LOGIN=$1", script(*files, **header), "begin", *lines, "finish 0", ""])


def start_command(text: str, job: str, owner: str) -> StringCommand:
    """Puts the script on the host and starts it detached from this connection, in one command.

    It travels within the command: an SFTP channel would keep the home of our own login busy.
    """
    packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    run = f"{DIRECTORY}/{job}"
    return StringCommand(
        "sh",
        "-c",
        shlex.quote(
            script("holders", "start", ID=job, RUN=run, OWNER=owner).replace("@PACKED@", packed),
        ),
    )


class JobFailed(Exception):
    """The job ended otherwise than well; the message is its reason."""


class Busy(JobFailed):
    """Somebody else has the host's lock: it did nothing."""


def start(host: Host, text: str, job: str, owner: str) -> None:
    good, output = _run(host, start_command(text, job, owner))
    if not good:
        raise JobFailed(f"the job could not be started: {output.stderr or 'no answer'}")


def stop(host: Host, job: str) -> None:
    """Ends a job as a signal would: it puts home back, and clears away what it made."""
    run = f"{DIRECTORY}/{job}"
    _run(host, StringCommand("sh", "-c", shlex.quote(f'kill -TERM "-$(cut -d : -f 1 {run}/process)"')))


def follow(host: Host, job: str) -> Iterator[str]:
    """The lines of the job's log as they come; ends when the job has ended well.

    A lost connection is made anew for two minutes; the job does not need us.
    """
    seen = 0
    lost_since: float | None = None
    command = script("processes", "follow", RUN=f"{DIRECTORY}/{job}")
    while True:
        try:
            found = sections(_read(host, f"{command}\nlook {seen + 1}\n"))
        except (SSHException, OSError, EOFError, PyinfraError) as error:
            lost_since = lost_since or time.monotonic()
            if time.monotonic() - lost_since > LOST_SECONDS:
                raise JobFailed(
                    f"no connection any more ({error}); the job goes on there: run again to find it"
                ) from None
            time.sleep(POLL_SECONDS)
            _reconnect(host)
            continue
        lost_since = None
        new = [line.removeprefix("| ") for line in found.get("log", [])]
        seen += len(new)
        yield from new
        status = " ".join(found.get("status", []))
        if status:
            code, _, reason = status.partition(" ")
            if code != "0":
                raise Busy(reason) if code == BUSY else JobFailed(reason)
            return
        if found.get("gone"):
            raise JobFailed(
                "the job was ended by force, or the host went down: run again, it goes on from what is there"
            )
        time.sleep(POLL_SECONDS)


def _run(host: Host, command: StringCommand) -> tuple[bool, CommandOutput]:
    arguments = cast(dict[str, Any], host.current_op_global_arguments or {})
    chosen = {key: arguments[key] for key in CONNECTOR_ARGUMENT_KEYS if key in arguments}
    return host.run_shell_command(command, **chosen)


def _read(host: Host, text: str) -> list[str]:
    good, output = _run(host, StringCommand("sh", "-c", shlex.quote(text)))
    if not good:
        raise OSError(output.stderr or "the host did not answer")
    return output.stdout_lines


def _reconnect(host: Host) -> None:
    try:
        host.disconnect()
        host.connected = False
        host.connect(raise_exceptions=True, show_errors=False)
    except (SSHException, OSError, EOFError, PyinfraError):
        return
