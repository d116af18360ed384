"""The host lock on a real machine: who has it, who waits, and what becomes of an owner that dies."""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.contention import contend
from tests.acceptance.deploy import deploy
from tests.acceptance.host import BIN, ROOT, Run, pyinfra

MakeHost = Callable[..., Any]
DEPLOY = """from pyinfra import host
from pyinfra.operations import files, server

from hostwright import lock

with lock.held(
    host.data.get("lock_name", "deploy"), doing="trying things", wait=int(host.data.get("lock_wait", 60)), lease=4
):
    files.line(name="Write a line", path="/root/lines", line=host.data.line)
    if host.data.get("sleep"):
        server.shell(name="Work", commands=[f"sleep {host.data.sleep}"])
    if host.data.get("fail"):
        server.shell(name="Fail", commands=["false"])
"""
BLOCKS = """from hostwright import lvm

lvm.physical_volume("/dev/vdb")
lvm.volume_group("data", ["/dev/vdb"])
"""
HOLDER = "/run/hostwright/lock/deploy/holder"
NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups"
UNTIL_TOLD = "0; until test -e /root/go; do sleep 0.2; done; rm /root/go"


def command(host: Any, *flags: str, **data: str) -> list[str]:
    path = host.machine.directory / "lock.py"
    path.write_text(DEPLOY)
    pairs = [word for key, value in data.items() for word in ("--data", f"{key}={value}")]
    return [*flags, *pairs, str(host.inventory), str(path)]


def run(host: Any, *flags: str, **data: str) -> Run:
    return pyinfra(*command(host, *flags, **data))


def starts(host: Any, **data: str) -> subprocess.Popen[bytes]:
    words = [str(BIN / "pyinfra"), *command(host, "-y", **data)]
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    host.machine.wait_until_succeeds(f"test -e {HOLDER} && grep -q {data['line']} /root/lines", 60)
    return process


def waits(host: Any, *words: str) -> None:
    """A run that ends well; whoever has the lock goes on once this run was told that it is the next.

    A ticket on the host says less: a job that may not start draws one too, before its controller looks again and waits.
    """
    process = subprocess.Popen(
        [str(BIN / "pyinfra"), *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    said = ""
    for line in process.stderr:
        said += line
        if "place 1 in the line" in line:
            host.machine.succeed("touch /root/go")
            break
    said += process.stderr.read()
    assert process.wait() == 0, said
    assert "place 1 in the line" in said, said


def test_deploys_of_volumes_wait_for_it_and_plan_again(make_host: MakeHost) -> None:
    host = make_host(spare_disks=("1G",))
    machine = host.machine
    blocks = machine.directory / "blocks.py"
    blocks.write_text(BLOCKS)

    # Whoever has it first gets what the other is about out of the way meanwhile.
    first = starts(host, line="first", sleep=f"{UNTIL_TOLD}; pvcreate -q /dev/vdb")
    late = host.pyinfra("-y", "--data", "lock_wait=2")
    assert late.code == 1
    assert re.search(r"held by \S+@\S+/\S+ since \S+ \(\d+ s\), trying things: waited 2 s", late.err), late.err
    machine.succeed("test ! -e /run/hostwright/lvm/current && lvs centos/home")
    waits(host, "-y", str(host.inventory), str(blocks))
    assert first.wait() == 0
    assert machine.succeed("vgs --noheadings -o pv_name data").strip() == "/dev/vdb"
    machine.succeed(f"test ! -e {HOLDER}")
    assert pyinfra("-y", str(host.inventory), str(blocks)).unchanged

    # A job has it for as long as it is at work, whatever becomes of its controller.
    machine.succeed("head -c 80M /dev/urandom >/home/much; sync")
    with host.running():
        machine.wait_until_succeeds("grep -q 'copy /home' /run/hostwright/lvm/current/log", 300)
    late = run(host, "-y", line="second", lock_wait="2")
    assert late.code == 1
    assert "changing the volumes of centos: waited 2 s" in late.err
    machine.wait_until_succeeds("test -e /run/hostwright/lvm/current/status", 600)
    assert machine.succeed("cat /run/hostwright/lvm/current/status").strip() == "0"
    assert run(host, "-y", line="second", lock_wait="2").code == 0
    wrong = host.pyinfra("-y", "--data", "lock_wait=soon")
    assert "lock_wait = 'soon'" in wrong.err
    assert "Traceback" not in wrong.err


def test_the_lock_is_taken_waited_for_given_back_and_taken_over(make_host: MakeHost) -> None:
    host = make_host()
    machine = host.machine

    # To show what would be done takes no lock, nor does a run that has nothing to do.
    assert run(host, "--dry", line="first").code == 0
    machine.succeed("test ! -e /run/hostwright")
    assert run(host, "-y", line="first").code == 0
    numbers = [int(machine.succeed("cat /run/hostwright/lock/deploy/number"))]
    assert run(host, "-y", line="first").unchanged
    assert int(machine.succeed("cat /run/hostwright/lock/deploy/number")) == numbers[0]

    # Another lock is free meanwhile. Another run waits, and is told for whom; or gives up, and is told the same.
    first = starts(host, line="second", sleep=UNTIL_TOLD)
    assert run(host, "-y", line="beside", lock_name="other", lock_wait="0").code == 0
    late = run(host, "-y", line="third", lock_wait="2")
    assert late.code == 1
    assert re.search(r"held by \S+@\S+/\S+ since \S+ \(\d+ s\), trying things: waited 2 s", late.err), late.err
    assert "third" not in machine.succeed("cat /root/lines")
    waits(host, *command(host, "-y", line="fourth"))
    assert first.wait() == 0

    # A run that fails gives it back at once; one that is killed does when its lease is over, and its work at an end.
    assert run(host, "-y", line="fifth", fail="yes").code == 1
    machine.succeed(f"test ! -e {HOLDER}")
    killed = starts(host, line="sixth", sleep=UNTIL_TOLD)
    machine.wait_until_succeeds("pgrep -f '[u]ntil test'", 60)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert run(host, "-y", line="seventh", lock_wait="5").code == 1, "its work still went on"
    # Another user of the host keeps nobody out: not by the mutex, and not by bearing the owner's name.
    owner = machine.succeed(f"cut -f 8 {HOLDER}").strip()
    machine.succeed(f"setsid {NOBODY} env HOSTWRIGHT_OWNER={owner} sleep 900 </dev/null >/dev/null 2>&1 &")
    machine.fail(f"{NOBODY} flock -n /run/hostwright/lock/deploy/mutex true")
    machine.succeed("touch /root/go")
    assert run(host, "-y", line="eighth").code == 0

    # A reboot frees it, and the number grows on.
    numbers.append(int(machine.succeed("cat /run/hostwright/lock/deploy/number")))
    starts(host, line="ninth", sleep="600")
    machine.reboot()
    assert run(host, "-y", line="tenth").code == 0
    numbers.append(int(machine.succeed("cat /run/hostwright/lock/deploy/number")))
    assert numbers == sorted(set(numbers)), numbers

    # A clock that is set does nothing to a lease.
    held = starts(host, line="eleventh", sleep=UNTIL_TOLD)
    machine.succeed("date -s '+5 hours' >/dev/null")
    assert run(host, "-y", line="twelfth", lock_wait="5").code == 1
    machine.succeed("date -s '-10 hours' >/dev/null")
    assert run(host, "-y", line="twelfth", lock_wait="2").code == 1
    machine.succeed("touch /root/go")
    assert held.wait() == 0

    # A person sees who has it, and breaks it by that name alone.
    starts(host, line="thirteenth", sleep="600")
    shown = deploy("lock", host.inventory)
    assert shown.unchanged, shown.err
    found = re.search(r"deploy: held by (\S+@\S+/\S+) since \S+ \(\d+ s\), trying things", shown.err)
    assert found, shown.err
    wrong = deploy("lock", host.inventory, lock_break="me")
    assert wrong.code == 1
    assert f"held by {found[1]}" in wrong.err
    assert "Traceback" not in wrong.err
    assert deploy("lock", host.inventory, lock_break=found[1]).code == 0
    assert run(host, "-y", line="fourteenth", lock_wait="2").code == 0

    # A disk that is full, or may not be written, keeps nobody out; memory does, where not even that can be written.
    machine.succeed("rm -r /run/hostwright/lock /var/lib/hostwright/lock")
    numbers = []
    for number, options in enumerate(("ro", "size=4k")):
        machine.succeed(
            f"mount -t tmpfs -o {options} none /var/lib/hostwright; cat /dev/zero >/var/lib/hostwright/0; true"
        )
        assert run(host, "-y", line=f"written{number}").code == 0
        numbers.append(int(machine.succeed("cat /run/hostwright/lock/deploy/number")))
        machine.succeed("umount /var/lib/hostwright")
    assert numbers == sorted(set(numbers)), numbers
    machine.succeed("mount -t tmpfs -o nr_inodes=1 none /run/hostwright")
    unwritable = run(host, "-y", line="fifteenth", lock_wait="2")
    assert unwritable.code == 1
    assert "/run/hostwright/lock/deploy cannot be made" in unwritable.err
    assert "Traceback" not in unwritable.err
    machine.succeed("umount /run/hostwright")
    assert run(host, "-y", line="sixteenth").code == 0


@pytest.mark.soak
@pytest.mark.parametrize("kills", [25, 100])
def test_thirty_contend_and_many_are_killed(make_host: MakeHost, kills: int) -> None:
    host = make_host()
    verdict = contend(host.machine, contenders=30, kills=kills, seconds=4 * kills, seed=1)
    print(verdict)
    assert verdict.turns > 30
    assert verdict.kills == kills
    assert not verdict.overlaps, verdict
    assert not verdict.out_of_turn, verdict
