"""What engines of several releases said of the same containers.

Podman 3.0, 4.3 and 5.8 (of Debian 11, 12 and 14); and on one Debian 13 Podman 5.4 of root, with a quadlet, and of a
user, and Docker 26.1 with a task of a swarm.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from hostwright.base.engine import as_owner, called
from hostwright.base.refusal import Refusal
from hostwright.docker.facts import Containers, parse_containers
from hostwright.docker.plan import decide
from hostwright.docker.verify import Container

FIXTURES = Path(__file__).parents[1] / "fixtures"


def recorded(name: str) -> Containers:
    return parse_containers((FIXTURES / f"containers_{name}.txt").read_text().splitlines())


@pytest.mark.parametrize(
    ("name", "created", "updates", "boots"),
    [
        ("podman3.0", "configured", False, False),
        # Debian 12 enables what starts them at boot.
        ("podman4.3", "created", False, True),
        ("podman5.8", "created", True, False),
    ],
)
def test_podman_of_three_releases(name: str, created: str, updates: bool, boots: bool) -> None:
    (engine,) = recorded(name).engines
    assert (engine.name, engine.updates, engine.boots, engine.error) == ("podman", updates, boots, "")
    assert {one.name: (one.policy, one.status) for one in engine.containers} == {
        "web-1": ("no", "running"),
        "db": ("on-failure:3", "running"),
        "app": ("always", "exited"),
        "cache": ("unless-stopped", "running"),
        "passing": ("no", "running"),
        "made": ("no", created),
        "unit": ("no", created),
    }
    labels = {one.name: dict(one.labels) for one in engine.containers}
    assert labels["cache"] == {"note": 'a "b"\n}{ c=d'}
    assert labels["unit"] == {"PODMAN_SYSTEMD_UNIT": "web.service"}
    assert labels["app"]["com.docker.compose.project"] == "shop"
    assert [one.name for one in engine.containers if one.auto_remove] == ["passing"]


@pytest.mark.parametrize("name", ["podman3.0", "podman4.3"])
def test_a_podman_that_cannot_change_a_policy_is_none_where_nothing_changes(name: str) -> None:
    assert not decide(recorded(name), {"db": "on-failure:3", "web-1": "no"}).changes
    with pytest.raises(Refusal, match="it has no update --restart: make web-1 anew with --restart=always"):
        decide(recorded(name), {"web-1": "always"})


@pytest.mark.parametrize("name", ["podman3.0", "podman4.3", "podman5.8"])
def test_a_stopped_one_of_podman_waits_for_a_boot(name: str) -> None:
    warnings = decide(recorded(name), {"app": "always"}).warnings
    assert "app is stopped: with always it starts as the host next boots" in warnings


def test_what_starts_at_boot_depends_on_podman() -> None:
    plan = decide(recorded("podman5.8"), {"cache": "unless-stopped", "web-1": "always", "db": "on-failure:3"})
    assert plan.warnings == (
        "cache starts as the host boots if podman is 5.8.2 or newer (with always, any version) and "
        "podman-restart.service is enabled (systemctl enable podman-restart.service)",
        "web-1 starts as the host boots if podman-restart.service is enabled (systemctl enable podman-restart.service)",
        "db: podman starts none with on-failure:3 as the host boots; always does that",
    )
    assert "podman-restart.service" not in " ".join(decide(recorded("podman4.3"), {"app": "always"}).warnings)


def test_four_who_start_containers_on_one_host() -> None:
    found = recorded("debian13_engines")
    assert [(called(engine), len(engine.containers)) for engine in found.engines] == [
        ("podman", 5),
        ("docker", 3),
        ("admin's podman", 1),
    ]
    assert not decide(found, {"plain": "unless-stopped", "admin/theirs": "always", "systemd-web": "no"}).changes
    (change,) = decide(found, {"theirs": "no"}).changes
    assert called(change.engine) == "admin's podman"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"systemd-web": "always"}, "systemd-web is made anew by web.service each time, so it takes no restart policy"),
        ({"shop.*": "always"}, "swarm service shop, .*: docker service update --restart-condition any shop "),
        ({"label=com.docker.swarm.service.name": "no"}, "is a task of the swarm service shop"),
    ],
)
def test_what_others_make_anew_is_refused(rules: dict[str, str | bool], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        decide(recorded("debian13_engines"), rules)


def test_a_command_that_is_said_is_one_command_whatever_a_label_says() -> None:
    found = recorded("debian13_engines")
    (_, docker, _) = found.engines
    labels = {"com.docker.swarm.service.name": "x; reboot"}
    hostile = replace(docker, containers=(replace(docker.containers[0], name="x", labels=labels),))
    with pytest.raises(Refusal, match="docker service update --restart-condition any 'x; reboot' "):
        decide(replace(found, engines=(hostile,)), {"x": "no"})


class Answering:
    """A host whose engine gives one answer."""

    rc = 0

    def __init__(self, stdout: str) -> None:
        self.stdout = stdout
        self.asked: list[str] = []

    def run(self, command: str, *_: str) -> "Answering":
        self.asked.append(command)
        return self

    def check_output(self, command: str, *_: str) -> str:
        return self.run(command).stdout


@pytest.mark.parametrize(("said", "policy"), [(" 0", "no"), ("no 0", "no"), ("on-failure 3", "on-failure:3")])
def test_the_check_of_a_policy_takes_what_each_podman_says(said: str, policy: str) -> None:
    assert Container(Answering(said), "db", "podman").restart_policy == policy


def test_a_users_own_is_asked_as_they() -> None:
    host = Answering("always 0")
    theirs = Container(host, "db", as_owner("bob", 1000, "podman"))
    assert theirs.exists
    assert theirs.restart_policy == "always"
    assert all(one.startswith("cd / && sudo -H -u bob XDG_RUNTIME_DIR=/run/user/1000 podman ") for one in host.asked)
