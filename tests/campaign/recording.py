"""Runs a deploy on a lab machine whose whole disk is recorded, write by write, and keeps the record for replays."""

import hashlib
import json
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
from tests.campaign import package
from tests.campaign.prepared import Prepared, directory, prepared
from tests.campaign.scenarios import Scenario
from tests.lab.cache import cached
from tests.lab.call import LabError
from tests.lab.image import image
from tests.lab.machine import Machine

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
    + prepared: the machine as it was before the deploy
    + boundaries: where steps began, and last where the deploy was over
    """

    directory: Path
    prepared: Prepared
    boundaries: tuple[Boundary, ...]

    @property
    def name(self) -> str:
        """No two are alike, even of the same package."""
        return hashlib.sha256(f"{self.boundaries}{self.writes.stat().st_size}".encode()).hexdigest()[:7]

    @property
    def writes(self) -> Path:
        """What was written to the disk from the start of the machine on."""
        return self.directory / "writes.log"


def recording(scenario: Scenario) -> Recording:
    """The record of a scenario with the present package, made first if the cache does not hold it."""
    base = prepared(scenario)
    kept = cached(directory(scenario.name, base.directory.name, package.bearing()), partial(_record, scenario, base))
    boundaries = json.loads((kept / "boundaries.json").read_text())
    return Recording(kept, base, tuple(Boundary(**boundary) for boundary in boundaries))


def data(scenario: Scenario) -> dict[str, Any]:
    return {"lvm_shrink_to": "2G", **scenario.data}


def _record(scenario: Scenario, base: Prepared, directory: Path) -> None:
    writes = directory / "writes.log"
    machine = Machine(image(), directory / "machine", backing=base.disk, write_log=writes)
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
    (directory / "boundaries.json").write_text(json.dumps([asdict(boundary) for boundary in boundaries]))
    shutil.rmtree(directory / "machine")


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
