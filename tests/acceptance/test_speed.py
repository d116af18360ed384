"""Copying home and proving the copy, beside what plain tools take for the copy alone (`make soak`)."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.acceptance.host import ROOT

MakeHost = Callable[..., Any]
RESULTS = ROOT / "tests" / "results" / "speed.jsonl"
TOOLS = {
    "cp": "cp -a /home/. /mnt/",
    "rsync": "rsync -aHAX /home/ /mnt/",
    "tar": "tar -C /home -c --acls --xattrs . | tar -C /mnt -x --acls --xattrs",
    "xfsdump": "xfsdump -J - /home | xfsrestore -J - /mnt",
}
DATA = {
    "many small files": "cp -a /usr/lib /usr/share . && for n in 1 2 3 4; do head -c 50M /dev/urandom >$n; done",
    "large files": "for n in $(seq 300); do head -c 6M /dev/urandom >$n; done",
}
# Per file, an emulated processor takes several times as long for a process of the comparison as for the copy itself.
MOST = {"many small files": 3.5, "large files": 1.5}


@pytest.mark.soak
@pytest.mark.parametrize("kind", DATA)
def test_copy_and_proof_take_little_longer_than_a_plain_copy(make_host: MakeHost, kind: str) -> None:
    host = make_host(disk_size="12G", root_size="3G", free="5G", data={"lvm_shrink_to": "3G"})
    machine = host.machine
    machine.succeed("apt-get update -qq && apt-get install -qq -y xfsdump >/dev/null", timeout=900)
    machine.succeed(f"cd /home && {DATA[kind]}; sync")
    seconds: dict[str, float] = {}
    machine.succeed("lvcreate -q -y -L 3G -n plain centos")
    for name, command in TOOLS.items():
        machine.succeed("mkfs.xfs -q -f /dev/centos/plain && mount /dev/centos/plain /mnt")
        machine.succeed("sync; echo 3 >/proc/sys/vm/drop_caches")
        taken = machine.succeed(f"s=$(date +%s.%N); {{ {command}; sync; }} >/dev/null 2>&1; echo $s $(date +%s.%N)")
        begun, ended = map(float, taken.split())
        seconds[name] = round(ended - begun, 1)
        machine.succeed("umount /mnt")
    machine.succeed("lvremove -q -y centos/plain; sync; echo 3 >/proc/sys/vm/drop_caches")
    host.deploy()
    log = machine.succeed("cat /run/hostwright/lvm/current/log")
    ours = (_begun(log, "make /home read-only") - _begun(log, "copy /home")).total_seconds()
    frozen = (_begun(log, "take /home away") - _begun(log, "make /home read-only")).total_seconds()
    fastest = min(seconds.values())
    with_ours = {
        "data": kind,
        **seconds,
        "copied and proved": ours,
        "frozen": frozen,
        "ratio": round(ours / fastest, 2),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(with_ours) + "\n")
    assert ours <= MOST[kind] * fastest, with_ours


def _begun(log: str, step: str) -> datetime:
    found = re.search(rf"^(\S+) \[\d+/\d+\] {step}", log, re.MULTILINE)
    assert found, log
    return datetime.strptime(found[1], "%H:%M:%S")
