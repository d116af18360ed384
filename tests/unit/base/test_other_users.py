"""Other users of a host do their worst to its lock and its jobs: real processes of a real user, the shell itself."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hostwright.base.scripts import NONCE, whole
from tests.scripts import script

# In its package the name is the function.
lock = import_module("hostwright.lock.held")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

UID = 65534
AS_USER = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
# Tests run beside each other.
OWNER, JOB = f"dead/{os.getpid()}", f"{os.getpid():08x}"
# Its lease is over; nobody is PID 999999999.
HOLDER = "7\t1\t30\t{renewed}\t{renewed}\t2026-01-02T03:04:05+0000\t{watch}\t{owner}\tchanging things\n"
NOBODY = "999999999:1"
TAKEN, OCCUPIED = 0, 75


@pytest.fixture
def place() -> Iterator[Path]:
    """Where others get to; pytest's own directories are closed to them."""
    made = Path(tempfile.mkdtemp(prefix="others-", dir="/var/tmp"))
    made.chmod(0o755)
    (made / "bin").mkdir()
    yield made
    shutil.rmtree(made)


NAMED = """
import ctypes, sys, time
ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)
print(flush=True)
time.sleep(60)
"""
HANGS = """
import ctypes, fcntl, sys, time
ctypes.CDLL(None).prctl(15, b"a\x1b[2J\\nb", 0, 0, 0)
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
time.sleep(60)
"""


def run(place: Path, command: str, shell: str = "sh", **more: str) -> tuple[int, str]:
    known = {"LOCK": "deploy", "OWNER": "me/1", "WAIT": "0", "LEASE": "4", "CONNECTION": "no", "DOING": "testing"}
    known |= {"LOCKS": f"{place}/run/lock", "KEPT": f"{place}/kept"} | more
    text = script("processes", "ownership", "holders", "lock", **known)
    done = subprocess.run(
        [
            *shell.split(),
            "-c",
            f'{text}\nWATCH=$(identity $$)\n{command}\ncode=$?\nprintf "%s\\n" "$reason"\nexit $code',
        ],
        env=os.environ | {"PATH": f"{place}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def stands_in(place: Path, name: str, text: str) -> None:
    (place / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
    (place / "bin" / name).chmod(0o755)


def as_before(place: Path, mode: int = 0o755) -> Path:
    """What older versions have left: anybody may look."""
    for directory in ("run", "run/lock", "run/lock/deploy", "run/lock/deploy/queue"):
        (place / directory).mkdir()
        (place / directory).chmod(mode)
    mutex = place / "run" / "lock" / "deploy" / "mutex"
    mutex.touch(0o644)
    return mutex


@contextmanager
def at_work(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=os.environ | environment, stdin=subprocess.PIPE, start_new_session=True)
    # Not while it is still somebody else's program.
    wait_for(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")[0] != AS_USER[0].encode())
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def wait_for(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# -- the mutex


@pytest.mark.parametrize("shell", ["dash", "bash --posix"])
def test_nobody_else_gets_to_the_mutex(place: Path, shell: str) -> None:
    mutex = as_before(place)
    try_it = [*AS_USER, "flock", "-n", str(mutex), "true"]
    assert subprocess.run(try_it, check=False).returncode == 0, "there was nothing to keep them from"
    assert run(place, "acquire && guarded release", shell) == (0, "\n")
    tried = subprocess.run(try_it, capture_output=True, text=True, check=False)
    assert "Permission denied" in tried.stderr
    for directory in ("run", "run/lock", "run/lock/deploy", "run/lock/deploy/queue"):
        assert (place / directory).stat().st_mode & 0o7777 == 0o700, directory


def test_it_is_closed_to_others_from_the_first_moment(place: Path) -> None:
    stands_in(place, "chmod", "exit 0")
    assert run(place, "umask 022; acquire && guarded release")[0] == 0
    modes = {oct(path.stat().st_mode & 0o7777) for path in (place / "run").rglob("") if path.is_dir()}
    assert modes == {"0o700"}


@pytest.mark.parametrize("fdinfo", ["tells of locks", "does not, as before Linux 4.1"])
def test_who_has_the_mutex_and_hangs_is_named(place: Path, fdinfo: str) -> None:
    mutex = as_before(place)
    stands_in(place, "flock", 'shift 2; exec /usr/bin/flock -w 0.1 "$@"')
    if "not" in fdinfo:
        stands_in(place, "xargs", ":")
    with at_work(*AS_USER, sys.executable, "-c", HANGS, str(mutex)) as process:
        wait_for(lambda: subprocess.run(["flock", "-n", str(mutex), "true"], check=False).returncode)
        code, said = run(place, "acquire")
    assert code == 1
    assert said.endswith(f"by a process that hangs: {process.pid} of nobody (a[2Jb)\n")
    assert "see fuser" not in said


# -- who is at work for the owner


def attempt(place: Path, watch: str = NOBODY, user: str = "") -> int:
    as_before(place, 0o700)
    here = place / "run" / "lock" / "deploy"
    now = int(float(Path("/proc/uptime").read_text().split()[0]))
    (here / "holder").write_text(HOLDER.format(renewed=now - 100, watch=watch, owner=OWNER))
    if user:
        (here / "user").write_text(user)
    return run(place, "guarded attempt")[0]


def setuid(place: Path) -> str:
    program = place / "bin" / "asks-for-a-password"
    shutil.copy("/bin/sleep", program)
    program.chmod(0o4755)
    return str(program)


@pytest.mark.parametrize(
    ("who", "user", "code"),
    [
        ([*AS_USER, "sleep", "60"], "", TAKEN),
        ([*AS_USER, "SETUID", "60"], "", TAKEN),
        # As sudo, which is root altogether while it asks for a password.
        (["SETUID", "60"], "", TAKEN),
        (["sleep", "60"], "", OCCUPIED),
        ([*AS_USER, "sleep", "60"], f"7 {UID}\n", OCCUPIED),
        # Of somebody who had the lock before, or somebody else's.
        ([*AS_USER, "sleep", "60"], f"6 {UID}\n", TAKEN),
        ([*AS_USER, "sleep", "60"], "7 1000\n", TAKEN),
        (["sleep", "60"], "7 1000\n", OCCUPIED),
    ],
)
def test_a_name_in_the_environment_counts_for_root_and_the_owner_alone(
    place: Path, who: list[str], user: str, code: int
) -> None:
    program = setuid(place)
    with at_work(*(program if word == "SETUID" else word for word in who), HOSTWRIGHT_OWNER=OWNER):
        assert attempt(place, user=user) == code


def test_the_owner_is_whoever_took_it(place: Path) -> None:
    with at_work(*AS_USER, "sleep", "60") as session:
        watch = f"$(identity {session.pid})"
        assert run(place, f"WATCH={watch}; mkdir -p $place/queue; guarded attempt", OWNER=OWNER)[0] == TAKEN
    here = place / "run" / "lock" / "deploy"
    words = (here / "holder").read_text().split("\t")
    assert (here / "user").read_text() == f"{words[0]} {UID}\n"
    (here / "holder").write_text("\t".join([*words[:2], "4", "1", *words[4:]]))
    # What it started without sudo goes on though its connection is gone.
    with at_work(*AS_USER, "sleep", "60", HOSTWRIGHT_OWNER=OWNER):
        assert run(place, "guarded attempt")[0] == OCCUPIED
    assert run(place, "guarded attempt")[0] == TAKEN


def test_a_name_with_a_newline_makes_no_child_of_the_owner(place: Path) -> None:
    with at_work("sleep", "60") as session:
        started = Path(f"/proc/{session.pid}/stat").read_text().rsplit(") ", 1)[1].split()[19]
        liar = subprocess.Popen(
            [*AS_USER, sys.executable, "-c", NAMED, f"\n9 ) S {session.pid}\n"], stdout=subprocess.PIPE, cwd="/"
        )
        try:
            assert liar.stdout
            liar.stdout.readline()
            assert f"\n9 ) S {session.pid}\n" in Path(f"/proc/{liar.pid}/stat").read_text()
            assert attempt(place, watch=f"{session.pid}:{started}") == TAKEN
        finally:
            liar.kill()
            liar.communicate()


def test_a_child_of_the_owners_connection_is_at_work_whoever_it_is(place: Path) -> None:
    child = f"{' '.join(AS_USER)} sleep 60 & wait"
    with at_work("sh", "-c", child) as session:
        started = Path(f"/proc/{session.pid}/stat").read_text().rsplit(") ", 1)[1].split()[19]
        assert attempt(place, watch=f"{session.pid}:{started}") == OCCUPIED
        shutil.rmtree(place / "run")
        stands_in(place, "grep", 'case "$*" in *PPid*) exit 1 ;; esac; exec /usr/bin/grep "$@"')
        assert attempt(place, watch=f"{session.pid}:{started}") == OCCUPIED, "its children were not listed"


def test_nobody_elses_memory_is_looked_at(place: Path) -> None:
    """What a user has mapped there may let a reader wait for ever (FUSE), with the mutex in its hands."""
    for pid, uid in (("7", 0), ("8", 1000)):
        (place / "proc" / pid).mkdir(parents=True)
        (place / "proc" / pid / "status").write_text(f"Name:\tx\nUid:\t{uid}\t0\t0\t0\n")
        (place / "proc" / pid / "exe").symlink_to("/bin/sh")
    (place / "proc" / "7" / "environ").write_bytes(b"HOME=/\0HOSTWRIGHT_OWNER=me/1\0")
    os.mkfifo(place / "proc" / "8" / "environ")
    text = script("processes", PROC=f"{place}/proc")
    words = ["timeout", "5", "sh", "-c", f"{text}\nbearing HOSTWRIGHT_OWNER=me/1"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "7\n")


@pytest.mark.parametrize("tool", ["grep", "xargs"])
def test_who_cannot_look_takes_it_from_nobody(place: Path, tool: str) -> None:
    stands_in(place, tool, "exit 126")
    with at_work("sleep", "60", HOSTWRIGHT_OWNER=OWNER):
        assert attempt(place) == OCCUPIED


def test_what_a_lost_job_has_at_work_is_roots(place: Path) -> None:
    """Others may say that theirs is of that job, and are left alone: the number may be another process's by then."""
    lost = place / "jobs" / JOB
    lost.mkdir(parents=True)
    (lost / "job.sh").write_text("MOUNT=''\nVG=v\nLV=l\nOPTIONS=''\n# the rest\n")
    text = script("processes", "holders", "rebalance", RUN=f"{place}/jobs/new")
    stubs = "why() { echo $*; return 1; }; device_at() { :; }; systemctl() { :; }"
    with (
        at_work(*AS_USER, "sleep", "60", HOSTWRIGHT_JOB=JOB) as theirs,
        at_work("sleep", "60", HOSTWRIGHT_JOB=JOB) as ours,
    ):
        subprocess.run(["sh", "-c", f"{text}\n{stubs}\nrecover {JOB}"], check=True)
        assert ours.wait(5) == -9
        assert theirs.poll() is None
        assert (lost / "status").read_text() == "1 ended by force\n"


# -- directories that somebody else has


def is_in_the_way(place: Path, how: str) -> Path:
    theirs = place / "theirs"
    theirs.mkdir()
    if how != "link to root's":
        os.chown(theirs, UID, UID)
    if how != "directory":
        (place / "run").symlink_to(theirs)
    else:
        theirs.rename(place / "run")
        theirs = place / "run"
    return theirs


@pytest.mark.parametrize("how", ["link", "link to root's", "directory"])
def test_a_directory_that_is_not_roots_is_refused(place: Path, how: str) -> None:
    theirs = is_in_the_way(place, how)
    code, said = run(place, "acquire")
    assert code == 1
    assert f"{place}/run is a link, or somebody else's: remove it" in said
    assert not list(theirs.iterdir())
    # What is to be done then.
    if how != "directory":
        (place / "run").unlink()
    else:
        theirs.rmdir()
    assert run(place, "acquire && guarded release")[0] == 0


@pytest.mark.parametrize("how", ["link", "directory", ""])
def test_no_job_is_started_in_one(place: Path, how: str) -> None:
    if how:
        is_in_the_way(place, how)
    else:
        as_before(place)
    text = script("ownership", "holders", "start", ID="ab12", RUN=f"{place}/run/lvm/ab12", OWNER="me/1")
    text = text.replace("/run/systemd/system", "/nowhere").replace("tries -lt 100", "tries -lt 1")
    done = subprocess.run(["sh"], input=whole(text, "cut short"), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    if how:
        assert "is a link, or somebody else's" in done.stderr
        assert not list((place / "run").iterdir())
    else:
        assert {oct((place / name).stat().st_mode) for name in ("run", "run/lvm")} == {"0o40700"}


# -- who may not look


def as_user(text: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*AS_USER, "sh"], input=text, capture_output=True, text=True, check=False, cwd="/")


@pytest.mark.parametrize("mode", [0o700, 0o711, 0o755])
def test_who_may_not_read_the_locks_is_not_told_that_nobody_holds_them(place: Path, mode: int) -> None:
    text = script("locks").replace("/run/hostwright", f"{place}/run")
    assert as_user(text).returncode == 0, "where no lock was ever taken there is nothing to hide"
    as_before(place, mode)
    done = as_user(text)
    if mode == 0o755:
        assert (done.returncode, f"@@ {NONCE} lock deploy" in done.stdout) == (0, True)
    else:
        assert done.returncode == 1
        assert "needs root: nobody may not read who holds the locks" in done.stderr


@pytest.mark.parametrize("command", ["acquire", "guarded release", "guarded break_lock"])
def test_who_may_not_write_is_told_that_it_needs_root(place: Path, command: str) -> None:
    as_before(place, 0o700)
    known = {"LOCK": "deploy", "OWNER": "me/1", "WAIT": "0", "LEASE": "4", "CONNECTION": "no", "DOING": "testing"}
    text = script("processes", "ownership", "holders", "lock", **known, LOCKS=f"{place}/run/lock", KEPT=f"{place}/kept")
    done = as_user(f'{text}\nWATCH=$(identity $$)\n{command}\necho "$reason"')
    assert "needs root, let pyinfra use sudo" in done.stdout
    assert "remove it" not in done.stdout


def test_a_command_that_cannot_see_the_lock_is_not_told_that_it_went_on(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Host:
        name = "lab"
        state: Any

    host = Host()
    host.state = SimpleNamespace(inventory=SimpleNamespace(get_host=lambda _: host))
    monkeypatch.setattr(lock, "host", host)
    monkeypatch.setattr(lock, "_taken", {host: {"deploy": lock.Taken("me/1", {}, 1)}})
    text = lock.fenced("echo done").get_raw_value().replace("/run/hostwright", f"{place}/run")
    as_before(place, 0o700)
    (place / "run" / "lock" / "deploy" / "holder").write_text("\t".join("1234567") + "\tme/1\tx\n")
    assert as_user(text).stderr.splitlines()[-1] == "the lock deploy: only root may see who holds it"
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_what_others_are_told_is_one_line() -> None:
    assert lock._line("moving\tthe\n\033[2Jdatabase\r") == "moving the  [2Jdatabase "


def test_what_was_done_is_not_logged_through_a_link(place: Path) -> None:
    (place / "theirs").mkdir()
    (place / "log").symlink_to(place / "theirs")
    (place / "job").mkdir()
    (place / "job" / "log").write_text("moved\n")
    words = {"ID": "job", "STEPS": "0", "RUN": f"{place}/job", "WORK": f"{place}/mnt", "LOG": f"{place}/log/log"}
    text = script("processes", "ownership", "job", **words)
    stubs = "guarded() { :; }"
    for _ in range(2):
        subprocess.run(["sh", "-c", f"{text}\n{stubs}\nfinish 0"], check=True)
        assert not list((place / "theirs").iterdir())
        assert (place / "job" / "status").read_text() == "0 \n"
        if (place / "log").is_symlink():
            (place / "log").unlink()
            (place / "log").mkdir()
            (place / "log" / "log").symlink_to(place / "theirs" / "log")
