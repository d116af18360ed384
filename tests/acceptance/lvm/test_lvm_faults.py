"""Disks that fill up or fail in the middle of a run: home stays what it was, and the next run does the job."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.story import identity, is_as_before, reads_leave_no_trace
from tests.lab.machine import Machine
from tests.lab.tree import listing

MakeHost = Callable[..., Any]
# Enough to copy that a fault can come in the middle of it.
FILL = "mkdir -p /home/admin/docs && cp -a /usr/lib/python3* /usr/share/misc /usr/lib/modules /home/admin/docs/ && sync"


def lived_in(machine: Machine) -> tuple[dict[str, dict[str, object]], str]:
    machine.succeed(FILL)
    reads_leave_no_trace(machine)
    return listing(machine), identity(machine)


def fails_in_the_middle(host: Any, fault: str) -> None:
    """The fault comes while home is copied; waits until the job has ended for it."""
    machine = host.machine
    with host.running():
        machine.wait_until_succeeds("grep -q 'copying /home' /run/hostwright/lvm/current/log", 300)
        machine.run(fault)
        machine.wait_until_succeeds("test -e /run/hostwright/lvm/current/status", 600)


def is_home_again(machine: Machine, before: dict[str, dict[str, object]]) -> None:
    is_as_before(machine, before)
    machine.succeed("touch -r /home /run/was && touch /home/writable && rm /home/writable && touch -r /run/was /home")


def table(disk: str, target: str) -> str:
    """Begins 1 MiB into the disk: what LVM or a file system writes there must not be seen on the disk itself, too."""
    sectors = f"$(($(blockdev --getsz {disk}) - 2048))"
    return f"0 {sectors} {'error' if target == 'error' else f'{target} {disk} 2048'}"


def can_fail(machine: Machine, disk: str, name: str) -> None:
    """A device /dev/mapper/NAME that goes through to a disk until `becomes` says otherwise."""
    machine.succeed(f'dmsetup create {name} --table "{table(disk, "linear")}"')


def becomes(name: str, disk: str, target: str) -> str:
    return (
        f'dmsetup suspend --noflush {name}; dmsetup load {name} --table "{table(disk, target)}"; dmsetup resume {name}'
    )


@pytest.mark.soak
def test_root_fills_up_while_home_is_staged_on_it(make_host: MakeHost) -> None:
    host = make_host()
    before, known = lived_in(host.machine)
    fails_in_the_middle(host, "dd if=/dev/zero of=/var/full bs=1M; sync")
    is_as_before(host.machine, before)
    host.machine.succeed("rm /var/full")
    host.deploy()
    is_home_again(host.machine, before)
    assert identity(host.machine) == known
    assert host.pyinfra("-y").unchanged


@pytest.mark.soak
def test_a_lent_disk_fails(make_host: MakeHost) -> None:
    host = make_host(spare_disks=("3G",), data={"lvm_scratch": "/dev/mapper/lent"})
    machine = host.machine
    can_fail(machine, "/dev/vdb", "lent")
    before, known = lived_in(machine)
    fails_in_the_middle(host, becomes("lent", "/dev/vdb", "error"))
    is_home_again(machine, before)
    machine.succeed(becomes("lent", "/dev/vdb", "linear"))
    host.deploy()
    is_home_again(machine, before)
    assert identity(machine) == known
    assert host.pyinfra("-y").unchanged
    assert machine.succeed("pvs --noheadings -o pv_name").split() == ["/dev/vda"]


@pytest.mark.soak
def test_the_disk_fails_that_home_is_staged_on(make_host: MakeHost) -> None:
    host = make_host(spare_disks=("3G",), data={"lvm_staging": "/srv"})
    machine = host.machine
    can_fail(machine, "/dev/vdb", "stage")
    machine.succeed(
        "mkfs.xfs -q /dev/mapper/stage && echo '/dev/mapper/stage /srv xfs nofail 0 0' >>/etc/fstab && mount /srv"
    )
    before, known = lived_in(machine)
    fails_in_the_middle(host, becomes("stage", "/dev/vdb", "error"))
    is_home_again(machine, before)
    machine.succeed(becomes("stage", "/dev/vdb", "linear"))
    machine.succeed("umount /srv && mount /srv")
    host.deploy()
    is_home_again(machine, before)
    assert identity(machine) == known
    assert host.pyinfra("-y").unchanged
