"""Every step of a deploy with a file system full: root, /run, a disk where a copy is staged, or no memory left."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.host import Host
from tests.campaign import package
from tests.campaign.after_cut import Lost
from tests.campaign.cuts import compare, finish
from tests.campaign.prepared import prepared
from tests.campaign.recording import data
from tests.campaign.results import Result
from tests.campaign.scenarios import SCENARIOS, STAGED_APART, Scenario
from tests.lab.booted import booted
from tests.lab.image import image
from tests.lab.machine import Machine, MachineError
from tests.lab.tree import Entry

JOB = "/run/hostwright/lvm/current"
FILL_RUN = "mount -o remount,size=$(df -k --output=used /run | tail -n 1)k /run"
FREE_RUN = "mount -o remount,size=200m /run"
FILL_DISK = (
    "fallocate -l $(($(stat -f -c '%a * %S' {at}/.) - 65536)) {at}/full; dd if=/dev/zero of={at}/full2 bs=4096 "
    "2>/dev/null; while echo x >>{at}/full3; do :; done 2>/dev/null"
)
FREE_DISK = "rm -f {at}/full {at}/full2 {at}/full3"
FILL_ROOT, FREE_ROOT = FILL_DISK.format(at=""), FREE_DISK.format(at="")
FILL_MEMORY = (
    "mkdir -p /dev/shm && mount -o remount,size=100% /dev/shm; "
    "left=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo); "
    "dd if=/dev/zero of=/dev/shm/full bs=1M count=$((left / 1024 - 60))"
)
# By the shell that fills it, and the shell that makes room.
KINDS = {
    "root": (FILL_ROOT, FREE_ROOT),
    "run": (FILL_RUN, FREE_RUN),
    "memory": (FILL_MEMORY, "rm -f /dev/shm/full"),
    "staging": (FILL_DISK.format(at=STAGED_APART.staging), FREE_DISK.format(at=STAGED_APART.staging)),
}
FULL_SCENARIOS = {**SCENARIOS, STAGED_APART.name: STAGED_APART}
BOTH = (f"{FILL_RUN}; {FILL_ROOT}", f"{FREE_RUN}; {FREE_ROOT}")


def fills(machine: Machine, step: str, fill: str = BOTH[0], within: float = 900) -> None:
    """Waits in the machine for a step of a running job, fills what is to be full, and waits for the end of the job."""
    machine.succeed(
        f'timeout {within:.0f} sh -c \'until grep -q "{step}" {JOB}/log 2>/dev/null || test -e {JOB}/status; '
        "do sleep 0.05; done'"
    )
    machine.run(fill)
    machine.wait_until_succeeds(f"test -e {JOB}/status", within)


def makes_room(machine: Machine, free: str = BOTH[1]) -> None:
    machine.succeed(free)


def results(scenario: Scenario, kind: str, steps: Iterator[int]) -> Iterator[Result]:
    """For each step: a deploy in which something is full from that step on, then one that has the room."""
    base = prepared(scenario)
    for step in steps:
        directory = Path(tempfile.mkdtemp(prefix="full-"))
        kept = booted(image(), base.disk)
        backing, memory = (kept.disk, kept.memory) if kept else (base.disk, None)
        machine = Machine(image(), directory / "machine", backing=backing, memory_of=memory)
        begun, detail, outcome = time.monotonic(), "", "lost"
        try:
            machine.start()
            outcome = _one(Host(machine, "root", data(scenario)), base.home, base.identity, kind, step)
        except (Lost, MachineError) as error:
            detail = str(error)
        finally:
            machine.crash()
            shutil.rmtree(directory)
        seconds = round(time.monotonic() - begun, 1)
        yield Result(
            *(package.version(), "full", scenario.name, package.bearing(), step, list(KINDS).index(kind)),
            *("full", outcome, kind, seconds, detail),
        )


def _one(host: Host, home: dict[str, Entry], known: str, kind: str, step: int) -> str:
    """`past` where there is no such step, `went-on` where the job did all the same, or `went-back`."""
    machine = host.machine
    fill, free = KINDS[kind]
    with host.running():
        fills(machine, f"\\[{step}/", fill)
    log = machine.succeed(f"cat {JOB}/log")
    status = machine.succeed(f"cat {JOB}/status")
    if status.startswith("0") and f"[{step}/" not in log:
        return "past"
    machine.succeed("mountpoint -q /home")
    compare(machine, home, f"after step {step} with no room ({kind}): {status}")
    machine.succeed(free)
    finish(host, home, known)
    return "went-on" if status.startswith("0") else "went-back"
