"""Disks become volumes with file systems, grow, shrink and go away again, and no file is ever lost in it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.host import Run, pyinfra
from tests.lab.machine import Machine
from tests.lab.tree import differences, listing

MakeHost = Callable[..., Any]

EARLY = "/etc/initramfs-tools/scripts/init-top/hostwright-dm"
FILES, BIG = "/srv/files", "/srv/big one"
FILL = "cp -a /etc /usr/share/misc '{at}/' && ln -s misc '{at}/link' && sync"


def run(host: Any, text: str, *flags: str) -> Run:
    path = host.machine.directory / "blocks.py"
    path.write_text(f"from hostwright import lvm\n\n{text}")
    return pyinfra(*flags, str(host.inventory), str(path))


def deployed(host: Any, text: str) -> str:
    done = run(host, text, "-y")
    assert done.code == 0, done.err
    return done.err


def refusals(host: Any, *calls: str) -> list[str]:
    """What each call is refused with, in one run that changes nothing."""
    tries = "\n".join(f"refused(lambda: {call})" for call in calls)
    text = f"""from pyinfra.api.exceptions import DeployError

def refused(call):
    try:
        call()
    except DeployError as error:
        print("REFUSED", error)
    else:
        print("REFUSED not")

{tries}
"""
    done = run(host, text, "-y")
    assert done.code == 0, done.err
    said = [line for line in done.out.splitlines() if line.startswith("REFUSED ")]
    assert len(said) == len(calls), done.out
    return said


def volumes(*, files: str, big: str, disks: str = '["/dev/vdb"]') -> str:
    return f"""
lvm.physical_volume("/dev/vdb")
lvm.volume_group("data", {disks})
lvm.logical_volume("data", "files", "{files}", fs="ext4", mount="{FILES}", options="noatime")
lvm.logical_volume("data", "big-one", "{big}", fs="xfs", mount="{BIG}", options="noatime")
lvm.logical_volume("data", "swap", "100M", fs="swap")
"""


def contents(machine: Machine) -> dict[str, dict[str, object]]:
    return {f"{at}: {name}": entry for at in (FILES, BIG) for name, entry in listing(machine, at).items()}


def looks(machine: Machine) -> str:
    """What a refusal and --dry leave as it is."""
    return machine.succeed(
        "vgs --noheadings -o vg_name,vg_seqno; pvs --noheadings -o pv_name,vg_name; cat /etc/fstab /proc/swaps; "
        "findmnt -rno TARGET,SOURCE,FSTYPE -t xfs,ext4; blkid -p /dev/vd[bc]; ls -A /srv || true"
    )


def is_mounted(machine: Machine) -> None:
    assert machine.succeed(f"findmnt -no FSTYPE '{FILES}'; findmnt -no FSTYPE '{BIG}'").split() == ["ext4", "xfs"]
    assert "noatime" in machine.succeed(f"findmnt -no OPTIONS '{BIG}'")
    assert machine.succeed("swapon --show=NAME --noheadings").split()


def size_of(machine: Machine, name: str) -> int:
    return int(machine.succeed(f"lvs --noheadings --nosuffix --units m -o lv_size data/{name}").split(".")[0])


@pytest.mark.matrix
def test_from_blank_disks_to_volumes_and_back(make_host: MakeHost) -> None:
    host = make_host(spare_disks=("2G", "1G"))
    machine = host.machine
    machine.succeed("mkfs.ext4 -q /dev/vdc")

    # Each block builds on one that is not there yet, and the plan is seen all the same.
    small = volumes(files="400M", big="500M")
    before = looks(machine)
    dry = run(host, small, "--dry")
    assert dry.code == 0, dry.err
    assert dry.err.count("1 (lab)") == 5, dry.err
    assert looks(machine) == before, "--dry changed the host"

    # A refusal comes before the first change of all, whichever block it is about.
    done = run(host, volumes(files="400M", big="9G"), "-y")
    assert done.code == 1
    assert "lab: refused, nothing was changed: size = '9G': it needs" in done.err
    assert "more than data has free" in done.err, done.err
    assert "Traceback" not in done.err
    assert looks(machine) == before

    # A second group may keep this LVM from booting. Where the initramfs cannot be made safe first, there is none.
    machine.succeed("mv /usr/sbin/update-initramfs /root/")
    done = run(host, small, "-y")
    assert done.code == 1
    assert "load dm_mod early, in a new initramfs" in done.err
    assert "update-initramfs: " in done.err, done.err
    machine.succeed(f"test ! -e {EARLY} && ! vgs data")
    machine.succeed("mv /root/update-initramfs /usr/sbin/")

    deployed(host, small)
    machine.succeed(f"test -x {EARLY} && {EARLY}")
    is_mounted(machine)
    for at in (FILES, BIG):
        machine.succeed(FILL.format(at=at))
    known = contents(machine)
    again = run(host, small, "-y", "-vvv")
    assert again.unchanged, again.err
    assert again.remote_commands == 5, "one look for each block"

    machine.succeed(f"cd '{BIG}' && setsid sleep 900 </dev/null >/dev/null 2>&1 &")
    before = looks(machine)
    said = refusals(
        host,
        'lvm.physical_volume("/dev/vda1")',
        'lvm.volume_group("other", ["/dev/vdc"])',
        'lvm.logical_volume("data", "files", "+1G")',
        'lvm.volume_group("data", ["/dev/vdb"], extent_size="8M")',
        'lvm.volume_group("data", present=False, confirm="data")',
        'lvm.physical_volume("/dev/vdb", present=False, confirm="/dev/vdb")',
        f'lvm.logical_volume("data", "files", "400M", fs="xfs", mount="{FILES}")',
        'lvm.logical_volume("data", "files", "400M", fs="ext4", mount="/home")',
        'lvm.logical_volume("data", "new", "50M", fs="ext4", mount="/usr/share")',
        'lvm.logical_volume("data", "files", present=False)',
        'lvm.logical_volume("data", "files", present=False, confirm="data/big-one")',
        'lvm.logical_volume("data", "big-one", present=False, confirm="data/big-one")',
        f'lvm.logical_volume("data", "big-one", "320M", fs="xfs", mount="{BIG}", options="noatime")',
    )
    for line, words in zip(
        said,
        [
            ["device = '/dev/vda1': no block device", "/dev/vdc"],
            ["not empty (ext4"],
            ["relative", "write the final size"],
            ["extent_size = '8M': ", "extents of 4 MiB"],
            ["has volumes in it", "data/swap"],
            ["part of volume group data"],
            ["carries ext4, not xfs", "never overwritten"],
            ["mount = '/home': data/files is mounted on /srv/files"],
            ["/usr/share", "would hide"],
            ["asked for twice", "ext4 on /srv/files", "confirm='data/files'"],
            ["confirm = 'data/big-one': it does not name what would be removed"],
            ["in use", "sleep 900"],
            ["in use", "sleep 900", "busy=stop"],
        ],
        strict=True,
    ):
        for word in words:
            assert word in line, line
    assert looks(machine) == before

    # Growing goes on under people's hands.
    machine.succeed("wipefs -qa /dev/vdc && dd if=/dev/zero of=/dev/vdc bs=1M count=1 2>/dev/null")
    wide = volumes(files="600M", big="700M", disks='["/dev/vdb", "/dev/vdc"]')
    deployed(host, "\n".join(wide.splitlines()[2:5]))
    assert (size_of(machine, "files"), size_of(machine, "big-one")) == (600, 700)
    assert int(machine.succeed(f"df -m --output=size '{BIG}' | tail -n 1")) > 600
    assert int(machine.succeed(f"df -m --output=size '{FILES}' | tail -n 1")) > 500
    assert not differences(known, contents(machine))
    machine.succeed("pkill sleep")

    less = f'lvm.logical_volume("data", "big-one", "320M", fs="xfs", mount="{BIG}", options="noatime")'
    text = deployed(host, less)
    assert "way: beside" in text
    assert size_of(machine, "big-one") == 320
    assert not differences(known, contents(machine))
    assert run(host, less, "-y").unchanged

    machine.reboot()
    is_mounted(machine)
    assert not differences(known, contents(machine))

    removals = """
for name in ("files", "big-one", "swap"):
    lvm.logical_volume("data", name, present=False, confirm=f"data/{name}")
lvm.volume_group("data", present=False, confirm="data")
lvm.physical_volume("/dev/vdb", present=False, confirm="/dev/vdb")
lvm.physical_volume("/dev/vdc", present=False, confirm="/dev/vdc")
"""
    deployed(host, removals)
    assert machine.succeed("pvs --noheadings -o pv_name").split() == ["/dev/vda"]
    assert "data" not in machine.succeed("cat /etc/fstab; mount; swapon --show; ls /dev/mapper")
    machine.succeed('test -z "$(wipefs -n /dev/vdb)" && cmp -n 1048576 /dev/vdb /dev/zero')
    assert run(host, removals, "-y").unchanged
