"""What looks at compose projects and puts them in place: the shell itself, with an engine that says what it is told."""

import base64
import gzip
import hashlib
import json
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import Host
from pyinfra.api.exceptions import PyinfraError

from hostwright.base.refusal import Refusal
from hostwright.base.scripts import NONCE, whole
from hostwright.compose import operations as compose
from hostwright.compose.facts import Hand, ProjectState, parse_project
from hostwright.compose.operations import packed
from hostwright.compose.plan.digest import labels
from hostwright.compose.plan.project import (
    OVERRIDE,
    Project,
    complete,
    compose_files,
    decide,
    main_file,
    private_directories,
)
from tests.scripts import script

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root's own files, and others' beside them")
USER = 65534
# `ps` prints the names of the files in $STAND/list, `inspect` what they hold; what fails is in $STAND/failing.
ENGINE = """#!/bin/sh
case " $(cat "$STAND/failing" 2>/dev/null) " in *" $1 "*) echo "$1: the engine is ill" >&2; exit 1 ;; esac
case $1 in
    version) ;;
    compose)
        case " $* " in
            *" version "*) ;;
            *" --services "*) [ "$COMPOSE_PROFILES" = '*' ] && cat "$STAND/every" ;;
            *" config "*)
                echo "$*" >"$STAND/asked" && pwd >"$STAND/where" && cp .env "$STAND/env" 2>/dev/null
                here=$(pwd) && sed "s|@HERE@|$here|g; s|@ABOVE@|${here%/*}|g" "$STAND/model"
                echo 'A warning' >&2
                ! grep -qs config "$STAND/failing"
                ;;
            *) echo "$*" >>"$STAND/called" ;;
        esac
        ;;
    ps) case " $* " in *" --format "*) cat "$STAND/names" ;; *) ls "$STAND/list" ;; esac ;;
    stop | rm) echo "$*" >>"$STAND/called" ;;
    inspect)
        code=0
        while [ "${1#id-}" = "$1" ]; do shift; done
        for id; do cat "$STAND/list/$id" 2>/dev/null || { echo "No such container: $id" >&2; code=1; }; done
        [ ! -e "$STAND/goes" ] || rm -f "$STAND/list/$(cat "$STAND/goes")"
        exit $code
        ;;
    image) while [ $# -gt 1 ]; do shift; done && grep -s "^$1 " "$STAND/images" | cut -d ' ' -f 2 | grep . || exit 1 ;;
esac
"""
FILES = {"docker-compose.yml": b"services: {web: {image: nginx}}", "conf/a.conf": b"a", "key/key": b"hush"}


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that is root's alone all the way: the one of other tests is below /tmp."""
    path = Path(tempfile.mkdtemp(prefix="hostwright-test.", dir="/run"))
    path.chmod(0o755)
    for name in ("bin", "stand/list"):
        (path / name).mkdir(parents=True)
    # Nobody waits here for a disk, or for time to pass.
    for name, text in {"docker": ENGINE, "sync": "#!/bin/sh\n", "sleep": "#!/bin/sh\nexec /bin/sleep 0.1\n"}.items():
        (path / "bin" / name).write_text(text)
        (path / "bin" / name).chmod(0o755)
    (path / "stand" / "names").write_text("")
    (path / "stand" / "model").write_text('{"services": {"web": {"image": "nginx"}}}')
    yield path
    shutil.rmtree(path)


@pytest.fixture
def wish(place: Path) -> Project:
    return complete(Project("shop", str(place / "shop"), FILES, frozenset({"key/key"})))


def container(place: Path, number: int, directory: str, digest: str = "d") -> str:
    """One that the engine knows of; gives its id."""
    identity = f"id-{number:061d}"
    labels = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "web",
        "com.docker.compose.project.working_dir": directory,
        "com.docker.compose.project.config_files": "docker-compose.yml,docker-compose.override.yml",
        "hostwright.digest": digest,
    }
    said: dict[str, Any] = {"id": identity, "name": f"/shop-{number}", "image": "sha256:1", "labels": labels}
    said |= {"status": "running", "health": "", "code": 0}
    text = f"{json.dumps(said, separators=(',', ':'))}\n{json.dumps(directory)}\nimage nginx\n"
    (place / "stand" / "list" / identity).write_text(text)
    return identity


def sh(place: Path, text: str, data: str = "") -> "subprocess.CompletedProcess[str]":
    text = text.replace("PATH=/usr/local/sbin", f"PATH={place}/bin:/usr/local/sbin")
    environment = os.environ | {"STAND": str(place / "stand")}
    return subprocess.run(
        ["sh", "-s"],
        input=whole(text, data),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )


def look(place: Path, wish: Project, diff: str = "no") -> ProjectState:
    known = {
        "NAME": wish.name,
        "DIRECTORY": wish.directory,
        "MAIN": " ".join(compose_files(wish)) if wish.files else "",
        "FILES": "\n".join(sorted(wish.files)),
        "SECRETS": "\n".join(sorted(wish.secrets)),
        "DIFF": diff,
    }
    done = sh(place, script("ownership", "project", "engine", "compose", **known), packed(wish))
    assert done.returncode == 0, done.stderr
    return parse_project(done.stdout.splitlines(), NONCE)


def put(
    place: Path, wish: Project, ours: str = ":", act: str = "put_files", **more: str
) -> "subprocess.CompletedProcess[str]":
    known = {
        "NAME": wish.name,
        "DIRECTORY": wish.directory,
        "MAIN": main_file(wish),
        "FILES": "\n".join(sorted(wish.files)),
        "OLD": "",
    }
    known |= {"PRIVATE": "\n".join(private_directories(wish)), "KNOWN": "", "COMPOSE": "docker compose", "BUILD": ""}
    known |= {"UP": "web", "GONE": ""}
    text = script("ownership", "project", "compose_up", **(known | {"LIMIT": "60"} | more))
    return sh(place, f"ours() {{ {ours}; }}\n{text}\n{act}", packed(wish))


def test_files_of_who_has_lost_the_lock_are_not_put_in_place(place: Path, wish: Project) -> None:
    """It asks after the files have arrived, and before the first one is renamed."""
    late = put(place, wish, "echo lost >&2; exit 76")
    assert (late.returncode, late.stderr) == (76, "lost\n")
    assert not (place / "shop").exists()
    done = put(place, wish)
    assert done.returncode == 0, done.stderr
    assert (place / "shop" / "docker-compose.yml").read_bytes() == FILES["docker-compose.yml"]
    assert (place / "shop" / "key").stat().st_mode & 0o777 == 0o700
    assert look(place, wish).files == {}


def test_a_name_with_blanks_is_one_private_directory(place: Path) -> None:
    wish = complete(Project("shop", str(place / "shop"), FILES | {"my key/key": b""}, frozenset({"my key/key"})))
    assert put(place, wish).returncode == 0
    assert (place / "shop" / "my key").stat().st_mode & 0o777 == 0o700
    assert not (place / "shop" / "my").exists()


@pytest.mark.parametrize(
    ("given", "mode", "offender"),
    [
        ("shop", 0o755, "shop"),
        ("shop/conf", 0o755, "shop/conf"),
        ("above", 0o755, "above"),
        ("", 0o775, "above"),
        ("", 0o1777, "above"),
        ("", 0o777, "shop"),
        ("", 0o777, "shop/conf"),
        ("", 0o757, "shop"),
        ("shop/.env", 0o644, "shop/.env"),
    ],
)
def test_a_directory_that_a_user_can_change_is_neither_read_nor_written(
    place: Path, given: str, mode: int, offender: str
) -> None:
    def path(name: str) -> Path:
        return place / "above" / name.removeprefix("above")

    wish = complete(Project("shop", str(path("shop")), FILES))
    (path("shop/conf")).mkdir(parents=True)
    (path("shop/.env")).write_text("")
    secret = place / "secret"
    secret.write_text("root's alone\n")
    (path("shop/docker-compose.yml")).symlink_to(secret)
    path(offender).chmod(mode)
    if given:
        os.chown(path(given), USER, USER)
    found = look(place, wish, diff="yes")
    assert [(hand.path, hand.mode) for hand in found.hands] == [(str(path(offender)), f"{mode:o}")]
    assert (found.files, found.diff) == ({}, ())
    with pytest.raises(Refusal, match=f"{path(offender)} is of"):
        decide(wish, found)
    before = sorted(str(one) for one in place.rglob("*"))
    done = put(place, wish)
    assert done.returncode == 1
    assert "came into other hands" in done.stderr
    assert sorted(str(one) for one in place.rglob("*")) == before
    assert secret.read_text() == "root's alone\n"


def test_the_owner_of_a_directory_swaps_it_while_root_writes(place: Path, wish: Project) -> None:
    """A real user without rights, who makes links to a file of root's by every name that is written."""
    secret = place / "secret"
    secret.write_text("root's alone\n")
    (place / "shop").mkdir()
    os.chown(place / "shop", USER, USER)
    names = [".hostwright", ".hostwright.now", ".hostwright.states", "docker-compose.yml", "a.before-hostwright"]
    links = "; ".join(f"ln -sf {secret} {place}/shop/{name}" for name in names)
    subprocess.run(["setpriv", f"--reuid={USER}", "--clear-groups", "sh", "-c", links], check=True)
    known = container(place, 1, wish.directory)
    for act in ("up", "down"):
        assert "came into other hands" in put(place, wish, act=act, KNOWN=known).stderr
    assert secret.read_text() == "root's alone\n"
    assert not (place / "stand" / "called").exists()


def test_a_link_on_the_way_is_followed_to_whose_it_is(place: Path, wish: Project) -> None:
    (place / "real").mkdir()
    (place / "shop").symlink_to("real")
    assert look(place, wish).hands == ()
    (place / "real").chmod(0)
    assert look(place, wish).hands == ()
    (place / "users").mkdir()
    os.chown(place / "users", USER, USER)
    (place / "users" / "link").symlink_to(place / "real")
    (place / "shop").unlink()
    (place / "shop").symlink_to(place / "users" / "link")
    found = look(place, wish).hands
    assert [(hand.path, hand.kind) for hand in found] == [(str(place / "users"), "directory")]
    for to in ("shop", "nowhere"):
        (place / "shop").unlink()
        (place / "shop").symlink_to(to)
        assert look(place, wish).hands == ()
        assert put(place, wish).returncode == 1


def test_what_is_not_there_and_not_to_be_there_may_be_in_any_hands(place: Path) -> None:
    (place / "users").mkdir()
    os.chown(place / "users", USER, USER)
    absent = Project("shop", f"{place}/users/shop", {})
    assert look(place, absent).hands == ()
    (place / "users" / "shop").mkdir()
    assert [hand.path for hand in look(place, absent).hands] == [str(place / "users")]


@pytest.mark.parametrize("name", ["docker-compose.yml", "conf/a.conf", ".hostwright"])
def test_what_is_no_file_is_not_waited_for(place: Path, wish: Project, name: str) -> None:
    (place / "shop" / "conf").mkdir(parents=True)
    os.mkfifo(place / "shop" / name)
    assert look(place, wish, diff="yes").files[name] == "odd"


@pytest.mark.parametrize("to", ["other", "others", "nothing"])
def test_a_link_of_roots_in_the_place_of_a_file_is_kept_and_not_followed(place: Path, wish: Project, to: str) -> None:
    for name in ("shop", "others"):
        (place / name).mkdir()
    (place / "other").write_text("somebody's")
    (place / "shop" / "docker-compose.yml").symlink_to(place / to)
    assert look(place, wish).files["docker-compose.yml"] == "different"
    assert put(place, wish).returncode == 0
    kept = place / "shop" / "docker-compose.yml.before-hostwright"
    assert (os.readlink(kept), (place / "other").read_text()) == (str(place / to), "somebody's")
    assert not list((place / "others").iterdir())
    assert not (place / "nothing").exists()
    assert not (place / "shop" / "docker-compose.yml").is_symlink()
    assert look(place, wish).files == {}


def test_a_link_below_the_directory_leads_nobody_out_of_it(place: Path, wish: Project) -> None:
    """Whoever is root in a container can make one where it writes."""
    (place / "shop").mkdir()
    (place / "outside").mkdir()
    (place / "shop" / "conf").symlink_to(place / "outside")
    assert [(hand.path, hand.kind) for hand in look(place, wish).hands] == [
        (str(place / "shop" / "conf"), "symbolic link")
    ]
    assert put(place, wish).returncode == 1
    assert list((place / "outside").iterdir()) == []


def test_what_an_earlier_run_left_is_known_and_removed(place: Path, wish: Project) -> None:
    assert put(place, wish).returncode == 0
    fewer = complete(Project("shop", wish.directory, {"docker-compose.yml": FILES["docker-compose.yml"]}))
    found = look(place, fewer)
    assert found.files == {"conf/a.conf": "old", "key/key": "old"}
    assert put(place, fewer, OLD="conf/a.conf\nkey/key").returncode == 0
    assert look(place, fewer).files == {}
    absent = Project("shop", wish.directory, {})
    old = look(place, absent).files
    assert set(old.values()) == {"old"}
    assert put(place, absent, act="down", OLD="\n".join(old)).returncode == 0
    # Where files were removed before, a directory may be left: it is not ours to say what was in it.
    assert [one.name for one in (place / "shop").rglob("*") if one.is_file()] == []


def test_the_real_path_tells_whose_a_container_is(place: Path, wish: Project) -> None:
    (place / "shop").mkdir()
    (place / "link").symlink_to("shop")
    for number, directory in enumerate([wish.directory, f"{place}/link", f"{place}/other", "", f"{place}/sh\nop"]):
        container(place, number, directory)
    found = look(place, wish)
    assert [one.here for one in found.containers] == [True, True, False, False, False]
    assert found.error == ""


@pytest.mark.parametrize("failing", ["version", "ps", "inspect"])
def test_an_engine_that_fails_is_not_one_without_containers(place: Path, wish: Project, failing: str) -> None:
    container(place, 1, wish.directory)
    (place / "stand" / "failing").write_text(failing)
    assert "the engine is ill" in look(place, wish).error
    with pytest.raises(Refusal, match="docker does not answer"):
        decide(wish, look(place, wish))


@pytest.mark.parametrize("client", ['echo "$DOCKER_HOST"', "exit 1"])
def test_an_engine_of_another_machine_is_not_asked(
    place: Path, wish: Project, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    """By what a client with contexts says, or by the variable."""
    asked = place / "stand" / "asked"
    text = ENGINE.replace(
        "case $1 in", f"case $1 in\n    context) {client}; exit ;;\n    ps | version) echo >>{asked} ;;", 1
    )
    (place / "bin" / "docker").write_text(text)
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2376")
    with pytest.raises(Refusal, match=r"asks tcp://192\.0\.2\.1:2376, another machine"):
        decide(wish, look(place, wish))
    assert not asked.exists()
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/docker.sock")
    decide(wish, look(place, wish))
    assert asked.exists()


def test_an_engine_that_says_nothing_at_all_is_ill(place: Path, wish: Project) -> None:
    for what in ("version", "ps", "inspect"):
        silent = ENGINE.replace('echo "$1: the engine is ill" >&2; ', "")
        (place / "bin" / "docker").write_text(silent)
        (place / "stand" / "failing").write_text(what)
        container(place, 1, wish.directory)
        assert look(place, wish).error, what


def test_one_that_is_not_told_of_is_missed_and_one_that_went_is_not(place: Path, wish: Project) -> None:
    container(place, 1, wish.directory)
    silent = container(place, 2, wish.directory)
    (place / "stand" / "list" / silent).write_text("")
    assert silent in look(place, wish).error
    # Between the list and the question one is removed.
    (place / "stand" / "goes").write_text(silent)
    found = look(place, wish)
    assert (found.error, len(found.containers)) == ("", 1)


def test_an_answer_that_is_cut_short_is_none(place: Path, wish: Project) -> None:
    container(place, 1, wish.directory)
    (place / "bin" / "docker").write_text(ENGINE.replace("exit $code", "exit 1"))
    assert "ended with code" in look(place, wish).error


def test_containers_that_came_meanwhile_are_left_as_they_are(place: Path, wish: Project) -> None:
    known = container(place, 1, wish.directory)
    for act in ("up", "down"):
        container(place, 2, "/home/dev/shop")
        late = put(place, wish, act=act, KNOWN=known)
        assert late.returncode == 1
        assert "somebody has made containers of shop meanwhile" in late.stderr
        (place / "stand" / "failing").write_text("ps")
        late = put(place, wish, act=act, KNOWN=known)
        assert "docker does not tell what containers shop has" in late.stderr
        (place / "stand" / "failing").unlink()
        (place / "stand" / "list" / f"id-{2:061d}").unlink()
    assert not (place / "stand" / "called").exists()
    assert put(place, wish, act="down", KNOWN=known).returncode == 0
    assert "down --remove-orphans" in (place / "stand" / "called").read_text()


@pytest.mark.parametrize(
    ("said", "healthy"),
    [
        ("running healthy 0 0 /shop-1 web\n", True),
        ("running starting 0 0 /shop-1 web\n", False),
        ("exited - 0 0 /shop-1 a[$(touch pwned)]\n", True),
        ("exited - 3 0 /shop-1 web\n", False),
        ("", False),
    ],
)
def test_who_is_healthy(place: Path, wish: Project, said: str, healthy: bool) -> None:
    known = container(place, 1, wish.directory)
    (place / "stand" / "list" / known).write_text(said)
    done = put(place, wish, act="up", KNOWN=known, LIMIT="60" if healthy else "1")
    assert (done.returncode == 0) == healthy, done.stdout + done.stderr
    assert not list(place.rglob("pwned"))
    assert {one.name for one in (place / "shop").iterdir()} == {
        *{"conf", "key", "docker-compose.yml"},
        OVERRIDE,
        ".hostwright",
    }


def test_one_of_two_that_is_not_told_of_is_not_healthy(place: Path, wish: Project) -> None:
    ids = [container(place, number, wish.directory) for number in (1, 2)]
    (place / "stand" / "list" / ids[0]).write_text("running healthy 0 0 /shop-1 web\n")
    (place / "stand" / "list" / ids[1]).write_text("")
    done = put(place, wish, act="up", KNOWN=" ".join(ids), LIMIT="1")
    assert done.returncode == 1
    assert "docker does not tell of all containers" in done.stdout


def test_what_was_run_for_one_command_is_not_waited_for(place: Path, wish: Project) -> None:
    ids = [container(place, number, wish.directory) for number in (1, 2)]
    (place / "stand" / "list" / ids[0]).write_text("running healthy 0 0 /shop-1 web False\n")
    (place / "stand" / "list" / ids[1]).write_text("exited - 3 0 /shop-run web True\n")
    done = put(place, wish, act="up", KNOWN=" ".join(ids), LIMIT="60")
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_of_a_name_that_can_be_foreseen_is_made_where_all_may_write(place: Path, wish: Project) -> None:
    """/run is not there for who is not root: mktemp takes the directory of all, and that alone is made in it."""
    container(place, 1, wish.directory)
    shared = place / "shared"
    shared.mkdir()
    (place / "bin" / "mktemp").write_text(
        f"#!/bin/sh\n[ $# -eq 1 ] || exit 1\nmkdir {shared}/own && echo {shared}/own\n"
    )
    (place / "bin" / "mktemp").chmod(0o755)
    (place / "bin" / "docker").write_text(ENGINE.replace("#!/bin/sh\n", f"#!/bin/sh\nls {shared} >>{place}/seen\n"))
    look(place, wish)
    assert set((place / "seen").read_text().split()) <= {"own"}


def test_a_hand_that_makes_no_sense_is_refused_all_the_same() -> None:
    found = parse_project(["@@ engine", "user=root", "@@ error", "@@ hands", "odd", "@@ files"])
    assert found.hands == (Hand("", "", "", ""),)


MODELS = Path(__file__).parents[1] / "fixtures"


@pytest.mark.parametrize("name", ["compose_model_v1.yml", "compose_model_v2.json"])
@pytest.mark.parametrize("below", ["shop", "sh'o p é"])
def test_no_path_that_compose_is_asked_in_is_in_the_model(place: Path, name: str, below: str) -> None:
    """Nor one beside it: `../up` is beside the directory of the project."""
    directory = f"{place}/{below}"
    wish = complete(Project("shop", directory, FILES))
    (place / "stand" / "model").write_text((MODELS / name).read_text())
    found, again = look(place, wish), look(place, wish)
    said = json.dumps(found.model, ensure_ascii=False)
    assert (place / "stand" / "where").read_text().strip() != directory
    assert "/run/hostwright." not in said
    volumes = found.model["services"]["web"]["volumes"]
    sources = {one["source"] if isinstance(one, dict) else one.partition(":")[0] for one in volumes}
    assert sources == {f"{directory}/conf", f"{place}/up", "rows"}
    assert labels(wish, found) == labels(wish, again)


def test_an_empty_model_is_refused_and_so_is_what_compose_does_not_take(place: Path, wish: Project) -> None:
    (place / "stand" / "model").write_text("")
    with pytest.raises(Refusal, match="model of the project cannot be read, or has no services"):
        look(place, wish)
    (place / "stand" / "failing").write_text("config")
    (place / "stand" / "model").write_text('{"services": {"web": {"image": "planted-secret"}}}')
    found = look(place, wish)
    assert found.invalid == "A warning"
    with pytest.raises(Refusal, match="compose does not take the project shop: A warning"):
        decide(wish, found)


def test_the_look_says_nothing_of_a_model_where_people_see_it(place: Path, wish: Project) -> None:
    (place / "stand" / "model").write_text((MODELS / "compose_model_v2.json").read_text())
    known = {"NAME": "shop", "DIRECTORY": wish.directory, "MAIN": main_file(wish), "FILES": "\n".join(wish.files)}
    text = script("ownership", "project", "engine", "compose", **known, SECRETS="", DIFF="yes")
    done = sh(place, text, packed(wish))
    assert "planted-secret" not in done.stdout + done.stderr
    assert not Path((place / "stand" / "where").read_text().strip()).exists()


@pytest.mark.usefixtures("here")
def test_no_output_has_what_compose_says_however_much_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], place: Path, here: Host
) -> None:
    """As with -vvv: what goes there and what comes back is printed, but for this."""
    text = (MODELS / "compose_model_v2.json").read_text()
    (place / "stand" / "model").write_text(text)
    monkeypatch.setenv("STAND", str(place / "stand"))
    monkeypatch.setattr(
        "hostwright.compose.facts.script",
        lambda *names, **known: script(*names, **known).replace("PATH=", f"PATH={place}/bin:"),
    )
    monkeypatch.setattr("hostwright.base.transport.pyinfra_echo", lambda text, **_: print(text))
    here.state.print_fact_input = here.state.print_fact_output = here.state.print_output = True
    logging.getLogger("pyinfra").setLevel(logging.DEBUG)
    secrets = {".env": "PASSWORD=planted-secret"}
    files = {"docker-compose.yml": "services: {web: {image: nginx}}"}
    with suppress(PyinfraError):
        compose.project("shop", f"{place}/shop", files, secrets)
    printed = "".join(capfd.readouterr())
    assert "service web: made and started" in printed
    packed_model = base64.b64encode(gzip.compress(text.encode())).decode()[:4]
    assert "planted-secret" not in printed
    assert packed_model not in printed


def test_compose_is_given_the_files_in_their_order_and_ours_last(place: Path) -> None:
    files = {**FILES, ".env": b"COMPOSE_FILE=docker-compose.yml:x/more.yml\n", "x/more.yml": b"services: {}"}
    wish = complete(Project("shop", str(place / "shop"), files))
    look(place, wish)
    given = f"-p shop -f docker-compose.yml -f x/more.yml -f {OVERRIDE}"
    assert (place / "stand" / "asked").read_text() == f"compose {given} config --format json\n"
    known = container(place, 1, wish.directory)
    (place / "stand" / "list" / known).write_text("running healthy 0 0 /shop-1 web\n")
    main = "docker-compose.yml x/more.yml"
    assert put(place, wish, act="up", KNOWN=known, MAIN=main, UP="--no-recreate web").returncode == 0
    assert (place / "stand" / "called").read_text() == f"compose {given} up -d --no-build --no-deps --no-recreate web\n"


@pytest.mark.parametrize("ours", [False, True])
def test_an_env_file_that_root_wrote_there_counts_and_one_that_goes_does_not(
    place: Path, wish: Project, ours: bool
) -> None:
    (place / "shop").mkdir()
    (place / "shop" / ".env").write_text("TAG=7\n")
    (place / "shop" / ".hostwright").write_text(".env\n" if ours else "")
    look(place, wish)
    assert (place / "stand" / "env").exists() != ours


def test_the_services_of_all_profiles_are_known(place: Path, wish: Project) -> None:
    """Where there may be any: to ask compose once more takes a second."""
    (place / "stand" / "every").write_text("web\ndebug\n")
    (place / "stand" / "model").write_text('{"name": "shop", "services": {"web": {"image": "nginx"}}}')
    assert look(place, wish).known == {"web"}
    files = {**FILES, "more.yml": b"services: {debug: {profiles: [debug]}}"}
    profiled = complete(Project("shop", wish.directory, files))
    assert look(place, profiled).known == {"web", "debug"}
    (place / "stand" / "every").unlink()
    with pytest.raises(AssertionError, match="compose does not tell the services of all profiles"):
        look(place, profiled)


@pytest.mark.parametrize(
    ("text", "given", "active"),
    [("", None, False), ("COMPOSE_PROFILES=debug\n", None, True), ("COMPOSE_PROFILES=debug\n", "x", False)],
)
def test_v1_has_its_profiles_from_the_environment_and_from_env(
    place: Path, monkeypatch: pytest.MonkeyPatch, text: str, given: str | None, active: bool
) -> None:
    (place / "bin" / "docker-compose").write_text('#!/bin/sh\nexec docker compose "$@"\n')
    (place / "bin" / "docker-compose").chmod(0o755)
    (place / "bin" / "docker").write_text(ENGINE.replace('*" version "*) ;;', '*" version "*) exit 1 ;;'))
    (place / "stand" / "model").write_text((MODELS / "compose_model_v1.yml").read_text())
    if given:
        monkeypatch.setenv("COMPOSE_PROFILES", given)
    found = look(place, complete(Project("shop", str(place / "shop"), {**FILES, ".env": text.encode()})))
    assert found.compose == "docker-compose"
    assert ("debug" in found.services, "debug" in found.known) == (active, True)


def test_images_are_looked_up_by_the_names_that_containers_have_them_by(place: Path, wish: Project) -> None:
    container(place, 1, wish.directory)
    assert look(place, wish).images == {}
    (place / "stand" / "images").write_text("nginx sha256:9\n")
    assert look(place, wish).images == {"nginx": "sha256:9"}


def test_every_name_of_a_container_is_known_and_the_project_that_it_is_of(place: Path, wish: Project) -> None:
    (place / "stand" / "names").write_text("web,front/db other\nalone \n")
    assert look(place, wish).names == {"web": "other", "front/db": "other", "alone": ""}


def test_our_own_file_is_told_by_its_sum(place: Path, wish: Project) -> None:
    assert look(place, wish).override == ""
    assert put(place, wish).returncode == 0
    found = look(place, wish)
    assert found.override == hashlib.sha256(wish.files[OVERRIDE]).hexdigest()
    assert OVERRIDE not in "".join(decide(wish, found).lines)
    (place / "shop" / OVERRIDE).write_text("{}")
    assert f"file {OVERRIDE}: changed" in decide(wish, look(place, wish)).lines


def test_what_is_gone_is_removed_and_nothing_is_brought_up_that_need_not_be(place: Path, wish: Project) -> None:
    known = container(place, 1, wish.directory)
    (place / "stand" / "list" / known).write_text("running healthy 0 0 /shop-1 web\n")
    assert put(place, wish, act="up", KNOWN=f"{known} gone", UP="", GONE="gone").returncode == 0
    assert (place / "stand" / "called").read_text() == "stop gone\nrm gone\n"


def test_down_takes_away_the_directories_of_what_it_removes_and_asks_for_all_profiles(place: Path) -> None:
    wish = complete(Project("shop", str(place / "shop"), {**FILES, "x/y/z": b""}))
    assert put(place, wish).returncode == 0
    (place / "bin" / "docker").write_text(
        ENGINE.replace(
            'echo "$*" >>"$STAND/called" ;;\n        esac', 'echo "$COMPOSE_PROFILES" >"$STAND/called" ;;\n        esac'
        )
    )
    done = put(place, Project("shop", wish.directory, {}), act="down", MAIN="", OLD="\n".join(sorted(wish.files)))
    assert (done.returncode, done.stderr) == (0, "")
    assert not (place / "shop").exists()
    assert (place / "stand" / "called").read_text() == "*\n"
