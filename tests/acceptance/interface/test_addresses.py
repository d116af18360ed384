"""Addresses of interfaces on real machines: now, after a boot, and undone where nobody comes back."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest

from tests.acceptance.deploy import deploy, words
from tests.acceptance.host import BIN, ROOT
from tests.lab.machine import Machine

MakeHost = Callable[..., Any]
# What each way to keep addresses needs on a Debian machine, whose own is systemd-networkd.
BACKENDS = {
    "networkd": "",
    "ifupdown": """
        apt-get install -qq -y ifupdown >/dev/null
        cat >/etc/network/interfaces <<'end'
auto lo
iface lo inet loopback
source /etc/network/interfaces.d/*
auto eth1
iface eth1 inet manual
    up ip addr add 10.9.0.9/24 dev $IFACE
    down ip addr del 10.9.0.9/24 dev $IFACE
end
        systemctl enable -q networking
        ifup eth1
    """,
    "netplan": """
        apt-get install -qq -y netplan.io >/dev/null
        umask 077
        cat >/etc/netplan/10-lan.yaml <<'end'
network:
  version: 2
  ethernets:
    eth1:
      addresses:
        - 10.9.0.9/24  # old
end
        netplan apply
    """,
    "network-manager": """
        apt-get install -qq -y network-manager >/dev/null
        printf '[Match]\nName=eth1\n[Link]\nUnmanaged=yes\n' >/etc/systemd/network/05-eth1.network
        printf '[keyfile]\nunmanaged-devices=interface-name:eth0;interface-name:eth2\n' \
            >/etc/NetworkManager/conf.d/lab.conf
        networkctl reload
        systemctl restart NetworkManager
        nmcli connection add type ethernet ifname eth1 con-name lan \
            ipv4.method manual ipv4.addresses 10.9.0.9/24 ipv6.method link-local
        nmcli connection up lan
    """,
}

# A network with the controller in it, smaller than the one by which the host answers it: its answers go astray.
ASTRAY = {"eth1": {"present": ["10.0.2.7/28"]}}
GIVEN = "ip -o address show dev eth1 | awk '{ print $4 }' | grep -E '^(10.9.0.1[0-9]{2}|fd00:9::)' | sort"


def statics(machine: Machine, interface: str) -> set[str]:
    lines = machine.succeed(f"ip -o address show dev {interface} scope global permanent").splitlines()
    return {line.split()[3] for line in lines}


@contextmanager
def streaming(machine: Machine) -> Iterator[list[float]]:
    """A TCP stream from the host to us; the list has when each of its lines came."""
    came: list[float] = []
    command = [
        "ssh",
        "-o",
        "ControlPath=none",
        *machine.ssh_args,
        "root@127.0.0.1",
        "while :; do echo x; sleep 0.1; done",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)

    def listen() -> None:
        assert process.stdout is not None
        for _ in process.stdout:
            came.append(time.monotonic())

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        while len(came) < 5:
            time.sleep(0.1)
        yield came
        assert process.poll() is None, "the stream was cut off"
    finally:
        process.terminate()
        thread.join()
        process.wait()


def longest_stall(came: list[float]) -> float:
    return max(later - earlier for earlier, later in pairwise(came))


def test_addresses_come_and_go_while_a_stream_goes_on(make_host: MakeHost) -> None:
    host = make_host()
    machine = host.machine
    wish: dict[str, Any] = {"eth0": {"present": ["10.0.2.77/24", "81:0::000d/64"]}}
    shown = deploy("addresses", host.inventory, "--dry", interface_addresses=wish)
    assert "eth0: 10.0.2.77/24 is added" in shown.err, shown.err
    assert statics(machine, "eth0") == {"10.0.2.15/24"}
    assert (
        "10.0.0.6/24 was probably meant"
        in deploy("addresses", host.inventory, interface_addresses={"eth0": {"present": ["10.0.0.6/64"]}}).err
    )

    with streaming(machine) as came:
        assert deploy("addresses", host.inventory, interface_addresses=wish).code == 0
        assert statics(machine, "eth0") == {"10.0.2.15/24", "10.0.2.77/24", "81::d/64"}
        again = deploy("addresses", host.inventory, "-vvv", interface_addresses=wish)
        assert again.unchanged, again.err
        assert again.remote_commands <= 2
        # What could cut us off is confirmed over a new connection.
        wish["eth0"] = {"present": ["10.0.2.15/24", "81::d/64"], "exact": True}
        guarded = deploy("addresses", host.inventory, interface_addresses=wish)
        assert guarded.code == 0, guarded.err
        assert "the host undoes this by itself unless we come back" in guarded.err
    print(json.dumps({"longest stall of a stream": round(longest_stall(came), 2)}))
    assert statics(machine, "eth0") == {"10.0.2.15/24", "81::d/64"}
    assert deploy("addresses", host.inventory, interface_addresses=wish).unchanged
    machine.succeed('test ! -e /run/hostwright/addresses || test -z "$(ls /run/hostwright/addresses)"')
    machine.fail("systemctl list-timers --all | grep hostwright-addresses")
    machine.inventory(host.inventory, data={"interface_addresses": wish})
    host.is_verified()


@pytest.mark.matrix
def test_no_other_interface_gets_or_loses_an_address(make_host: MakeHost) -> None:
    """Two cards with one file, and a bridge that some program makes at each boot and gives its address."""
    host = make_host(cards=2)
    machine = host.machine
    machine.succeed(
        """
        printf '[Match]\nName=eth[12]\n[Network]\nAddress=10.50.0.5/24\nLinkLocalAddressing=no\n' \
            >/etc/systemd/network/30-lan.network
        cat >/etc/systemd/system/bridge.service <<'end'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'ip link add docker0 type bridge && ip address add 172.31.0.1/24 dev docker0'
ExecStart=/bin/sh -c 'ip link set docker0 up'
[Install]
WantedBy=multi-user.target
end
        systemctl enable -q --now bridge.service
        networkctl reload
        networkctl reconfigure eth1 eth2
        """
    )
    machine.wait_until_succeeds("ip -o address show dev eth2 | grep -q 10.50.0.5/24")
    names = ("eth0", "eth1", "eth2", "docker0")
    before = {name: statics(machine, name) for name in names}
    assert before["docker0"] == {"172.31.0.1/24"}
    refused = deploy("addresses", host.inventory, interface_addresses={"docker0": {"present": ["172.31.0.9/24"]}})
    assert refused.code == 1
    assert "docker0 is a bridge that no file of this host claims" in refused.err
    assert (
        "write eth1"
        in deploy("addresses", host.inventory, interface_addresses={"enp0s4": {"present": ["10.77.0.6/24"]}}).err
    )

    wish = {"eth1": {"present": ["10.77.0.6/24"], "absent": ["10.50.0.5/24"]}}
    run = deploy("addresses", host.inventory, interface_addresses=wish)
    assert run.code == 0, run.err
    assert "eth1 gets a file of its own" in run.err
    after = before | {"eth1": {"10.77.0.6/24"}}
    assert {name: statics(machine, name) for name in names} == after
    assert deploy("addresses", host.inventory, interface_addresses=wish).unchanged
    machine.reboot()
    machine.wait_until_succeeds("ip -o address show dev docker0 | grep -q 172.31")
    assert {name: statics(machine, name) for name in names} == after
    again = deploy("addresses", host.inventory, "-vvv", interface_addresses=wish)
    assert again.unchanged, again.err
    assert again.remote_commands <= 2

    # Several at once, by a run that is limited to this host: the same holds for each.
    both = {"eth1": {"present": ["10.77.0.6/24", "10.78.0.6/24"]}, "eth2": {"present": ["10.79.0.6/24"]}}
    run = deploy("addresses", host.inventory, "--limit", "lab", interface_addresses=both)
    assert run.code == 0, run.err
    after |= {"eth1": {"10.77.0.6/24", "10.78.0.6/24"}, "eth2": {"10.50.0.5/24", "10.79.0.6/24"}}
    assert {name: statics(machine, name) for name in names} == after
    assert deploy("addresses", host.inventory, "--limit", "lab", interface_addresses=both).unchanged
    machine.reboot()
    machine.wait_until_succeeds("ip -o address show dev docker0 | grep -q 172.31")
    assert {name: statics(machine, name) for name in names} == after


@pytest.mark.soak
def test_nobody_is_locked_out(make_host: MakeHost) -> None:
    host = make_host(cards=2, other_address="10.0.2.16")
    machine = host.machine
    machine.succeed("ip link set eth1 up; ip link set eth2 up")
    wish: dict[str, Any] = {"eth1": {"present": ["10.9.0.6/24", "81::d/64"]}}
    assert deploy("addresses", host.inventory, interface_addresses=wish).code == 0

    # Lost while running, and lost from the files: each is put right.
    machine.succeed("ip address del 10.9.0.6/24 dev eth1")
    assert deploy("addresses", host.inventory, interface_addresses=wish).code == 0
    machine.reboot()
    assert statics(machine, "eth1") == {"10.9.0.6/24", "81::d/64"}
    assert deploy("addresses", host.inventory, interface_addresses=wish).unchanged

    # Somebody else on the link has it: eth2, in a namespace of its own, where it gives out addresses.
    machine.succeed(
        """
        apt-get install -qq -y dnsmasq-base iputils-arping >/dev/null
        ip netns add other
        ip link set eth2 netns other
        ip -n other link set eth2 up
        ip -n other address add fd00:9::9/64 dev eth2 nodad
        ip -n other address add 10.9.0.9/24 dev eth2
        ip netns exec other dnsmasq --port=0 --interface=eth2 --bind-interfaces --leasefile-ro --enable-ra \\
            --dhcp-range=10.9.0.100,10.9.0.110,5m --dhcp-range=fd00:9::,ra-only
        """,
        timeout=900,
    )
    machine.wait_until_succeeds(f'test -n "$({GIVEN})"')
    before = statics(machine, "eth1")
    for mine in ("fd00:9::9", "10.9.0.9"):
        taken = deploy(
            "addresses",
            host.inventory,
            interface_addresses={"eth1": {"present": [f"{mine}/{64 if ':' in mine else 24}", "10.9.0.10/24"]}},
        )
        assert taken.code == 1
        assert f"{mine} on eth1: somebody on the link has it already" in taken.err + taken.out
        assert statics(machine, "eth1") == before

    # What somebody else gives the interface is not ours to take; what is advertised is valid for ever here.
    machine.succeed(
        """
        printf '[Match]\\nName=eth1\\n[Network]\\nDHCP=ipv4\\nIPv6AcceptRA=yes\\n' >/etc/systemd/network/05-eth1.network
        networkctl reload
        networkctl reconfigure eth1
        """
    )
    machine.wait_until_succeeds(f"test $({GIVEN} | wc -l) = 2")
    given = machine.succeed(GIVEN)
    alone = {"eth1": {"present": ["10.9.0.6/24"], "exact": True}}
    run = deploy("addresses", host.inventory, interface_addresses=alone)
    assert run.code == 0, run.err
    assert statics(machine, "eth1") - set(given.split()) == {"10.9.0.6/24"}
    assert machine.succeed(GIVEN) == given
    assert deploy("addresses", host.inventory, interface_addresses=alone).unchanged

    # Who asks to be locked out is told so; who cannot come back finds all as it was.
    alone = {"eth0": {"absent": ["10.0.2.15/24"]}}
    assert (
        "is the address that this run is connected to"
        in deploy("addresses", host.inventory, interface_addresses=alone).err
    )
    away = {"eth0": {"present": ["10.0.2.99/24"], "absent": ["10.0.2.15/24"]}}
    begun = time.monotonic()
    lost = deploy(
        "addresses",
        host.inventory,
        interface_addresses=away,
        interface_allow_self="yes",
        interface_confirm_address="127.0.0.3",
        interface_confirm_seconds=15,
    )
    assert lost.code == 1
    assert "nobody could come back over a new connection" in lost.err
    machine.wait_until_succeeds("true", 60)
    print(json.dumps({"back after": round(time.monotonic() - begun, 1)}))
    assert statics(machine, "eth0") == {"10.0.2.15/24"}
    machine.fail("grep -r 10.0.2.99 /etc/systemd/network")

    # The host is renumbered, and we with it.
    moved = deploy(
        "addresses",
        host.inventory,
        interface_addresses={"eth0": {"present": ["10.0.2.16/24"], "absent": ["10.0.2.15/24"]}},
        interface_allow_self="yes",
        interface_confirm_address="127.0.0.2",
    )
    assert moved.code == 0, moved.err


@pytest.mark.soak
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_way_to_keep_them(make_host: MakeHost, backend: str) -> None:
    host = make_host(cards=2)
    machine = host.machine
    machine.succeed(f"ip link set eth1 up; {BACKENDS[backend]}", timeout=900)
    wish = {"eth1": {"present": ["10.9.0.6/24", "10.9.0.8/24", "fd00:9::6/64"]}}
    run = deploy("addresses", host.inventory, interface_addresses=wish)
    assert run.code == 0, run.err
    assert deploy("addresses", host.inventory, interface_addresses=wish).unchanged
    wish["eth1"] = {"present": ["10.9.0.6/24", "fd00:9::6/64"], "absent": ["10.9.0.8/24"]}
    assert deploy("addresses", host.inventory, interface_addresses=wish).code == 0
    kept = statics(machine, "eth1")
    assert kept - {"10.9.0.9/24"} == {"10.9.0.6/24", "fd00:9::6/64"}
    assert deploy("addresses", host.inventory, interface_addresses=wish).unchanged
    with is_where_it_was(machine):
        machine.reboot()
        machine.succeed("ip link set eth1 up")
    assert deploy("addresses", host.inventory, interface_addresses=wish).unchanged

    # We are cut off, and so is the controller that is killed: the host comes back by itself.
    with is_where_it_was(machine):
        lost = deploy("addresses", host.inventory, interface_addresses=ASTRAY, interface_confirm_seconds=20)
        assert lost.code == 1
        assert "nobody could come back over a new connection" in lost.err
        machine.wait_until_succeeds("true")
    with is_where_it_was(machine):
        killed = begin(host, ASTRAY, confirm_seconds=40)
        is_cut_off(machine)
        killed.kill()
        killed.wait()
        machine.wait_until_succeeds("true")
    # The host is rebooted before the time is over.
    with is_where_it_was(machine):
        before = machine.succeed("cat /proc/sys/kernel/random/boot_id").strip()
        machine.succeed(
            """
            systemd-run --quiet sh -c '
                until ip -o address show dev eth1 | grep -q 10.0.2.7; do sleep 0.2; done
                touch /root/it-was-there; sleep 3; systemctl reboot
            '
            """
        )
        killed = begin(host, ASTRAY, confirm_seconds=600)
        machine.wait_until_succeeds(f"! grep -qx {before} /proc/sys/kernel/random/boot_id", 300)
        killed.kill()
        killed.wait()
        machine.run("systemctl is-system-running --wait")
        machine.succeed("ip link set eth1 up; test -e /root/it-was-there")
    assert deploy("addresses", host.inventory, interface_addresses=wish).unchanged

    exact = {"eth1": {"present": ["10.9.0.7/24"], "exact": True}}
    run = deploy("addresses", host.inventory, interface_addresses=exact)
    assert run.code == 0, run.err
    assert statics(machine, "eth1") == {"10.9.0.7/24"}
    machine.reboot()
    assert statics(machine, "eth1") == {"10.9.0.7/24"}
    assert deploy("addresses", host.inventory, interface_addresses=exact).unchanged


def begin(host: Any, addresses: dict[str, Any], **data: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [str(BIN / "pyinfra"), *words("addresses", host.inventory, interface_addresses=addresses, **data)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def is_cut_off(machine: Machine) -> None:
    """Waits until no command gets an answer any more."""
    deadline = time.monotonic() + 120
    while machine.run("true").code == 0:
        assert time.monotonic() < deadline, "it was never cut off"
        time.sleep(0.2)


@contextmanager
def is_where_it_was(machine: Machine) -> Iterator[None]:
    """Whatever happens meanwhile: afterwards the host has its addresses as before, now and in its files."""
    files = (
        "cd /etc && find systemd/network network netplan NetworkManager -type f -exec md5sum {} + 2>/dev/null | sort"
    )
    before = statics(machine, "eth1"), machine.succeed(files)
    begun = time.monotonic()
    yield
    print(json.dumps({"back after": round(time.monotonic() - begun, 1)}))
    assert (statics(machine, "eth1"), machine.succeed(files)) == before
    assert not machine.run("ls /run/hostwright/addresses").out
    machine.fail("systemctl list-timers --all | grep hostwright-addresses")
