"""Docker on a lab machine, and images for it that come from no registry."""

import hashlib
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.lab.cache import cached
from tests.lab.call import call
from tests.lab.image import Image, image
from tests.lab.machine import Machine

# A container that ends as it is told: by TERM, once /told/ready is there, or with the code that somebody writes to
# /told/exit in it. It looks no more often than it must: to start a process costs an emulated processor much.
OBEDIENT = """sh -c '
    trap "exit 0" TERM; echo >/told/ready
    while [ ! -e /told/exit ]; do sleep 1; done; exit $(cat /told/exit)'"""


# Users' own containers need a session bus, and more ids than one.
PODMAN = ("podman", "crun", "dbus-user-session", "uidmap")
# Newer releases have the client apart. Without apparmor no container starts.
PACKAGES = {
    "bookworm": ("docker.io", "docker-compose", "apparmor", "mariadb-client-core"),
    "trixie": ("docker.io", "docker-cli", "docker-compose", "apparmor", "mariadb-client-core", *PODMAN),
}
INCLUDED = ("mariadb-server", "mariadb-client", "tzdata")
HOOKS = (
    'cd "$1"/usr/share && rm -rf doc/* man/* locale/* && cd ../../var && rm -rf lib/mysql/* cache/apt/*',
    # What no test calls makes half of the image.
    'cd "$1"/usr/bin && rm -f aria_* myisam* mariadb-[b-hj-z]* mysql[b-z]* innochecksum perror replace resolve_stack*',
)
BOX = """
    mkdir -p /run/box/bin && cd /run/box
    cp --parents -L /bin/busybox $(ldd /bin/busybox | grep -o '/[^ ]*') .
    for name in sh cat sleep; do ln -s busybox bin/$name; done
    tar -c . | docker import - box >/dev/null
    rm -r /run/box
"""
# Its package cannot be there beside the client of Docker.
SHIM = """
    set -e
    cd /opt
    apt-get download -qq podman-docker
    dpkg -x podman-docker_*.deb podman-docker
    rm podman-docker_*.deb
    docker save --output box.tar box
    chmod 0644 box.tar
    podman load --quiet --input box.tar
"""
LOADED = {"bookworm": (BOX,), "trixie": (BOX, SHIM)}


def engine_image(release: str = "bookworm") -> Image:
    """A release with a client of MariaDB, Docker and compose: v1 in Debian 12; in Debian 13 v2, and Podman."""
    return image(release, PACKAGES[release])


def engine_disk(release: str = "bookworm") -> Path:
    """What machines of that image start from: Docker has the images `box` (busybox) and `lab/mariadb`. Made once.

    Podman has `box`, too, and users can load it from /opt/box.tar; podman-docker lies in /opt/podman-docker.
    """
    base = engine_image(release)
    recipe = hashlib.sha256(" ".join([*INCLUDED, *HOOKS, *LOADED[release]]).encode()).hexdigest()[:12]
    place = base.directory.with_name(f"{base.directory.name}-disk-{recipe}")
    return cached(place, partial(_load, base, LOADED[release])) / "disk.qcow2"


def _load(base: Image, scripts: Sequence[str], directory: Path) -> None:
    # By a disk of its own: nothing is packed, sent and unpacked by an emulated processor.
    machine = Machine(base, directory / "machine", spare_disks=("1G",))
    archive = directory / "mariadb.tar"
    hooks = [f"--customize-hook={hook}" for hook in HOOKS]
    # The same server on all: what differs is the engine.
    included = f"--include={','.join(INCLUDED)}"
    call(["mmdebstrap", "--quiet", "--variant=minbase", included, *hooks, "bookworm", str(archive)])
    call(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(archive), str(machine.spare_disks[0])])
    archive.unlink()
    try:
        machine.start()
        for script in scripts:
            machine.succeed(script)
        machine.succeed("docker import - lab/mariadb </dev/vdb >/dev/null")
        machine.stop()
    finally:
        machine.crash()
    machine.disk.rename(directory / "disk.qcow2")
    shutil.rmtree(directory / "machine")
