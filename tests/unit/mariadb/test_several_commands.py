"""The first process of a container that runs several commands: the shell itself, outside a container."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from hostwright.mariadb.several_commands import SeveralCommands

SERVER = "trap 'echo told to stop; exit 7' TERM; echo serving; : >$HERE/up; while :; do sleep 0.1; done"


class Container:
    """The files of one, and its data, of which each start is a process here."""

    def __init__(self, place: Path, **commands: str | dict[str, str]) -> None:
        self.place = place
        self.record = place / "data" / "once"
        words = {"server": SERVER, "ready": "test -e $HERE/up"} | commands
        self.commands = SeveralCommands(record=str(self.record), **words)  # type: ignore[arg-type]
        for name, content in self.commands.project_files("start").items():
            file = place / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def start(self, *within: str) -> "subprocess.Popen[str]":
        (self.place / "up").unlink(missing_ok=True)
        known = {"ONCE": str(self.record), "READY": str(self.ready), "HERE": str(self.place)}
        return subprocess.Popen(
            [*within, "sh", str(self.place / "start" / "start")],
            env=os.environ | known,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def ready(self) -> Path:
        return self.place / "ready"

    @property
    def events(self) -> list[str]:
        return [" ".join(line.split("\t")[:2]) for line in self.record.read_text().splitlines()]


def eventually(what: "subprocess.Popen[str]", seen: Path) -> None:
    deadline = time.monotonic() + 20
    while not seen.exists():
        assert what.poll() is None, what.communicate()
        assert time.monotonic() < deadline, what.kill() or what.communicate()
        time.sleep(0.05)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    out, _ = process.communicate(timeout=20)
    return process.returncode, out


def stopped(process: "subprocess.Popen[str]") -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    return ended(process)


def test_once_and_each_run_in_order_and_the_server_decides_how_it_ends(tmp_path: Path) -> None:
    container = Container(
        tmp_path,
        before="echo before",
        once={"20-late": "echo 20", "10-early": "echo 10"},
        each={"tell": "echo each"},
    )
    process = container.start()
    eventually(process, container.ready)
    code, out = stopped(process)
    assert code == 7
    said = [line for line in out.splitlines() if not line.startswith("hostwright:")]
    assert said == ["before", "serving", "20", "10", "each", "told to stop"]
    assert container.events == ["started 20-late", "done 20-late", "started 10-early", "done 10-early"]
    assert not container.ready.exists()

    process = container.start()
    eventually(process, container.ready)
    said = [line for line in stopped(process)[1].splitlines() if not line.startswith("hostwright:")]
    assert said == ["before", "serving", "each", "told to stop"]
    assert len(container.events) == 4


def test_a_command_that_fails_stops_the_server_and_is_not_run_again(tmp_path: Path) -> None:
    container = Container(
        tmp_path, once={"init": "echo broken; echo ran >>$HERE/ran; exit 3"}, each={"tell": "echo each"}
    )
    code, out = ended(container.start())
    assert code == 3
    assert "broken" in out
    assert "told to stop" in out
    assert "each\n" not in out
    code, out = ended(container.start())
    assert code == 3
    assert "init failed before, with code 3" in out
    assert "serving" not in out
    with container.record.open("a") as record:
        record.write("rerun\tinit\t-\tnow\t\n")
    assert ended(container.start())[0] == 3
    assert (tmp_path / "ran").read_text() == "ran\n" * 2
    assert container.events == ["started init", "failed init", "rerun init", "started init", "failed init"]


@pytest.mark.parametrize("decision", ["rerun", "done"])
def test_an_outcome_that_nobody_knows_waits_for_a_decision(tmp_path: Path, decision: str) -> None:
    container = Container(tmp_path, once={"init": "echo ran >>$HERE/ran; : >$HERE/begun; sleep 60"})
    process = container.start()
    eventually(process, tmp_path / "begun")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert container.events == ["started init"]

    (tmp_path / "start" / "once.d" / "init").write_text("echo ran >>$HERE/ran")
    process = container.start()
    eventually(process, tmp_path / "up")
    time.sleep(1.5)
    assert not container.ready.exists()
    code, out = stopped(process)
    assert code == 7
    assert "its end is not on record" in out
    assert (tmp_path / "ran").read_text() == "ran\n"

    with container.record.open("a") as record:
        record.write(f"{decision}\tinit\t-\tnow\t\n")
    process = container.start()
    eventually(process, container.ready)
    stopped(process)
    assert (tmp_path / "ran").read_text() == "ran\n" * (2 if decision == "rerun" else 1)


def test_a_line_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    container = Container(tmp_path, once={"init": "echo ran >>$HERE/ran"})
    container.record.parent.mkdir()
    container.record.write_text("started\tin")
    process = container.start()
    eventually(process, container.ready)
    stopped(process)
    assert container.events == ["started in", "started init", "done init"]


@pytest.mark.parametrize("kind", ["link", "dangling", "directory"])
def test_a_record_that_is_no_file_is_neither_read_nor_written(tmp_path: Path, kind: str) -> None:
    """It lies among the data, where the server's user can put anything under its name."""
    container = Container(tmp_path, once={"init": "echo ran >>$HERE/ran"})
    container.record.parent.mkdir()
    victim = tmp_path / "victim"
    if kind == "directory":
        container.record.mkdir()
    else:
        container.record.symlink_to(victim)
    if kind == "link":
        victim.write_text("must stay\n")
    code, out = ended(container.start())
    assert code == 1
    assert "is no file: nothing tells what was run" in out
    assert not (tmp_path / "ran").exists()
    assert not victim.exists() or victim.read_text() == "must stay\n"


def test_a_link_beside_the_record_leads_nowhere_and_nobody_else_reads_it(tmp_path: Path) -> None:
    container = Container(tmp_path, once={"init": "echo ran >>$HERE/ran"})
    container.record.parent.mkdir()
    (tmp_path / "victim").write_text("must stay\n")
    Path(f"{container.record}.new").symlink_to(tmp_path / "victim")
    process = container.start()
    eventually(process, container.ready)
    stopped(process)
    assert container.events == ["started init", "done init"]
    assert container.record.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "victim").read_text() == "must stay\n"


@pytest.mark.parametrize("server", ["exit 5", "sleep 1; exit 5"])
def test_a_server_that_ends_early_ends_the_container(tmp_path: Path, server: str) -> None:
    container = Container(tmp_path, server=server, once={"init": "echo ran"})
    code, out = ended(container.start())
    assert code == 5
    assert "ran" not in out


def test_told_to_stop_while_something_runs_once(tmp_path: Path) -> None:
    container = Container(tmp_path, once={"init": ": >$HERE/begun; sleep 5; exit 9"})
    process = container.start()
    eventually(process, tmp_path / "begun")
    assert stopped(process)[0] == 7
    assert container.events == ["started init"]


def test_told_to_stop_before_the_server_answers(tmp_path: Path) -> None:
    container = Container(tmp_path, ready="exit 1")
    process = container.start()
    eventually(process, tmp_path / "up")
    assert stopped(process)[0] == 7


def test_what_others_left_behind_is_reaped(tmp_path: Path) -> None:
    """In a PID namespace, where the shell is process 1, and gets the children of who is no more."""
    look = "sleep 0.7; grep -ls '^State:.*zombie' /proc/[0-9]*/status >$HERE/zombies; : >$HERE/looked"
    server = f"sh -c 'sleep 0.2 & sleep 0.2 & exit'; {look}; exec sleep 60"
    container = Container(tmp_path, server=server, ready="test -e $HERE/looked")
    process = container.start("unshare", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
    eventually(process, container.ready)
    process.kill()
    process.communicate()
    assert (tmp_path / "zombies").read_text() == ""


def test_what_a_digest_covers() -> None:
    def digest(command: str, content: bytes) -> str:
        files = {"sql/a": content, "sql/b": b"other"}
        return SeveralCommands("", "", "", once={"a": command}, files=files).digests()["a"]

    assert digest("client </hostwright/sql/a", b"1") == digest("client </hostwright/sql/a", b"1")
    assert digest("client </hostwright/sql/a", b"1") != digest("client </hostwright/sql/a", b"2")
    assert digest("client </hostwright/sql/b", b"1") == digest("client </hostwright/sql/b", b"2")
    assert digest("client </hostwright/sql/ab", b"1") == digest("client </hostwright/sql/ab", b"2")
    assert digest("client -v </hostwright/sql/b", b"1") != digest("client </hostwright/sql/b", b"1")
