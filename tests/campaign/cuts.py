"""The power fails at any moment of a deploy, and of the runs that go on with it, as often as chance wants."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.acceptance.host import Host
from tests.acceptance.story import identity
from tests.campaign import package
from tests.campaign.after_cut import Lost
from tests.campaign.boot import LEFT
from tests.campaign.prepared import prepared
from tests.campaign.recording import data
from tests.campaign.results import Result
from tests.campaign.scenarios import Scenario
from tests.lab.booted import booted
from tests.lab.image import image
from tests.lab.machine import Machine, MachineError
from tests.lab.tree import Entry, differences, listing

MOST_CUTS = 12
SECONDS_IN_STEP = 6.0
JOB = "/run/hostwright/lvm/current"


def cut_and_go_on(host: Host, home: dict[str, Entry], known: str, seed: int, became: list[str]) -> None:
    """Cuts the power as often as the seed says, but no more when all is done, then lets a last run finish.

    + home, known: what was in home before, and its identity
    + became: gets a word for each cut: what the machine was like after it
    """
    chance = Random(seed)
    machine = host.machine
    for _ in range(chance.randint(1, MOST_CUTS)):
        with host.running() as controller:
            if not _a_step_began(machine, chance, controller):
                break
            time.sleep(chance.uniform(0, SECONDS_IN_STEP))
            machine.crash()
        became.append("lost")
        machine.start()
        machine.succeed("mountpoint -q /home")
        compare(machine, home, "after the boot")
        resumed = "# hostwright-lvm" in machine.succeed("cat /etc/fstab")
        became[-1] = "resumed" if resumed else "went-back"
    finish(host, home, known)


def finish(host: Host, home: dict[str, Entry], known: str) -> None:
    """The last run does what is left to do, and leaves nothing behind."""
    machine = host.machine
    run = host.pyinfra("-y")
    if run.code != 0:
        raise Lost(f"the next run failed: {run.err[-3000:]}")
    compare(machine, home, "after the last run")
    if (now := identity(machine)) != known:
        raise Lost(f"UUID, label or fstab changed:\n{now}, but was:\n{known}")
    if left := [line for line in machine.succeed(LEFT).splitlines() if "hostwright" in line]:
        raise Lost("\n".join(["left behind:", *left]))
    if not host.pyinfra("-y").unchanged:
        raise Lost("a run after the last one changed something")


def results(scenario: Scenario, seeds: Iterator[int]) -> Iterator[Result]:
    base = prepared(scenario)
    for seed in seeds:
        directory = Path(tempfile.mkdtemp(prefix="cuts-"))
        kept = booted(image(), base.disk)
        backing, memory = (kept.disk, kept.memory) if kept else (base.disk, None)
        machine = Machine(image(), directory / "machine", backing=backing, memory_of=memory)
        begun, detail = time.monotonic(), ""
        became: list[str] = []
        try:
            machine.start()
            try:
                cut_and_go_on(Host(machine, "root", data(scenario)), base.home, base.identity, seed, became)
                outcome = "resumed" if "resumed" in became else "went-back" if became else "whole"
            except (Lost, MachineError) as error:
                outcome, detail = "lost", str(error)
        finally:
            machine.crash()
            shutil.rmtree(directory)
        seconds = round(time.monotonic() - begun, 1)
        yield Result(
            package.version(),
            "cut",
            scenario.name,
            package.bearing(),
            len(became),
            seed,
            "cut",
            outcome,
            "",
            seconds,
            detail,
        )


def _a_step_began(machine: Machine, chance: Random, controller: "subprocess.Popen[bytes]") -> bool:
    """Waits for a step that chance chooses, or the end of the job; there is none where nothing was left to do."""
    part = chance.random()
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        seen = machine.run(f"cat {JOB}/log; ! test -e {JOB}/status || echo over").out.splitlines()
        steps = [line.split()[1].strip("[]").split("/") for line in seen if line[2:3] == ":" and " [" in line]
        if "over" in seen or (steps and int(steps[-1][0]) >= part * int(steps[-1][1])):
            return True
        if controller.poll() is not None:
            return False
        time.sleep(1)
    raise MachineError("no step began that the power could be cut in")


def compare(machine: Machine, home: dict[str, Entry], when: str) -> None:
    if changes := differences(home, listing(machine)):
        raise Lost("\n".join([f"{len(changes)} differences {when}:", *changes[:20]]))
