"""The engines that Debian has, and who else starts their containers, on one machine (`make test-matrix`)."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.deploy import deploy
from tests.lab.machine import Machine

MakeHost = Callable[..., Any]
# Ends at once when it is told to, and costs nothing until then.
STAYS = """sh -c 'trap "exit 0" TERM; sleep 100000 & wait'"""
# Each gets the policy of its name.
POLICIES = ("no", "on-failure", "unless-stopped", "always")
SET_UP = f"""
    set -eu
    for name in {" ".join(POLICIES)}; do podman run -d --name $name --network none box {STAYS}; done
    cat >/etc/containers/systemd/web.container <<'end'
[Container]
Image=docker.io/library/box:latest
Pull=never
Network=none
Exec={STAYS}
[Service]
Restart=always
[Install]
WantedBy=multi-user.target
end
    systemctl daemon-reload
    systemctl start web.service
    docker run -d --name plain --network none box {STAYS}
    docker swarm init --advertise-addr 127.0.0.1
    docker service create --quiet --name shop --no-resolve-image --restart-condition none box {STAYS}
    loginctl enable-linger admin
"""
SET_UP_OF_A_USER = f"podman load --quiet --input /opt/box.tar && podman run -d --name theirs --network none box {STAYS}"
RUNNING = "{engine} inspect --format '{{{{.Name}}}} {{{{.State.Pid}}}}' $({engine} ps -q)"


def running(machine: Machine) -> dict[str, str]:
    """The process of each that runs, by its name; of the swarm's task, by that of its service."""
    said = machine.run("; ".join(RUNNING.format(engine=engine) for engine in ("podman", "docker"))).out
    said += machine.run(RUNNING.format(engine="podman"), user="admin").out
    return dict(re.findall(r"^/?([a-z-]+)\S* ([0-9]+)$", said, re.MULTILINE))


def policies(machine: Machine) -> dict[str, str]:
    """Of those that rules are about."""
    form = "'{{.Name}} {{.HostConfig.RestartPolicy.Name}}'"
    said = machine.succeed(
        f"podman inspect --format {form} {' '.join(POLICIES)} systemd-web; docker inspect --format {form} plain"
    )
    said += f"admin/{machine.succeed(f'podman inspect --format {form} theirs', user='admin')}"
    return dict(line.removeprefix("/").split() for line in said.splitlines())


@pytest.mark.matrix
def test_each_engine_has_its_own_containers_and_its_own_ways(make_host: MakeHost) -> None:
    host = make_host("trixie", engine=True)
    machine = host.machine
    machine.succeed(SET_UP)
    machine.succeed(SET_UP_OF_A_USER, user="admin")

    # A docker that is podman.
    machine.succeed("ln -s /opt/podman-docker/usr/bin/docker /usr/local/bin/docker")
    rules = {name: name for name in POLICIES}
    run = deploy("restart_policy", host.inventory, docker_restart_policies=rules)
    assert run.code == 0, run.err
    for line in (
        "lab: restart policies of podman containers",
        "always: no -> always",
        "unless-stopped starts as the host boots if podman is 5.8.2 or newer (with always, any version) and podman-",
        "on-failure: podman starts none with on-failure as the host boots",
    ):
        assert line in run.err, run.err
    at_boot = re.search(r"note: always starts as the host boots if podman-restart.service is enabled \((.*)\)", run.err)
    assert at_boot, run.err
    machine.succeed("rm /usr/local/bin/docker")

    # What an orchestrator makes anew is its own affair, and the command for it works.
    refused = deploy(
        "restart_policy", host.inventory, docker_restart_policies={"shop.*": "always", "plain": "unless-stopped"}
    )
    assert refused.code == 1
    said = re.search("docker service update --restart-condition any shop", refused.err)
    assert said, refused.err
    machine.succeed(said[0])
    condition = "{{.Spec.TaskTemplate.RestartPolicy.Condition}}"
    assert machine.succeed(f"docker service inspect --format {condition} shop").strip() == "any"

    # Those of docker, of podman and of a user beside each other.
    rules |= {"systemd-web": "no", "plain": "unless-stopped", "admin/theirs": "always"}
    run = deploy("restart_policy", host.inventory, docker_restart_policies=rules)
    assert run.code == 0, run.err
    for line in (
        "restart policies of podman, docker, admin's podman containers",
        "admin/theirs: no -> always",
        "note: systemd-web is started and stopped by web.service",
    ):
        assert line in run.err, run.err
    at_boot_of_user = re.search(r"note: admin/theirs starts as .* podman-restart.service is enabled \((.*)\)", run.err)
    assert at_boot_of_user, run.err
    assert policies(machine) == rules
    assert not machine.succeed("find /home/admin/.local/share/containers -user root")
    again = deploy("restart_policy", host.inventory, "-vvv", docker_restart_policies=rules)
    assert again.unchanged, again.err
    assert again.remote_commands <= 2
    machine.inventory(host.inventory, data={"docker_restart_policies": rules})
    host.is_verified()

    before = running(machine)
    assert before.keys() == {*POLICIES, "systemd-web", "plain", "shop", "theirs"}
    machine.succeed(f"kill -KILL {' '.join(before.values())}")
    deadline = time.monotonic() + 300
    while (now := running(machine)).keys() != before.keys() - {"no"} or now.items() & before.items():
        assert time.monotonic() < deadline, (before, now)

    machine.succeed(f"podman stop always; docker stop plain; {at_boot[1]}")
    machine.succeed(at_boot_of_user[1])
    assert running(machine).keys() == before.keys() - {"no", "always", "plain"}
    machine.reboot()
    back = {"always", "systemd-web", "shop", "theirs"}
    deadline = time.monotonic() + 300
    while running(machine).keys() != back:
        assert time.monotonic() < deadline, running(machine)
