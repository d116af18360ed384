"""The host lock on a real machine: who has it, who waits, and what becomes of an owner that dies (`make soak`)."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.contention import contend
from tests.acceptance.host import BIN, ROOT, Run, pyinfra

MakeHost = Callable[..., Any]
DEPLOY = """from pyinfra import host
from pyinfra.operations import files, server

from hostwright.operations import lock

with lock.held(doing="trying things", wait=int(host.data.get("lock_wait", 60)), lease=4):
    files.line(name="Write a line", path="/root/lines", line=host.data.line)
    if host.data.get("sleep"):
        server.shell(name="Work", commands=[f"sleep {host.data.sleep}"])
    if host.data.get("fail"):
        server.shell(name="Fail", commands=["false"])
"""
HOLDER = "/run/hostwright/lock/deploy/holder"


def command(host: Any, *flags: str, **data: str) -> list[str]:
    path = host.machine.directory / "lock.py"
    path.write_text(DEPLOY)
    pairs = [word for key, value in data.items() for word in ("--data", f"{key}={value}")]
    return [*flags, *pairs, str(host.inventory), str(path)]


def run(host: Any, *flags: str, **data: str) -> Run:
    return pyinfra(*command(host, *flags, **data))


@pytest.mark.soak
def test_the_lock_is_taken_waited_for_given_back_and_taken_over(make_host: MakeHost) -> None:
    host = make_host()
    machine = host.machine

    def starts(**data: str) -> subprocess.Popen[bytes]:
        words = [str(BIN / "pyinfra"), *command(host, "-y", **data)]
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        machine.wait_until_succeeds(f"test -e {HOLDER} && grep -q . /root/lines", 60)
        return process

    # To show what would be done takes no lock, nor does a run that has nothing to do.
    assert run(host, "--dry", line="first").code == 0
    machine.succeed("test ! -e /run/hostwright")
    assert run(host, "-y", line="first").code == 0
    numbers = [int(machine.succeed("cat /run/hostwright/lock/deploy/number"))]
    assert run(host, "-y", line="first").unchanged
    assert int(machine.succeed("cat /run/hostwright/lock/deploy/number")) == numbers[0]

    # Another one waits, and is told for whom; or gives up, and is told the same.
    first = starts(line="second", sleep="12")
    late = run(host, "-y", line="third", lock_wait="2")
    assert late.code == 1
    assert re.search(r"held by \S+@\S+/\S+ since \S+ \(\d+ s\), trying things: waited 2 s", late.err), late.err
    assert "third" not in machine.succeed("cat /root/lines")
    waited = run(host, "-y", line="fourth")
    assert waited.code == 0
    assert "place 1 in the line" in waited.err
    assert first.wait() == 0

    # A run that fails gives it back at once; one that is killed does when its lease is over, and its work at an end.
    assert run(host, "-y", line="fifth", fail="yes").code == 1
    machine.succeed(f"test ! -e {HOLDER}")
    killed = starts(line="sixth", sleep="15")
    machine.wait_until_succeeds("pgrep -x sleep", 60)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert run(host, "-y", line="seventh", lock_wait="5").code == 1, "its work still went on"
    assert run(host, "-y", line="eighth").code == 0

    # A reboot frees it, and the number grows on.
    numbers.append(int(machine.succeed("cat /run/hostwright/lock/deploy/number")))
    starts(line="ninth", sleep="600")
    machine.reboot()
    assert run(host, "-y", line="tenth").code == 0
    numbers.append(int(machine.succeed("cat /run/hostwright/lock/deploy/number")))
    assert numbers == sorted(set(numbers)), numbers

    # A clock that is set does nothing to a lease.
    held = starts(line="eleventh", sleep="20")
    machine.succeed("date -s '+5 hours' >/dev/null")
    assert run(host, "-y", line="twelfth", lock_wait="5").code == 1
    machine.succeed("date -s '-10 hours' >/dev/null")
    assert run(host, "-y", line="twelfth", lock_wait="2").code == 1
    assert held.wait() == 0

    # A person sees who has it, and breaks it by that name alone.
    starts(line="thirteenth", sleep="600")
    shown = pyinfra("-y", str(host.inventory), "deploys/lock.py")
    assert shown.unchanged, shown.err
    found = re.search(r"deploy: held by (\S+@\S+/\S+) since \S+ \(\d+ s\), trying things", shown.err)
    assert found, shown.err
    wrong = pyinfra("-y", "--data", "lock_break=me", str(host.inventory), "deploys/lock.py")
    assert wrong.code == 1
    assert f"held by {found[1]}" in wrong.err
    assert "Traceback" not in wrong.err
    assert pyinfra("-y", "--data", f"lock_break={found[1]}", str(host.inventory), "deploys/lock.py").code == 0
    assert run(host, "-y", line="fourteenth", lock_wait="2").code == 0

    # Nothing can be noted where a disk is full or may not be written: then the lock is not taken, and that is said.
    machine.succeed(
        "rm -r /run/hostwright/lock /var/lib/hostwright/lock && mount -t tmpfs -o ro none /var/lib/hostwright"
    )
    unwritable = run(host, "-y", line="fifteenth", lock_wait="2")
    assert unwritable.code == 1
    assert "/var/lib/hostwright/lock cannot be written" in unwritable.err
    machine.succeed("umount /var/lib/hostwright")
    assert run(host, "-y", line="sixteenth").code == 0


@pytest.mark.soak
def test_thirty_contend_and_a_hundred_are_killed(make_host: MakeHost) -> None:
    host = make_host()
    began = time.monotonic()
    verdict = contend(host.machine, contenders=30, kills=100, seconds=600, seed=1)
    assert verdict.turns > 30
    assert verdict.kills >= 100 or time.monotonic() - began > 600
    assert not verdict.overlaps, verdict
    assert not verdict.out_of_turn, verdict
