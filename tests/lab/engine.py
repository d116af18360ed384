"""Docker on a lab machine, and an image for it that comes from no registry."""

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
