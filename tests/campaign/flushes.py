"""The campaign `flush`: the power is cut at every flush of a deploy, and between flushes with some writes lost."""

import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from tests.campaign import package
from tests.campaign.after_cut import Found, Lost, look
from tests.campaign.arena import arena, clone
from tests.campaign.boot import go_on
from tests.campaign.recording import Recording, recording
from tests.campaign.replay import Replay
from tests.campaign.results import Result
from tests.campaign.scenarios import Scenario
from tests.campaign.volumes import Volumes

T = TypeVar("T")

KINDS = ("flush", "subset", "boot")


# In how many ways the writes between two flushes are lost: as many as there are, within these.
VARIANTS = range(4, 32)
# Boots between those where steps begin.
BETWEEN = 8


class Task(NamedTuple):
    """
    + kind: `flush`, `subset` (of the writes behind it) or `boot`
    + seed: which subset
    """

    point: int
    kind: str
    seed: int

    @property
    def key(self) -> tuple[int, int, int]:
        """In the order of the disk's history."""
        return self.point, KINDS.index(self.kind), self.seed


class Bench:
    """A scenario's disk on the way from before the deploy to its end, and the tools to look at it."""

    def __init__(self, scenario: Scenario, record: Recording, directory: Path) -> None:
        self.scenario = scenario
        self.recording = record
        self.directory = directory
        self.replay = Replay(record, directory)
        self._volumes = Volumes(record.prepared.partitions)
        # The base has been shut down in an orderly way: whatever is wrong with it, no power cut is to blame.
        self.first = look(self.replay.disk, record.prepared, self._volumes, directory)

    def choose(
        self, seed: int, flushes: int | None = None, subsets: int | None = None, boots: int | None = None
    ) -> list[Task]:
        """All that is worth a try, or so many of each kind by chance.

        Points are those with writes since the flush before, boots where steps begin and at some others.
        """
        chance = random.Random(f"{seed}/{self.scenario.name}")
        replay = self.replay
        points = [point for point in replay.points() if replay.writes_before(point)]
        ways = {point: len(replay.writes_after(point)) for point in replay.points()}
        ways = {point: min(max(number, VARIANTS.start), VARIANTS.stop) for point, number in ways.items() if number}
        steps = {replay.point_after(step.written) - 1 for step in self.recording.boundaries}
        others = _some([point for point in points if point not in steps], BETWEEN, chance)
        losses = [Task(point, "subset", seed + one) for point, number in ways.items() for one in range(number)]
        tasks = [
            *_some([Task(point, "flush", 0) for point in points], flushes, chance),
            *_some(losses, subsets, chance),
            *_some([Task(point, "boot", 0) for point in sorted({*steps, *others})], boots, chance),
        ]
        return sorted(tasks, key=lambda task: task.key)

    def results(self, tasks: Iterable[Task]) -> Iterator[Result]:
        """Tasks in the order that `choose` gives them: the disk goes forward only."""
        for point, kind, seed in tasks:
            start = time.monotonic()
            found, outcome, detail = None, "whole", ""
            disk = self.replay.forward(point)
            try:
                if kind == "subset":
                    chance = random.Random(f"{seed}/{self.scenario.name}/{point}")
                    disk = self.replay.subset(point, chance, self.directory / "subset.raw")
                with uninterrupted():
                    found = look(disk, self.recording.prepared, self._volumes, self.directory)
                if kind == "boot":
                    outcome = self._boot(disk, found)
            except Lost as error:
                outcome, detail = "lost", f"{error}\n{self.around(point)}".replace(f"{self.directory}/", "")
            yield Result(
                commit=package.version(),
                campaign="flush",
                scenario=self.scenario.name,
                recording=self.recording.name,
                point=point,
                seed=seed,
                kind=kind,
                outcome=outcome,
                home=found.home if found else "",
                seconds=round(time.monotonic() - start, 2),
                detail=detail,
            )

    def around(self, point: int) -> str:
        """Which step was at work there, and what it had written and was about to write."""
        replay = self.replay
        end = replay.entries[replay.flushes[point]].end
        begun = [step.title for step in self.recording.boundaries if step.written <= end]
        before, after = replay.writes_before(point)[-20:], replay.writes_after(point)[:20]
        return "\n".join(
            [f"step: {begun[-1] if begun else 'none'}", *map(str, before), f"== flush {point}", *map(str, after)]
        )

    def _boot(self, disk: Path, found: Found) -> str:
        directory = self.directory / "machine"
        try:
            cut = clone(disk, self.directory / "cut.raw")
            return go_on(cut, found, self.first, self.scenario, self.recording.prepared, directory)
        finally:
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def bench(scenario: Scenario) -> Iterator[Bench]:
    record = recording(scenario)
    stack = ExitStack()
    try:
        with uninterrupted():
            scratch = stack.enter_context(tempfile.TemporaryDirectory(dir=record.directory))
            ready = Bench(scenario, record, stack.enter_context(arena(Path(scratch))))
        yield ready
    finally:
        with uninterrupted():
            stack.close()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Whoever stops a campaign waits until what is mounted at the moment is unmounted."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _some(every: list[T], number: int | None, chance: random.Random) -> list[T]:
    return every if number is None or number >= len(every) else chance.sample(every, number)
