"""Restart policies: what the engines say, and what is made of it."""

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostwright.base.engine import POLICIES, Container, Engine
from hostwright.base.refusal import Refusal
from hostwright.base.scripts import NONCE
from hostwright.docker.facts import Containers, HostContainers, parse_containers
from hostwright.docker.plan import PolicyPlan, decide, draw

FIXTURES = Path(__file__).parents[1] / "fixtures"


def recorded(name: str) -> Containers:
    return parse_containers((FIXTURES / f"containers_{name}.txt").read_text().splitlines())


def one_engine(found: Containers) -> Engine:
    (engine,) = found.engines
    return engine


def having(found: Containers, *some: Container, **about: Any) -> Containers:
    """With other containers than its only engine had."""
    return replace(found, engines=(replace(one_engine(found), containers=some, **about),))


def changed(plan: PolicyPlan) -> dict[str, list[str]]:
    return {change.policy: [one.name for one in change.containers] for change in plan.changes}


def test_what_docker_says_of_its_containers() -> None:
    engine = one_engine(recorded("debian12"))
    assert (engine.name, engine.updates, engine.error) == ("docker", True, "")
    by_name = {one.name: one for one in engine.containers}
    assert {name: one.policy for name, one in by_name.items()} == {
        "made": "unless-stopped",
        "quoted": "always",
        "passing": "no",
        "db": "on-failure:3",
        "web-1": "no",
    }
    assert by_name["passing"].auto_remove
    assert by_name["web-1"].status == "exited"
    assert by_name["made"].status == "created"
    assert by_name["quoted"].labels == {"note": 'a "b"\n}{ c=d'}


def test_what_docker_28_says_of_its_containers() -> None:
    found = one_engine(recorded("docker28"))
    assert (found.name, found.updates, found.error) == ("docker", True, "")
    assert {one.name: (one.policy, one.status) for one in found.containers} == {
        "web": ("always", "running"),
        "local": ("unless-stopped", "running"),
        "range": ("on-failure:3", "running"),
        "routed": ("no", "running"),
        "inside": ("no", "running"),
        "once": ("no", "created"),
    }


def test_what_podman_says_of_its_containers() -> None:
    engine = one_engine(recorded("podman5"))
    assert (engine.name, engine.updates) == ("podman", True)
    assert [(one.name, one.policy) for one in engine.containers] == [("web-1", "no"), ("db", "on-failure:3")]
    assert len(engine.containers[0].id) == 64


@pytest.mark.parametrize(
    ("name", "words"),
    [("debian12_denied", ["admin may not speak to docker", "sudo"]), ("debian12_stopped", ["docker does not answer"])],
)
def test_an_engine_that_does_not_answer_is_not_one_without_containers(name: str, words: list[str]) -> None:
    with pytest.raises(Refusal) as refused:
        decide(recorded(name), {"web-1": "always"})
    assert all(word in str(refused.value) for word in words)


def test_an_engine_whose_answer_is_not_there_has_not_answered() -> None:
    with pytest.raises(Refusal, match="docker does not answer: it told nothing"):
        decide(parse_containers(["@@ asker", "root", "@@ engine 1", "name=docker"]), {"web-1": "always"})


def test_rules_by_name_pattern_and_label() -> None:
    rules = {"w*": "always", "label=tier=db": "on-failure:5", "made": "unless-stopped", "label=note": "no"}
    plan = decide(recorded("debian12"), rules)
    assert changed(plan) == {
        "always": ["web-1"],
        "on-failure:5": ["db"],
        "no": ["quoted"],
    }
    assert plan.warnings == ("web-1 is stopped: with always it starts when the daemon or the host next does",)
    shown = draw("lab", plan)
    assert "db: on-failure:3 -> on-failure:5" in shown
    assert "made" not in shown


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"web-2": "always"}, ["'web-2'", "db, made, passing, quoted, web-1"]),
        ({"x*": "always"}, ["'x*'", "db, made"]),
        ({"label=tier=web": "always"}, ["label=tier=web", "db, made"]),
        ({"web-1": "no", "web-*": "always"}, ["web-1", "'web-1' wants no", "'web-*' wants always"]),
        ({"passing": "always"}, ["passing", "--rm"]),
        ({"web-1": "sometimes"}, ["web-1", "'sometimes'", "unless-stopped"]),
        ({"web-1": ""}, ["web-1", "no restart policy"]),
        ({"web-1": True}, ["web-1", "no restart policy"]),
        ({"web-1": "always:3"}, ["web-1", "only on-failure"]),
        ({"web-1": "on-failure:-1"}, ["web-1", "on-failure:-1", "from 0 on"]),
        ({"web-1": "on-failure:many"}, ["web-1", "from 0 on"]),
    ],
)
def test_refused(rules: dict[str, str | bool], words: list[str]) -> None:
    with pytest.raises(Refusal) as refused:
        decide(recorded("debian12"), rules)
    assert all(word in str(refused.value) for word in words), refused.value


def labelled(name: str, **labels: str) -> Containers:
    found = recorded(name)
    return having(found, replace(one_engine(found).containers[0], name="x", labels=labels))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            {"com.docker.swarm.task.id": "t", "com.docker.swarm.service.name": "shop"},
            "docker service update --restart-condition any shop",
        ),
        ({"com.docker.swarm.node.id": "n"}, "is a task of the swarm service SERVICE"),
        ({"io.kubernetes.pod.name": "web-0"}, "is of the Kubernetes pod web-0: restartPolicy of the pod"),
    ],
)
def test_what_an_orchestrator_runs_is_its_own_affair(labels: dict[str, str], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        decide(labelled("debian12", **labels), {"*": "always"})


@pytest.mark.parametrize(
    ("labels", "policy", "said"),
    [
        ({"PODMAN_SYSTEMD_UNIT": "web.service"}, "always", "x is started and stopped by web.service"),
        ({}, "on-failure:2", "x: podman starts none with on-failure:2 as the host boots"),
        ({}, "unless-stopped", "x starts as the host boots if podman is 5.8.2 or newer (with always, any version)"),
        ({}, "always", "if podman-restart.service is enabled"),
        ({}, "no", ""),
    ],
)
def test_what_podman_does_not_do_by_itself_is_said(labels: dict[str, str], policy: str, said: str) -> None:
    warnings = decide(labelled("podman5", **labels), {"x": policy}).warnings
    assert said in " ".join(warnings)
    assert bool(said) == bool(warnings)


def test_none_there_at_all() -> None:
    with pytest.raises(Refusal, match="there are: none at all"):
        decide(having(recorded("debian12")), {"web": "no"})
    with pytest.raises(Refusal, match="neither docker nor podman"):
        decide(Containers("root", ()), {"web": "no"})


def test_an_engine_that_cannot_change_a_policy() -> None:
    old = having(recorded("podman5"), *one_engine(recorded("podman5")).containers, updates=False)
    with pytest.raises(Refusal, match="cannot change the policy"):
        decide(old, {"web-1": "always"})
    assert not decide(old, {"web-1": "no"}).changes


def test_what_yaml_makes_of_no_and_what_means_the_same() -> None:
    assert not decide(recorded("debian12"), {"web-1": False, "passing": "no"}).changes
    found = recorded("debian12")
    same = replace(one_engine(found).containers[0], policy="on-failure")
    assert not decide(having(found, same), {"made": "on-failure:0"}).changes


def test_a_container_of_compose_is_warned_of() -> None:
    labels = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "app",
        "com.docker.compose.project.config_files": "/srv/shop/compose.yaml",
    }
    found = recorded("debian12")
    one = replace(one_engine(found).containers[0], labels=labels)
    (warning,) = decide(having(found, one), {"made": "always"}).warnings[:1]
    assert all(word in warning for word in ("service app", "project shop", "/srv/shop/compose.yaml"))


policies = st.one_of(st.sampled_from(POLICIES), st.integers(1, 9).map("on-failure:{}".format))
containers = st.lists(
    st.builds(
        Container,
        id=st.uuids().map(str),
        name=st.from_regex(r"[a-c]{1,2}-[0-9]", fullmatch=True),
        policy=policies,
        auto_remove=st.just(False),
        status=st.sampled_from(["running", "exited"]),
        labels=st.just({}),
    ),
    min_size=1,
    unique_by=(lambda one: one.id, lambda one: one.name),
)


@given(containers, policies, st.sampled_from(["a*", "*-1", "[ab]-?", "*"]))
def test_what_is_planned_gives_what_is_wished_and_then_nothing(
    some: list[Container], policy: str, selector: str
) -> None:
    found = Containers("root", (Engine("docker", updates=True, containers=tuple(some)),))
    try:
        plan = decide(found, {selector: policy})
    except Refusal:
        return
    given = {one.id: change.policy for change in plan.changes for one in change.containers}
    after = tuple(replace(one, policy=given.get(one.id, one.policy)) for one in some)
    assert not decide(having(found, *after), {selector: policy}).changes
    assert all(one.policy != given[one.id] for one in some if one.id in given)


def looking(place: Path, path: str) -> str:
    """The script, with stand-ins in `place`."""
    text = HostContainers().text().replace("PATH=/usr/local/sbin", path)
    return text.replace("/run/user", f"{place}/user")


@pytest.mark.parametrize(
    ("docker", "engine"),
    [
        ("podman version 4.3.1", ["podman"]),
        ("Docker version 20.10.24+dfsg1, build 297e128", ["podman", "docker"]),
        (None, ["podman"]),
    ],
)
def test_podman_is_known_by_what_it_says(tmp_path: Path, docker: str | None, engine: list[str]) -> None:
    (tmp_path / "bin").mkdir()
    for name, said in (("docker", docker), ("podman", "podman version 4.3.1")):
        if said:
            (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n[ $1 != --version ] || echo '{said}'\n")
            (tmp_path / "bin" / name).chmod(0o755)
    for tool in ("id", "grep", "sh", "xargs", "sed", "awk"):
        (tmp_path / "bin" / tool).symlink_to(f"/usr/bin/{tool}")
    text = looking(tmp_path, f"PATH={tmp_path}/bin #")
    done = subprocess.run(["/bin/sh", "-c", text], capture_output=True, text=True, check=True)
    assert [one.name for one in parse_containers(done.stdout.splitlines(), NONCE).engines] == engine


ENGINE = """#!/bin/sh
case " $FAILING " in *" $1 "*) exit 1 ;; esac
case $1 in
    ps) ls "$STAND" ;;
    inspect)
        shift 5
        for id; do cat "$STAND/$id"; done
        [ -z "$GOES" ] || { rm -f "$STAND/$GOES"; exit 1; }
        ;;
esac
"""


@pytest.mark.parametrize(
    ("failing", "empty", "goes", "said"),
    [
        ("", "", "", ""),
        ("ps", "", "", "does not list its containers"),
        ("inspect", "", "", "does not tell of container aa"),
        ("", "bb", "", "does not tell of container bb"),
        # One that is removed meanwhile is no container any more.
        ("", "bb", "bb", ""),
    ],
)
def test_an_engine_tells_of_all_its_containers_or_of_none(
    tmp_path: Path, failing: str, empty: str, goes: str, said: str
) -> None:
    for name in ("bin", "stand"):
        (tmp_path / name).mkdir()
    (tmp_path / "bin" / "docker").write_text(ENGINE)
    (tmp_path / "bin" / "docker").chmod(0o755)
    recorded = (FIXTURES / "containers_debian12.txt").read_text().splitlines()
    for identity, name in {"aa": "/db", "bb": "/web-1"}.items():
        line = next(line for line in recorded if f'"name":"{name}"' in line)
        said_of_it = re.sub('"id":"[^"]*"', f'"id":"{identity}"', line.removeprefix("container=") + "\n")
        (tmp_path / "stand" / identity).write_text("" if identity == empty else said_of_it)
    text = looking(tmp_path, f"PATH={tmp_path}/bin:/usr/local/sbin")
    environment = os.environ | {"STAND": str(tmp_path / "stand"), "FAILING": failing, "GOES": goes}
    done = subprocess.run(["sh", "-c", text], env=environment, capture_output=True, text=True, check=True)
    found = one_engine(parse_containers(done.stdout.splitlines(), NONCE))
    assert said in found.error
    assert bool(said) == bool(found.error)
    if not said:
        assert [one.name for one in found.containers] == (["db"] if goes else ["db", "web-1"])
