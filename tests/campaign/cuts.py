"""The power fails at any moment of a deploy, and of the runs that go on with it, as often as chance wants."""

import shutil
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
from tests.lab.image import image
from tests.lab.machine import Machine, MachineError
from tests.lab.tree import Entry, differences, listing

MOST_CUTS = 6
SECONDS_IN_STEP = 6.0
JOB = "/run/hostwright/lvm/current"


def how_many(seed: int) -> int:
    return Random(seed).randint(1, MOST_CUTS)


def cut_and_go_on(host: Host, home: dict[str, Entry], known: str, seed: int) -> str:
    """Cuts the power as often as the seed says, then lets a last run finish; what became of it.

    + home, known: what was in home before, and its identity
    """
    chance = Random(seed)
    machine, outcome = host.machine, "whole"
    for _ in range(chance.randint(1, MOST_CUTS)):
        with host.running():
            _wait_for_a_step(machine, chance)
            time.sleep(chance.uniform(0, SECONDS_IN_STEP))
            machine.crash()
        machine.start()
        machine.succeed("mountpoint -q /home")
        _compare(machine, home, "after the boot")
        resumed = "# hostwright-lvm" in machine.succeed("cat /etc/fstab")
        outcome = "resumed" if resumed or outcome == "resumed" else "went-back"
    run = host.pyinfra("-y")
    if run.code != 0:
        raise Lost(f"the next run failed: {run.err[-3000:]}")
    _compare(machine, home, "after the last run")
    if (now := identity(machine)) != known:
        raise Lost(f"UUID, label or fstab changed:\n{now}, but was:\n{known}")
    if left := [line for line in machine.succeed(LEFT).splitlines() if "hostwright" in line]:
        raise Lost("\n".join(["left behind:", *left]))
    if not host.pyinfra("-y").unchanged:
        raise Lost("a run after the last one changed something")
    return outcome


def results(scenario: Scenario, seeds: Iterator[int]) -> Iterator[Result]:
    base = prepared(scenario)
    for seed in seeds:
        directory = Path(tempfile.mkdtemp(prefix="cuts-"))
        machine = Machine(image(), directory / "machine", backing=base.disk)
        begun, outcome, detail = time.monotonic(), "lost", ""
        try:
            machine.start()
            outcome = cut_and_go_on(Host(machine, "root", data(scenario)), base.home, base.identity, seed)
        except (Lost, MachineError) as error:
            detail = str(error)
        finally:
            machine.crash()
            shutil.rmtree(directory)
        seconds = round(time.monotonic() - begun, 1)
        yield Result(
            package.version(),
            "cut",
            scenario.name,
            package.bearing(),
            how_many(seed),
            seed,
            "cut",
            outcome,
            "",
            seconds,
            detail,
        )


def _wait_for_a_step(machine: Machine, chance: Random) -> None:
    """Until a step that chance chooses has begun, or there is no job to wait for."""
    part = chance.random()
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        seen = machine.run(f"cat {JOB}/log; ! test -e {JOB}/status || echo over").out.splitlines()
        steps = [line.split()[1].strip("[]").split("/") for line in seen if line[2:3] == ":" and " [" in line]
        if "over" in seen or (steps and int(steps[-1][0]) >= part * int(steps[-1][1])):
            return
        time.sleep(0.3)
    raise MachineError("no step began that the power could be cut in")


def _compare(machine: Machine, home: dict[str, Entry], when: str) -> None:
    if changes := differences(home, listing(machine)):
        raise Lost("\n".join([f"{len(changes)} differences {when}:", *changes[:20]]))
