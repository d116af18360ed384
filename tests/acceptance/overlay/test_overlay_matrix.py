"""Overlays on Debian 13: its mount(8) and kernel, other users of overlays, and boots without the disk of the layers."""

import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from hostwright.overlay.settings import FLAGS, VALUES
from tests.acceptance.deploy import deploy
from tests.lab.engine import OBEDIENT

MakeHost = Callable[..., Any]
ODD = ["bl ank", "co:lon", "com,ma", "back\\slash", "per%cent", "quo'te", "ha#sh", "eq=ual", "umläut", "-a", "dol$lar"]


@pytest.mark.matrix
def test_many_layers_odd_names_every_option_and_a_boot_without_their_disk(make_host: MakeHost) -> None:
    host = make_host("trixie", spare_disks=("1G",))
    machine = host.machine
    machine.succeed(
        "set -e; mkfs.ext4 -q /dev/vdb; mkdir -p /srv/disk; "
        "echo '/dev/disk/by-id/virtio-spare0 /srv/disk ext4 defaults,nofail 0 2' >>/etc/fstab; "
        "systemctl daemon-reload; mount /srv/disk; cd /srv/disk; mkdir a b; echo a >a/x; echo b >b/x"
    )
    many = [f"/srv/layers/{number:02d}-".ljust(60, "x") for number in range(50)]
    odd = [f"/srv/odd/{name}" for name in ODD]
    machine.succeed(
        f'mkdir -p {shlex.join([*many, *odd])}; for d in /srv/layers/* /srv/odd/*; do echo >"$d/${{d##*/}}"; done'
    )
    site = {"target": "/srv/m", "lower": ["/srv/disk/a", "/srv/disk/b"], "upper": "/srv/disk/u", "work": "/srv/disk/w"}
    strange = {kind: f"/srv/{kind} :,\\%'#=ü-$" for kind in ("target", "upper", "work")}
    strange["target"] += "."
    wishes = [site, {"target": "/srv/many", "lower": many}, {"lower": odd} | strange]

    def run(*some: dict[str, Any]) -> Any:
        return deploy("overlay", host.inventory, overlay_mounts=list(some))

    first = run(*wishes)
    assert first.code == 0, first.err
    assert run(*wishes).unchanged
    machine.reboot()
    target = shlex.quote(strange["target"])
    assert machine.succeed(f"ls -A /srv/many | wc -l; ls -A {target} | wc -l; cat /srv/m/x") == "50\n11\na\n"
    assert machine.succeed(f"touch {target}/new && ls {shlex.quote(strange['upper'])}") == "new\n"
    assert run(*wishes).unchanged

    # Of every option the second run finds what the first one asked for.
    some = [*FLAGS, *(f"{name}={value}" for name, values in VALUES.items() for value in values)]
    tried = [
        {
            "target": f"/srv/t/{number}",
            "lower": ["/srv/disk/a"],
            "upper": f"/srv/disk/t/u{number}",
            "work": f"/srv/disk/t/w{number}",
            "options": [option],
            "persist": option != "volatile",
        }
        for number, option in enumerate(some)
    ]
    done = run(*tried)
    assert done.code == 0, done.err
    assert run(*tried).unchanged

    # A namespace that has it for itself keeps it alive.
    machine.succeed("unshare -m sh -c 'mount --make-rprivate /; exec sleep 900' >/dev/null 2>&1 & sleep 1")
    busy = run({"target": "/srv/m", "present": False})
    assert re.search(r"/srv/m: it is in use: process [0-9]+ .*root \(mount namespace\): sleep 900", busy.err), busy.err
    machine.succeed("pkill -f '[s]leep 900'")

    # A full disk is refused before anything is unmounted or made, and one that is mounted stays as it is.
    machine.succeed("head -c 2G /dev/zero >/srv/disk/fill 2>/dev/null; :")
    full = run(site | {"target": "/srv/m2", "upper": "/srv/disk/u2", "work": "/srv/disk/w2"})
    assert re.search(
        r"upper /srv/disk/u2 is on /srv/disk, which is full \([0-9]+ KiB left\), and the overlay", full.err
    )
    assert run(*wishes).unchanged
    machine.succeed("rm /srv/disk/fill; [ ! -e /srv/m2 ]")

    # Without the disk the boot goes on, and the other overlays are there.
    machine.stop()
    machine.spare_disks.clear()
    machine.start()
    assert machine.succeed("ls -A /srv/many | wc -l; ls -A /srv/m") == "50\n"
    refused = run(site)
    assert "is below /srv/disk, which /etc/fstab mounts, and which is not mounted: mount /srv/disk first" in refused.err


@pytest.mark.matrix
def test_containers_of_docker_are_nobody_elses(make_host: MakeHost) -> None:
    host = make_host("trixie", engine=True)
    machine = host.machine
    machine.succeed(f"docker run -d --name web box {OBEDIENT}")
    machine.wait_until_succeeds("docker exec web sh -c 'echo alive'")
    theirs = "grep ' - overlay ' /proc/self/mountinfo | grep docker"
    before = machine.succeed(theirs)
    machine.succeed("mkdir -p /srv/a /srv/b; echo a >/srv/a/x")
    wish = {"target": "/srv/m", "lower": ["/srv/a", "/srv/b"], "upper": "/srv/u", "work": "/srv/w"}

    def run(*some: dict[str, Any]) -> Any:
        return deploy("overlay", host.inventory, overlay_mounts=list(some))

    assert run(wish).code == 0
    assert run(wish).unchanged
    assert run(wish | {"lower": ["/srv/b", "/srv/a"]}).code == 0
    place, layer = machine.succeed(
        "docker inspect --format '{{.GraphDriver.Data.MergedDir}} {{.GraphDriver.Data.UpperDir}}' web"
    ).split()
    for more, said in (
        (
            {"target": place, "present": False},
            "it is below /var/lib/docker, where a container engine has its own overlays",
        ),
        (
            {"target": "/srv/m2", "lower": [layer, "/srv/b"]},
            f"lower {layer} is upper {layer} of the overlay on {place}",
        ),
    ):
        refused = run(wish | {"upper": "/srv/u2", "work": "/srv/w2"} | more)
        assert refused.code == 1
        assert said in refused.err, refused.err
    assert run({"target": "/srv/m", "present": False}).code == 0
    assert machine.succeed(theirs) == before
    assert machine.succeed("docker exec web sh -c 'echo alive'") == "alive\n"
