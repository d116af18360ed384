"""The proof is kept on the host and looked at by the run that goes on; and nothing is lost where there is no room."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.story import identity, is_as_before, reads_leave_no_trace
from tests.campaign.boot import LEFT
from tests.campaign.full import fills, makes_room
from tests.lab.machine import Machine
from tests.lab.tree import listing

MakeHost = Callable[..., Any]
# Stands before the real one: what takes the old home away waits until the power fails.
LVREMOVE = "/usr/local/sbin/lvremove"
MARKER = "sed -n 's/^# hostwright-lvm //p' /etc/fstab | base64 -d"


def lived_in(machine: Machine) -> tuple[dict[str, dict[str, object]], str]:
    machine.succeed(
        "mkdir -p /home/admin/docs && cp -a /usr/share/misc /home/admin/docs/ && echo >/home/admin/docs/kept"
    )
    reads_leave_no_trace(machine)
    return listing(machine), identity(machine)


def is_served_from_its_copy(host: Any) -> None:
    """The power fails when both the old home and its proved copy are there."""
    machine = host.machine
    machine.succeed(f"printf '#!/bin/sh\\nsleep 600\\n' >{LVREMOVE} && chmod 755 {LVREMOVE} && sync")
    with host.running():
        machine.wait_until_succeeds("grep -q 'remove the old home' /run/hostwright/lvm/current/log", 600)
        machine.crash()
    machine.start()
    machine.succeed(f"rm {LVREMOVE}; findmnt -n -o SOURCE /home | grep -q loop")


@pytest.mark.matrix
def test_the_old_home_goes_only_when_what_was_proved_still_holds(make_host: MakeHost) -> None:
    host = make_host()
    machine = host.machine
    before, known = lived_in(machine)
    is_served_from_its_copy(host)
    is_as_before(machine, before)
    proof = re.search(r'"proof": "inodes=(\d+) bytes=\d+ own=2 hash=\w{64} uuid=', machine.succeed(MARKER))
    assert proof
    assert int(proof[1]) > 5

    # A marker as older packages wrote it, and a copy in which something is lost: as a false proof left it.
    marker = "$(" + MARKER + " | sed 's/, \"proof\": .*}/}/' | base64 -w 0)"
    lost = "/home/admin/docs/kept"
    machine.succeed(
        f'sed -i "s|^# hostwright-lvm .*|# hostwright-lvm {marker}|" /etc/fstab && ! {MARKER} | grep -q proof'
        f" && rm {lost} && echo newer >/home/admin/newer"
    )
    run = host.pyinfra("-y")
    assert run.code == 1
    assert "Traceback" not in run.err
    for word in ("1 entries of home are missing in /home", "lvm_trust_copy=yes", "centos-home.differences"):
        assert word in run.err, run.err
    machine.succeed("lvs centos/home && findmnt -n /home && test -s /home/admin/newer")
    assert machine.succeed("cat /var/log/hostwright/centos-home.differences") == f".{lost.removeprefix('/home')}\n"

    # The remedy, as it is written, leads back to the old home.
    line = re.search(r"write '([^']*)'", run.err)
    assert line
    machine.succeed(
        f"sed -i '/^# hostwright-lvm/{{n;s|.*|{line[1]}|}}' /etc/fstab;"
        " systemctl daemon-reload; umount /home && mount /home"
    )
    is_as_before(machine, before)
    host.deploy()
    is_as_before(machine, before)
    assert identity(machine) == known
    assert "hostwright" not in machine.succeed(LEFT)
    assert host.pyinfra("-y").unchanged


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("variant", "steps"),
    [
        ({}, ["copy /home", "copy what changed", "let the boot", "remove the old home"]),
        ({"home_fs": "ext4", "free": "2500M"}, ["copy /home", "copy what changed", "let the boot"]),
    ],
    ids=["xfs, staged", "ext4, beside"],
)
def test_root_and_run_are_full_in_the_middle_and_nothing_is_lost(
    make_host: MakeHost, variant: dict[str, Any], steps: list[str]
) -> None:
    host = make_host(**variant)
    machine = host.machine
    before, known = lived_in(machine)
    for step in steps:
        with host.running():
            fills(machine, step)
        is_as_before(machine, before)
        machine.succeed("findmnt -n /home && touch -r /home /run/was && touch /home/writable && rm /home/writable")
        machine.succeed("touch -r /run/was /home")
        makes_room(machine)
    host.deploy()
    is_as_before(machine, before)
    assert identity(machine) == known
    assert "hostwright" not in machine.succeed(LEFT)
    assert host.pyinfra("-y").unchanged


@pytest.mark.matrix
def test_three_thousand_entries_and_a_small_run(make_host: MakeHost) -> None:
    """The lists of a home were once on /run, were cut short there, and compared as equal."""
    host = make_host()
    machine = host.machine
    machine.succeed(
        "mkdir /home/many && cd /home/many && "
        "seq -f 'a file of which there are many, number %g' 3000 | xargs -d '\\n' touch && "
        "mount -o remount,size=$(($(df -k --output=used /run | tail -n 1) + 1900))k /run"
    )
    reads_leave_no_trace(machine)
    before, known = listing(machine), identity(machine)
    run = host.pyinfra("-y")
    assert run.code == 1
    assert "/run has 1." in run.err
    machine.succeed("mount -o remount,size=$(($(df -k --output=used /run | tail -n 1) + 19000))k /run")
    text = host.deploy().err
    assert re.search(r"compared 3\d\d\d files and \d+ other entries: all the same; 3\d\d\d inodes in both", text), text
    is_as_before(machine, before)
    assert identity(machine) == known
    assert host.pyinfra("-y").unchanged
