"""The short forms of the campaigns that `make soak` runs in full: a deploy is cut off at many points, at any moment."""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.story import identity, reads_leave_no_trace
from tests.campaign import cuts
from tests.campaign.flushes import Task, bench
from tests.campaign.results import Result
from tests.campaign.scenarios import SCENARIOS
from tests.lab.tree import listing, plant_few

MakeHost = Callable[..., Any]


def is_whole(result: Result) -> None:
    assert result.outcome != "lost", f"{result.kind} {result.seed} at {result.point}: {result.detail}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk's clones")
def test_the_power_is_cut_at_many_points_of_a_deploy() -> None:
    scenario = SCENARIOS["staging-xfs"]
    with bench(scenario) as work:
        results = list(work.results(work.choose(seed=0, subsets=60, boots=0)))
    for result in results:
        is_whole(result)
    seen = Counter(result.home for result in results)
    # Else these would be points of something else than a deploy.
    assert seen.keys() == {"volume", "image", "copy"}, seen
    assert min(seen.values()) > 2, seen

    # The last point at which a boot depends on the copy.
    last = max(result.point for result in results if result.kind == "flush" and result.home == "copy")
    with bench(scenario) as work:
        (booted,) = work.results([Task(last, "boot", 0)])
    is_whole(booted)
    assert booted.outcome == "resumed"


def test_the_power_is_cut_at_any_moment_and_again_in_the_next_run(make_host: MakeHost) -> None:
    host = make_host(free="2500M", mount_by="LABEL")
    plant_few(host.machine)
    reads_leave_no_trace(host.machine)
    before, known = listing(host.machine), identity(host.machine)
    became: list[str] = []
    cuts.cut_and_go_on(host, before, known, 2, became)
    assert became
    assert set(became) <= {"went-back", "resumed"}
