"""The host lock's own shell, with processes and a clock of our making, crashed wherever it changes anything."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scripts import script

LEASE = 30
# What happens, and how often, beside each other.
OFTEN = {
    "comes": 2,
    "tries": 9,
    "releases": 4,
    "time passes": 4,
    "works": 2,
    "ends its work": 1,
    "dies": 2,
    "renews": 2,
    "reboots": 1,
}
BUSY, FENCED, KILLED = 75, 76, -9
# Stands for mv and rm: at the call that is chosen, the shell that called is killed before or after it.
CRASHING = """#!/bin/sh
calls=$(cat {count}); calls=$((calls - 1)); echo $calls >{count}
if [ $calls -eq 0 ] && [ {when} = before ]; then kill -9 $PPID; exit 1; fi
/bin/{tool} "$@" || exit
if [ $calls -eq 0 ]; then kill -9 $PPID; fi
"""


@dataclass
class Run:
    """Somebody who wants the lock. A command of it is at work in its connection, or a job of it that outlives that.

    + numbers: those under which it has had the lock
    + ticket: its place in the line while it waits
    """

    owner: str
    pid: int
    alive: bool = True
    command: bool = False
    job: bool = False
    ticket: str = ""
    numbers: list[int] = field(default_factory=list)


class LockedHost:
    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="lock-"))
        (self.place / "proc").mkdir()
        self.now = 1000
        self.runs: list[Run] = []
        self.line: list[Run] = []
        self.highest = 0
        self._tick(0)

    def _tick(self, seconds: int) -> None:
        self.now += seconds
        (self.place / "proc" / "uptime").write_text(f"{self.now}.37 0.00\n")

    def _call(
        self, run: Run, command: str, *, crash: tuple[int, str] | None = None, wait: int = 0, lock: str = "deploy"
    ) -> tuple[int, str]:
        tools = self.place / "tools"
        path = "/usr/bin:/bin"
        if crash:
            tools.mkdir(exist_ok=True)
            (tools / "count").write_text(f"{crash[0]}\n")
            for tool in ("mv", "rm"):
                (tools / tool).write_text(CRASHING.format(count=tools / "count", when=crash[1], tool=tool))
                (tools / tool).chmod(0o755)
            path = f"{tools}:{path}"
        text = script(
            "processes",
            "ownership",
            "lock",
            LOCK=lock,
            OWNER=run.owner,
            LOCKS=str(self.place / "run"),
            KEPT=str(self.place / "kept"),
            PROC=str(self.place / "proc"),
            SELF=str(run.pid),
            LEASE=str(LEASE),
            WAIT=str(wait),
            DOING="testing",
        )
        end = 'code=$?; echo "$ticket|$h_number|$reason"; exit $code'
        begin = f'mkdir -p "$place/queue"; WATCH=$(identity $SELF); ticket="{run.ticket}"'
        done = subprocess.run(
            [str(shutil.which("sh")), "-c", f"{text}\n{begin}\n{command}\n{end}"],
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout.strip()

    def _holder(self) -> tuple[int, int, str] | None:
        """Number, count and owner."""
        path = self.place / "run" / "deploy" / "holder"
        if not path.exists():
            return None
        words = path.read_text().rstrip("\n").split("\t")
        assert len(words) == 9, words
        return int(words[0]), int(words[1]), words[7]

    def _lapsed(self) -> bool:
        words = (self.place / "run" / "deploy" / "holder").read_text().split("\t")
        return self.now > int(words[3]) + int(words[2])

    def _of(self, owner: str) -> Run:
        return next(run for run in self.runs if run.owner == owner)

    def _is_at_work(self, owner: str) -> bool:
        run = self._of(owner)
        return run.command or run.job

    def _dies(self, run: Run) -> None:
        run.alive = False
        self._ends(run.pid)
        self._ends(run.pid + 1000)
        run.command = False
        if run in self.line:
            self.line.remove(run)

    def _some(self, number: int) -> Run | None:
        alive = [run for run in self.runs if run.alive]
        return alive[number % len(alive)] if alive else None

    def happens(self, what: str, number: int, crash: tuple[int, str] | None, seconds: int) -> None:
        match what:
            case "comes":
                self.comes()
            case "tries":
                self.tries(number, crash)
            case "releases":
                self.releases(number, crash)
            case "time passes":
                self._tick(seconds)
            case "works":
                self.works(number)
            case "ends its work":
                self.ends_its_work(number)
            case "dies":
                self.dies(number)
            case "renews":
                self.renews(number)
            case "reboots":
                self.reboots()
        self.a_late_owner_is_refused()

    def comes(self) -> None:
        if sum(run.alive for run in self.runs) == 4:
            return
        run = Run(f"controller/{len(self.runs)}", 100 + len(self.runs))
        self.runs.append(run)
        self._starts(run.pid, 1)

    def _starts(self, pid: int, parent: int, environment: bytes = b"") -> None:
        directory = self.place / "proc" / str(pid)
        directory.mkdir()
        (directory / "stat").write_text(f"{pid} (a (b) c) S {parent} {'0 ' * 17}{self.now} 0\n")
        (directory / "environ").write_bytes(b"HOME=/\0" + environment)
        status = {"Name": "a (b) c", "State": "S (sleeping)", "PPid": parent, "Uid": "0\t0\t0\t0"}
        (directory / "status").write_text("".join(f"{key}:\t{value}\n" for key, value in status.items()))
        (directory / "exe").symlink_to("/bin/sh")

    def _ends(self, pid: int) -> None:
        shutil.rmtree(self.place / "proc" / str(pid), ignore_errors=True)

    def works(self, number: int) -> None:
        detached = number % 2 == 0
        run = self._some(number)
        if run is None:
            return
        if detached and not run.job:
            run.job = True
            self._starts(run.pid + 2000, 1, f"HOSTWRIGHT_OWNER={run.owner}\0".encode())
        elif not detached and not run.command:
            run.command = True
            self._starts(run.pid + 1000, run.pid)

    def ends_its_work(self, number: int) -> None:
        busy = [run for run in self.runs if run.command or run.job]
        if not busy:
            return
        run = busy[number % len(busy)]
        self._ends(run.pid + (2000 if run.job else 1000))
        run.command, run.job = run.command and run.job, False

    def tries(self, number: int, crash: tuple[int, str] | None) -> None:
        run = self._some(number)
        if run is None:
            return
        before = self._holder()
        free = before is None or (self._lapsed() and not self._is_at_work(before[2]))
        code, said = self._call(run, "guarded attempt", crash=crash)
        after = self._holder()
        if code == KILLED:
            self._dies(run)
        elif code == BUSY:
            assert after == before
            run.ticket = said.split("|")[0]
            if run not in self.line:
                self.line.append(run)
        else:
            assert code == 0, said
            assert after is not None
            assert after[2] == run.owner
        if after is not None and (before is None or after[0] != before[0]):
            assert free, "taken from a live owner"
            assert after[0] > self.highest, "the number did not grow"
            assert after[2] == run.owner
            assert not self.line or self.line[0] is run or (run not in self.line and code == KILLED), "out of turn"
            self.highest = after[0]
            if code == 0:
                run.numbers.append(after[0])
                run.ticket = ""
                if run in self.line:
                    self.line.remove(run)
        elif code == 0:
            assert before is not None
            assert after is not None
            assert after[1] == before[1] + 1, "not counted"

    def releases(self, number: int, crash: tuple[int, str] | None) -> None:
        before = self._holder()
        run = self._some(number)
        if before and number < 7 and self._of(before[2]).alive:
            run = self._of(before[2])
        if run is None:
            return
        code, said = self._call(run, "guarded release", crash=crash)
        after = self._holder()
        if before is None:
            assert (code, after) == (0, None)
        elif before[2] != run.owner:
            assert code == 1
            assert before[2] in said, "the owner is not named"
            assert after == before
        elif code == 0:
            assert after == (None if before[1] == 1 else (before[0], before[1] - 1, before[2]))
        else:
            assert code == KILLED, said
            assert after in (before, None, (before[0], before[1] - 1, before[2]))

    def dies(self, number: int) -> None:
        run = self._some(number)
        if run is not None:
            self._dies(run)

    def reboots(self) -> None:
        for run in self.runs:
            self._dies(run)
            self._ends(run.pid + 2000)
            run.job = False
        shutil.rmtree(self.place / "run", ignore_errors=True)
        self._tick(10 - self.now)

    def renews(self, number: int) -> None:
        run = self._some(number)
        for mine in run.numbers[-2:] if run else ():
            holder = self._holder()
            code, said = self._call(run, f"guarded renew {mine}")
            assert code == (0 if holder and holder[0] == mine else FENCED), said

    def a_late_owner_is_refused(self) -> None:
        holder = self._holder()
        late = [(run, number) for run in self.runs for number in run.numbers if not holder or number != holder[0]]
        for run, number in late[-2:]:
            code, said = self._call(run, f"guarded renew {number}")
            assert code == FENCED, said

    def ends(self) -> None:
        """No deadlock: once the owner is dead and its lease over, the line moves on to its end, in its order."""
        holder = self._holder()
        if holder:
            self._dies(self._of(holder[2]))
            self._ends(self._of(holder[2]).pid + 2000)
        while self.line:
            self._tick(LEASE + 1)
            run = self.line.pop(0)
            code, said = self._call(run, "guarded attempt")
            assert code == 0, said
            self._dies(run)
            self._ends(run.pid + 2000)


EVENT = st.tuples(
    st.sampled_from([what for what, often in OFTEN.items() for _ in range(often)]),
    st.integers(0, 9),
    st.sampled_from([None] * 8 + [(call, when) for call in (1, 2, 3, 4) for when in ("before", "after")]),
    st.sampled_from([1, LEASE - 1, LEASE + 1, LEASE + 1]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(EVENT, min_size=40, max_size=40))
def test_the_lock_is_exclusive_and_fair_and_never_lost(
    events: list[tuple[str, int, tuple[int, str] | None, int]],
) -> None:
    host = LockedHost()
    try:
        for _ in range(3):
            host.comes()
        for event in events:
            host.happens(*event)
        host.ends()
    finally:
        shutil.rmtree(host.place)


@pytest.fixture
def host() -> Iterator[LockedHost]:
    host = LockedHost()
    for _ in range(3):
        host.comes()
    yield host
    shutil.rmtree(host.place)


def test_who_came_first_gets_it_first(host: LockedHost) -> None:
    for number in range(3):
        host.tries(number, None)
    host.releases(0, None)
    first, second, third = host.runs
    assert host._call(third, "guarded attempt")[0] == BUSY
    assert host._call(second, "guarded attempt")[0] == 0
    assert host._call(third, "guarded attempt")[0] == BUSY
    assert host._call(first, "guarded attempt")[0] == BUSY


def test_a_dead_waiter_is_passed_over(host: LockedHost) -> None:
    for number in range(3):
        host.tries(number, None)
    host.dies(1)
    host.releases(0, None)
    assert host._call(host.runs[2], "guarded attempt")[0] == 0


def test_two_locks_know_nothing_of_each_other(host: LockedHost) -> None:
    first, second, third = host.runs
    assert host._call(first, "guarded attempt")[0] == 0
    assert host._call(second, "guarded attempt", lock="other")[0] == 0
    assert host._call(third, "guarded attempt", lock="other")[0] == BUSY
    assert host._call(second, "guarded release")[0] == 1
    assert host._call(first, "guarded release")[0] == 0
    assert host._call(first, "guarded attempt", lock="other")[0] == BUSY


def test_a_disk_that_cannot_be_written_keeps_nobody_out_and_numbers_grow(host: LockedHost) -> None:
    (host.place / "kept").write_text("in the way of the directory")
    numbers = []
    for number in (0, 0, 1):
        host.tries(number, None)
        holder = host._holder()
        assert holder
        numbers.append(holder[0])
        host.releases(number, None)
    assert numbers == sorted(set(numbers))
    # No machine is up again before the clock has come as far as what it gave out one by one.
    while time.time() < numbers[-1]:
        time.sleep(0.1)
    host.reboots()
    host.comes()
    host.tries(0, None)
    assert host.highest > numbers[-1]
