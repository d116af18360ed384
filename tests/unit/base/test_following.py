"""A job is followed over connections that get lost: over SSH, to a server in these tests."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pyinfra.api import Config, Host, Inventory, State
from pyinfra.api.connect import connect_all
from pyinfra.context import ctx_host, ctx_state

from hostwright.base import job, transport
from hostwright.base.observe import observe
from hostwright.base.refusal import DidNotTell
from hostwright.base.scripts import script
from hostwright.base.verbs import Verb
from hostwright.lock.facts import HostLocks
from tests.unit.ssh_server import Server, serving

# In its package the name is the function.
lock = import_module("hostwright.lock.held")

SHOP = job.Job("shop", "ab12", "hostwright fills the shelves")
# In place of the job's library: it is at work for a moment, and says so.
JOB = """
echo begun >>"$RUN/begun"
PROC=/proc
read -r stat <"/proc/$$/stat"
set -- ${stat##*) }
echo "$$:${20}" >"$RUN/process"
for line in 1 2 3 4; do echo "line $line" >>"$RUN/log"; sleep 0.2; done
echo "0 " >"$RUN/status"
"""
SYSTEMD_RUN = """#!/bin/sh
echo "$1 $2 $3" >"${0%/*}/../systemd-run"
while case $1 in --*) ;; *) false ;; esac; do shift; done
setsid "$@" </dev/null >/dev/null 2>&1 &
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "systemd-run").write_text(SYSTEMD_RUN)
    (tools / "systemd-run").chmod(0o755)
    monkeypatch.setattr(job, "DIRECTORY", str(tmp_path))
    monkeypatch.setattr(job, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(transport, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr(transport, "LOST_SECONDS", 1.0)
    with serving({"PATH": f"{tools}:{os.environ['PATH']}"}) as server:
        yield server


def reached(server: Server, place: Path) -> dict[str, Any]:
    (place / "config").touch()
    return {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": server.port,
        "ssh_user": "somebody",
        "ssh_password": "any",
        "ssh_allow_agent": False,
        "ssh_look_for_keys": False,
        "ssh_known_hosts_file": str(place / "known"),
        "ssh_config_file": str(place / "config"),
    }


@pytest.fixture
def far(server: Server, tmp_path: Path) -> Iterator[Host]:
    state = State(Inventory((["far"], reached(server, tmp_path))), Config())
    connect_all(state)
    host = state.inventory.get_host("far")
    with ctx_state.use(state), ctx_host.use(host):
        yield host


def text() -> str:
    return f"RUN={SHOP.directory}\n{JOB}"


def begun() -> list[str]:
    return Path(SHOP.directory, "begun").read_text().split()


LINES = ["line 1", "line 2", "line 3", "line 4"]


def test_a_job_is_followed_to_its_end(far: Host) -> None:
    job.start(far, text(), SHOP, "me/1")
    assert list(job.follow(far, SHOP)) == LINES
    # Told once more it does not start once more.
    job.start(far, text(), SHOP, "me/1")
    assert begun() == ["begun"]


def test_names_of_files_in_its_log_neither_end_it_nor_keep_it_from_its_end(far: Host) -> None:
    """What rsync says of a file, say: bytes that are no UTF-8, controls, and what looks like marks."""
    said = r"@@ gone\n| @@ status\n0 \n\n\377\033[2J\n"
    job.start(far, text().replace("for line", f"printf '{said}' >>\"$RUN/log\"; for line"), SHOP, "me/1")
    lines = list(job.follow(far, SHOP))
    assert lines == ["@@ gone", "| @@ status", "0 ", "", "\udcff\x1b[2J", *LINES]


def test_a_lost_connection_is_made_anew_and_no_line_is_lost(far: Host, server: Server) -> None:
    job.start(far, text(), SHOP, "me/1")
    lines = []
    for line in job.follow(far, SHOP):
        lines.append(line)
        server.hang_up()
    assert lines == LINES


def test_so_it_is_when_the_host_is_away_for_a_while(far: Host, server: Server) -> None:
    job.start(far, text(), SHOP, "me/1")
    port = server.port
    following = job.follow(far, SHOP)
    lines = [next(following)]
    server.go_away()
    threading.Timer(1, server.listen, [port]).start()
    assert lines + list(following) == LINES


def test_a_connection_lost_over_the_start_starts_it_once(far: Host, server: Server) -> None:
    cuts = iter([True, False])
    server.cut = lambda command: "job start" in command and next(cuts)
    job.start(far, text(), SHOP, "me/1")
    assert list(job.follow(far, SHOP)) == LINES
    assert begun() == ["begun"]


def test_one_lost_for_good_ends_in_words(far: Host, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    job.start(far, text(), SHOP, "me/1")
    following = job.follow(far, SHOP)
    next(following)
    server.go_away()
    begin = time.monotonic()
    with pytest.raises(job.Lost) as lost:
        list(following)
    assert 1 <= time.monotonic() - begin < 20
    for words in ("goes on there", "Run the same command again", f"{SHOP.directory}/log", SHOP.log):
        assert words in str(lost.value)
    # What comes after that in a run is no traceback either.
    with pytest.raises(job.Lost):
        job.stop(far, SHOP)
    assert not lock.give_back(far, {}, "deploy", "me/1")
    with pytest.raises(DidNotTell, match="the host did not tell what locks it has"):
        observe(HostLocks, {})
    assert "Could not connect" in capsys.readouterr().err


def test_a_job_that_cannot_be_started_says_so_at_once(far: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "DIRECTORY", "/proc/none")
    with pytest.raises(job.JobFailed, match=r"could not be started: .*/proc/none"):
        job.start(far, text(), SHOP, "me/1")


@dataclass(frozen=True)
class Fill(Verb):
    """A made-up procedure's only verb."""

    sh: ClassVar[str] = "fill"
    shelf: str


FILL = """
fill() {
    echo "$1 $HOSTWRIGHT_JOB" >>"$RUN/did"
    while [ "$1" = long ]; do sleep 0.1; done
    [ "$1" != broken ]
}
"""
# What a procedure may have beside its verbs.
OWN = """
prepare() { echo prepared >>"$RUN/did"; }
undo() { echo undone >>"$RUN/did"; }
clear_up() { echo cleared >>"$RUN/did"; }
"""


def started(far: Host, place: Path, *shelves: str, own: str = "") -> None:
    words = {"LOCK": "deploy", "OWNER": "me/1", "DOING": "filling shelves"}
    known = [("LOCKS", str(place / "locks")), ("KEPT", str(place / "kept"))]
    made = job.render((), [Fill(f"fill {one}", one) for one in shelves], known, SHOP, words)
    assert "lvm" not in made.lower()
    job.start(far, made.replace("\nbegin\n", f"\n{FILL}{own}begin\n"), SHOP, "me/1")


def did() -> list[str]:
    return Path(SHOP.directory, "did").read_text().splitlines()


def test_a_made_up_procedure_has_jobs_of_its_own(far: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "LOGS", str(tmp_path / "log"))
    started(far, tmp_path, "one", "two")
    lines = list(job.follow(far, SHOP))
    assert [line.partition(" ")[2] for line in lines[1:]] == ["[1/2] fill one", "[2/2] fill two"]
    assert lines[0].endswith(f"log {tmp_path}/log/shop.log")
    assert did() == ["one ab12", "two ab12"]
    assert (tmp_path / "shop" / "current").readlink() == Path("ab12")
    assert (tmp_path / "log" / "shop.log").read_text().splitlines() == lines
    assert not list(tmp_path.glob("lvm*"))


@pytest.mark.parametrize("own", ["", OWN], ids=["with verbs alone", "with all it may have"])
@pytest.mark.parametrize(
    ("shelves", "reason"),
    [(("one",), ""), (("one", "broken"), r"step 2 \(fill broken\): fill failed"), (("long", "two"), "by a signal")],
    ids=["ends well", "fails", "is stopped"],
)
def test_what_a_procedure_has_beside_its_verbs_is_called_in_its_time(
    far: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, shelves: tuple[str, ...], reason: str
) -> None:
    monkeypatch.setattr(job, "LOGS", str(tmp_path / "log"))
    started(far, tmp_path, *shelves, own=own)
    lines = []
    with pytest.raises(job.JobFailed, match=reason) if reason else nullcontext():
        for line in job.follow(far, SHOP):
            lines.append(line)
            if "fill long" in line:
                job.stop(far, SHOP)
    filled = [f"{one} ab12" for one in shelves if one != "two"]
    undone = ["undone"] if reason else []
    assert did() == (["prepared", *filled, *undone, "cleared"] if own else filled)
    # The shell says "Terminated" of a sleep that is killed.
    assert len([line for line in lines if line != "Terminated"]) == 1 + len(filled) + len(undone)
    left = {"did", "job.sh", "log", "process", "status"}
    assert {path.name for path in Path(SHOP.directory).iterdir()} == left


def test_systemd_knows_it_by_the_name_of_its_procedure(
    far: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def booted(*names: str, **words: str) -> str:
        return script(*names, **words).replace("/run/systemd/system", str(tmp_path))

    monkeypatch.setattr(job, "script", booted)
    job.start(far, text(), SHOP, "me/1")
    asked = (tmp_path / "systemd-run").read_text()
    assert asked == "--quiet --unit=hostwright-shop-ab12 --description=hostwright fills the shelves\n"


DEPLOY = """
from pyinfra.api import operation
from hostwright.base import job, transport
from hostwright.lvm.operations.job import carried_out
from hostwright.lvm.plan.physical_volume import NOWHERE
from hostwright.lvm.plan.steps import Plan

job.ANSWER_SECONDS = job.POLL_SECONDS = transport.RETRY_SECONDS = 0.5
transport.LOST_SECONDS = 2

@operation()
def follow():
    plan = Plan("", NOWHERE, NOWHERE, follow="ab12")
    yield from carried_out(plan, lambda: plan)

follow()
"""


@pytest.mark.parametrize("silent", [True, False])
def test_so_a_person_sees_it(server: Server, tmp_path: Path, silent: bool) -> None:
    """pyinfra itself, as it is run, with a host that goes away, and one that only falls silent."""
    (tmp_path / "inventory.py").write_text(f"hosts = [('far', {reached(server, tmp_path)!r})]\n")
    (tmp_path / "deploy.py").write_text(DEPLOY)

    def fails(command: str) -> bool:
        if "job follow" in command and not silent:
            server.go_away()
        server.mute = silent
        return False

    server.cut = fails
    run = subprocess.run(
        [
            str(Path(sys.executable).parent / "pyinfra"),
            "-y",
            str(tmp_path / "inventory.py"),
            str(tmp_path / "deploy.py"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert "Traceback" not in run.stderr
    assert "no answer for 0.5 s" in run.stderr if silent else "Could not connect" in run.stderr
    assert "Run the same command again: it finds the job and follows it" in run.stderr
