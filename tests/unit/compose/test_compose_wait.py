"""How a compose project is waited for: the shell itself, with an engine that says what it is told, and its own time."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostwright.base.scripts import whole
from tests.scripts import script

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the directory of a project is root's alone")

SHELLS = [name for name in ("dash", "bash", "busybox sh") if shutil.which(name.split()[0])]
# Each look is a file, the last one stays. Of each container: NAME STATUS HEALTH CODE RESTARTS SERVICE ONEOFF ENDED.
ENGINE = """#!/bin/sh
echo "$*" >>"$STAND/asked"
look=$(ls "$STAND/looks" | head -n 1)
case $1 in
    version) ;;
    compose) . "$STAND/up" ;;
    ps) cut -d ' ' -f 1 "$STAND/looks/$look" ;;
    inspect)
        case $* in *.Output*) printf '\n%s\n' 'health check, code 1: "no route"'; exit ;; esac
        [ ! -e "$STAND/failing" ] || { cat "$STAND/failing" >&2; exit 1; }
        awk '{ print $2, $3, $4, $5, "/" $1, $6, $7, $8 }' "$STAND/looks/$look"
        [ "$(ls "$STAND/looks" | wc -l)" -eq 1 ] || rm "$STAND/looks/$look"
        ;;
    logs) [ "$4" = silent ] || seq 1 40 | sed "s/^/$4 says /" ;;
esac
"""
# Time passes when somebody sleeps.
SLEEP = """#!/bin/sh
read -r now <"$STAND/uptime"
echo "$((${now%.*} + $1)).00 0" >"$STAND/uptime"
"""
WELL = "shop-web-1 running healthy 0 0 web False -"


def _heeding() -> None:
    """What is ignored where the tests are run (`nohup`, a shell's `&`), no shell can trap."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Stand:
    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("bin", "stand/looks", "run"):
            (path / name).mkdir(parents=True)
        for name, text in {"docker": ENGINE, "sleep": SLEEP}.items():
            (path / "bin" / name).write_text(text)
            (path / "bin" / name).chmod(0o755)
        (path / "stand" / "uptime").write_text("1000.00 0")
        self.compose("")

    def compose(self, text: str) -> None:
        (self.path / "stand" / "up").write_text(text)

    def looks(self, *looks: str) -> None:
        for number, look in enumerate(looks):
            (self.path / "stand" / "looks" / f"{number:03}").write_text(look and look.strip() + "\n")

    @property
    def asked(self) -> list[str]:
        return (self.path / "stand" / "asked").read_text().splitlines()

    def start(self, sh: str, limit: int, act: str = "up", **more: str) -> "subprocess.Popen[str]":
        known = {"NAME": "shop", "DIRECTORY": f"{self.path}/shop", "FILES": "", "KNOWN": "", "BUILD": "", "UP": "web"}
        known |= {"MAIN": "docker-compose.yml", "COMPOSE": "docker compose", "LIMIT": str(limit)} | more
        text = script("ownership", "project", "compose_up", **known).replace(
            "/proc/uptime", f"{self.path}/stand/uptime"
        )
        text = text.replace("PATH=/usr/local/sbin", f"PATH={self.path}/bin:/usr/local/sbin")
        text = text.replace("/run/hostwright.XXXXXX", f"{self.path}/run/hostwright.XXXXXX")
        # A busybox has a sleep of its own.
        own = f'ours() {{ :; }}\nsleep() {{ "{self.path}/bin/sleep" "$@"; }}'
        own += f"\nput_files() {{ mkdir -p {self.path}/shop; }}\nno_strangers() {{ :; }}\n{act}"
        process = subprocess.Popen(
            [*sh.split(), "-s"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"STAND": f"{self.path}/stand"},
            preexec_fn=_heeding,
        )
        assert process.stdin
        process.stdin.write(whole(f"{text}\n{own}"))
        process.stdin.close()
        process.stdin = None
        return process

    def up(self, sh: str = "sh", limit: int = 60, **more: str) -> tuple[int, str]:
        process = self.start(sh, limit, **more)
        try:
            said, _ = process.communicate(timeout=30)
        finally:
            process.kill()
        assert not list((self.path / "run").iterdir())
        return process.returncode, said

    def left(self) -> list[str]:
        """Processes of it that are still there after a while: a busybox's own `timeout` looks once in a second."""
        mark, begun = f"STAND={self.path}/stand".encode(), time.monotonic()
        while True:
            left = [one.parent.name for one in Path("/proc").glob("[0-9]*/environ") if mark in _read(one).split(b"\0")]
            if not left or time.monotonic() - begun > 3:
                return left
            time.sleep(0.1)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.fixture
def stand() -> Iterator[Stand]:
    path = Path(tempfile.mkdtemp(prefix="hostwright-test.", dir="/run"))
    path.chmod(0o755)
    found = Stand(path)
    yield found
    for pid in found.left():
        os.kill(int(pid), signal.SIGKILL)
    shutil.rmtree(path)


@pytest.mark.parametrize("sh", SHELLS)
@pytest.mark.parametrize(
    "ends", ['trap "" TERM; /bin/sleep 61 & /bin/sleep 60', '(trap "" TERM; exec /bin/sleep 61) & exec /bin/sleep 60']
)
def test_a_compose_that_waits_for_ever_is_ended_and_who_is_waited_for_is_named(
    stand: Stand, sh: str, ends: str
) -> None:
    """Also where it takes no notice of TERM, or what it began does not."""
    stand.compose(f'echo 1060.00 0 >"$STAND/uptime"; {ends}')
    stand.looks("shop-web-1 created - 0 0 web False 0001\nshop-db-1 running starting 0 0 db False 0001")
    begun = time.monotonic()
    code, said = stand.up(sh, limit=1)
    assert time.monotonic() - begun < 8
    assert code == 1
    assert "not healthy after 1 s: db (running, starting), web (created)\n" in said
    assert "shop-db-1 says 40" in said
    assert "shop-web-1 says" not in said
    assert "compose could not bring shop up" in said
    assert stand.left() == []


def test_to_wait_no_time_at_all_is_not_to_wait_for_ever(stand: Stand) -> None:
    stand.compose('echo 1001.00 0 >"$STAND/uptime"; /bin/sleep 60')
    stand.looks("shop-db-1 running starting 0 0 db False 0001")
    code, said = stand.up(limit=0)
    assert code == 1
    assert "db (running, starting)" in said


@pytest.mark.parametrize("sh", SHELLS)
@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("running unhealthy 0 0 db False 0001", "db (running, unhealthy)"),
        ("exited - 3 0 db False 2026", "db ended with code 3"),
    ],
)
def test_who_kept_others_from_starting_is_named_with_its_logs(stand: Stand, sh: str, state: str, said: str) -> None:
    stand.compose('echo "dependency failed to start" >&2; exit 1')
    stand.looks(
        f"shop-web-1 created - 0 0 web False 0001\nshop-db-1 {state}\nshop-mail-1 running - 0 0 mail False 0001"
    )
    code, told = stand.up(sh)
    assert code == 1
    assert f"perhaps because of {said}\nthe last lines of shop-db-1:\n" in told
    assert told.count('    health check, code 1: "no route"\n') == 1
    assert told.endswith("compose could not bring shop up (see above)\n")
    assert told.count("says 40") == 1


def test_where_nobody_is_at_fault_compose_has_said_why(stand: Stand) -> None:
    stand.compose('echo "no such image" >&2; exit 1')
    for look in ("shop-web-1 created - 0 0 web False 0001", ""):
        stand.looks(look)
        code, told = stand.up()
        assert (code, told) == (1, "no such image\ncompose could not bring shop up (see above)\n")


def test_what_compose_took_is_no_longer_there_to_wait_for(stand: Stand) -> None:
    stand.compose('echo 1050.00 0 >"$STAND/uptime"')
    stand.looks("shop-web-1 running starting 0 0 web False 0001")
    code, said = stand.up(limit=60)
    assert (code, said.splitlines()[0]) == (1, "not healthy after 60 s: web (running, starting)")
    assert sum("State.Status" in line for line in stand.asked) == 6


def chain(number: int, well: int) -> str:
    """A project of which the first ones are well, and the others not made, or not well yet."""
    return "\n".join(
        f"shop-s{one}-1 {'running healthy' if one < well else 'running starting' if one == well else 'created -'} "
        f"0 0 s{one} False 0001"
        for one in range(number)
    )


@pytest.mark.parametrize("sh", SHELLS)
def test_twenty_that_come_up_one_after_the_other_are_waited_for(stand: Stand, sh: str) -> None:
    stand.looks(*(chain(20, well) for well in (0, 1, 2, 10, 19, 20)))
    code, said = stand.up(sh, limit=100, SERVICES=" ".join(f"s{one}" for one in range(20)))
    assert (code, said) == (0, "")
    looks = [line for line in stand.asked if not line.startswith(("compose", "version"))]
    # Once for which there are, and once for all of them.
    assert len(looks) == 2 * 7


def test_of_twenty_that_are_ill_the_logs_of_the_first_are_shown(stand: Stand) -> None:
    """Who ended first is the likeliest to have taken the others along."""
    stand.looks("\n".join(f"shop-s{one}-1 exited - {one} 0 s{one} False 2026-01-{30 - one}T" for one in range(1, 21)))
    code, said = stand.up()
    assert code == 1
    shown = [line for line in said.splitlines() if line.startswith("the last lines of")]
    assert shown == [f"the last lines of shop-s{one}-1:" for one in (20, 19, 18)]
    assert said.startswith("s20 ended with code 20, s19 ended with code 19, ")
    assert "see docker logs, too, of shop-s17-1 shop-s16-1 " in said
    assert len(said.splitlines()) == 1 + 3 * 42 + 1


def test_to_end_and_start_again_is_how_some_wait_for_others(stand: Stand) -> None:
    starting, well = "running starting 0 0 db False 0001", "running healthy 0 0 db False 0001"
    stand.looks(
        *(f"shop-db-1 {starting}\nshop-web-1 restarting - 1 {restarts} web False 2026" for restarts in (1, 4, 6, 7)),
        f"shop-db-1 {well}\nshop-web-1 restarting - 1 8 web False 2026",
        f"shop-db-1 {well}\nshop-web-1 running - 0 9 web False 2026",
    )
    assert stand.up() == (0, "")


@pytest.mark.parametrize("health", ["-", "starting"])
def test_who_ends_again_and_again_is_not_waited_for(stand: Stand, health: str) -> None:
    looks = (f"{'running' if number % 2 else 'restarting'} {health} 3 {number // 2}" for number in range(20))
    stand.looks(*(f"shop-db-1 running - 0 0 db False 0001\nshop-web-1 {look} web False 2026" for look in looks))
    code, said = stand.up(limit=600)
    assert code == 1
    assert said.startswith("web ends again and again, with code 3\nthe last lines of shop-web-1:\n")
    assert sum("State.Status" in line for line in stand.asked) < 12


@pytest.mark.parametrize("sh", SHELLS)
def test_a_service_without_a_container_is_not_healthy(stand: Stand, sh: str) -> None:
    stand.looks(WELL)
    code, said = stand.up(sh, limit=4, SERVICES="web db")
    assert (code, said) == (1, "not healthy after 4 s: db (no container)\n")
    assert stand.up(sh, limit=4, SERVICES="web") == (0, "")


def test_what_somebody_started_by_hand_in_the_project_fails_nothing(stand: Stand) -> None:
    stand.looks(f"shop-debug-1 exited - 3 0 debug False 2026\n{WELL}")
    assert stand.up(SERVICES="web") == (0, "")
    assert stand.up()[0] == 1


def test_where_compose_has_nothing_to_do_the_limit_is_kept_all_the_same(stand: Stand) -> None:
    stand.looks("shop-web-1 running starting 0 0 web False 0001", WELL)
    assert stand.up(limit=10, act="limited() { :; }; up") == (0, "")


def test_a_project_without_containers_is_not_healthy(stand: Stand) -> None:
    stand.looks("")
    assert stand.up(limit=4) == (1, "not healthy after 4 s: shop has no containers\n")


@pytest.mark.parametrize(("error", "why"), [("the engine is ill\n", "the engine is ill"), ("", "it does not say why")])
def test_an_engine_that_does_not_tell_is_said(stand: Stand, error: str, why: str) -> None:
    stand.looks(WELL)
    (stand.path / "stand" / "failing").write_text(error)
    for compose in ("", "echo 1060.00 0 >$STAND/uptime; exit 1"):
        stand.compose(compose)
        code, said = stand.up(limit=4)
        assert code == 1
        assert f"not healthy after 4 s: docker does not tell of all containers: {why}\n" in said
        assert "the last lines" not in said


def test_who_has_written_nothing_is_said_to(stand: Stand) -> None:
    stand.looks("silent exited - 3 0 web False 2026")
    assert "the last lines of silent:\n    (none)\n" in stand.up()[1]


@pytest.mark.parametrize(("sh", "number"), [*zip(SHELLS, (signal.SIGTERM, signal.SIGHUP, signal.SIGINT), strict=False)])
@pytest.mark.parametrize("compose", ["touch $STAND/here; /bin/sleep 60 & wait", ""])
def test_a_signal_leaves_nothing_behind(stand: Stand, sh: str, number: int, compose: str) -> None:
    stand.compose(compose)
    stand.looks("shop-web-1 running starting 0 0 web False 0001")
    if not compose:
        (stand.path / "bin" / "sleep").write_text('#!/bin/sh\ntouch "$STAND/here"\nexec /bin/sleep 0.1\n')
    process = stand.start(sh, 60)
    try:
        begun = time.monotonic()
        while not (stand.path / "stand" / "here").exists():
            assert process.poll() is None
            assert time.monotonic() - begun < 10
            time.sleep(0.01)
        process.send_signal(number)
        process.wait(10)
    finally:
        process.kill()
        assert process.stdout
        process.stdout.close()
    assert process.returncode == 1
    assert stand.left() == []
    assert not list((stand.path / "run").iterdir())
