"""Overlays where the power fails, and where a layer is on the network."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.deploy import deploy, words
from tests.acceptance.host import BIN, at_work

MakeHost = Callable[..., Any]
CUTS = 20
A = {"target": "/srv/m", "lower": ["/srv/a", "/srv/b"], "upper": "/srv/u", "work": "/srv/w"}
B = A | {"lower": ["/srv/b"], "options": ["noatime"]}
GONE = {"target": "/srv/m", "present": False}
SHOWS = {"a": A, "b": B, "": GONE}


@pytest.mark.soak
def test_wherever_the_power_fails_a_boot_finds_the_old_one_or_the_new_one(make_host: MakeHost) -> None:
    host = make_host()
    machine = host.machine
    machine.succeed("mkdir /srv/a /srv/b; echo a >/srv/a/x; echo b >/srv/b/x; sync")
    assert deploy("overlay", host.inventory, overlay_mounts=[A]).code == 0
    moments = random.Random(26)
    now, old = "a", 0
    for number in range(CUTS):
        wanted = ("b", "", "a")[number % 3]
        command = words("overlay", host.inventory, overlay_mounts=[SHOWS[wanted]])
        with at_work([str(BIN / "pyinfra"), *command]):
            # A deploy that changes something looks twice, and acts after that.
            machine.wait_until_succeeds("pgrep -f 'hostwright [O]verlays'", timeout=60)
            time.sleep(moments.uniform(0, 6))
            machine.crash()
        machine.start()
        there = machine.succeed("cat /srv/m/x 2>/dev/null; :").strip()
        assert there in (now, wanted), f"cut {number}: {there!r} instead of {now!r} or {wanted!r}"
        old += there != wanted
        done = deploy("overlay", host.inventory, overlay_mounts=[SHOWS[wanted]])
        assert done.code == 0, done.err
        assert deploy("overlay", host.inventory, overlay_mounts=[SHOWS[wanted]]).unchanged
        assert machine.succeed("cat /srv/m/x 2>/dev/null; :").strip() == wanted
        now = wanted
    print(f"{CUTS} cuts, after {old} of them the old one was there")


@pytest.mark.soak
def test_a_lower_on_nfs_waits_for_the_network(make_host: MakeHost) -> None:
    host = make_host()
    machine = host.machine
    machine.succeed(
        "set -e; export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; apt-get install -y -qq nfs-kernel-server; "
        "mkdir -p /srv/far/a /srv/near /mnt/nfs; echo a >/srv/far/a/x; "
        "echo '/srv/far 127.0.0.1(ro,fsid=1,no_subtree_check)' >>/etc/exports; exportfs -ra; "
        "echo '127.0.0.1:/srv/far /mnt/nfs nfs4 ro,_netdev 0 0' >>/etc/fstab; systemctl daemon-reload; mount /mnt/nfs",
        timeout=1200,
    )
    wish = {"target": "/srv/m", "lower": ["/mnt/nfs/a"], "upper": "/srv/u", "work": "/srv/w"}
    done = deploy("overlay", host.inventory, overlay_mounts=[wish])
    assert done.code == 0, done.err
    assert "wanted by remote-fs.target" in done.err
    refused = deploy("overlay", host.inventory, overlay_mounts=[wish | {"upper": "/mnt/nfs/u", "work": "/mnt/nfs/w"}])
    assert "upper /mnt/nfs/u is on nfs4, which overlays cannot write to" in refused.err
    machine.reboot()
    assert machine.succeed("cat /srv/m/x; echo new >/srv/m/new; cat /srv/u/new") == "a\nnew\n"
    assert deploy("overlay", host.inventory, overlay_mounts=[wish]).unchanged
