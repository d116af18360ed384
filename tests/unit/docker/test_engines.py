"""Engines of root and of users: who is found, who is asked by whom, and what of that counts for root's containers."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostwright.base.engine import Container, Engine, Owner, called, must_answer
from hostwright.base.refusal import Refusal
from hostwright.base.scripts import NONCE
from hostwright.docker.facts import Containers, HostContainers, parse_containers
from hostwright.docker.operations import command
from hostwright.docker.plan import Change, PolicyPlan, decide, draw
from tests.scripts import script

FIXTURES = Path(__file__).parents[1] / "fixtures"
BOB = Owner("bob", 1000, "/home/bob", lingers=True)
SHELLS = ["dash", "bash"]


def container(name: str, policy: str = "no", **about: Any) -> Container:
    identity = "".join(f"{ord(letter):02x}" for letter in name)
    return replace(Container(identity, name, policy, False, "running", {}), **about)


def engine(name: str, *some: Container, **about: Any) -> Engine:
    return Engine(name, **({"updates": True, "boots": True, "containers": some} | about))


def host(*engines: Engine, **about: Any) -> Containers:
    return Containers(**({"user": "root", "engines": engines} | about))


DEAD = engine("docker", error="Cannot connect to the Docker daemon", units=("docker.service",))
DEAD_OF_BOB = engine(
    "docker", owner=BOB, error="Cannot connect to the Docker daemon at unix:///run/user/1000/docker.sock"
)


def changes(plan: PolicyPlan) -> list[tuple[str, str, str]]:
    return [(called(one.engine), each.name, one.policy) for one in plan.changes for each in one.containers]


def refused(found: Containers, rules: dict[str, str | bool]) -> str:
    with pytest.raises(Refusal) as said:
        decide(found, rules)
    return str(said.value)


# -- which containers a rule is about


def test_what_a_host_with_engines_of_root_and_bob_says() -> None:
    """Podman 5.4 of root and of bob, and a docker 26.1 that does not run (Debian 13)."""
    found = parse_containers((FIXTURES / "containers_rootless_podman5.txt").read_text().splitlines())
    podman, docker, of_bob = found.engines
    assert (podman.name, podman.owner, [one.name for one in podman.containers]) == ("podman", None, ["web"])
    assert (docker.name, docker.endpoint) == ("docker", "unix:///var/run/docker.sock")
    assert "Cannot connect" in docker.error
    assert of_bob.owner == Owner("bob", 1000, "/home/bob", lingers=False)
    assert {one.name: one.policy for one in of_bob.containers} == {"web": "always", "app": "no"}
    plan = decide(found, {"web": "always", "bob/app": "always"})
    assert changes(plan) == [("podman", "web", "always"), ("bob's podman", "app", "always")]
    shown = draw("lab", plan)
    assert "lab: restart policies of podman, bob's podman containers" in shown
    assert "  bob/app: no -> always (bob's podman)" in shown
    assert "'web' fits 1 of bob's podman, too, which stay as they are; for those say bob/web" in shown


def test_what_a_host_with_rootless_docker_says() -> None:
    """Docker 26.1 of bob, beside Podman 5.4 of root and of bob (Debian 13)."""
    found = parse_containers((FIXTURES / "containers_rootless_docker26.txt").read_text().splitlines())
    assert [called(one) for one in found.engines] == ["podman", "docker", "bob's docker", "bob's podman"]
    plan = decide(found, {"bob/job": "always", "bob/w*": "no"})
    assert changes(plan) == [("bob's docker", "job", "always"), ("bob's podman", "web", "no")]
    assert any("loginctl enable-linger bob" in warning for warning in plan.warnings)


def test_all_engines_of_root_are_looked_at_and_each_changes_its_own() -> None:
    found = host(
        engine("podman", container("web"), container("cache", id="01")),
        engine("docker", container("web", id="02"), container("db")),
    )
    assert changes(decide(found, {"web": "always"})) == [("podman", "web", "always"), ("docker", "web", "always")]
    assert changes(decide(found, {"db": "no", "cache": "always"})) == [("podman", "cache", "always")]


def test_two_ways_to_one_engine_tell_of_one_container() -> None:
    found = host(engine("podman", container("web")), engine("docker", container("web")))
    assert changes(decide(found, {"*": "always"})) == [("podman", "web", "always")]
    by_socket = host(engine("docker", container("web")), engine("docker", container("web"), owner=BOB))
    plan = decide(by_socket, {"*": "always"})
    assert changes(plan) == [("docker", "web", "always")]
    assert not plan.warnings


def test_who_says_that_theirs_has_the_id_of_anothers_hides_nothing() -> None:
    db = container("db")
    eves = engine("podman", container("job", id=db.id), owner=Owner("eve", 999, "/home/eve", lingers=True))
    found = host(engine("docker", db), eves, engine("podman", container("job", id=db.id), owner=BOB))
    assert changes(decide(found, {"job": "always", "db": "unless-stopped"})) == [
        ("docker", "db", "unless-stopped"),
        ("eve's podman", "job", "always"),
        ("bob's podman", "job", "always"),
    ]


def test_an_engine_that_is_dead_beside_one_that_has_it() -> None:
    found = host(engine("podman", container("web"), container("web-2")), DEAD)
    plan = decide(found, {"web": "no"})
    assert not plan.changes
    assert plan.warnings == (
        "docker does not answer: Cannot connect to the Docker daemon: see systemctl status docker; what it has is left "
        "as it is",
    )
    # All that fit may be there, too.
    assert "name one by one what 'web*' is about" in refused(found, {"web*": "always"})
    assert "docker does not answer" in refused(found, {"db": "always"})


def test_users_own_are_found_where_root_has_none() -> None:
    found = host(engine("docker", container("db")), engine("podman", container("web"), owner=BOB))
    assert changes(decide(found, {"web": "always"})) == [("bob's podman", "web", "always")]
    assert changes(decide(found, {"bob/w*": "always", "db": "always"})) == [
        ("docker", "db", "always"),
        ("bob's podman", "web", "always"),
    ]
    assert refused(found, {"x": "no"}) == (
        "docker_restart_policies = 'x': no container is 'x'; there are: db; of bob's podman: web: name one that is "
        "there, or leave the rule out"
    )
    assert "no engine of eve's own is found" in refused(found, {"eve/x": "no"})
    assert "loginctl enable-linger eve" in refused(found, {"eve/x": "no"})
    assert "let pyinfra use sudo" in refused(host(engine("docker"), user="ada"), {"bob/web": "no"})
    # Root's that does not answer may have one of that name.
    dead = host(DEAD, found.engines[1])
    assert "or say bob/web for what is there" in refused(dead, {"web": "always"})
    assert changes(decide(dead, {"bob/web": "always"})) == [("bob's podman", "web", "always")]


def test_users_whose_engine_does_not_answer_are_named_where_a_rule_finds_nothing() -> None:
    found = host(engine("docker", container("db")), DEAD_OF_BOB)
    assert not decide(found, {"db": "no"}).warnings
    said = refused(found, {"web": "no"})
    assert "no container is 'web'; there are: db; bob's docker does not answer: Cannot connect" in said
    assert said.endswith("cd / && sudo -H -u bob XDG_RUNTIME_DIR=/run/user/1000 systemctl --user status docker")
    unlooked = host(engine("docker", container("db")), unlooked="their homes do not answer")
    assert "could not be looked for: their homes do not answer" in refused(unlooked, {"web": "no"})
    assert "could not be looked for" in refused(unlooked, {"bob/web": "no"})
    assert "could not be looked for" in refused(host(unlooked="their homes do not answer"), {"web": "no"})


LINES = st.one_of(
    st.text(st.characters(exclude_characters="\n"), max_size=40),
    st.sampled_from(
        ["end=yes", "updates=yes", "elsewhere=tcp://x", "error=x", "user=root", "@@ ab said 1", "container="]
    ),
    st.builds(
        'container={{"id":"{}","name":"{}","policy":{},"auto_remove":{},"status":"exited","labels":{}}}'.format,
        st.sampled_from(["646201", "6462", "x"]),
        st.sampled_from(["db", "web", "/db", "\x1b"]),
        st.sampled_from(['{"Name":"always"}', "null", '{"Name":"on-failure","MaximumRetryCount":1e400}', "[" * 5000]),
        st.sampled_from(["true", "false"]),
        st.sampled_from(["null", '{"com.docker.swarm.task":"x"}', '{"a":{"b":[]}}', "3"]),
    ),
)


@given(st.lists(LINES, max_size=6), st.sampled_from(["docker", "podman"]))
def test_whatever_a_users_engine_says_roots_rules_are_decided_the_same(said: list[str], name: str) -> None:
    answer = (
        'container={"id":"6462","name":"db","policy":{"Name":"no"},"auto_remove":false,"status":"running","labels":{}}'
    )
    roots = ["@@ ab asker", "root", "@@ ab engine 1", "name=docker", "@@ ab said 1", "updates=yes", answer, "end=yes"]
    theirs = ["@@ ab engine 2", f"name={name}", "owner=eve", "uid=1001", "home=/home/eve", "@@ ab said 2"]
    rules: dict[str, str | bool] = {"db": "always", "d*": "always"}
    alone = decide(parse_containers(roots, "ab"), rules)
    beside = decide(
        parse_containers([*roots, *theirs, *(line for line in said if not line.startswith("@@"))], "ab"), rules
    )
    assert (beside.changes, beside.engines) == (alone.changes, alone.engines)


def test_what_a_users_engine_says_is_no_flood() -> None:
    theirs = ["@@ engine 1", "name=podman", "owner=eve", "uid=1001", "home=/home/eve", "@@ said 1", "updates=yes"]
    label = json.dumps({"PODMAN_SYSTEMD_UNIT": "x" * 9999})
    one = 'container={"id":"aa","name":"web","policy":{},"auto_remove":false,"status":"running","labels":' + label + "}"
    found = parse_containers(["@@ asker", "root", *theirs, one, "end=yes"])
    assert len(draw("lab", decide(found, {"web": "always"}))) < 2000
    for said in (
        [f"elsewhere=tcp://{'x' * 9999}"],
        [f"error={'x' * 9999}"],
        ["x" * 9999],
        [one.replace("web", "w" * 9999)],
    ):
        assert len(refused(parse_containers(["@@ asker", "root", *theirs, *said, "end=yes"]), {"x": "no"})) < 2000


# -- remedies and warnings


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (DEAD, "see systemctl status docker"),
        (replace(DEAD, units=("snap.docker.dockerd.service",)), "see systemctl status snap.docker.dockerd"),
        (replace(DEAD, units=()), "has no unit docker.service, and none of a snap"),
        (
            replace(DEAD, error="permission denied"),
            "root may not speak to docker: permission denied: let pyinfra use sudo",
        ),
        (engine("podman", error="database is locked"), "see what podman ps --all says as root"),
        (
            engine("podman", error="no such file", endpoint="unix:///run/podman/podman.sock"),
            "see systemctl status podman.socket",
        ),
        (DEAD_OF_BOB, "sudo -H -u bob XDG_RUNTIME_DIR=/run/user/1000 systemctl --user status docker"),
        (
            replace(DEAD_OF_BOB, error="permission denied"),
            "bob's docker does not answer: permission denied: name one that is there, or leave the rule out; see cd /",
        ),
        (
            engine("podman", owner=BOB, error="x"),
            "cd / && sudo -H -u bob XDG_RUNTIME_DIR=/run/user/1000 podman ps --all",
        ),
        (
            replace(DEAD, error="permission denied", endpoint="unix:///run/user/1000/docker.sock"),
            "see cd / && sudo -H -u '#1000' XDG_RUNTIME_DIR=/run/user/1000 systemctl --user status docker",
        ),
        (
            engine("docker", elsewhere="ssh://ci@build"),
            "root's client of docker asks ssh://ci@build, another machine, whose containers are not of this host: "
            "unset DOCKER_HOST, or docker context use default, or deploy to that machine",
        ),
        (engine("podman", elsewhere="tcp://h:1"), "unset CONTAINER_HOST and CONTAINER_CONNECTION"),
    ],
)
def test_the_remedy_names_what_is_there(asked: Engine, said: str) -> None:
    rule = "bob/web" if asked.owner else "web"
    assert said in refused(host(asked), {rule: "always"})


def test_compose_is_told_the_same() -> None:
    with pytest.raises(Refusal) as refused:
        must_answer("docker", "root", "Cannot connect", ("snap.docker.dockerd.service",))
    assert refused.value.why == "docker does not answer: Cannot connect"
    assert refused.value.remedy == "see systemctl status snap.docker.dockerd"
    with pytest.raises(Refusal, match=r"asks tcp://192\.0\.2\.1:2376, another machine"):
        must_answer("docker", "root", "", (), "tcp://192.0.2.1:2376")
    must_answer("docker", "root", "")


@pytest.mark.parametrize(
    ("asked", "policy", "said"),
    [
        (engine("docker", container("web"), owner=BOB), "always", ""),
        (engine("docker", container("web"), owner=BOB), "no", ""),
        (engine("docker", container("web"), owner=replace(BOB, lingers=False)), "always", "loginctl enable-linger bob"),
        (
            engine("docker", container("web"), owner=BOB, boots=False),
            "unless-stopped",
            "docker is enabled (cd / && sudo -H -u bob XDG_RUNTIME_DIR=/run/user/1000 systemctl --user enable docker)",
        ),
        (
            engine("podman", container("web"), owner=replace(BOB, lingers=False), boots=False),
            "always",
            "bob/web starts as the host boots if bob lingers (loginctl enable-linger bob) and podman-restart.service "
            "is enabled (cd / && sudo -H -u bob XDG_RUNTIME_DIR=/run/user/1000 systemctl --user enable "
            "podman-restart.service)",
        ),
        (
            engine("podman", container("web"), owner=BOB),
            "unless-stopped",
            "web starts as the host boots if podman is 5.8.2 or newer",
        ),
        (engine("podman", container("web"), boots=False), "always", "podman-restart.service is enabled (systemctl"),
        (engine("podman", container("web")), "always", ""),
        (engine("docker", container("web"), boots=False), "always", ""),
    ],
)
def test_what_starts_containers_as_the_host_boots_is_said(asked: Engine, policy: str, said: str) -> None:
    warnings = decide(host(asked), {"web": policy}).warnings
    assert said in " ".join(warnings)
    assert bool(said) == bool(warnings)


# -- the shell, with an engine that says who asks it

USER = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="asks as another user")
ENGINE = """#!/bin/sh
trouble=$(cat "${0%/bin/*}/trouble.$(id -un)" 2>/dev/null)
case $1 in
    --version) echo "$(basename "$0") version 5" ;;
    context) echo "${DOCKER_HOST-unix:///var/run/docker.sock}" ;;
    update)
        [ "$2" != --help ] || { echo --restart && exit; }
        eval "$trouble"
        echo "$(id -un) $(basename "$0") $* ${SECRET-} $(pwd)" >>"${0%/bin/*}/called"
        ;;
    ps) eval "$trouble" && echo aa ;;
    inspect)
        printf '{"id":"aa","name":"%s","policy":{},"auto_remove":false,"status":"exited","labels":' "$(id -un)"
        printf '{"place":"%s %s %s%s"}}\\n' "$HOME" "$XDG_RUNTIME_DIR" "$DOCKER_HOST" "$SECRET"
        ;;
esac
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """Where a user may look, too."""
    path = Path(tempfile.mkdtemp(prefix="hostwright-test."))
    path.chmod(0o755)
    for name in ("bin", "user"):
        (path / name).mkdir()
    for name in ("docker", "podman"):
        (path / "bin" / name).write_text(ENGINE)
        (path / "bin" / name).chmod(0o755)
    (path / "called").touch()
    (path / "called").chmod(0o666)
    yield path
    shutil.rmtree(path)


def sign(place: Path, name: str = "libpod", uid: int = USER) -> None:
    own = place / "user" / str(USER) / name
    own.parent.mkdir(exist_ok=True)
    if name.endswith(".sock"):
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(own))
    else:
        own.mkdir()
    for path in (own.parent, own):
        os.chown(path, uid, uid)


def standing_in(place: Path, text: str) -> str:
    text = text.replace("PATH=/usr/local/sbin", f"PATH={place}/bin:/usr/local/sbin").replace(
        "/run/user", f"{place}/user"
    )
    # Nobody waits here.
    return text.replace("LIMIT=30", "LIMIT=1").replace("limit + 10", "limit + 1").replace("limit + 20", "limit + 2")


def look(place: Path, shell: str, **variables: str) -> Containers:
    text = standing_in(place, HostContainers().text())
    environment = {"HOME": "/root", "SECRET": "hush", **variables}
    words = [shell, "-c", text]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=30, cwd="/root")
    return parse_containers(done.stdout.splitlines(), NONCE)


@needs_root
@pytest.mark.parametrize("shell", SHELLS)
def test_a_users_engine_is_asked_as_they(place: Path, shell: str) -> None:
    sign(place)
    sign(place, "docker.sock")
    found = look(place, shell)
    assert [(one.name, one.owner and one.owner.name) for one in found.engines] == [
        ("podman", None),
        ("docker", None),
        ("docker", "nobody"),
        ("podman", "nobody"),
    ]
    roots, _, theirs, _ = (one.containers[0] for one in found.engines)
    assert (roots.name, theirs.name) == ("root", "nobody")
    run = f"{place}/user/{USER}"
    assert theirs.labels == {"place": f"/nonexistent {run} unix://{run}/docker.sock"}
    assert "hush" in roots.labels["place"]


@needs_root
@pytest.mark.parametrize("other", ["docker.sock is a link", "a directory of somebody else", "not a user", "nothing"])
def test_what_is_no_sign_of_an_engine(place: Path, other: str) -> None:
    directory = place / "user" / ("4294967290" if other == "not a user" else str(USER))
    directory.mkdir()
    if other == "docker.sock is a link":
        (directory / "docker.sock").symlink_to("/etc/passwd")
        os.lchown(directory / "docker.sock", USER, USER)
    elif other != "nothing":
        (directory / "libpod").mkdir()
    found = look(place, "sh")
    assert [one.owner for one in found.engines] == [None, None]
    assert not found.unlooked


def works(pid: str) -> bool:
    """One that is dead has no command line, whether somebody has waited for it or not."""
    with suppress(OSError):
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    return False


@needs_root
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "trouble",
    [
        "sleep 60",
        "trap '' TERM; sleep 4",
        "kill -KILL $PPID",
        "exit 3",
    ],
)
def test_a_users_engine_that_misbehaves_keeps_nobody_waiting(place: Path, trouble: str, shell: str) -> None:
    sign(place)
    (place / "trouble.nobody").write_text(f'echo $$ >>"${{0%/bin/*}}/called"; {trouble}')
    begun = time.monotonic()
    roots, _, theirs = look(place, shell).engines
    assert time.monotonic() - begun < 5
    assert theirs.error
    assert not theirs.containers
    assert [one.name for one in roots.containers] == ["root"]
    if "TERM" not in trouble:
        assert not list(filter(works, (place / "called").read_text().split()))


@needs_root
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id -un", "nobody\n"),
        ('pwd; printf \'%s\n\' "$0" "$@" "$SECRET"; cat; echo end', "/\nname\na b\n\nend\n"),
        # Who holds on to the pipe has not answered.
        ("setsid sleep 8 & echo x", ""),
        ("trap '' TERM; echo x; sleep 4", ""),
        ("kill -STOP $PPID; sleep 4", ""),
        # What has a terminal can type into it.
        ("ps -o tty= $$ | tr -d ' '", "?\n"),
        ("yes", "y\n" * 500000),
    ],
)
@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_shell_of_theirs_may_do(place: Path, text: str, said: str, shell: str) -> None:
    words = f"{script('as_user')}as_user nobody {USER} /nonexistent 1 {shlex.quote(text)} name 'a b'"
    done = subprocess.run(
        ["script", "-qec", f"{shell} -c {shlex.quote(standing_in(place, words))} >{place}/said", "/dev/null"],
        env={"SECRET": "hush", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        input=b"typed\n",
        check=False,
        timeout=5,
    )
    assert done.returncode in (0, 124)
    assert (place / "said").read_text() == said


@needs_root
def test_users_whose_names_cannot_be_told_are_said(place: Path) -> None:
    sign(place)
    (place / "bin" / "getent").write_text("#!/bin/sh\nexit 1\n")
    (place / "bin" / "getent").chmod(0o755)
    found = look(place, "sh")
    assert len(found.engines) == 2
    assert found.unlooked == "getent passwd does not tell whose they are"
    (place / "bin" / "getent").unlink()
    (place / "bin" / "find").write_text("#!/bin/sh\nkill -KILL $PPID\n")
    (place / "bin" / "find").chmod(0o755)
    assert "do not answer" in look(place, "sh").unlooked


@pytest.mark.parametrize(
    ("endpoint", "elsewhere"),
    [
        ("unix:///var/run/docker.sock", False),
        ("tcp://127.0.0.1:2375", False),
        ("tcp://localhost:2375", False),
        ("tcp://[::1]:2375", False),
        ("tcp://192.0.2.1:2376", True),
        ("tcp://localhost.example.org:2376", True),
        ("ssh://ci@build", True),
        ("ssh://localhost", True),
    ],
)
def test_an_engine_of_another_machine_is_not_asked(place: Path, endpoint: str, elsewhere: bool) -> None:
    (place / "trouble.root").write_text(f'echo asked >>{place}/called; [ "$1" = ps ]')
    podman, docker = look(place, "sh", DOCKER_HOST=endpoint, CONTAINER_HOST=endpoint).engines
    for one in (podman, docker):
        assert one.elsewhere == (endpoint if elsewhere else "")
        assert bool(one.containers) != elsewhere
    assert bool((place / "called").read_text()) != elsewhere


@needs_root
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", ["docker", "podman"])
def test_a_policy_is_set_by_whom_the_engine_answers(place: Path, name: str, shell: str) -> None:
    owner = Owner("nobody", USER, "/nonexistent", lingers=True)
    some = (container("a"), container("b"))
    environment = {"SECRET": "hush", "PATH": os.environ["PATH"]}

    def act(change: Change) -> "subprocess.CompletedProcess[str]":
        words = [shell, "-c", standing_in(place, command(change)).replace("120 '", "1 '")]
        return subprocess.run(
            words, env=environment, capture_output=True, text=True, check=False, cwd="/root", timeout=30
        )

    assert act(Change(engine(name, owner=owner), "always", some)).returncode == 0
    assert act(Change(engine(name), "on-failure:3", some)).returncode == 0
    called = (place / "called").read_text().splitlines()
    assert len(called) == (2 if name == "docker" else 4)
    assert called[0].startswith(f"nobody {name} update --restart=always 61")
    assert called[0].endswith("  /")
    assert called[-1].startswith(f"root {name} update --restart=on-failure:3")
    for trouble in ("echo no such container; exit 1", "sleep 60"):
        (place / "trouble.nobody").write_text(trouble)
        done = act(Change(engine(name, owner=owner), "always", some))
        assert done.returncode != 0
        assert "no such container" in done.stderr or "sleep" in trouble
