"""Runs a deploy on a lab machine whose whole disk is recorded, write by write, and keeps the record for replays."""

import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.acceptance.host import Host
from tests.acceptance.story import identity, reads_leave_no_trace
from tests.campaign import package
from tests.campaign.scenarios import Scenario
from tests.lab.build import recipe_hash
from tests.lab.cache import cached
from tests.lab.call import LabError, call
from tests.lab.image import image
from tests.lab.machine import Machine
from tests.lab.tree import GUEST, Entry, listing, plant_few
from tests.lab.variants import prepare

MIB = 1024**2
DISK = 8 * 1024**3
LOG = "/run/hostwright/lvm/current/log"


@dataclass(frozen=True)
class Boundary:
    """
    + title: the line of the job's log with which a step began
    + written: how many bytes the log of writes had then
    """

    title: str
    written: int


@dataclass(frozen=True)
class Recording:
    """
    + base: the disk as it was before the machine was started for the deploy
    + writes: what was written to it from then on
    + partitions: offset and length of what may be physical volumes on it
    + boundaries: where steps began, and last where the deploy was over
    + home: what was in home before
    + identity: UUID and label of home's file system, and fstab, before
    """

    directory: Path
    partitions: tuple[tuple[int, int], ...]
    boundaries: tuple[Boundary, ...]
    home: dict[str, Entry]
    identity: str

    @property
    def name(self) -> str:
        """No two are alike, even of the same package."""
        return hashlib.sha256(f"{self.boundaries}{self.writes.stat().st_size}".encode()).hexdigest()[:7]

    @property
    def base(self) -> Path:
        return self.directory / "base.qcow2"

    @property
    def writes(self) -> Path:
        return self.directory / "writes.log"


def recording(scenario: Scenario) -> Recording:
    """The record of a scenario with the present package, made first if the cache does not hold it."""
    planted = hashlib.sha256((GUEST / "plant_few.py").read_bytes()).hexdigest()
    what = "\0".join([repr(scenario), package.version(), recipe_hash(), planted])
    key = f"{scenario.name}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hostwright" / "campaign"
    directory = cached(cache / key, partial(_record, scenario))
    kept = json.loads((directory / "recording.json").read_text())
    boundaries = tuple(Boundary(**boundary) for boundary in kept.pop("boundaries"))
    return Recording(directory, _partitions(scenario), boundaries, **kept)


def data(scenario: Scenario) -> dict[str, Any]:
    return {"lvm_shrink_to": "2G", **scenario.data}


def _record(scenario: Scenario, directory: Path) -> None:
    made = Machine(image(), directory / "made")
    try:
        made.start()
        prepare(made, **scenario.variant)
        plant_few(made)
        reads_leave_no_trace(made)
        before, known = listing(made), identity(made)
        made.stop()
        if scenario.scratch:
            _partition(made.disk, _partitions(scenario))
        boundaries = _deploy(scenario, directory, made.disk)
    finally:
        made.crash()
    kept = {"boundaries": [asdict(boundary) for boundary in boundaries], "home": before, "identity": known}
    (directory / "recording.json").write_text(json.dumps(kept))
    made.disk.rename(directory / "base.qcow2")
    for name in ("made", "recorded"):
        shutil.rmtree(directory / name)


def _partitions(scenario: Scenario) -> tuple[tuple[int, int], ...]:
    if not scenario.scratch:
        return ((0, DISK),)
    return (MIB, DISK), (MIB + DISK, scenario.scratch)


def _partition(disk: Path, partitions: tuple[tuple[int, int], ...]) -> None:
    """Move the content of the disk into the first one of partitions that it had not."""
    raw = disk.with_suffix(".raw")
    first, last = partitions[0], partitions[-1]
    with raw.open("wb") as file:
        file.truncate(last[0] + last[1] + MIB)
    table = "".join(f"start={start // 512}, size={size // 512}, type=8e\n" for start, size in partitions)
    subprocess.run(["sfdisk", "--quiet", "--label", "dos", str(raw)], input=table, text=True, check=True)
    place = f"driver=raw,offset={first[0]},size={first[1]},file.driver=file,file.filename={raw}"
    call(["qemu-img", "convert", "-n", "--target-image-opts", str(disk), place])
    call(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(disk)])
    raw.unlink()


def _deploy(scenario: Scenario, directory: Path, base: Path) -> list[Boundary]:
    writes = directory / "writes.log"
    machine = Machine(image(), directory / "recorded", backing=base, write_log=writes)
    try:
        machine.start()
        host = Host(machine, "root", data(scenario))
        with _steps(machine, writes) as boundaries:
            run = host.pyinfra("-y")
        if run.code != 0 or f"way: {scenario.way}" not in run.err:
            raise LabError(f"the deploy that was to be recorded did not go as it had to:\n{run.err}")
        boundaries.append(Boundary("the deploy is over", writes.stat().st_size))
        machine.stop()
    finally:
        machine.crash()
    return boundaries


@contextmanager
def _steps(machine: Machine, writes: Path) -> Iterator[list[Boundary]]:
    """Listens to the job's log; the list grows by one as each step begins."""
    boundaries: list[Boundary] = []
    command = f"until [ -e {LOG} ]; do sleep 0.1; done; exec tail -n +1 -f {LOG}"
    # A connection of its own, that ends with this process.
    words = ["ssh", "-o", "ControlPath=none", *machine.ssh_args, "root@127.0.0.1", command]
    listener = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )

    def listen() -> None:
        assert listener.stdout is not None
        for line in listener.stdout:
            time, _, rest = line.rstrip().partition(" ")
            if time.count(":") == 2 and rest.startswith("["):
                boundaries.append(Boundary(rest, writes.stat().st_size))

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield boundaries
    finally:
        listener.terminate()
        thread.join()
        listener.wait()
