"""Docker on a lab machine, and images for it that come from no registry."""

import hashlib
import os
import subprocess
from pathlib import Path

from tests.lab.cache import cached
from tests.lab.call import call
from tests.lab.machine import Machine

# A container that ends as it is told: by TERM, or with the code that somebody writes to /told/exit in it.
OBEDIENT = """sh -c 'trap "exit 0" TERM; while [ ! -e /told/exit ]; do sleep 0.2; done; exit $(cat /told/exit)'"""


def install_docker(machine: Machine) -> None:
    """The engine of the machine's release, and the image `box`, which is busybox."""
    options = "-qq -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io"
    # Newer releases have the client apart.
    client = "$(apt-cache show docker-cli >/dev/null 2>&1 && echo docker-cli)"
    machine.succeed(f"apt-get install {options} docker.io {client} apparmor >/dev/null", timeout=900)
    machine.succeed(
        """
        mkdir -p /run/box/bin && cd /run/box
        cp --parents -L /bin/busybox $(ldd /bin/busybox | grep -o '/[^ ]*') .
        for name in sh cat sleep; do ln -s busybox bin/$name; done
        tar -c . | docker import - box >/dev/null
        rm -r /run/box
        """
    )


def install_compose(machine: Machine) -> None:
    """Compose of the machine's release: v1 in Debian 12, v2 in Debian 13."""
    options = "-qq -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io"
    machine.succeed(f"apt-get install {options} docker-compose >/dev/null", timeout=900)


def load_mariadb(machine: Machine, name: str) -> None:
    """An image with the server and client of Debian 12, packed once and kept in the cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hostwright" / "lab"
    recipe = " ".join([*INCLUDED, *HOOKS])
    directory = cached(cache / f"mariadb-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}", _pack_mariadb)
    with (directory / "mariadb.tar.gz").open("rb") as archive:
        words = ["ssh", *machine.ssh_args, "root@127.0.0.1", f"docker import - {name} >/dev/null"]
        subprocess.run(words, stdin=archive, check=True, timeout=600)


INCLUDED = ("mariadb-server", "mariadb-client", "tzdata")
HOOKS = (
    'cd "$1"/usr/share && rm -rf doc/* man/* locale/* && cd ../../var && rm -rf lib/mysql/* cache/apt/*',
    # What no test calls makes half of the image.
    'cd "$1"/usr/bin && rm -f aria_* myisam* mariadb-[b-hj-z]* mysql[b-z]* innochecksum perror replace resolve_stack*',
)


def _pack_mariadb(directory: Path) -> None:
    hooks = [f"--customize-hook={hook}" for hook in HOOKS]
    packages = f"--include={','.join(INCLUDED)}"
    archive = directory / "mariadb.tar"
    call(["mmdebstrap", "--quiet", "--variant=minbase", packages, *hooks, "bookworm", str(archive)])
    call(["gzip", "-1", str(archive)])
