"""Which files and services of a compose project change, and what is refused."""

import dataclasses
import hashlib
import json

import pytest
import yaml

from hostwright.facts.compose import Hand, ProjectState, ServiceContainer, parse_project
from hostwright.plans.compose import (
    OVERRIDE,
    Project,
    _digest,
    _yaml,
    check,
    complete,
    container_names,
    decide,
    decide_absent,
    images,
    main_file,
    private_directories,
)
from hostwright.refusal import Refusal

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


def state(**more: object) -> ProjectState:
    known = ProjectState("root", "docker", "docker compose", "", (), {}, (), "", UP, IMAGES)
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


def test_a_plan_of_many_services_reads_their_file_once() -> None:
    many = {f"s{number}": {"image": "x:1"} for number in range(20)}
    project = dataclasses.replace(PROJECT, files={"docker-compose.yml": json.dumps({"services": many}).encode()})
    _yaml.cache_clear()
    assert decide(complete(project), state(containers=())).act == "up"
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
    plan = decide(complete(project), state(containers=(ended,), images={}))
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
    assert decide(complete(project), state(containers=())).lines[0].startswith("service ")
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
    outside: dict[str, object] = {"project": "", "directory": "", "files": "", "here": False, "digest": ""}
    foreign = dataclasses.replace(container("db"), service="", **outside)  # type: ignore[arg-type]
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
    return parse_project([*lines, "@@ images", "@@ untold"])


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
        with pytest.raises(Refusal, match=said):
            decide(complete(PROJECT), one)
        with pytest.raises(Refusal, match=said):
            decide_absent(Project("shop", "/opt/shop", {}), one, remove_data)
        taken = dataclasses.replace(one, files={"docker-compose.yml": "old"})
        with pytest.raises(Refusal, match=said):
            decide_absent(Project("shop", "/opt/shop", {}), taken, remove_data)


def test_our_own_project_from_another_directory_is_taken_down_there_first() -> None:
    found = labelled(V2 | {"working_dir": "/srv/my shop"}, "d", here=())
    for plan in (
        lambda: decide(complete(PROJECT), found),
        lambda: decide_absent(Project("shop", "/opt/shop", {}), found, remove_data=False),
    ):
        with pytest.raises(Refusal) as refused:
            plan()
        down = "docker compose -p shop -f docker-compose.yml -f docker-compose.override.yml down"
        assert f"cd '/srv/my shop' && {down}" in str(refused.value)
        assert "docker rm -f shop-web-1" in str(refused.value)


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
            ["/opt is of dev, mode 755", "choose a directory elsewhere, /opt/shop say"],
        ),
        ([Hand("root", "1777", "directory", "/opt")], ["/opt is of root, mode 1777", "choose a directory elsewhere"]),
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
    assert (container_names(project), images(project)) == (["bb"], {"b": "i"})


def test_what_the_engine_did_not_tell_is_no_answer() -> None:
    lines = ["@@ engine", "user=root", "engine=docker", "compose=docker compose", "@@ error", "@@ hands", "@@ files"]
    lines += ["@@ containers", "@@ here", "@@ images", "@@ untold", "it does not list its containers"]
    with pytest.raises(Refusal, match="docker does not answer: it does not list its containers"):
        decide(complete(PROJECT), parse_project(lines))


def test_only_a_compose_that_we_know_is_called() -> None:
    with pytest.raises(Refusal, match="there is no compose on this host"):
        decide(complete(PROJECT), state(compose="sh -c id;"))
