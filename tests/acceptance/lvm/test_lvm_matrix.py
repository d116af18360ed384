"""Swap, quotas, other kinds of home, and runs that are lost in the middle (`make test-matrix`)."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.story import identity, is_as_before, reads_leave_no_trace, state
from tests.lab.tree import listing

MakeHost = Callable[..., Any]
FILL = "mkdir -p /home/admin/docs && cp -a /usr/lib/python3 /usr/share/misc /home/admin/docs/ && sync"


def lived_in(host: Any) -> tuple[dict[str, dict[str, object]], str]:
    host.machine.succeed(f"{FILL}")
    reads_leave_no_trace(host.machine)
    return listing(host.machine), identity(host.machine)


def is_whole(host: Any, before: dict[str, dict[str, object]], known: str) -> None:
    is_as_before(host.machine, before)
    assert identity(host.machine) == known
    host.is_verified()
    assert host.pyinfra("-y").unchanged


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("release", "variant", "data", "way"),
    [
        pytest.param(
            *("bookworm", {"home_fs": "ext3", "free": "2500M", "mount_by": "LABEL"}, {}, "beside"),
            marks=pytest.mark.soak,
        ),
        ("trixie", {"home_fs": "ext4"}, {}, "staging"),
        ("trixie", {"home_fs": "btrfs", "free": "2500M"}, {"lvm_strategy": "beside"}, "beside"),
        pytest.param(
            *("trixie", {"free": "2500M", "mount_by": "UUID"}, {"lvm_grow_to": "60%VG"}, "beside"),
            marks=pytest.mark.soak,
        ),
    ],
)
def test_other_kinds_of_home(
    make_host: MakeHost, release: str, variant: dict[str, Any], data: dict[str, Any], way: str
) -> None:
    host = make_host(release, data=data, **variant)
    before, known = lived_in(host)
    assert f"way: {way}" in host.deploy().err
    is_whole(host, before, known)


@pytest.mark.matrix
def test_swap_shrinks_and_root_takes_its_space(make_host: MakeHost) -> None:
    host = make_host(free="600M", data={"lvm_shrink": "swap", "lvm_shrink_to": "200M"})
    machine = host.machine
    machine.succeed(
        "lvcreate -qy -L 500M -n swap centos && mkswap -q -L swapping /dev/centos/swap && swapon -L swapping"
    )
    known = machine.succeed("blkid -p -o export /dev/centos/swap | grep -E '^(UUID|LABEL)='")
    host.deploy()
    assert machine.succeed("blkid -p -o export /dev/centos/swap | grep -E '^(UUID|LABEL)='") == known
    assert machine.succeed("lvs --noheadings --units m -o lv_size centos/swap").strip() == "200.00m"
    assert machine.succeed("tail -n 1 /proc/swaps").startswith("/dev/dm-")
    assert host.pyinfra("-y").unchanged


# The short campaigns in `make test` cut the power, too.
@pytest.mark.soak
@pytest.mark.parametrize(
    ("variant", "cuts"),
    [
        ({}, ["copy /home", "remove the old home", "copy /home"]),
        ({"free": "2500M", "mount_by": "UUID"}, ["make /home read-only", "give the copy the name"]),
    ],
    ids=["staging", "beside"],
)
def test_the_power_fails_in_the_middle_and_the_next_run_goes_on(
    make_host: MakeHost, variant: dict[str, Any], cuts: list[str]
) -> None:
    host = make_host(**variant)
    machine = host.machine
    before, known = lived_in(host)
    for cut in cuts:
        with host.running():
            machine.wait_until_succeeds(f"tr '\\n' ' ' </run/hostwright/lvm/current/log | grep -q '{cut}'", 900)
            machine.crash()
        machine.start()
        is_as_before(machine, before)
    host.deploy()
    is_whole(host, before, known)


@pytest.mark.soak
def test_what_is_ended_by_force_is_put_right_and_abandoned_and_two_controllers_do_it_once(make_host: MakeHost) -> None:
    host = make_host(free="2500M")
    machine = host.machine
    # What has two names is copied by rsync, and this is enough to meet it at work.
    machine.succeed("head -c 100M /dev/urandom >/home/much && ln /home/much /home/again")
    before, known = lived_in(host)

    with host.running():
        # One that copies: others hash, or are asked for their version.
        machine.succeed("timeout 300 sh -c 'until pkill -KILL -f -- --numeric-id[s]; do sleep 0.05; done'")
        machine.wait_until_succeeds("test -e /run/hostwright/lvm/current/status", 300)
    assert "rsync ended" in machine.succeed("cat /run/hostwright/lvm/current/status")
    is_as_before(machine, before)
    assert "hostwright" not in machine.succeed("lvs -a -o lv_name,lv_tags; cat /etc/fstab; mount")

    with host.running():
        machine.wait_until_succeeds("grep -q 'unmount /home' /run/hostwright/lvm/current/log", 600)
        machine.wait_until_succeeds("! findmnt -n /home", 60)
        machine.succeed("kill -KILL -$(cut -d : -f 1 /run/hostwright/lvm/current/process)")
    run = host.deploy(abandon="yes")
    assert "ended by force" in run.err
    is_as_before(machine, before)
    assert identity(machine) == known
    machine.succeed("touch /home/writable && rm /home/writable")
    before = listing(machine)
    assert "hostwright" not in machine.succeed("lvs -a -o lv_name,lv_tags; cat /etc/fstab; mount; losetup -a")
    assert host.pyinfra("-y", abandon="yes").unchanged

    with host.running():
        machine.wait_until_succeeds("grep -q 'copy /home' /run/hostwright/lvm/current/log", 300)
        run = host.deploy(abandon="yes")
    assert "stopped by a signal" in run.err
    assert "/home is back" in run.err
    is_as_before(machine, before)
    assert "hostwright" not in machine.succeed("lvs -a -o lv_name,lv_tags; cat /etc/fstab; mount; losetup -a")

    with ThreadPoolExecutor(2) as both:
        runs = list(both.map(lambda _: host.pyinfra("-y"), range(2)))
    assert [run.code for run in runs] == [0, 0], runs[0].err + runs[1].err
    is_whole(host, before, known)


@pytest.mark.matrix
@pytest.mark.parametrize("kind", ["xfs", pytest.param("ext4", marks=pytest.mark.soak)])
def test_quotas_come_along(make_host: MakeHost, kind: str) -> None:
    host = make_host(home_fs=kind, free="2500M")
    machine = host.machine
    machine.succeed(
        "sed -i '/ [/]home /s/defaults/defaults,usrquota,grpquota/' /etc/fstab && umount /home && "
        + ("tune2fs -O quota -Q usrquota,grpquota /dev/centos/home && " if kind == "ext4" else "")
        + "mount /home && setquota -u 1000 100000 200000 1000 2000 /home && setquota -g 50 0 300000 0 0 /home"
    )
    limits = "for type in u g; do repquota -nv$type /home | awk '/^#/ { print $1, $4, $5, $(NF - 1), $NF }'; done"
    before, known = lived_in(host)
    quotas = machine.succeed(limits)
    assert "#1000 100000 200000 1000 2000" in quotas
    assert "#50 0 300000 0 0" in quotas
    host.deploy()
    assert machine.succeed(limits) == quotas
    is_whole(host, before, known)


SPREAD = "for i in 1 2 3 4 5 6 7 8; do mkdir /home/$i && head -c 2M /dev/urandom >/home/$i/file; done; sync"


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("release", "kind", "cut", "check"),
    [
        ("bookworm", "xfs", "lvreduce -q -f -y -L 1G centos/home", "xfs_repair -n"),
        pytest.param(
            *("trixie", "ext4", "umount /home && lvreduce -q -f -y --fs ignore -L 1G centos/home", "e2fsck -fn"),
            marks=pytest.mark.soak,
        ),
    ],
)
def test_a_volume_that_was_cut_comes_back_by_what_the_refusal_says(
    make_host: MakeHost, release: str, kind: str, cut: str, check: str
) -> None:
    host = make_host(release, home_fs=kind, free="2500M")
    machine = host.machine
    machine.succeed(SPREAD)
    before, known = lived_in(host)
    machine.succeed(cut)
    as_cut = state(machine)
    for size in ("1G", "900M"):
        run = host.pyinfra("-y", shrink_to=size)
        assert run.code == 1
        assert "refused, nothing was changed: centos/home is 1 GiB" in run.err, run.err
        assert "Traceback" not in run.err
    assert state(machine) == as_cut
    # What the admin reads is what the admin does.
    commands = re.findall("`([^`]+)`", run.err)
    assert commands[0].startswith("lvextend -l ")
    assert f"{check} /dev/centos/home" in commands[1:]
    for command in commands:
        machine.succeed(command)
    machine.succeed("mount /home")
    assert "way: beside" in host.pyinfra("--dry").err
    host.deploy(shrink_to=commands[0].split()[2] + " extents")
    is_as_before(machine, before)
    assert identity(machine) == known
