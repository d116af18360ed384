"""The one machine for trying things out by hand. It lives in `.lab/`, and outlives the command that started it."""

import re
import shutil
import socket
import subprocess
from pathlib import Path

from tests.lab.image import Image, image
from tests.lab.machine import Machine, MachineError

ROOT = Path(__file__).parents[2]
STATE = ROOT / ".lab"
# inventories/lab.yml names this port.
PORT = 10022


def existing() -> Machine | None:
    """The machine, running or not, if there is one."""
    used = STATE / "image"
    if not used.is_dir() or not (STATE / "disk.qcow2").exists():
        return None
    return Machine(Image(used.resolve()), STATE, port=PORT)


def up(release: str | None = None, *, fresh: bool = False) -> Machine:
    """Start the machine unless it runs; `fresh` throws away what the one before had on its disk."""
    machine = existing()
    if machine is not None and not fresh:
        if release is not None and not machine.image.directory.name.startswith(f"{release}-"):
            raise MachineError(f"the lab machine is made of {machine.image.directory.name}; add --fresh to replace it")
    else:
        made_of = image(release or "bookworm")
        if machine is not None:
            machine.crash()
        shutil.rmtree(STATE, ignore_errors=True)
        STATE.mkdir()
        (STATE / "image").symlink_to(made_of.directory)
        (STATE / "key").symlink_to(made_of.key)
        machine = Machine(made_of, STATE, port=PORT)
    if machine.pid is None:
        _require_free_port()
        machine.start(outlive=True)
    return machine


def how_to_reach(machine: Machine) -> str:
    key, known_hosts = (path.relative_to(ROOT) for path in (STATE / "key", machine.known_hosts))
    return (
        "The lab machine runs.\n"
        f"Log in:   ssh -p {machine.port} -i {key} -o UserKnownHostsFile={known_hosts} root@127.0.0.1\n"
        "Stop it:  make lab-down"
    )


def _require_free_port() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            listening = subprocess.run(
                ["ss", "-Hltnp", f"sport = :{PORT}"], check=False, capture_output=True, text=True
            ).stdout
            holder = re.search(r'\(\("(.+?)",pid=(\d+)', listening)
            who = f"{holder[1]} (process {holder[2]})" if holder else "another process"
            raise MachineError(f"port {PORT} on 127.0.0.1 is taken by {who}") from None
