"""Which files and services of a compose project change, and what is refused."""

import base64
import dataclasses
import gzip
import hashlib
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hostwright.base.refusal import Refusal
from hostwright.compose.facts import Hand, ProjectState, ServiceContainer, parse_project
from hostwright.compose.plan.digest import _costly_digest, _digest, labels
from hostwright.compose.plan.files import _yaml
from hostwright.compose.plan.project import (
    OVERRIDE,
    Project,
    check,
    complete,
    compose_files,
    decide,
    decide_absent,
    main_file,
    private_directories,
)

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
    given = "docker-compose.yml,docker-compose.override.yml"
    known = ServiceContainer(
        *(f"id-{service}", name, "shop", service, "/opt/shop", given, True),
        *(image, digests(PROJECT)[service], "running", "", 0),
    )
    return dataclasses.replace(known, **more)  # type: ignore[arg-type]


UP = (container("web", health="healthy"), container("db"), container("job", status="exited"))


def told(model: str, compose: str = "docker compose", *more: str) -> ProjectState:
    """What is parsed where compose says this of the project."""
    packed = base64.b64encode(gzip.compress(model.encode(), mtime=0)).decode()
    lines = ["@@ engine", "user=root", "engine=docker", f"compose={compose}", "@@ error", "@@ hands", "@@ files"]
    return parse_project([*lines, "@@ model", packed, *more])


def model(project: Project = PROJECT, compose: str = "docker compose", **services: Any) -> dict[str, Any]:
    """What compose says of it, or of these services, as fields of a state."""
    whole = yaml.safe_load(project.files[main_file(project)])
    found = told(json.dumps({**whole, "services": services or whole["services"]}), compose)
    return {"model": found.model, "services": found.services, "known": found.known, "compose": compose}


def state(**more: object) -> ProjectState:
    override = hashlib.sha256(complete(PROJECT).files[OVERRIDE]).hexdigest()
    known = ProjectState("root", "docker", "docker compose", "", (), {}, (), "", UP, IMAGES, override)
    return dataclasses.replace(known, **{**model(), **more})  # type: ignore[arg-type]


def as_is(project: Project, **more: object) -> ProjectState:
    """Where it was brought up as it is: our file with the labels is there."""
    override = hashlib.sha256(complete(project).files[OVERRIDE]).hexdigest()
    return state(**{**model(project), "override": override, **more})


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


def test_a_plan_of_many_services_reads_their_file_once() -> None:
    many = {f"s{number}": {"image": "x:1"} for number in range(20)}
    project = dataclasses.replace(PROJECT, files={"docker-compose.yml": json.dumps({"services": many}).encode()})
    known = as_is(project, containers=())
    _yaml.cache_clear()
    assert decide(complete(project), known).act == "up"
    assert _yaml.cache_info().misses == 1


@pytest.mark.parametrize(
    ("restart", "code", "started"),
    [
        ("no", 0, False),
        ("on-failure", 0, False),
        ("on-failure:3", 0, False),
        ("no", 1, True),
        ("on-failure", 1, True),
        ("always", 0, True),
        ("unless-stopped", 0, True),
    ],
)
def test_what_has_ended_well_is_done_unless_it_is_to_go_on(restart: str, code: int, started: bool) -> None:
    services = {"job": {"image": "x:1", "restart": restart}}
    project = dataclasses.replace(PROJECT, files={"docker-compose.yml": json.dumps({"services": services}).encode()})
    ended = container("job", status="exited", code=code, digest=digests(project)["job"], image="")
    plan = decide(complete(project), as_is(project, containers=(ended,), images={}))
    assert plan.lines == ((f"service job: started, it is exited (code {code})",) if started else ())


def test_what_was_run_for_one_command_is_none_of_its_service() -> None:
    left = container("web", status="exited", code=3, digest="", oneoff=True, name="shop-web-run-1")
    assert decide(complete(PROJECT), state(containers=(*UP, left))).lines == ()
    assert decide(complete(PROJECT), state(containers=(*UP[1:], left))).lines == ("service web: made and started",)
    labels = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "web",
        "com.docker.compose.oneoff": "True",
    }
    said = {"id": "a", "name": "/x", "image": "y", "labels": labels, "status": "exited", "health": "", "code": 3}
    lines = ["@@ engine", "user=root", "@@ error", "@@ hands", "@@ files", "@@ containers", json.dumps(said)]
    assert [one.oneoff for one in parse_project(lines).containers] == [True]


@pytest.mark.parametrize("name", ["compose.yaml", "compose.yml", "docker-compose.yaml"])
def test_the_other_names_that_compose_looks_for_are_taken(name: str) -> None:
    files = {name if path == "docker-compose.yml" else path: content for path, content in FILES.items()}
    project = dataclasses.replace(PROJECT, files=files)
    assert decide(complete(project), as_is(project, containers=())).lines[0].startswith("service ")
    gone = dataclasses.replace(project, files={})
    assert decide_absent(gone, state(files={name: "old"}), False).act == "down"
    assert main_file(gone, [name, OVERRIDE]) == main_file(project) == name


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
    for said, bad in {
        "there is no docker": state(engine=""),
        "there is no compose": state(compose=""),
        "may not speak to docker": state(error="Got permission denied while trying to connect"),
        "docker does not answer": state(error="Cannot connect to the Docker daemon"),
        "compose does not take the project shop: services.web": state(invalid="services.web Additional property x"),
        "container the-db is there already, and of no compose project": state(names={"the-db": ""}),
        "of the compose project other": state(names={"the-db": "other"}),
    }.items():
        with pytest.raises(Refusal, match=said):
            decide(complete(PROJECT), bad)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Shop!"}, "small letters"),
        ({"directory": "opt/shop"}, "no absolute path"),
        ({"directory": "/"}, "an absolute path"),
        ({"files": {"a": b""}}, "has none of docker-compose.yml, docker-compose.yaml, compose.yaml, compose.yml"),
        (
            {"files": {"compose.yaml": b"", "docker-compose.yml": b""}},
            "docker-compose.yml and compose.yaml: compose takes one",
        ),
        ({"files": {"docker-compose.yml": b"a: [b"}}, "is no YAML"),
        ({"files": {"docker-compose.yml": b"version: '3'"}}, "has no services"),
        ({"files": FILES | {"../x": b""}}, "a path below"),
        ({"files": FILES | {"/x": b""}}, "a path below"),
        ({"files": FILES | {"a//b": b""}}, "a path below"),
        ({"files": FILES | {"a\x1bb": b""}}, "a path below"),
        ({"directory": "/opt/$HOME"}, "compose takes as it is"),
        ({"directory": "/opt/a:b"}, "compose takes as it is"),
        ({"directory": "/opt/../etc"}, "no path as it is"),
        ({"directory": "/opt/a\nb"}, "no path as it is"),
        ({"files": FILES | {"docker-compose.yml": b"services: {a: {container_name: a b}}"}}, "no name for a container"),
        ({"files": FILES | {"docker-compose.yml": b"services: {a: {image: '*'}}"}}, "no name of an image"),
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
    assert decide_absent(absent, state(files=files, containers=()), remove_data=False).act == "down"
    with pytest.raises(Refusal, match="nothing else tells whose the volumes of that name are"):
        decide_absent(absent, state(files=files, containers=()), remove_data=True)
    with pytest.raises(Refusal, match="its files are not in /opt/shop"):
        decide_absent(absent, state(), remove_data=False)


def test_what_the_host_says() -> None:
    label = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web", "hostwright.digest": "d"}
    said = {"id": "1", "name": "/shop-web-1", "image": "sha256:1", "labels": label}
    said |= {"status": "running", "health": "", "code": 0}
    lines = [
        "",
        "@@ engine",
        "user=root",
        "engine=docker",
        "compose=docker-compose",
        "@@ error",
        "@@ hands",
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


# As compose 1.29 and 2.26 label what they make, and what a person's own `docker compose up` in a home does.
V1 = {"working_dir": "/opt/shop", "config_files": "docker-compose.yml,docker-compose.override.yml"}
V2 = {
    "working_dir": "/opt/shop",
    "config_files": "/opt/shop/docker-compose.yml,/opt/shop/docker-compose.override.yml",
}
THEIRS = {"working_dir": "/home/dev/shop", "config_files": "/home/dev/shop/compose.yaml"}
BY_HAND = {"working_dir": "/opt/shop", "config_files": "/opt/shop/docker-compose.yml"}
OTHER_FILE = {"working_dir": "/opt/shop", "config_files": "/opt/shop/compose.yaml"}
COMMA = {"working_dir": "/opt/a,b", "config_files": "/opt/a,b/docker-compose.yml,/opt/a,b/docker-compose.override.yml"}
LINKED = {"working_dir": "/srv/link", "config_files": "docker-compose.yml,docker-compose.override.yml"}


def labelled(where: dict[str, str], digest: str = "", here: tuple[str, ...] = ("/opt/shop",)) -> ProjectState:
    """The state that is parsed where a container with these labels is there."""
    labels = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "web",
        **{f"com.docker.compose.project.{key}": value for key, value in where.items()},
        **({"hostwright.digest": digest} if digest else {}),
    }
    said = {"id": "1", "name": "/shop-web-1", "image": "sha256:1", "labels": labels, "status": "running"}
    lines = ["@@ engine", "user=root", "engine=docker", "compose=docker compose", "@@ error", "@@ hands", "@@ files"]
    lines += ["@@ containers", json.dumps(said | {"health": "", "code": 0}), "@@ here", *map(json.dumps, here)]
    return dataclasses.replace(parse_project([*lines, "@@ images", "@@ untold"]), **model())


@pytest.mark.parametrize(
    ("where", "digest", "here"),
    [
        (V1, "d", ("/opt/shop",)),
        (V2, "d", ("/opt/shop",)),
        (V1, "", ("/opt/shop",)),
        (BY_HAND, "", ("/opt/shop",)),
        (COMMA, "", ("/opt/a,b",)),
        (OTHER_FILE, "d", ("/opt/shop",)),
        (LINKED, "", ("/opt/shop", "/srv/link")),
    ],
)
def test_a_project_from_our_directory_is_ours_whatever_compose_made_it(
    where: dict[str, str], digest: str, here: tuple[str, ...]
) -> None:
    found = labelled(where, digest, here)
    assert "service web: made anew" in "".join(decide(complete(PROJECT), found).lines)
    taken = dataclasses.replace(found, files={"docker-compose.yml": "old"})
    assert decide_absent(Project("shop", "/opt/shop", {}), taken, remove_data=True).act == "down"
    assert decide(complete(PROJECT), found).known == ("1",)


@pytest.mark.parametrize("where", [THEIRS, OTHER_FILE, {}, {"working_dir": "/opt/shop", "config_files": ""}])
@pytest.mark.parametrize("remove_data", [False, True])
def test_a_project_of_that_name_that_somebody_else_runs(where: dict[str, str], remove_data: bool) -> None:
    """Also where our own files are there, and where our own containers are, too."""
    found = labelled(where)
    said = f"somebody else runs .* shop-web-1 comes from {where.get('working_dir', 'a directory')}"
    ours = dataclasses.replace(found, containers=(*UP, *found.containers))
    for one in (found, ours):
        with pytest.raises(Refusal, match=said) as refused:
            decide(complete(PROJECT), one)
        assert (refused.value.key, refused.value.value) == ("name", "'shop'")
        assert refused.value.remedy.startswith("give ours another name")
        with pytest.raises(Refusal, match=said):
            decide_absent(Project("shop", "/opt/shop", {}), one, remove_data)
        taken = dataclasses.replace(one, files={"docker-compose.yml": "old"})
        with pytest.raises(Refusal, match=said):
            decide_absent(Project("shop", "/opt/shop", {}), taken, remove_data)


def test_our_own_project_from_another_directory_is_taken_down_there_first() -> None:
    files = ",".join(f"/srv/my shop/{name}" for name in ("docker-compose.yml", "docker-compose.override.yml"))
    found = labelled({"working_dir": "/srv/my shop", "config_files": files}, "d", here=())
    for plan in (
        lambda: decide(complete(PROJECT), found),
        lambda: decide_absent(Project("shop", "/opt/shop", {}), found, remove_data=False),
    ):
        with pytest.raises(Refusal) as refused:
            plan()
        down = "docker compose -p shop -f docker-compose.yml -f docker-compose.override.yml down"
        assert f"cd '/srv/my shop' && {down}" in str(refused.value)
        assert "docker rm -f shop-web-1" in str(refused.value)


def test_where_our_own_project_was_is_not_told() -> None:
    found = labelled({"working_dir": "", "config_files": ""}, "d", here=())
    with pytest.raises(
        Refusal, match="comes from a directory that it does not name, and not from /opt/shop"
    ) as refused:
        decide(complete(PROJECT), found)
    assert refused.value.remedy == "take it down there first, its volumes stay: docker rm -f shop-web-1"


def test_containers_whose_files_are_gone_are_removed_by_hand() -> None:
    with pytest.raises(Refusal, match="its files are not in /opt/shop") as refused:
        decide_absent(Project("shop", "/opt/shop", {}), state(), remove_data=False)
    names = " ".join(one.name for one in UP)
    assert refused.value.remedy == f"remove them by hand, their volumes stay: docker rm -f {names}"


@pytest.mark.parametrize(
    ("hands", "words"),
    [
        (
            [Hand("dev", "755", "directory", "/opt/shop")],
            ["is of dev, mode 755", "chown root /opt/shop && chmod go-w /opt/shop"],
        ),
        ([Hand("root", "775", "directory", "/opt/shop/a b")], ["chown root '/opt/shop/a b' && chmod go-w"]),
        ([Hand("root", "777", "symbolic link", "/opt/shop/conf")], ["/opt/shop/conf is a link"]),
        (
            [Hand("dev", "755", "directory", "/opt/shop"), Hand("dev", "755", "directory", "/opt")],
            ["/opt is of dev, mode 755", "choose a directory elsewhere, /srv/shop say"],
        ),
        ([Hand("root", "1777", "directory", "/opt")], ["/opt is of root, mode 1777", "directory = '/opt/shop'"]),
        ([Hand("dev", "755", "directory", "/")], ["choose a directory elsewhere, /opt/shop say"]),
        ([Hand("root", "2775", "directory", "/opt")], ["/opt is of root, mode 2775", "chmod go-w /opt"]),
    ],
)
def test_a_directory_that_others_can_change_is_refused(hands: list[Hand], words: list[str]) -> None:
    with pytest.raises(Refusal) as refused:
        decide(complete(PROJECT), state(hands=tuple(hands)))
    assert all(word in str(refused.value) for word in words), refused.value
    absent = Project("shop", "/opt/shop", {})
    with pytest.raises(Refusal, match="by hand: docker rm -f shop-web-1 the-db shop-job-1, and remove /opt/shop"):
        decide_absent(absent, state(hands=tuple(hands)), remove_data=False)
    with pytest.raises(Refusal, match="by hand: remove /opt/shop"):
        decide_absent(absent, state(hands=tuple(hands), containers=()), remove_data=False)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", ".hostwright/x"])
def test_a_list_of_old_files_leads_nowhere_else(path: str) -> None:
    for plan in (
        lambda: decide(complete(PROJECT), state(files={path: "old"})),
        lambda: decide_absent(Project("shop", "/opt/shop", {}), state(files={path: "old"}), remove_data=False),
    ):
        with pytest.raises(Refusal, match="no file of ours: remove that line"):
            plan()


def test_what_is_no_file_is_not_written_over() -> None:
    with pytest.raises(Refusal, match=r"/opt/shop/conf/a.conf is there, and is no file"):
        decide(complete(PROJECT), state(files={"conf/a.conf": "odd"}))


def test_names_that_compose_makes_of_variables_are_left_to_it() -> None:
    file = b"services: {a: {container_name: 'a-${X}', image: '${Y}/a'}, b: {container_name: bb, image: i}}"
    project = dataclasses.replace(PROJECT, files={"docker-compose.yml": file})
    check(project)


def test_what_the_engine_did_not_tell_is_no_answer() -> None:
    lines = ["@@ engine", "user=root", "engine=docker", "compose=docker compose", "@@ error", "@@ hands", "@@ files"]
    lines += ["@@ containers", "@@ here", "@@ images", "@@ untold", "it does not list its containers"]
    with pytest.raises(Refusal, match="docker does not answer: it does not list its containers"):
        decide(complete(PROJECT), parse_project(lines))


def test_only_a_compose_that_we_know_is_called() -> None:
    with pytest.raises(Refusal, match="there is no compose on this host"):
        decide(complete(PROJECT), state(compose="sh -c id;"))


FIXTURES = Path(__file__).parents[1] / "fixtures"


def recorded(name: str) -> str:
    """What compose said (1.29, 2.26) of a project in /opt/shop."""
    return (FIXTURES / name).read_text().replace("@HERE@", "/opt/shop").replace("@ABOVE@", "/opt")


def project_of(services: Mapping[str, Any], **more: str) -> Project:
    files = {"docker-compose.yml": json.dumps({"services": services}), **more}
    return Project("shop", "/opt/shop", {path: text.encode() for path, text in files.items()})


def made(project: Project, found: ProjectState, service: str, **more: object) -> ServiceContainer:
    """A container as a deploy leaves it."""
    given = "docker-compose.yml,docker-compose.override.yml"
    plain = ServiceContainer(
        *(f"id-{service}", f"shop-{service}-1", "shop", service, "/opt/shop", given, True),
        *("", "", "running", "", 0),
    )
    digest = labels(project, found).get(service, "")
    return dataclasses.replace(plain, **{"digest": digest, **more})  # type: ignore[arg-type]


def brought_up(project: Project, found: ProjectState, **ended: int) -> ProjectState:
    """As a deploy leaves the host; those that have ended did so with a code."""
    override = complete(project, labels(project, found)).files[OVERRIDE]
    containers = [
        made(project, found, name, **({"status": "exited", "code": ended[name]} if name in ended else {}))
        for name, service in found.services.items()
        for _ in range(service.scale)
    ]
    return dataclasses.replace(
        found, containers=tuple(containers), override=hashlib.sha256(override).hexdigest(), files={}
    )


def test_an_older_hostwright_left_nothing_that_is_made_anew_or_written_anew() -> None:
    """What it wrote for a project with all that a main file may say: recorded before compose was asked for a model."""
    file = """
x-logging: &log {driver: json-file}
services:
  web:
    image: nginx:${TAG}
    restart: unless-stopped
    logging: *log
    volumes: ["./conf:/etc/nginx/conf.d:ro", "/srv:/srv"]
    networks: [front]
  db:
    build: {context: ./db}
    container_name: the-db
    secrets: [key]
    deploy: {replicas: 1}
  job:
    <<: {image: job, env_file: job.env}
    restart: on-failure
    profiles: [jobs]
  idle: {image: job, scale: 0}
secrets:
  key: {file: ./key}
networks:
  front: {}
"""
    files = {**FILES, "docker-compose.yml": file.encode(), ".env": b"TAG=1\n"}
    project = Project("shop", "/opt/shop", files, frozenset({"key"}))
    before = {
        "db": "fdff6931d2dc80c9dfdd2b0406c0baa3b523d627fdd89b1811482f750606f74a",
        "idle": "436e17a51f9b953a2ed087b31b2e8e524e7b4ec42298ff3e2e47b289ee0e374a",
        "job": "914f04d402b9d29702006483b10e6ae8dd0d3d252989d229b9f18cf20304f595",
        "web": "d98c567c8c4bdf12549d9496873f59222e4298731676423e7c433b61796cde5c",
    }
    text = (FIXTURES / "compose_override_before_model.json").read_bytes()
    found = state(**model(project), override=hashlib.sha256(text).hexdigest(), images={})
    assert labels(project, found) == digests(project) == before
    assert complete(project).files[OVERRIDE] == text
    containers = [made(project, found, name, digest=before[name]) for name in ("web", "db")]
    job = made(project, found, "job", digest=before["job"], status="exited")
    assert decide(complete(project), dataclasses.replace(found, containers=(*containers, job))).lines == ()


def test_what_an_older_hostwright_brought_up_by_other_files_stays_until_one_changes() -> None:
    project = included()
    found = told(recorded("compose_model_v2_include.json"))
    before = digests(project)
    ours = hashlib.sha256(complete(project).files[OVERRIDE]).hexdigest()
    containers = tuple(made(project, found, name, digest=before.get(name, "")) for name in found.services)
    as_it_was = dataclasses.replace(found, containers=containers, override=ours)
    assert decide(complete(project), as_it_was).lines == ()
    plan = decide(complete(project), dataclasses.replace(as_it_was, files={"inc/db.yml": "different"}))
    assert "service plain" not in "".join(plan.lines)
    assert "service db: made anew, its definition or a file that it uses changed" in plan.lines


@pytest.mark.parametrize("name", ["compose_model_v1.yml", "compose_model_v2.json"])
def test_the_services_are_those_of_composes_own_model(name: str) -> None:
    compose = "docker-compose" if name.endswith("yml") else "docker compose"
    found = told(recorded(name), compose, "@@ profiles", "", "@@ every", "debug")
    assert {service: one.scale for service, one in found.services.items()} == {
        "web": 1,
        "db": 1,
        "migrate": 1,
        "job": 1,
        "workers": 3,
        "idle": 0,
    }
    web, db = found.services["web"], found.services["db"]
    assert (web.image, web.lasts, db.container, db.builds, db.lasts) == ("nginx:7", True, "the-db", True, False)
    assert web.waits == {"db": "service_healthy", "migrate": "service_completed_successfully"}
    assert "debug" in found.known


@pytest.mark.parametrize("said", ["debug", "'x, debug'", '"debug"'])
def test_v1_tells_of_all_profiles_and_those_that_are_active_count(said: str) -> None:
    found = told(recorded("compose_model_v1.yml"), "docker-compose", "@@ profiles", said)
    assert "debug" in found.services


@pytest.mark.parametrize(
    "packed",
    [
        "",
        "AAAA",
        "no base64!",
        base64.b64encode(gzip.compress(b'{"services": {"a": {"image": "planted-secret', mtime=0)).decode(),
        base64.b64encode(gzip.compress(b'{"services": {"a": {"image": "x"}}}', mtime=0)[:-5]).decode(),
        base64.b64encode(gzip.compress(b"services: planted-secret", mtime=0)).decode(),
        base64.b64encode(gzip.compress(b"services:\n  a: {image: [planted-secret", mtime=0)).decode(),
        base64.b64encode(gzip.compress(b'{"services": {"a": {"scale": "planted-secret"}}}', mtime=0)).decode(),
        base64.b64encode(gzip.compress(b'{"services": {}}', mtime=0)).decode(),
    ],
)
def test_a_model_that_is_empty_or_cut_short_is_none_and_nothing_of_it_is_said(packed: str) -> None:
    lines = ["@@ engine", "user=root", "engine=docker", "compose=docker compose", "@@ error", "@@ hands", "@@ files"]
    with pytest.raises(Refusal) as refused:
        parse_project([*lines, "@@ model", packed])
    assert "planted-secret" not in str(refused.value)


def test_a_project_without_a_model_is_refused() -> None:
    with pytest.raises(Refusal, match="finds no service in it, or none of an active profile"):
        decide(complete(PROJECT), state(model={}, services={}))


def test_no_secret_of_the_model_is_in_what_a_state_says_of_itself() -> None:
    assert "planted-secret" not in repr(told(recorded("compose_model_v2.json")))


def test_what_is_of_no_active_profile_is_left_as_it_is() -> None:
    services = {"web": {"image": "a"}, "debug": {"image": "a", "profiles": ["debug"]}}
    project = project_of(services)
    found = told(
        json.dumps({"name": "shop", "services": {"web": services["web"]}}), "docker compose", "@@ every", "other"
    )
    up = brought_up(project, found)
    for name in ("debug", "other"):
        by_hand = made(project, found, name, status="exited", code=3)
        assert decide(complete(project), dataclasses.replace(up, containers=(*up.containers, by_hand))).lines == ()
    gone = made(project, found, "gone")
    plan = decide(complete(project), dataclasses.replace(up, containers=(*up.containers, gone)))
    assert plan.lines == ("service gone: removed, it is no longer in the project",)
    assert (plan.gone, plan.up) == (("id-gone",), ("--no-recreate", "web"))


@pytest.mark.parametrize("key", ["scale", "replicas"])
@pytest.mark.parametrize(
    ("wanted", "there", "line"),
    [
        (0, 0, ""),
        (0, 1, "service web: removed, none of it is wanted"),
        (2, 2, ""),
        (2, 1, "service web: 2 of it wanted, 1 there"),
        (2, 3, "service web: 2 of it wanted, 3 there"),
        (2, 0, "service web: made and started"),
    ],
)
def test_as_many_containers_as_the_model_says(key: str, wanted: int, there: int, line: str) -> None:
    services = {"web": {"image": "a", **({"scale": wanted} if key == "scale" else {"deploy": {"replicas": wanted}})}}
    project = project_of(services)
    found = brought_up(project, told(json.dumps({"name": "shop", "services": services})))
    found = dataclasses.replace(found, containers=(made(project, found, "web"),) * there)
    plan = decide(complete(project), found)
    assert plan.lines == ((line,) if line else ())
    assert plan.services == (("web",) if wanted else ())
    if line:
        assert plan.up[-1] == "web"


@pytest.mark.parametrize(
    ("version", "scale"), [("1.18.0", 1), ("1.25.0", 1), ("1.26.2", 1), ("1.27.4", 0), ("1.29.2", 0), ("2.26.1", 0)]
)
def test_a_compose_too_old_for_replicas_makes_one(version: str, scale: int) -> None:
    """It would be brought up, and taken away, for ever."""
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.version": version}
    said = {"id": "1", "name": "/a", "image": "", "labels": labels, "status": "running", "health": "", "code": 0}
    text = json.dumps({"services": {"web": {"image": "a", "deploy": {"replicas": 0}}}})
    found = told(text, "docker-compose", "@@ containers", json.dumps(said))
    assert found.services["web"].scale == scale


COMPLETED = {"migrate": {"condition": "service_completed_successfully"}}
APP = {
    "migrate": {"image": "a", "restart": "no"},
    "web": {"image": "a", "depends_on": COMPLETED},
    "db": {"image": "a"},
}


@pytest.mark.parametrize(
    ("changed", "code", "up"),
    [
        ("web", 0, ("web", "db")),
        ("db", 0, ("db",)),
        ("migrate", 0, ("migrate", "db")),
        ("", 1, ("--no-recreate", "migrate", "db")),
    ],
)
def test_what_is_done_is_not_run_again_and_what_waits_for_it_is_left(changed: str, code: int, up: tuple[str]) -> None:
    """To compose 2.26 a service is another one when what it waits for is left out: it would be made anew."""
    project = project_of(APP)
    before = brought_up(project, told(json.dumps({"name": "shop", "services": APP})), migrate=code)
    other = {**APP, changed: {**APP[changed], "user": "1"}} if changed else APP
    found = told(json.dumps({"name": "shop", "services": other}))
    after = dataclasses.replace(found, containers=before.containers, override=before.override)
    plan = decide(complete(project_of(other)), after)
    assert plan.up == up
    assert set(plan.services) == set(APP)


@pytest.mark.parametrize(
    "said",
    [
        {"depends_on": {**COMPLETED, "db": {"condition": "service_started", "restart": True}}},
        {"depends_on": COMPLETED, "network_mode": "service:db"},
    ],
)
def test_what_shares_the_network_of_what_is_made_anew_goes_with_it(said: dict[str, Any]) -> None:
    side = {"image": "a", **said}
    services = {**APP, "side": side}
    project = project_of(services)
    before = brought_up(project, told(json.dumps({"name": "shop", "services": services})), migrate=0)
    other = {**services, "db": {"image": "a", "user": "1"}}
    found = told(json.dumps({"name": "shop", "services": other}))
    after = dataclasses.replace(found, containers=before.containers, override=before.override)
    assert decide(complete(project_of(other)), after).up == ("db", "side")


@pytest.mark.parametrize(("condition", "lasts"), [("any", True), ("none", False), ("on-failure", False), (None, True)])
def test_v2_goes_by_the_restart_policy_of_deploy_and_v1_has_no_eye_for_it(condition: str | None, lasts: bool) -> None:
    policy = {"condition": condition} if condition else {"max_attempts": 1}
    services = {"job": {"image": "a", "deploy": {"restart_policy": policy}}}
    assert told(json.dumps({"name": "shop", "services": services})).services["job"].lasts == lasts
    assert not told(json.dumps({"services": services}), "docker-compose").services["job"].lasts


def included(**changes: bytes) -> Project:
    main = b"""
include: [inc/db.yml]
services:
  web:
    extends: {file: common.yml, service: base}
    image: box
    depends_on: [db]
  plain: {image: box}
"""
    files = {"docker-compose.yml": main, "common.yml": b"a", "inc/db.yml": b"a", "inc/key": b"a", "README": b"a"}
    return Project("shop", "/opt/shop", {**files, **changes})


def differing(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {name for name in one if one[name] != other[name]}


def test_what_comes_by_another_file_is_compared_by_composes_model() -> None:
    project, text = included(), recorded("compose_model_v2_include.json")
    found = told(text)
    before = labels(project, found)
    assert set(before) == {"web", "plain", "db", "cache"}
    assert before["plain"] == digests(project)["plain"]
    for old, new, concerned in (
        ('"PASSWORD": "planted-secret"', '"PASSWORD": "other"', {"db"}),
        ('"A": "1"', '"A": "2"', {"web"}),
    ):
        assert old in text
        assert differing(before, labels(project, told(text.replace(old, new)))) == concerned
    assert differing(before, labels(included(**{"inc/key": b"other"}), found)) == {"db"}
    assert differing(before, labels(included(README=b"other"), found)) == set()
    again = brought_up(project, found)
    assert decide(complete(project), again).lines == ()
    ours = json.dumps({"services": {"db": {"labels": {"hostwright.digest": "d"}}}})
    with_label = json.loads(text)
    with_label["services"]["db"]["labels"] = json.loads(ours)["services"]["db"]["labels"]
    assert labels(project, told(json.dumps(with_label))) == before


def test_where_a_project_has_secrets_what_is_told_of_a_model_costs_whoever_guesses() -> None:
    found = told(recorded("compose_model_v2_include.json"))
    open_one, secret = included(), dataclasses.replace(included(), secrets=frozenset({"inc/key"}))
    _costly_digest.cache_clear()
    labels(open_one, found)
    assert _costly_digest.cache_info().misses == 0
    labels(secret, found)
    # Three by the model, and the key.
    assert _costly_digest.cache_info().misses == 4


def many_files(env: str, **more: str) -> Project:
    return project_of(
        {"a": {"image": "x"}, "b": {"image": "x"}}, **{".env": env, "x/more.yml": "services: {b: {user: '1'}}", **more}
    )


@pytest.mark.parametrize(
    ("env", "given"),
    [
        ("COMPOSE_FILE=docker-compose.yml:x/more.yml", ["docker-compose.yml", "x/more.yml"]),
        ("A=1\nexport COMPOSE_FILE='./x/more.yml' # last\n", ["x/more.yml"]),
        (
            "COMPOSE_PATH_SEPARATOR=,\nCOMPOSE_FILE=docker-compose.yml,x/more.yml\n",
            ["docker-compose.yml", "x/more.yml"],
        ),
        ("#COMPOSE_FILE=no.yml\n", ["docker-compose.yml", "compose.override.yaml"]),
    ],
)
def test_compose_is_given_what_it_would_take_by_itself(env: str, given: list[str]) -> None:
    project = many_files(env, **{"compose.override.yaml": "services: {b: {user: '2'}}"})
    check(project)
    assert compose_files(project) == compose_files(complete(project)) == given


def test_a_service_that_another_file_changes_is_compared_by_the_model() -> None:
    project = many_files("COMPOSE_FILE=docker-compose.yml:x/more.yml")
    found = told(json.dumps({"name": "shop", "services": {"a": {"image": "x"}, "b": {"image": "x", "user": "1"}}}))
    assert differing(digests(project), labels(project, found)) == {"b"}
    # Nor does our own file, as an older hostwright wrote it, say that it is as it was.
    override = hashlib.sha256(complete(project).files[OVERRIDE]).hexdigest()
    assert differing(digests(project), labels(project, dataclasses.replace(found, override=override))) == {"b"}


@pytest.mark.parametrize(
    ("env", "files", "said"),
    [
        ("COMPOSE_FILE=docker-compose.yml:no.yml", {}, "'no.yml' is none of its files"),
        ("COMPOSE_FILE=../docker-compose.yml", {}, "is none of its files"),
        ("COMPOSE_FILE=/etc/compose.yml", {}, "is none of its files"),
        ("COMPOSE_FILE=${X}.yml", {}, "is none of its files"),
        ("COMPOSE_FILE=a b.yml", {"a b.yml": ""}, "letters, digits"),
        ("COMPOSE_FILE=-x.yml", {"-x.yml": ""}, "letters, digits"),
        ("", {OVERRIDE: ""}, "give yours the name compose.override.yml"),
        ("", {"compose.override.yml": "", "compose.override.yaml": ""}, "compose takes one of them"),
    ],
)
def test_files_that_compose_cannot_be_given_are_refused(env: str, files: dict[str, str], said: str) -> None:
    with pytest.raises(Refusal, match=re.escape(said)):
        check(many_files(env, **files))


@pytest.mark.parametrize(
    "main",
    [
        b"services: {a: {image: x, command: !reset null, ports: !override ['1:1']}}",
        b"include: [x.yml]",
        b"include: [x.yml]\nservices:\n",
        b"services: {a: &a {image: x}, b: {<<: *a, user: '1'}}",
    ],
)
def test_what_is_for_compose_to_understand_is_no_reason_to_refuse(main: bytes) -> None:
    project = Project("shop", "/opt/shop", {"docker-compose.yml": main, "x.yml": b"services: {c: {image: x}}"})
    check(project)
    found = told(json.dumps({"name": "shop", "services": {"a": {"image": "x"}, "c": {"image": "x"}}}))
    assert decide(complete(project), found).act == "up"
    assert decide(complete(project), brought_up(project, found)).lines == ()


def test_twenty_services_are_planned_in_no_time() -> None:
    services = {f"s{number}": {"image": "x:1", "restart": "always"} for number in range(20)}
    project = Project("shop", "/opt/shop", {"docker-compose.yml": b"include: [x.yml]", "x.yml": b"services: {}"})
    found = brought_up(project, told(json.dumps({"name": "shop", "services": services})))
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        assert decide(complete(project), found).lines == ()
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.01


def test_down_is_given_what_up_was_given() -> None:
    absent = Project("shop", "/opt/shop", {})
    old = dict.fromkeys((".env", "prod.yml", "x/more.yml", OVERRIDE), "old")
    files = f"/opt/shop/prod.yml,/opt/shop/x/more.yml,/opt/shop/{OVERRIDE}"
    one = container("web", files=files)
    assert decide_absent(absent, state(files=old, containers=(one,)), False).files == ("prod.yml", "x/more.yml")
    # Compose reads .env by itself.
    assert decide_absent(absent, state(files=old, containers=()), False).files == ()
    standard = dict.fromkeys(("compose.yaml", "compose.override.yaml", OVERRIDE), "old")
    assert decide_absent(absent, state(files=standard, containers=()), False).files == (
        "compose.yaml",
        "compose.override.yaml",
    )


@pytest.mark.parametrize("name", ["--help", "a b", ""])
def test_a_service_whose_name_is_an_option_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match="no - first"):
        decide(complete(PROJECT), state(**model(PROJECT, **{name: {"image": "x"}})))
