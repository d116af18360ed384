"""Boots a disk after a power cut, lets the deploy go on to its end, and looks at what has become of home."""

from pathlib import Path

from tests.acceptance.host import Host
from tests.acceptance.story import identity
from tests.campaign.after_cut import Found, Lost
from tests.campaign.prepared import Prepared
from tests.campaign.recording import data
from tests.campaign.scenarios import Scenario
from tests.lab.image import image
from tests.lab.machine import Machine, MachineError
from tests.lab.tree import differences, listing

# All that a run makes and takes away again, and home's bare directory, which must be as it was. The numbers of the lock
# of the host stay.
LEFT = """
    lvs --noheadings -a -o lv_name,lv_tags; vgs --noheadings -o vg_tags; pvs --noheadings -o pv_name,pv_tags
    grep -v '^ *$' /etc/fstab; mount
    losetup -a; dmsetup ls
    find /var/lib/hostwright -mindepth 1 -path '*/lock' -prune -o -print 2>/dev/null
    ls -d /etc/fstab.* 2>/dev/null
    mount --bind / /mnt
    lsattr -d /mnt/home | sed 's/^[^ ]*i/immutable by hostwright: &/'
    getfattr -d -m - /mnt/home 2>&1
    umount /mnt
    true
"""


def go_on(disk: Path, found: Found, first: Found, scenario: Scenario, base: Prepared, directory: Path) -> str:
    """What became of it: the deploy was done already (whole), was resumed, or was begun anew (went-back).

    + found: what the boot has to find
    + first: what it would have found before the deploy began
    """
    machine = Machine(image(), directory, backing=disk)
    try:
        machine.start()
        machine.succeed("mountpoint -q /home")
        _compare(machine, base, "after the boot")
        run = Host(machine, "root", data(scenario)).pyinfra("-y")
        if run.code != 0:
            raise Lost(f"the next run failed: {run.err[-3000:]}")
        _compare(machine, base, "after the next run")
        if (now := identity(machine)) != base.identity:
            raise Lost(f"UUID, label or fstab changed:\n{now}, but was:\n{base.identity}")
        left = [line for line in machine.succeed(LEFT).splitlines() if "hostwright" in line]
        if left:
            raise Lost("\n".join(["left behind:", *left]))
    except MachineError as error:
        raise Lost(str(error)) from error
    finally:
        machine.crash()
    if run.unchanged:
        return "whole"
    return "went-back" if found == first else "resumed"


def _compare(machine: Machine, base: Prepared, when: str) -> None:
    changes = differences(base.home, listing(machine))
    if changes:
        raise Lost("\n".join([f"{len(changes)} differences {when}:", *changes[:20]]))
