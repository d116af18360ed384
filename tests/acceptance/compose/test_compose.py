"""Compose projects on real engines: what is made anew and what is not, waits that end early, and taking one down."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.host import Run, pyinfra
from tests.lab.machine import Machine

MakeHost = Callable[..., Any]
DEPLOY = """import json

from pyinfra import host

from hostwright import compose

compose.project(**{"name": "shop", "directory": "/opt/shop"} | json.loads(host.data.shop))
"""
STAYS = ["sh", "-c", 'trap "exit 0" TERM; while :; do sleep 1; done']


def project(web: dict[str, Any] | None = None, page: str = "one", **more: Any) -> dict[str, Any]:
    """Two services: web, which uses a file and is built, and db, which has a volume."""
    services = {
        "web": {
            "build": "./web",
            "image": "shop/web",
            "command": STAYS,
            "volumes": ["./page:/page:ro"],
            "stop_grace_period": "5s",
            "healthcheck": {"test": ["CMD", "cat", "/page"], "interval": "5s", "timeout": "60s"},
            **(web or {}),
        },
        "db": {"image": "box", "command": STAYS, "volumes": ["rows:/rows"], "stop_grace_period": "5s"},
    }
    file = {"version": "3.4", "services": services, "volumes": {"rows": {}}}
    files = {"docker-compose.yml": json.dumps(file), "page": page, "web/Dockerfile": "FROM box\nENV made=once\n"}
    return {"files": files | more}


def deploy(host: Any, tmp_path: Path, shop: dict[str, Any], *flags: str) -> Run:
    (tmp_path / "deploy.py").write_text(DEPLOY)
    host.machine.inventory(host.inventory, data={"shop": json.dumps(shop)})
    return pyinfra("-y", *flags, str(host.inventory), str(tmp_path / "deploy.py"))


def containers(machine: Machine) -> dict[str, str]:
    """Ids by service."""
    form = '{{index .Config.Labels "com.docker.compose.service"}} {{.Id}}'
    lines = machine.succeed(f"docker ps -aq --no-trunc | xargs -r docker inspect --format '{form}'").splitlines()
    return dict(line.split() for line in lines)


@pytest.mark.soak
@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_a_change_makes_anew_what_it_concerns(make_host: MakeHost, tmp_path: Path, release: str) -> None:
    host = make_host(release, engine=True)
    machine = host.machine

    # What compose itself does not take is refused before anything is there.
    nonsense = deploy(host, tmp_path, project({"prots": ["80"]}))
    assert nonsense.code == 1
    assert "compose does not take the project shop" in nonsense.err, nonsense.err
    assert "Traceback" not in nonsense.err
    shown = deploy(host, tmp_path, project(), "--dry")
    assert "service web: made and started" in shown.err, shown.err
    machine.succeed('test ! -e /opt/shop && test -z "$(docker ps -aq)"')

    run = deploy(host, tmp_path, project())
    assert run.code == 0, run.err
    assert machine.succeed(
        "docker inspect --format '{{.State.Health.Status}}' $(docker ps -q -f name=web)"
    ).strip() == ("healthy")
    first = containers(machine)
    assert set(first) == {"web", "db"}
    again = deploy(host, tmp_path, project(), "-vvv")
    assert again.unchanged, again.err
    assert again.remote_commands <= 2
    assert containers(machine) == first
    machine.succeed("docker exec $(docker ps -q -f name=db) sh -c 'echo row >/rows/row'")

    # A file, then what the image is made of: each concerns web alone, and is shown before.
    for change, said in (
        (project(page="two"), "file page: changed"),
        (project(page="two", **{"web/Dockerfile": "FROM box\nENV made=twice\n"}), "file web/Dockerfile: changed"),
    ):
        before = containers(machine)
        shown = deploy(host, tmp_path, change, "--dry")
        assert said in shown.err, shown.err
        assert "service web: made anew" in shown.err
        assert "service db" not in shown.err
        assert containers(machine) == before
        run = deploy(host, tmp_path, change)
        assert run.code == 0, run.err
        after = containers(machine)
        assert after["db"] == before["db"]
        assert after["web"] != before["web"]
        assert deploy(host, tmp_path, change).unchanged
    assert machine.succeed("docker exec $(docker ps -q -f name=web) cat /page") == "two"
    assert "made=twice" in machine.succeed("docker inspect $(docker ps -q -f name=web)")

    # Who ends again and again is not waited for until the limit; who is never healthy is.
    begun = time.monotonic()
    restarts = project({"command": ["sh", "-c", "echo lost my way; exit 3"], "restart": "always"})
    loop = deploy(host, tmp_path, restarts | {"wait": 3000})
    assert loop.code == 1
    assert time.monotonic() - begun < 400
    assert "lost my way" in loop.err + loop.out
    ill = deploy(host, tmp_path, project({"healthcheck": {"test": ["CMD", "cat", "/nothing"]}}) | {"wait": 20})
    assert ill.code == 1
    assert "web" in ill.err + ill.out
    assert "health" in ill.err + ill.out
    assert containers(machine)["db"] == first["db"]

    # Taken down, with its data kept until told otherwise.
    assert deploy(host, tmp_path, {"present": False}).code == 0
    assert containers(machine) == {}
    assert machine.succeed("docker volume ls -q").split() == ["shop_rows"]
    assert deploy(host, tmp_path, {"present": False}).unchanged
    assert deploy(host, tmp_path, project()).code == 0
    assert machine.succeed("docker exec $(docker ps -q -f name=db) cat /rows/row").strip() == "row"
    assert deploy(host, tmp_path, {"present": False, "remove_data": True}).code == 0
    assert machine.succeed("docker volume ls -q").split() == []


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("release", "check", "wait", "said"),
    [
        pytest.param(
            *("bookworm", {}, 120, "perhaps because of db (running, unhealthy)"),
            marks=pytest.mark.soak,
        ),
        # It is never unhealthy, and compose waits for ever.
        ("trixie", {"start_period": "3600s"}, 50, "not healthy after 50 s: db (running, starting)"),
    ],
)
def test_who_is_waited_for_is_named_and_mended_it_all_comes_up(
    make_host: MakeHost, tmp_path: Path, release: str, check: dict[str, str], wait: int, said: str
) -> None:
    """Compose itself waits for db before it starts web."""
    host = make_host(release, engine=True)

    def shop(look: str, **check: str) -> dict[str, Any]:
        check = {"interval": "2s", "timeout": "60s", **check}
        db: dict[str, Any] = {"command": ["sh", "-c", f"echo no room for tables; {STAYS[2]}"]}
        db |= {"healthcheck": {"test": ["CMD-SHELL", look], "retries": 2, **check}}
        services: dict[str, dict[str, Any]] = {
            "web": {"depends_on": {"db": {"condition": "service_healthy"}}},
            "db": db,
            "mail": {},
        }
        common = {"image": "box", "command": STAYS, "network_mode": "none", "stop_grace_period": "1s"}
        file = {"version": "2.4", "services": {name: common | one for name, one in services.items()}}
        return {"files": {"docker-compose.yml": json.dumps(file)}}

    ill = deploy(host, tmp_path, shop("echo no table; exit 1", **check) | {"wait": wait})
    assert ill.code == 1
    assert said in ill.err, ill.err
    assert "no room for tables" in ill.err
    assert "no table" in ill.err
    assert ill.err.count("the last lines of") == 1
    host.machine.succeed('test -z "$(ls -d /run/hostwright.* 2>/dev/null; pgrep -x docker-compose)"')
    well = shop("exit 0")
    assert deploy(host, tmp_path, well).code == 0
    assert set(containers(host.machine)) == {"web", "db", "mail"}
    assert deploy(host, tmp_path, well).unchanged


class Theirs:
    """A project `shop` that somebody runs from their home, with a row in its volume, and ours of that name."""

    def __init__(self, make_host: MakeHost, release: str) -> None:
        self.host = make_host(release, engine=True)
        self.machine: Machine = self.host.machine
        self.compose = {"bookworm": "docker-compose", "trixie": "docker compose"}[release]
        db = {"image": "box", "command": STAYS, "volumes": ["rows:/rows"], "stop_grace_period": "2s"}
        file = json.dumps({"version": "3.4", "services": {"db": db}, "volumes": {"rows": {}}})
        self.machine.succeed(f"mkdir -p /home/dev/shop && echo '{file}' >/home/dev/shop/docker-compose.yml")
        self.machine.succeed("chown -R admin /home/dev")
        self.ours: dict[str, Any] = {"files": {"docker-compose.yml": file.replace("db", "web")}}

    def up(self) -> None:
        self.machine.succeed(f"cd /home/dev/shop && {self.compose} up -d")
        self.machine.succeed("docker exec $(docker ps -q) sh -c 'echo theirs >/rows/row'")

    def down(self) -> None:
        self.machine.succeed(f"cd /home/dev/shop && {self.compose} down")

    def looked(self) -> str:
        """Who runs, since when, and what is in their volume."""
        looked = "docker inspect --format '{{.Id}} {{.State.StartedAt}}' $(docker ps -aq)"
        return self.machine.succeed(f"{looked}; docker exec $(docker ps -q) cat /rows/row; ls -A /home/dev/shop")

    def stay_as_they_are(self, tmp_path: Path) -> None:
        before = self.looked()
        for shop in (self.ours, {"present": False, "remove_data": True}):
            refused = deploy(self.host, tmp_path, shop)
            assert refused.code == 1
            assert "somebody else runs one of that name: container shop" in refused.err, refused.err
            assert "comes from /home/dev/shop (docker-compose.yml), not from /opt/shop" in refused.err
            assert "Traceback" not in refused.err
        assert self.looked() == before


@pytest.mark.matrix
@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_a_project_of_that_name_that_somebody_else_runs_stays_as_it_is(
    make_host: MakeHost, tmp_path: Path, release: str
) -> None:
    theirs = Theirs(make_host, release)
    theirs.up()
    theirs.stay_as_they_are(tmp_path)
    for directory in ("/home/dev/mine", "/tmp/mine"):
        refused = deploy(theirs.host, tmp_path, theirs.ours | {"directory": directory})
        assert "choose a directory elsewhere" in refused.err, refused.err
    theirs.machine.succeed("test ! -e /opt/shop && test ! -e /home/dev/mine && test ! -e /tmp/mine")


def modelled(page: str = "one", **more: str) -> dict[str, Any]:
    """A project that only compose itself understands; what has secrets is never shown."""
    stays = {"image": "box", "command": STAYS, "stop_grace_period": "2s"}
    done = {"migrate": {"condition": "service_completed_successfully"}}
    services = {
        "web": {**stays, "volumes": ["./page:/page:ro"], "environment": {"WORD": "${WORD}"}, "depends_on": done},
        "migrate": {"image": "box", "command": ["sh", "-c", "echo migrated"], "restart": "on-failure"},
        "idle": {**stays, "scale": 0},
        "debug": {**stays, "profiles": ["debug"]},
    }
    files = {"docker-compose.yml": json.dumps({"services": services}), "page": page}
    return {"files": files | more, "secrets": {".env": "WORD=planted-secret\n"}}


def by_include(env: str) -> dict[str, str]:
    """What makes `web` and `db` of the project above come by other files; compose v1 knows nothing of it."""
    main = json.loads(modelled()["files"]["docker-compose.yml"])
    main["services"]["web"]["extends"] = {"file": "common.yml", "service": "base"}
    db = {"image": "box", "command": STAYS, "stop_grace_period": "2s", "env_file": "db.env"}
    return {
        "docker-compose.yml": json.dumps({"include": ["inc/db.yml"], **main}),
        "common.yml": "services: {base: {environment: {A: '1'}}}",
        "inc/db.yml": json.dumps({"services": {"db": db}}),
        "inc/db.env": env,
    }


@pytest.mark.matrix
@pytest.mark.parametrize("release", [pytest.param("bookworm", marks=pytest.mark.soak), "trixie"])
def test_what_a_project_is_compose_itself_says(make_host: MakeHost, tmp_path: Path, release: str) -> None:
    host = make_host(release, engine=True)
    machine = host.machine
    compose = {"bookworm": "docker-compose", "trixie": "docker compose"}[release]
    first, second = (by_include("A=1"), by_include("A=2")) if release == "trixie" else ({}, {})
    run = deploy(host, tmp_path, modelled(**first))
    assert run.code == 0, run.err
    machine.succeed(f"cd /opt/shop && {compose} -p shop --profile debug up -d debug")
    before = containers(machine)
    assert set(before) == {"web", "migrate", "debug", *(["db"] if first else [])}

    # Neither who was started by hand, nor who is done, nor who is not wanted is a change; and nobody sees the secret.
    again = deploy(host, tmp_path, modelled(**first), "-vvv")
    assert again.unchanged, again.err
    assert again.remote_commands <= 2
    assert not re.search("planted-secret|H4sI", run.out + run.err + again.out + again.err)

    run = deploy(host, tmp_path, modelled(page="two", **second))
    assert run.code == 0, run.err
    after = containers(machine)
    assert {name for name in before if before[name] != after[name]} == {"web", *(["db"] if first else [])}
    assert machine.succeed(f"docker logs {after['migrate']}") == "migrated\n"
    assert deploy(host, tmp_path, modelled(page="two", **second)).unchanged


@pytest.mark.soak
@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_what_a_refusal_names_is_what_helps(make_host: MakeHost, tmp_path: Path, release: str) -> None:
    theirs = Theirs(make_host, release)
    host, machine, ours = theirs.host, theirs.machine, theirs.ours

    # Where our files are, and our containers were taken down by hand, theirs are not ours either.
    assert deploy(host, tmp_path, ours).code == 0
    machine.succeed(f"cd /opt/shop && {theirs.compose} -p shop down")
    theirs.up()
    theirs.stay_as_they_are(tmp_path)
    theirs.down()

    # Our own from another directory: the command that is named takes it down, and no volume goes.
    assert deploy(host, tmp_path, ours).code == 0
    elsewhere = ours | {"directory": "/srv/shop"}
    moved = deploy(host, tmp_path, elsewhere)
    assert moved.code == 1
    said = re.search(r"take it down there first, its volumes stay: (cd /opt/shop && .* down) \(", moved.err)
    assert said, moved.err
    machine.succeed(said[1])
    assert deploy(host, tmp_path, elsewhere).code == 0
    assert machine.succeed("docker exec $(docker ps -q) cat /rows/row").strip() == "theirs"
    again = deploy(host, tmp_path, elsewhere, "-vvv")
    assert again.unchanged, again.err
    assert again.remote_commands <= 2

    # A user's directory.
    machine.succeed("mkdir /srv/users && chown admin /srv/users")
    users = ours | {"name": "other", "directory": "/srv/users"}
    said = re.search("then (chown root /srv/users && chmod go-w /srv/users)", deploy(host, tmp_path, users).err)
    assert said
    machine.succeed(said[1])
    assert deploy(host, tmp_path, users).code == 0
