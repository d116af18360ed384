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
    machine.succeed("mount -o remount,noatime /home")
    return listing(machine)


def moves_everything(host: Any, **data: str) -> str:
    """The whole story: plant, plan, deploy, look, compare, again."""
    before, known = planted(host.machine), identity(host.machine)
    run = host.deploy(**data)
    assert differences(before, listing(host.machine)) == []
    assert identity(host.machine) == known
    host.is_verified()
    again = host.pyinfra("-y", "-vvv", **data)
    assert again.unchanged, again.err
    assert again.remote_commands <= 2, again.err
    assert "error" not in host.machine.succeed("ls -lA /home 2>&1 || echo error")
    return str(run.err)
