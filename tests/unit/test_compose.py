"""Which files and services of a compose project change, and what is refused."""

import dataclasses
import hashlib
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from hostwright.facts.compose import ProjectState, ServiceContainer, parse_project
from hostwright.operations.compose import packed
from hostwright.plans.compose import (
    OVERRIDE,
    Project,
    _digest,
    check,
    complete,
    decide,
    decide_absent,
    private_directories,
)
from hostwright.refusal import Refusal
from hostwright.shell import script, whole

FILE = """
services:
  web:
    image: nginx
    restart: unless-stopped
    volumes: ["./conf:/etc/nginx/conf.d:ro", "/srv:/srv"]
  db:
    build: {context: ./db}
    container_name: the-db
    secrets: [key]
  job: {image: job, env_file: job.env}
secrets:
  key: {file: ./key}
"""
FILES = {
    "docker-compose.yml": FILE.encode(),
    "conf/a.conf": b"a",
    "db/Dockerfile": b"FROM x",
    "key": b"hush",
    "job.env": b"A=1",
    "README": b"nothing of a service",
}
PROJECT = Project("shop", "/opt/shop", FILES, frozenset({"key"}))
IMAGES = {"nginx": "sha256:1", "job": "sha256:2"}


def digests(project: Project) -> dict[str, str]:
    override = yaml.safe_load(complete(project).files[OVERRIDE])
    return {name: service["labels"]["hostwright.digest"] for name, service in override["services"].items()}


def container(service: str, **more: object) -> ServiceContainer:
    image = {"web": "sha256:1", "job": "sha256:2"}.get(service, "sha256:3")
    name = "the-db" if service == "db" else f"shop-{service}-1"
    known = ServiceContainer(name, "shop", service, image, digests(PROJECT)[service], "running", "", 0)
    return dataclasses.replace(known, **more)  # type: ignore[arg-type]


UP = (container("web", health="healthy"), container("db"), container("job", status="exited"))


def state(**more: object) -> ProjectState:
    known = ProjectState("root", "docker", "docker compose", "", {}, (), "", UP, IMAGES)
    return dataclasses.replace(known, **more)  # type: ignore[arg-type]


def test_as_wanted() -> None:
    plan = decide(complete(PROJECT), state())
    assert (plan.act, plan.lines) == ("", ())


@pytest.mark.parametrize(
    ("path", "concerned"),
    [("conf/a.conf", {"web"}), ("db/Dockerfile", {"db"}), ("key", {"db"}), ("job.env", {"job"}), ("README", set())],
)
def test_a_changed_file_concerns_the_services_that_use_it(path: str, concerned: set[str]) -> None:
    changed = dataclasses.replace(PROJECT, files=FILES | {path: b"other"})
    before, after = digests(PROJECT), digests(changed)
    assert {name for name in before if before[name] != after[name]} == concerned
    plan = decide(complete(changed), state(files={path: "different"}))
    assert plan.act == "up"
    assert f"file {path}: changed" in plan.lines
    for name in before:
        made_anew = f"service {name}: made anew, its definition or a file that it uses changed"
        assert (made_anew in plan.lines) == (name in concerned)
    assert plan.build == (("db",) if concerned == {"db"} else ())


def test_a_live_file_concerns_no_service() -> None:
    live = dataclasses.replace(PROJECT, live=frozenset({"conf/a.conf"}))
    changed = dataclasses.replace(live, files=FILES | {"conf/a.conf": b"other"})
    assert digests(live) == digests(changed)


def test_directories_of_secrets_alone_are_private() -> None:
    files = {"a/b/secret": b"", "a/open": b"", "c/secret": b"", "key": b""}
    project = Project("shop", "/opt/shop", files, frozenset({"a/b/secret", "c/secret", "key"}))
    assert private_directories(project) == ["a/b", "c"]


def test_a_changed_definition_concerns_its_service() -> None:
    changed = dataclasses.replace(
        PROJECT, files=FILES | {"docker-compose.yml": FILE.replace("/srv:/srv", "/srv:/x").encode()}
    )
    before, after = digests(PROJECT), digests(changed)
    assert {name for name in before if before[name] != after[name]} == {"web"}


def test_what_a_label_tells_of_a_secret_costs_whoever_guesses() -> None:
    project = dataclasses.replace(PROJECT, files={**FILES, "open": b"hush"})
    salted, plain = (_digest(project, path) for path in ("key", "open"))
    assert plain == hashlib.sha256(b"hush").hexdigest()
    assert salted == hashlib.scrypt(b"hush", salt=b"shop /opt/shop key", n=2**14, r=8, p=1).hex()


def test_what_is_not_running() -> None:
    for said, change in {
        "service web: started, it is exited (code 0)": container("web", status="exited"),
        "service web: started, it is exited (code 3)": container("web", status="exited", code=3),
        "service web: waited for, it is unhealthy": container("web", health="unhealthy"),
        "service web: made anew, nginx is another image now": container("web", image="sha256:old"),
        "service web: made anew, its definition or a file that it uses changed": container("web", digest=""),
    }.items():
        plan = decide(complete(PROJECT), state(containers=(change, *UP[1:])))
        assert plan.lines == (said,)
        assert plan.build == ()
    assert decide(complete(PROJECT), state(containers=UP[:2])).lines == ("service job: made and started",)
    gone = dataclasses.replace(container("web"), service="old", name="shop-old-1")
    assert decide(complete(PROJECT), state(containers=(*UP, gone))).lines == (
        "service old: removed, it is no longer in the project",
    )


def test_refusals() -> None:
    foreign = ServiceContainer("the-db", "", "", "sha256:9", "", "running", "", 0)
    for said, bad in {
        "there is no docker": state(engine=""),
        "there is no compose": state(compose=""),
        "may not speak to docker": state(error="Got permission denied while trying to connect"),
        "docker does not answer": state(error="Cannot connect to the Docker daemon"),
        "compose does not take the project shop: services.web": state(invalid="services.web Additional property x"),
        "container the-db is there already, and of no compose project": state(containers=(foreign,)),
        "of the compose project other": state(containers=(dataclasses.replace(foreign, project="other"),)),
    }.items():
        with pytest.raises(Refusal, match=said):
            decide(complete(PROJECT), bad)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Shop!"}, "small letters"),
        ({"directory": "opt/shop"}, "an absolute path"),
        ({"directory": "/"}, "an absolute path"),
        ({"files": {"a": b""}}, "has no docker-compose.yml"),
        ({"files": {"docker-compose.yml": b"a: [b"}}, "is no YAML"),
        ({"files": {"docker-compose.yml": b"version: '3'"}}, "has no services"),
        ({"files": FILES | {"../x": b""}}, "a path below"),
        ({"files": FILES | {"/x": b""}}, "a path below"),
        ({"files": FILES | {"a//b": b""}}, "a path below"),
    ],
)
def test_projects_that_are_none(change: dict[str, object], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        check(dataclasses.replace(PROJECT, **change))  # type: ignore[arg-type]


def test_taken_down() -> None:
    absent = Project("shop", "/opt/shop", {})
    files = {"docker-compose.yml": "old", "conf/a.conf": "old"}
    plan = decide_absent(absent, state(files=files), remove_data=False)
    assert plan.act == "down"
    assert "container the-db: stopped and removed" in plan.lines
    assert not any("volumes" in line for line in plan.lines)
    assert "volumes" in decide_absent(absent, state(files=files), remove_data=True).lines[-1]
    assert decide_absent(absent, state(containers=()), remove_data=True).act == ""
    with pytest.raises(Refusal, match="its files are not in /opt/shop"):
        decide_absent(absent, state(), remove_data=False)


def test_what_the_host_says() -> None:
    label = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web", "hostwright.digest": "d"}
    said = {"name": "/shop-web-1", "image": "sha256:1", "labels": label, "status": "running", "health": "", "code": 0}
    lines = [
        "",
        "@@ engine",
        "user=root",
        "engine=docker",
        "compose=docker-compose",
        "@@ error",
        "@@ files",
        "different a b",
        "old c",
        "@@ diff",
        " --- x",
        " @@ -1 +1 @@",
        "@@ invalid",
        "@@ containers",
        json.dumps(said),
        json.dumps(said | {"labels": None}),
        "@@ images",
        "localhost:5000/nginx:1 sha256:1",
    ]
    found = parse_project(lines)
    assert found.compose == "docker-compose"
    assert found.files == {"a b": "different", "c": "old"}
    assert found.diff == ("--- x", "@@ -1 +1 @@")
    assert found.images == {"localhost:5000/nginx:1": "sha256:1"}
    assert [one.service for one in found.containers] == ["web", ""]


def test_files_of_who_has_lost_the_lock_are_not_put_in_place(tmp_path: Path) -> None:
    """The real shell: it asks after the files have arrived, and before the first one is renamed."""
    place = tmp_path / "shop"
    wish = Project("shop", str(place), {"docker-compose.yml": b"services: {}"}, frozenset(), frozenset())
    known = {"NAME": "shop", "DIRECTORY": str(place), "FILES": "docker-compose.yml", "PRIVATE": "", "OLD": ""}
    text = script("compose_up", **known, COMPOSE="false", BUILD="", LIMIT="1", OURS="echo lost >&2; exit 76")
    sent = whole(f"{text}\nput_files", packed(wish))
    late = subprocess.run(["sh", "-s"], input=sent, capture_output=True, text=True, check=False)
    assert (late.returncode, late.stderr) == (76, "lost\n")
    assert not place.exists()
    text = script("compose_up", **known, COMPOSE="false", BUILD="", LIMIT="1", OURS=":")
    subprocess.run(["sh", "-s"], input=whole(f"{text}\nput_files", packed(wish)), text=True, check=True)
    assert (place / "docker-compose.yml").read_text() == "services: {}"
