"""How long home is away, for much and for many files, while somebody works in it every 50 ms (`make soak`)."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.acceptance.host import ROOT
from tests.lab.tree import bring

MakeHost = Callable[..., Any]
GIB = 1024**3
RESULTS = ROOT / "tests" / "results" / "time_away.jsonl"


def longest_gap(log: str, what: str) -> float:
    """Seconds between two attempts that went well, the longest."""
    good = [float(words[0]) for line in log.splitlines() if (words := line.split())[1] == what and words[3:] == ["yes"]]
    return max(after - before for before, after in pairwise(good))


@pytest.mark.soak
@pytest.mark.parametrize("way", ["staging", "beside"])
@pytest.mark.parametrize(
    ("mebibytes", "entries"), [(200, 1000), (1000, 1000), (4000, 1000), (200, 100_000)], ids=lambda value: str(value)
)
def test_home_is_away_for_what_changed_and_not_for_what_there_is(
    make_host: MakeHost, way: str, mebibytes: int, entries: int
) -> None:
    free = "6500M" if way == "beside" else None
    host = make_host(disk_size="24G", root_size="9G", data={"lvm_shrink_to": "6G"}, free=free)
    machine = host.machine
    machine.succeed(
        f"""
        mkdir -p /home/many /home/much /root/probe && cd /home/many
        seq -f %06g {entries} | split -a 3 -l 100 - names.
        for names in names.*; do mkdir "of $names" && (cd "of $names" && xargs touch <../$names); done
        cd /home/much && for n in $(seq {mebibytes // 50}); do head -c 50M /dev/urandom >$n; done; sync
        """,
        timeout=3000,
    )
    script = bring(machine, "probe.py")
    machine.succeed(f"cd / && setsid python3 {script} /home /root/probe </dev/null >/dev/null 2>&1 & sleep 3")
    run = host.deploy()
    assert f"way: {way}" in run.err
    machine.succeed("sleep 3; touch /root/probe/stop; sleep 1")
    log = machine.succeed("cat /root/probe/log")
    written = {line.split()[2] for line in log.splitlines() if line.split()[1] == "write" and line.endswith("yes")}
    there = set(machine.succeed("cd /home && ls | sed -n 's/^probe-//p'").split())
    assert written == there
    assert "other" not in log
    result = {
        "way": way,
        "mebibytes": mebibytes,
        "entries": entries,
        "written meanwhile": len(written),
        "seconds without writing": round(longest_gap(log, "write"), 1),
        "seconds without reading": round(longest_gap(log, "read"), 1),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(result) + "\n")
