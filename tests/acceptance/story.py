"""What acceptance tests of volumes look at, and the whole story that most of them tell."""

from typing import Any

from tests.lab.machine import Machine
from tests.lab.tree import differences, listing, plant


def state(machine: Machine) -> str:
    """What a run that changes nothing leaves as it was: LVM's metadata, mounts, fstab, and our own places."""
    return machine.succeed(
        "vgs --noheadings -o vg_seqno centos; "
        "awk '{ $1 = $2 = \"\"; print }' /proc/self/mountinfo | grep -v ' /run/user'; cat /etc/fstab; "
        "ls -A /run/hostwright /var/lib/hostwright /var/log/hostwright 2>&1 || true"
    )


def identity(machine: Machine) -> str:
    return machine.succeed(
        "blkid -p -o export /dev/centos/home | grep -E '^(UUID|LABEL|TYPE)=';cat /etc/fstab; stat -c '%a %U' /etc/fstab"
    )


def planted(machine: Machine) -> dict[str, dict[str, object]]:
    plant(machine)
    reads_leave_no_trace(machine)
    return listing(machine)


def reads_leave_no_trace(machine: Machine) -> None:
    """Logins read files in /home, and access times are compared too; so they are not recorded, now and after a boot."""
    machine.succeed("sed -i '/ [/]home /s/defaults/defaults,noatime/' /etc/fstab && mount -o remount /home")
    assert "noatime" in machine.succeed("findmnt -n -o OPTIONS /home")


def is_as_before(machine: Machine, before: dict[str, dict[str, object]]) -> None:
    lost = differences(before, listing(machine))
    assert not lost, "\n".join(lost[:20])


def moves_everything(host: Any, **data: str) -> str:
    """The whole story: plant, plan, deploy, look, compare, again."""
    before, known = planted(host.machine), identity(host.machine)
    run = host.deploy(**data)
    is_as_before(host.machine, before)
    assert identity(host.machine) == known, identity(host.machine)
    host.is_verified()
    again = host.pyinfra("-y", "-vvv", **data)
    assert again.unchanged, again.err
    assert 0 < again.remote_commands <= 2, again.err
    assert "error" not in host.machine.succeed("ls -lA /home 2>&1 || echo error")
    return str(run.err)
