"""Who can reach what of a real host: told, guarded, and nothing changed."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.acceptance.deploy import deploy

MakeHost = Callable[..., Any]
# A user's process, by a name that once ended the list of sockets.
HOSTILE = r"""
import ctypes, socket, time
ctypes.CDLL(None).prctl(15, b"\n@@ x\nz", 0, 0, 0)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 4444))
time.sleep(3600)
"""


def test_what_is_open_is_told_and_guarded(make_host: MakeHost, tmp_path: Path) -> None:
    host = make_host()
    machine = host.machine
    machine.succeed(
        """
        ip link add d0 type dummy
        ip link set d0 up
        ip address add 198.18.0.1/24 dev d0
        """
    )
    file = tmp_path / "told.json"
    run = deploy("reachability", host.inventory, "-vvv", reachability_json_file=str(file), reachability_allow=[])
    assert run.code == 0, run.err
    assert run.unchanged
    assert run.remote_commands <= 2
    told = json.loads(file.read_text())["hosts"]["lab"]
    addresses = {one["address"]: one["reach"] for one in told["addresses"]}
    assert addresses["127.0.0.1/8"] == "host"
    assert addresses["10.0.2.15/24"] == "private"
    assert addresses["198.18.0.1/24"] == "reserved"
    ssh = next(one for one in told["listening"] if one["port"] == 22)
    assert "sshd, pid " in ssh["who"]
    assert (ssh["reach"], ssh["by"]) == ("private", ["10.0.2.15"])
    assert told["default_routes"] == ["10.0.2.2 over eth0"]

    # A public address is all that it takes.
    machine.succeed("ip address add 8.8.4.4/32 dev d0")
    machine.succeed(f"setpriv --reuid 65534 python3 -c {shlex.quote(HOSTILE)} >/dev/null 2>&1 &")
    machine.wait_until_succeeds("ss -4 -lun | grep :4444")
    guarded = deploy("reachability", host.inventory, reachability_allow=["udp/1-65535"])
    assert guarded.code == 1
    assert "open to the Internet, and not in reachability_allow: tcp" in guarded.err
    assert "by 8.8.4.4" in guarded.err
    assert re.search(r"udp 0\.0\.0\.0:4444 +'\\n@@ x\\nz', pid [0-9]+ \(uid 65534\)", guarded.err)
    assert "Traceback" not in guarded.err
    assert deploy("reachability", host.inventory, reachability_allow=["tcp/22", "udp/1-65535"]).unchanged
    assert deploy("reachability", host.inventory).code == 0
    machine.succeed("ip address del 8.8.4.4/32 dev d0")
    assert (
        deploy("reachability", host.inventory, reachability_allow=[], reachability_public={"10.0.2.15": "8.8.4.4"}).code
        == 1
    )
    assert (
        "which the host does not have"
        in deploy("reachability", host.inventory, reachability_public={"10.0.2.16": "8.8.4.4"}).err
    )

    # Two hosts, and what their routes say about each other.
    both = tmp_path / "both.py"
    both.write_text(host.inventory.read_text() + "here = ['@local']\n")
    assert "which hosts share an internet" in deploy("reachability", both).err
    # Who is not root is told less, and that it is so.
    user = machine.inventory(tmp_path / "user.py", user="admin", data={"_sudo": False})
    less = deploy("reachability", user)
    assert less.code == 0, less.err
    assert "firewall: admin may not read it" in less.err
    machine.inventory(host.inventory, data={"reachability_allow": []})
    host.is_verified()
