"""Restart policies are set without a touch to the containers; what they do is tried in `make soak`."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.deploy import deploy
from tests.acceptance.host import pyinfra
from tests.lab.engine import OBEDIENT
from tests.lab.machine import Machine

MakeHost = Callable[..., Any]
LATE = """from pyinfra.operations import server

from hostwright import docker, lock

with lock.held():
    server.shell(commands=["sed -i 's|[^\t]*@[^\t]*|somebody|' /run/hostwright/lock/deploy/holder"])
    docker.restart_policy("db", "always")
"""
POLICIES = ("no", "on-failure", "on-failure:2", "unless-stopped", "always")
# What comes back by itself, in the order of POLICIES.
TABLE = {
    "it ends with code 3": "-++++",
    "it ends with code 0": "---++",
    "its process is killed": "-++++",
    "stopped by hand": "-----",
    "stopped by hand, then the engine is restarted": "----+",
    "the engine is restarted": "---++",
    "the host is rebooted": "---++",
    "the power fails": "-++++",
}


def state(machine: Machine) -> dict[str, tuple[str, str, str]]:
    """Id, when it was started, and policy, by container."""
    policy = "{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}"
    form = "{{.Name}} {{.Id}} {{.State.StartedAt}} " + policy
    lines = machine.succeed(f"docker inspect --format '{form}' $(docker ps -aq)").splitlines()
    return {name.removeprefix("/"): (one, started, policy) for name, one, started, policy in map(str.split, lines)}


def test_policies_are_set_on_running_and_stopped_containers(make_host: MakeHost) -> None:
    host = make_host(engine=True)
    machine = host.machine
    for name, words in {
        "web-1": "",
        "web-2": "",
        "db": "--label tier=db --restart on-failure:3",
        "passing": "--rm",
        "app": "--label com.docker.compose.project=shop --label com.docker.compose.service=app "
        "--label com.docker.compose.project.config_files=/srv/shop/compose.yaml",
    }.items():
        machine.succeed(f"docker run -d --name {name} {words} box {OBEDIENT}")
    machine.succeed("docker stop -t 0 web-2")
    before = state(machine)
    rules = {"web-*": "always", "label=tier=db": "on-failure:5", "app": "unless-stopped"}

    shown = deploy("restart_policy", host.inventory, "--dry", docker_restart_policies=rules)
    assert shown.code == 0
    for line in (
        "web-1: no -> always",
        "db: on-failure:3 -> on-failure:5",
        "web-2 is stopped: with always it starts when the daemon or the host next does",
        "app is service app of the compose project shop",
        "/srv/shop/compose.yaml",
    ):
        assert line in shown.err, shown.err
    assert state(machine) == before
    machine.succeed("test ! -e /run/hostwright")

    run = deploy("restart_policy", host.inventory, docker_restart_policies=rules)
    assert run.code == 0, run.err
    after = state(machine)
    assert {name: values[:2] for name, values in after.items()} == {name: values[:2] for name, values in before.items()}
    policies = {name: policy for name, (_, _, policy) in after.items()}
    assert policies["web-1"] == policies["web-2"] == "always:0"
    assert policies["db"] == "on-failure:5"
    assert policies["app"] == "unless-stopped:0"
    again = deploy("restart_policy", host.inventory, "-vvv", docker_restart_policies=rules)
    assert again.unchanged
    assert again.remote_commands <= 2
    machine.inventory(host.inventory, data={"docker_restart_policies": rules})
    host.is_verified()
    assert deploy("restart_policy", host.inventory, docker_restart_policies={"db": "on-failure"}).code == 0
    assert state(machine)["db"][2] == "on-failure:0"

    # Who has lost the lock meanwhile changes nothing any more.
    late = machine.directory / "late.py"
    late.write_text(LATE)
    before = state(machine)
    lost = pyinfra("-y", str(host.inventory), str(late))
    assert lost.code == 1
    assert "is no longer ours: it was broken, or went to somebody" in lost.err
    assert state(machine) == before
    machine.succeed("rm /run/hostwright/lock/deploy/holder")

    # Refused, each with what to do, before anything is changed.
    before = state(machine)
    for wrong, said in {
        ("nothing", "always"): "there are: app, db, passing, web-1, web-2",
        ("passing", "always"): "--rm",
        ("web-1", "sometimes"): "no restart policy",
        ("web-1", "always:3"): "only on-failure",
    }.items():
        refused = deploy("restart_policy", host.inventory, docker_restart_policies=dict([wrong, ("db", "no")]))
        assert refused.code == 1
        assert said in refused.err, refused.err
        assert "Traceback" not in refused.err
    fight = deploy("restart_policy", host.inventory, docker_restart_policies={"web-*": "always", "web-2": "no"})
    assert "'web-*' wants always, and 'web-2' wants no" in fight.err
    assert state(machine) == before

    user = machine.inventory(machine.directory / "user.py", user="admin", data={"_sudo": False})
    words = ("--data", f"docker_restart_policies={json.dumps({'db': 'no'})}", str(user), "deploys/restart_policy.py")
    assert "admin may not speak to docker" in pyinfra("-y", *words).err
    machine.succeed("systemctl stop docker.socket docker.service")
    gone = deploy("restart_policy", host.inventory, docker_restart_policies={"db": "no"})
    assert gone.code == 1
    assert "docker does not answer" in gone.err


@pytest.mark.soak
@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_policies_do_what_is_written(make_host: MakeHost, release: str) -> None:
    host = make_host(release, engine=True)
    machine = host.machine
    names = {policy: policy.replace(":", "-") for policy in POLICIES}
    for name in names.values():
        # Time to end in an orderly way, however slow the machine is: to be killed would be a failure.
        words = f"--name {name} -v /root/told/{name}:/told --stop-timeout 60"
        machine.succeed(f"mkdir -p /root/told/{name} && docker run -d {words} box {OBEDIENT}")
    assert (
        deploy(
            "restart_policy", host.inventory, docker_restart_policies={name: policy for policy, name in names.items()}
        ).code
        == 0
    )

    def ends(code: int) -> None:
        machine.succeed(f"for name in /root/told/*; do echo {code} >$name/exit; done")

    def after_stop() -> None:
        machine.succeed(f"docker stop {' '.join(names.values())} && systemctl restart docker")

    def power_fails() -> None:
        machine.crash()
        machine.start()

    events: dict[str, Callable[[], object]] = {
        "it ends with code 3": lambda: ends(3),
        "it ends with code 0": lambda: ends(0),
        "its process is killed": lambda: machine.succeed(
            f"kill -KILL $(docker inspect --format '{{{{.State.Pid}}}}' {' '.join(names.values())})"
        ),
        "stopped by hand": lambda: machine.succeed(f"docker stop {' '.join(names.values())}"),
        "stopped by hand, then the engine is restarted": after_stop,
        "the engine is restarted": lambda: machine.succeed("systemctl restart docker"),
        "the host is rebooted": machine.reboot,
        "the power fails": power_fails,
    }
    seen = {}
    for event, happens in events.items():
        machine.succeed(
            """
            stopped=$(docker ps -a --filter status=exited --format '{{.Names}}')
            for name in $stopped; do rm -f /root/told/$name/ready; done
            [ -z "$stopped" ] || docker start $stopped
            sync
            """
        )
        # Before that they are deaf to TERM.
        machine.wait_until_succeeds(f"test $(ls /root/told/*/ready | wc -l) = {len(names)}", 120)
        started = {name: values[1] for name, values in state(machine).items()}

        def back(event: str = event, started: dict[str, str] = started) -> str:
            now = {name: values[1] for name, values in state(machine).items()}
            running = machine.succeed("docker ps --format '{{.Names}}'").split()
            # Who ends again and again is seen by its new start, and needs not run just now.
            came = {name for name in now if now[name] != started[name] and ("code" in event or name in running)}
            return "".join("+" if names[policy] in came else "-" for policy in POLICIES)

        happens()
        machine.wait_until_succeeds("docker ps", 120)
        if event == "it ends with code 3":
            # With a limit, no more often than that.
            machine.wait_until_succeeds(
                "docker inspect --format '{{.State.Status}}' on-failure-2 | grep -x exited", 300
            )
            count = machine.succeed("docker inspect --format '{{.RestartCount}} {{.State.ExitCode}}' on-failure-2")
            assert count.split() == ["2", "3"]
        deadline = time.monotonic() + 300
        while back() != TABLE[event] and time.monotonic() < deadline:
            time.sleep(1)
        # What does not come back is known by that it has not after a while.
        time.sleep(8)
        seen[event] = back()
        print(event, seen[event], flush=True)
        if "code" in event:
            machine.succeed(f"rm /root/told/*/exit; docker stop {' '.join(names.values())}")
    assert seen == TABLE
