"""Runs a script detached on a host, and follows it: a controller may vanish, the job goes on and is found again."""

import base64
import gzip
import secrets
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gevent import Timeout
from pyinfra.api import Host
from pyinfra.connectors.util import CommandOutput

from hostwright.base.names import LOCK_HEADER, OCCUPIED, RUN
from hostwright.base.refusal import DidNotTell
from hostwright.base.scripts import NONCE, script, sections
from hostwright.base.transport import LOST, Answer, connector_arguments, is_cut, patiently, run
from hostwright.base.verbs import Verb

DIRECTORY = RUN
LOGS = "/var/log/hostwright"
POLL_SECONDS = 3.0
ANSWER_SECONDS = 60
LEASE_SECONDS = 10


@dataclass(frozen=True)
class Job:
    """
    + procedure: whose it is, as its directory, its log and its unit are called
    + description: what systemd says of it
    """

    procedure: str
    id: str
    description: str = ""

    @property
    def directory(self) -> str:
        return f"{DIRECTORY}/{self.procedure}/{self.id}"

    @property
    def log(self) -> str:
        return f"{LOGS}/{self.procedure}.log"

    @property
    def unit(self) -> str:
        return f"hostwright-{self.procedure}-{self.id}"


def new_id() -> str:
    return secrets.token_hex(4)


def render(
    files: Sequence[str], steps: Sequence[Verb], variables: Sequence[tuple[str, str]], job: Job, lock: Mapping[str, str]
) -> str:
    """The whole script of a job: header, library, and a line for each step.

    + files: those of its procedure, which come after job.sh
    + lock: LOCK, OWNER and DOING, as lock.sh wants them; it is taken for as long as the job is at work
    """
    known = {
        "ID": job.id,
        "STEPS": str(len(steps)),
        "RUN": job.directory,
        "LOG": job.log,
        "WORK": f"{DIRECTORY}/{job.procedure}/mnt",
        "LEASE": str(LEASE_SECONDS),
        "WAIT": "0",
        "CONNECTION": "no",
    }
    header = {**LOCK_HEADER, **dict(variables), **known, **lock}
    lines = [f"step {number} {shlex.quote(step.title)} {shlex.join(step.call)}" for number, step in enumerate(steps, 1)]
    return "\n".join(["LOGIN=$1", script("job", *files, **header), "begin", *lines, "finish 0", ""])


class JobFailed(Exception):
    """The job ended otherwise than well; the message is its reason."""


class Busy(JobFailed):
    """Somebody else has the host's lock: it did nothing."""


class Lost(JobFailed):
    """The host cannot be reached any more."""


def start(host: Host, text: str, job: Job, owner: str) -> None:
    """Puts the script on the host and starts it detached from this connection, once, however often it is told to.

    It travels within the command: an SFTP channel would keep the home of our own login busy.
    """
    packed = base64.b64encode(gzip.compress(text.encode(errors="surrogateescape"), mtime=0)).decode()
    words = {"RUN": job.directory, "OWNER": owner, "UNIT": job.unit, "DESCRIPTION": job.description}
    starting = script("start", **words)

    def ask() -> list[str]:
        good, output = _run(host, "start", starting, packed)
        if "started" in output.stdout_lines:
            return []
        if is_cut(host):
            raise OSError("the connection was cut off")
        return [output.stderr or ("no answer" if good else "it failed without a word")]

    if failure := _ask(host, job, ask):
        raise JobFailed(f"the job could not be started: {failure[0]}")


def stop(host: Host, job: Job) -> None:
    """Ends a job as a signal would: it puts back what it took away, and clears away what it made."""
    text = 'lives "$(cat "$RUN/process")" && kill -TERM "-$(cut -d : -f 1 "$RUN/process")"'
    _ask(host, job, lambda: _run(host, "stop", f"{script('processes', RUN=job.directory)}\n{text}"))


def follow(host: Host, job: Job) -> Iterator[str]:
    """The lines of the job's log as they come; ends when the job has ended well.

    A lost connection is made anew for two minutes; the job does not need us.
    """
    seen = 0
    text = script("follow", RUN=job.directory)

    def ask() -> Mapping[str, list[str]]:
        good, output = _run(host, "follow", f"{text}\nlook {seen + 1}\n")
        try:
            found = sections(output.stdout_lines, NONCE, ("log", "status", "gone"))
        except DidNotTell as error:
            raise OSError(str(error)) from None
        if not good or "log" not in found:
            raise OSError(output.stderr or "the host did not answer")
        return found

    while True:
        found = _ask(host, job, ask)
        new = [line.removeprefix("| ") for line in found["log"]]
        seen += len(new)
        yield from new
        status = " ".join(found.get("status", []))
        if status:
            code, _, reason = status.partition(" ")
            if code != "0":
                raise Busy(reason) if code == OCCUPIED else JobFailed(reason)
            return
        if found.get("gone"):
            raise JobFailed(
                "the job was ended by force, or the host went down: run again, it goes on from what is there"
            )
        time.sleep(POLL_SECONDS)


def _run(host: Host, title: str, text: str, data: str = "") -> tuple[bool, CommandOutput]:
    # What dies in silence would be waited for much longer.
    with Timeout(ANSWER_SECONDS, OSError(f"no answer for {ANSWER_SECONDS} s")):
        return run(host, f"job {title}", text, connector_arguments(host), data)


def _ask(host: Host, job: Job, ask: Callable[[], Answer]) -> Answer:
    try:
        return patiently(host, ask)
    except LOST as error:
        raise Lost(
            f"no connection any more ({error}). The job goes on there by itself. Run the same command again: it finds "
            f"the job and follows it. Its log on the host is {job.directory}/log, at its end also {job.log}"
        ) from None
