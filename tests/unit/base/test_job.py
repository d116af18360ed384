"""How a job keeps to the lock of its host: the shell itself, in a directory of its own."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostwright.base.scripts import resolved
from hostwright.lvm.names import HEADER
from hostwright.lvm.operations.job import LIBRARY
from hostwright.lvm.plan.marker import variables_of
from hostwright.lvm.plan.rebalance import examine
from hostwright.lvm.settings import Rebalance
from tests.scripts import script
from tests.unit.lvm.hosts import storage

# What steps do here, and what is done when they cannot go on.
STEPS = """
undo() { say "from $PWD"; echo undone >>"$RUN/did"; }
works() { echo "works as $(cut -f 8 "$place/holder")" >>"$RUN/did"; }
fills_memory() { ! dd if=/dev/zero of="$RUN/filler" bs=4096 2>/dev/null; say more || :; false; }
is_ended() { cd "$place" && { kill $$; sleep 1; } >"$RUN/elsewhere"; }
is_broken() { guarded remove; }
remove() { rm "$place/holder"; }
goes_to_another() { guarded hand_over; }
hand_over() {
    sed "s|^[0-9]*|999999999999|; s|$OWNER|somebody|" "$place/holder" >"$place/other"
    mv "$place/other" "$place/holder"
}
"""
HELD = "7\t1\t30\t{now}\t{now}\t2026-01-02T03:04:05+0000\t1:{started}\tsomebody\tchanging things\n"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "locks" / "deploy").mkdir(parents=True)
    (tmp_path / "job").mkdir()
    yield tmp_path
    keeper = tmp_path / "locks" / "deploy" / "keeper"
    if keeper.exists():
        subprocess.run(["kill", keeper.read_text().strip()], check=False, capture_output=True)


def run(place: Path, *steps: str) -> tuple[str, list[str]]:
    """How it ended, and what was done."""
    job = place / "job"
    text = script(
        "processes",
        "ownership",
        "lock",
        "job",
        LOCKS=str(place / "locks"),
        KEPT=str(place / "kept"),
        LOCK="deploy",
        OWNER="me/1",
        LEASE="10",
        WAIT="0",
        CONNECTION="no",
        DOING="testing",
        ID="job",
        STEPS=str(len(steps)),
        RUN=str(job),
        WORK=str(job / "mnt"),
        LOG=str(place / "log" / "log"),
    )
    lines = [f"step {number} {name} {name}" for number, name in enumerate(steps, 1)]
    subprocess.run(["sh", "-c", "\n".join([text, STEPS, "begin", *lines, "finish 0"])], check=True, timeout=60)
    did = (job / "did").read_text().splitlines() if (job / "did").exists() else []
    return (job / "status").read_text().strip(), did


def holder(place: Path) -> str:
    path = place / "locks" / "deploy" / "holder"
    return path.read_text() if path.exists() else ""


def test_the_lock_is_held_while_a_job_is_at_work_and_given_back(place: Path) -> None:
    assert run(place, "works", "works") == ("0", ["works as me/1", "works as me/1"])
    assert not holder(place)


def test_it_is_given_back_after_a_failure(place: Path) -> None:
    status, did = run(place, "works", "false", "works")
    assert status == "1 step 2 (false): false failed"
    assert did == ["works as me/1", "undone"]
    assert not holder(place)


def test_what_a_signal_ends_says_so_and_is_put_back_from_wherever_it_was(place: Path) -> None:
    status, did = run(place, "is_ended", "works")
    assert status.startswith("1 stopped by a signal")
    assert did == ["undone"]
    assert (place / "job" / "log").read_text().splitlines()[-2:] == [f"error: {status.removeprefix('1 ')}", "from /"]


def test_nothing_is_done_while_somebody_else_has_it(place: Path) -> None:
    now = int(float(Path("/proc/uptime").read_text().split()[0]))
    started = Path("/proc/1/stat").read_text().rsplit(") ", 1)[1].split()[19]
    held = HELD.format(now=now, started=started)
    (place / "locks" / "deploy" / "holder").write_text(held)
    status, did = run(place, "works")
    assert status.startswith("75 the lock deploy is held by somebody since 2026-01-02T03:04:05+0000"), status
    assert "changing things" in status
    assert did == []
    assert holder(place) == held
    assert not (place / "current").is_symlink()


def test_a_run_that_holds_it_already_keeps_it(place: Path) -> None:
    now = int(float(Path("/proc/uptime").read_text().split()[0]))
    held = HELD.format(now=now, started="1").replace("somebody", "me/1")
    (place / "locks" / "deploy" / "holder").write_text(held)
    assert run(place, "works") == ("0", ["works as me/1"])
    assert holder(place).split("\t")[:2] == ["7", "1"]


def test_a_step_after_the_lock_was_broken_is_refused_and_all_is_put_back(place: Path) -> None:
    status, did = run(place, "works", "is_broken", "works")
    assert "the lock deploy was lost" in status
    assert did == ["works as me/1", "undone"]
    assert not holder(place)


def test_nothing_at_all_is_done_once_it_went_on_to_somebody_else(place: Path) -> None:
    status, did = run(place, "works", "goes_to_another", "works")
    assert status.startswith("1 the lock deploy was lost")
    assert "somebody" in status
    assert did == ["works as me/1"]
    assert "somebody" in holder(place)
    assert not list((place / "locks" / "deploy" / "queue").iterdir())


def test_nothing_of_the_library_goes_by_a_name_that_a_plan_gives_a_value(tmp_path: Path) -> None:
    task = examine(storage(), Rebalance(shrink_to="2G", busy="stop"))
    names = [*HEADER, *(name for name, _ in variables_of(task))]
    assert "BUSY" in names
    text = script(*LIBRARY, **dict.fromkeys(names, "kept"), RUN=str(tmp_path), WORK=str(tmp_path), ID="job", LOCK="x")
    said = "\n".join(f'echo "{name} ${name}"' for name in names)
    done = subprocess.run(["sh"], input=f"{text}\n{said}", check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[:-1] == [f"{name} kept" for name in names]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize(
    ("kib", "said"), [(400, "1 .*/job cannot take 1 MiB: make room in "), (1600, "1 step 2 .fills_memory.: ")]
)
def test_how_it_ends_is_told_when_memory_is_full(place: Path, kib: int, said: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", str(place / "job")], check=True)
    try:
        status, did = run(place, "works", "fills_memory", "works")
        assert re.match(said, status), status
        assert did == (["works as me/1", "undone"] if kib > 1024 else [])
        assert not holder(place)
    finally:
        subprocess.run(["umount", str(place / "job")], check=True)


@pytest.mark.parametrize("name", ["place", "tab", "ticket", "taken", "fence"])
def test_what_a_job_keeps_of_its_lock_has_a_name_of_its_own(name: str) -> None:
    # All files of a job share their variables: one that took another's name once made it lose the lock.
    assigns = re.compile(rf"(?<![\w$-]){name}=|read -r [^\n<]*\b{name}\b|for {name} in")
    files = resolved(LIBRARY)
    own = [files.pop(name).text for name in ("lock_state", "lock_queue", "lock", "job")]
    assert any(assigns.search(text) for text in own)
    assert len(files) > 25
    assert [name for name, file in files.items() if assigns.search(file.text)] == []
