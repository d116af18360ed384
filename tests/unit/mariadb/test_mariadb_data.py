"""Data of a MariaDB: whose it is, who else uses it, what root does in it: the shell itself, on real files."""

import base64
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hostwright.base.scripts import NONCE, whole
from hostwright.mariadb.facts import DataDirectory, MariadbAccounts, MariadbData, parse_data, users_script
from hostwright.net.listeners import Listener
from tests.scripts import script

TEMPLATES = Path(__file__).parents[3] / "templates" / "mariadb" / "commands"
UID = 54321
# What the image has; `mysql` is a user there.
IMAGE = {
    "mariadb-install-db": "for word do case $word in --datadir=*) cd ${word#*=} ;; esac; done; mkdir mysql; : >ibdata1",
    "mariadbd": "echo 'mariadbd  Ver 10.11.6-MariaDB for debian-linux-gnu'",
    "id": f"echo {UID}",
    "chown": f"""for word do shift; case $word in mysql:) word={UID}:{UID} ;; esac; set -- "$@" "$word"; done
exec /bin/chown "$@\"""",
}
NOBODYS = {"docker": "", "systemctl": ""}

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners")


def run(place: Path, text: str, commands: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """In a shell that finds these commands first."""
    (place / "bin").mkdir(exist_ok=True)
    for name, body in commands.items():
        (place / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (place / "bin" / name).chmod(0o755)
    text = text.replace("export LC_ALL=C PATH", "OLD_PATH")
    environment = os.environ | {"PATH": f"{place}/bin:{os.environ['PATH']}", "LC_ALL": "C"}
    return subprocess.run(
        ["sh", "-c", text],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# -- in the container, before the server


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    # On the way to it there must be nobody but root: /tmp is everybody's.
    with TemporaryDirectory(dir="/run" if os.geteuid() == 0 else tmp_path) as name:
        place = Path(name)
        place.chmod(0o755)
        for directory in ("run", "hostwright/secret", "mysql"):
            (place / directory).mkdir(parents=True)
        (place / "hostwright" / "secret" / "root.sql").write_text("ALTER USER root;\n")
        yield place / "mysql"


def before(data: Path) -> "subprocess.CompletedProcess[str]":
    text = (TEMPLATES / "before").read_text()
    text = re.sub(r"(?<![\w/])(/var/lib)?/(?=mysql|run/|hostwright/)", f"{data.parent}/", text)
    return run(data.parent, f"DATA=/srv/data\n{text}", IMAGE)


@needs_root
def test_an_empty_directory_becomes_the_servers(data: Path) -> None:
    os.chown(data, 12345, 12345)
    (data / "lost+found").mkdir()
    done = before(data)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in data.iterdir()} == {
        *("mysql", "ibdata1", "lost+found", "hostwright-once", "hostwright-server")
    }
    assert {(data / name).stat().st_uid for name in (".", "mysql", "ibdata1")} == {UID}
    assert (data / "hostwright-once").read_text().startswith("made\t-\t-\t2")
    assert (data / "hostwright-once").stat().st_mode & 0o777 == 0o600
    assert (data / "hostwright-server").read_text() == "10.11.6\n"
    again = before(data)
    assert again.returncode == 0, again.stderr
    assert len((data / "hostwright-once").read_text().splitlines()) == 1


@needs_root
@pytest.mark.parametrize("other", [".", "mysql", "ibdata1"])
def test_data_of_another_user_keep_their_owner(data: Path, other: str) -> None:
    (data / "mysql").mkdir()
    (data / "ibdata1").touch()
    for name in (".", "mysql", "ibdata1"):
        os.chown(data / name, 12345 if name == other else UID, -1)
    done = before(data)
    assert done.returncode == 1
    assert f"the data in /srv/data belong to user 12345, and mysql is {UID} here" in done.stderr
    assert f"chown -R {UID}:{UID} '/srv/data'" in done.stderr
    assert (data / other).stat().st_uid == 12345
    assert not (data / "hostwright-server").exists()


@needs_root
@pytest.mark.parametrize(
    "name", ["hostwright-once", "hostwright-once.new", "hostwright-filling", "hostwright-server.new"]
)
def test_a_link_in_the_directory_leads_root_nowhere(data: Path, name: str) -> None:
    victim = data.parent / "victim"
    victim.write_text("must stay")
    (data / name).symlink_to(victim)
    before(data)
    assert victim.read_text() == "must stay"
    assert victim.stat().st_uid == 0


@needs_root
def test_what_the_server_had_in_run_is_no_way_out(data: Path) -> None:
    assert before(data).returncode == 0
    victim = data.parent / "victim"
    victim.write_text("must stay")
    (data.parent / "run" / "hostwright" / "root.sql").unlink()
    (data.parent / "run" / "hostwright" / "root.sql").symlink_to(victim)
    assert before(data).returncode == 0
    assert victim.read_text() == "must stay"
    assert victim.stat().st_uid == 0


@needs_root
def test_what_was_cut_off_is_done_again(data: Path) -> None:
    (data / "hostwright-filling").touch()
    (data / "ibdata1").write_text("half")
    (data / "hostwright-once").write_text("made\t-\t-\tnow\t-\n")
    done = before(data)
    assert done.returncode == 0, done.stderr
    assert (data / "ibdata1").read_text() == ""
    assert len((data / "hostwright-once").read_text().splitlines()) == 2
    assert not (data / "hostwright-filling").exists()


@needs_root
def test_what_is_no_mariadb_stays_as_it_is(data: Path) -> None:
    (data / "mail").touch()
    done = before(data)
    assert done.returncode == 1
    assert "/srv/data is not empty (mail), but holds no MariaDB" in done.stderr
    assert [path.name for path in data.iterdir()] == ["mail"]


# -- on the host: who else uses it


def others(data: Path, commands: dict[str, str], when: str = "start") -> "subprocess.CompletedProcess[str]":
    text = users_script(str(data), "db", "shop")
    look = f'ETC={data.parent}/etc\nothers_on_data {when} || {{ echo "unsaid: $unsaid"; exit 1; }}'
    place = next(path for path in data.parents if (path / "hostwright").exists())
    return run(place, f"{text}\n{look}", NOBODYS | commands)


def container(name: str, place: Path | str, state: str = "running", pid: int = 0, project: str = "") -> dict[str, str]:
    """docker, with one container."""
    lines = f'{{"id":"0123"}}\\t/{name}\\t{state}\\t{pid}\\t"{project}"\\nmount\\t{place}\\n'
    return {"docker": f"case $1 in ps) echo 0123 ;; *) printf '{lines}' ;; esac"}


@contextmanager
def held(path: Path, *within: str, mode: str = "r+", lock: bool = False) -> Iterator[int]:
    """A process of another user that has the file open."""
    program = f"import fcntl, sys, time; f = open(sys.argv[1], {mode!r}); "
    program += f"{'fcntl.lockf(f, fcntl.LOCK_EX); ' if lock else ''}print(flush=True); time.sleep(60)"
    # Not everybody may have the interpreter that we run by.
    words = [*within, "/usr/bin/python3", "-c", program, str(path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.read(1)
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def as_user(path: Path) -> tuple[str, ...]:
    """Real data have an owner who is not root."""
    os.chown(path, UID, UID)
    return ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups")


@pytest.fixture
def served(data: Path) -> Path:
    (data / "mysql").mkdir()
    (data / "ibdata1").write_text("data")
    return data


@needs_root
def test_nobody_uses_it(served: Path) -> None:
    done = others(served, {})
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    gone = others(served.parent / "later" / "mysql", {})
    assert (gone.returncode, gone.stdout) == (0, ""), gone.stderr


@needs_root
@pytest.mark.parametrize("mode", ["r", "r+"])
def test_a_server_of_the_host_is_named(served: Path, mode: str) -> None:
    with held(served / "ibdata1", *as_user(served / "ibdata1"), mode=mode) as pid:
        done = others(served, {})
    assert done.returncode == 0, done.stderr
    assert f"(pid {pid}) has files in it open: stop it for good" in done.stdout
    assert len(done.stdout.splitlines()) == 1


@needs_root
def test_locks_tell_of_whom_no_file_does(served: Path) -> None:
    with held(served / "ibdata1", *as_user(served / "ibdata1"), lock=True) as pid:
        done = others(served, {"xargs": 'case "$*" in *"find "*) exit 0 ;; esac; exec /usr/bin/xargs "$@"'})
    assert f"(pid {pid}) holds locks in it" in done.stdout


@needs_root
def test_a_server_in_a_mount_namespace_of_its_own_is_named(served: Path) -> None:
    (served.parent / "elsewhere").mkdir()
    inside = f'mount --bind {served} {served.parent}/elsewhere && exec "$@"'
    with held(served.parent / "elsewhere" / "ibdata1", "unshare", "-m", "sh", "-c", inside, "sh") as pid:
        assert f"(pid {pid}) has files in it open" in others(served, {}).stdout


@needs_root
def test_our_own_container_is_nobody_else(served: Path) -> None:
    with held(served / "ibdata1", "unshare", "--pid", "--fork", "--kill-child", lock=True) as pid:
        first = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True).stdout.strip()
        ours = container("db", served, pid=int(first))
        assert others(served, ours).stdout == ""
        with held(served / "mysql" / "x", mode="w") as other:
            assert f"(pid {other}) has files" in others(served, ours).stdout
            assert others(served, ours, "look").stdout == ""
        # Who reads what our server writes is no other server.
        with held(served / "mysql" / "x", mode="r"):
            assert others(served, ours).stdout == ""
        # What runs among the processes of the host is not told apart from them.
        ours = container("db", served, pid=os.getpid())
        assert f"(pid {first}) holds locks" in others(served, ours).stdout


@needs_root
@pytest.mark.parametrize("state", ["running", "exited", "created"])
def test_containers_count_by_where_they_lead(served: Path, state: str) -> None:
    link = served.parent / "link"
    link.symlink_to(served)
    (served.parent / "beside").mkdir()
    for place in (served, served.parent, "/", link, served / "mysql"):
        done = others(served, container("other", place, state))
        assert done.stdout.startswith(f"container other ({state}) may write there: docker rm -f other"), place
    for place in (served.parent / "beside", served.parent / "gone"):
        assert others(served, container("other", place, state)).stdout == ""
    for ours in (container("db", served), container("0123_db", served, project="shop")):
        assert others(served, ours).stdout == ""


@needs_root
@pytest.mark.parametrize(
    "docker",
    [
        "echo 'Cannot connect to the Docker daemon' >&2; exit 1",
        "case $1 in ps) echo 0123 ;; *) exit 1 ;; esac",
        "case $1 in ps) echo 0123 ;; *) echo what ;; esac",
    ],
)
def test_an_engine_that_fails_is_not_nobody(served: Path, docker: str) -> None:
    done = others(served, {"docker": docker})
    assert done.returncode == 1
    assert "unsaid: " in done.stdout


@needs_root
@pytest.mark.parametrize("missing", ["find", "findmnt", "stat", "xargs", "awk", "processes"])
def test_what_could_not_be_looked_at_is_not_nobody(served: Path, missing: str) -> None:
    cut = 'case "$*" in *"find "*) exit 1 ;; esac; exec /usr/bin/xargs "$@"'
    done = others(served, {"xargs": cut} if missing == "processes" else {missing: "exit 1"})
    assert done.returncode == 1
    assert "unsaid: " in done.stdout


# Of systemd 252 and 219, as they say it.
UNITS = """Id=ssh.service
ExecStart={ path=/usr/sbin/sshd ; argv[]=/usr/sbin/sshd -D $SSHD_OPTS ; ignore_errors=no }
ActiveState=active
UnitFileState=enabled

ExecStart={ path=/usr/sbin/mariadbd ; argv[]=/usr/sbin/mariadbd $MYSQLD_OPTS ; ignore_errors=no ; status=0/0 }
Id=mariadb.service
ActiveState=ACTIVE
UnitFileState=STATE"""


@needs_root
@pytest.mark.parametrize(
    ("active", "state", "serves"),
    [("inactive", "enabled", True), ("active", "disabled", True), ("failed", "disabled", False)],
)
def test_a_unit_that_would_serve_it_is_named(served: Path, active: str, state: str, serves: bool) -> None:
    etc = served.parent / "etc"
    (etc / "mysql" / "conf.d").mkdir(parents=True)
    (etc / "mysql" / "conf.d" / "50-server.cnf").write_text(f"[mysqld]\n datadir  = '{served}' # here\n")
    said = UNITS.replace("ACTIVE", active).replace("STATE", state)
    units = {"systemctl": f"cat <<'-- units'\n{said}\n-- units"}
    done = others(served, units)
    assert done.returncode == 0, done.stderr
    assert ("mariadb.service of this host serves it: systemctl disable --now mariadb.service" in done.stdout) == serves
    assert "ssh.service" not in done.stdout
    # One that says itself where its data are serves those alone.
    elsewhere = {"systemctl": units["systemctl"].replace("$MYSQLD_OPTS", "--datadir=/srv/other")}
    assert others(served, elsewhere).stdout == ""
    here = {"systemctl": units["systemctl"].replace("$MYSQLD_OPTS", f"--datadir={served.parent}")}
    assert ("serves it" in others(served, here).stdout) == serves
    assert "serves it" not in others(served.parent / "beside", units).stdout


@needs_root
def test_a_way_in_other_hands_is_named(served: Path) -> None:
    os.chown(served, UID, UID)
    assert others(served, {}).stdout == ""
    (served.parent / "at").mkdir()
    (served.parent / "at" / "link").symlink_to(served)
    os.chown(served.parent / "at", UID, -1)
    for place in (served.parent / "at" / "link", served.parent / "at" / "new" / "mysql"):
        said = others(place, {}).stdout
        assert f"{served.parent}/at on its way is {UID}'s (mode 755)" in said or "UNKNOWN's (mode 755)" in said
        assert f"chown root '{served.parent}/at'" in said
    os.chown(served.parent / "at", 0, -1)
    (served.parent / "at").chmod(0o1777)
    assert "(mode 1777)" in others(served.parent / "at" / "new", {}).stdout


@needs_root
def test_nothing_is_started_on_what_somebody_uses(served: Path) -> None:
    text = f"{users_script(str(served), 'db', 'shop')}\nmay_start && echo started"
    assert run(served.parent, text, NOBODYS).stdout == "started\n"
    done = run(served.parent, text, NOBODYS | container("other", served))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"mariadb_data_dir = {served}: container other (running) may write there" in done.stderr
    assert "nothing was started" in done.stderr
    done = run(served.parent, text, NOBODYS | {"docker": "echo 'no daemon' >&2; exit 1"})
    assert (done.returncode, done.stdout) == (1, "")
    assert "who else uses it cannot be told: docker does not tell its containers: no daemon" in done.stderr


def seen(data: Path, commands: dict[str, str], image: str = "") -> DataDirectory:
    text = MariadbData().text(str(data), "db", "shop", image)
    done = run(data.parent, text, NOBODYS | commands)
    assert done.returncode == 0, done.stderr
    return parse_data(done.stdout.splitlines(), NONCE)


@needs_root
def test_what_there_is_is_told(served: Path) -> None:
    (served / "hostwright-once").write_text("done\ta\t1\tnow\t\n")
    (served / "hostwright-server").write_text("10.11.6\n")
    (served / "mariadb_upgrade_info").write_text("10.6.4-MariaDB\n")
    found = seen(
        served, {"ss": "printf 'State Recv-Q\\nLISTEN 0 5 127.0.0.1:3306 x:* users:((\"mariadbd\",pid=7,fd=3))\\n'"}
    )
    assert (found.has_data, found.version, found.record["a"].event) == (True, "10.11.6", "done")
    assert found.upgraded == "10.6.4-MariaDB"
    assert (found.used_by, found.unsaid, found.user, found.odd) == ((), "", "", "")
    assert found.listeners == (Listener("tcp", ip_address("127.0.0.1"), 3306, (4,), "mariadbd, pid 7"),)
    found = seen(served, container("other", served) | {"ss": "exit 1"})
    assert found.listeners is None
    assert found.used_by[0].startswith("container other (running) may write there")
    found = seen(served, {"docker": "echo 'no daemon' >&2; exit 1"})
    assert found.unsaid == "docker does not tell its containers: no daemon"
    # Another machine's containers have nothing to do with these data.
    asks = f'[ "$1" = context ] || echo "$*" >>{served.parent}/asked; echo ssh://ci@build'
    assert (seen(served, {"docker": asks}).used_by, (served.parent / "asked").exists()) == ((), False)


@needs_root
@pytest.mark.parametrize("name", ["hostwright-once", "hostwright-server", "mysql_upgrade_info"])
def test_what_another_user_put_among_the_data_is_not_read(served: Path, name: str) -> None:
    victim = served.parent / "victim"
    victim.write_text("99.1 secret\tof\tsomebody\telse\n")
    (served / name).symlink_to(victim)
    found = seen(served, {})
    assert found.odd == name
    assert (found.version, found.record) == ("", {})


@needs_root
@pytest.mark.parametrize(
    ("files", "upgraded", "version"),
    [
        ({"hostwright-server": "11.8.9\n", "mysql_upgrade_info": "10.5.23-MariaDB"}, "10.5.23-MariaDB", "11.8.9"),
        # As mariadb-install-db writes it, without the end of a line, and an older one beside it.
        (
            {"mariadb_upgrade_info": "11.8.9-MariaDB", "mysql_upgrade_info": "10.5.23-MariaDB\0"},
            "11.8.9-MariaDB",
            "11.8.9-MariaDB",
        ),
        # As mariadb-upgrade of 11.8 leaves it when it is killed.
        ({"hostwright-server": "11.8.9\n", "mariadb_upgrade_info": ""}, "cut", "11.8.9"),
        ({"hostwright-server": "10.4.34\n"}, "", "10.4.34"),
        ({}, "", ""),
    ],
)
def test_what_the_tables_are_of_is_not_what_ran_on_them(
    served: Path, files: dict[str, str], upgraded: str, version: str
) -> None:
    for name, text in files.items():
        (served / name).write_text(text)
    found = seen(served, {})
    assert (found.upgraded.rstrip("\0"), found.version) == (upgraded, version)


DOCKER = """case $* in
    *"image inspect"*) IMAGE ;;
    *.Image*) CONTAINER ;;
    "run --rm --network none"*) echo 'mariadbd  Ver 11.8.9-MariaDB'; TOOL ;;
esac"""


@needs_root
@pytest.mark.parametrize(
    ("is_", "ran", "tool", "version"),
    [
        ("echo new", "exit 1", "echo /usr/bin/mariadb-upgrade", "mariadbd  Ver 11.8.9-MariaDB"),
        ("echo new", "echo old", "echo /usr/bin/mysql_upgrade", "mariadbd  Ver 11.8.9-MariaDB"),
        ("echo new", "echo old", "exit 127", "mariadbd  Ver 11.8.9-MariaDB"),
        ("echo new", "echo new", "echo /usr/bin/mariadb-upgrade", ""),
        ("exit 1", "exit 1", "", "absent"),
    ],
)
def test_the_image_is_asked_what_will_run(served: Path, is_: str, ran: str, tool: str, version: str) -> None:
    docker = DOCKER.replace("IMAGE", is_).replace("CONTAINER", ran).replace("TOOL", tool)
    found = seen(served, {"docker": docker}, "db:11.8")
    assert found.image_version.removesuffix(f" {tool.removeprefix('echo ')}") == version
    assert found.image_upgrades == (tool.startswith("echo ") and version.startswith("mariadbd"))
    assert seen(served, {"docker": docker}).image_version == ""
    (served / "mysql").rmdir()
    assert seen(served, {"docker": docker}, "db:11.8").image_version == ""


# -- its upgrade


HEALTHY = 'case $1 in inspect) echo healthy ;; exec) shift 2; PATH=TOOLS:/usr/bin:/bin exec "$@" ;; esac'
DONE = 'echo 11.8.9-MariaDB >DATA/mariadb_upgrade_info; echo "${0##*/} $*"'


def upgraded(data: Path, docker: str, tools: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """In a container that has these tools, and the data."""
    inside = data.parent / "tools"
    inside.mkdir()
    for name, body in tools.items():
        (inside / name).write_text(f"#!/bin/sh\n{body.replace('DATA', str(data))}\n")
        (inside / name).chmod(0o755)
    text = script("mariadb_upgrade", CONTAINER="db")
    text = text.replace("/var/lib/mysql/", f"{data}/")
    return run(data.parent, f"{text}\nupgrade", {"docker": docker.replace("TOOLS", str(inside))})


@pytest.mark.parametrize("name", ["mariadb-upgrade", "mysql_upgrade"])
def test_tables_are_upgraded_by_the_tool_that_the_image_has(data: Path, name: str) -> None:
    (data / "hostwright-server").write_text("11.8.9\n")
    done = upgraded(data, HEALTHY, {name: DONE})
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{name} --no-defaults --protocol=socket --user=root\n"


@pytest.mark.parametrize(
    ("docker", "tool", "said"),
    [
        ("exit 1", "echo ran", ""),
        ("[ $1 = exec ] || echo starting", "echo ran", "db is starting: its data were not upgraded"),
        ("exit 0", "echo ran", "db is of unknown health: its data were not upgraded"),
        (HEALTHY, "", "it has neither mariadb-upgrade nor mysql_upgrade: its data were not upgraded"),
        (HEALTHY, "echo ran; echo FATAL ERROR: Upgrade failed >&2; exit 3", "FATAL ERROR: Upgrade failed"),
        (HEALTHY, "echo ran; echo 11.8.9-MariaDB >DATA/mariadb_upgrade_info; exit 3", ""),
        (HEALTHY, "echo ran; echo 11.80.1 >DATA/mariadb_upgrade_info", "has not noted that among the data"),
        (HEALTHY, "echo ran", "mariadb-upgrade ended well, and has not noted that among the data"),
    ],
)
def test_an_upgrade_that_did_not_happen_is_none(data: Path, docker: str, tool: str, said: str) -> None:
    (data / "hostwright-server").write_text("11.8.9\n")
    (data / "mysql_upgrade_info").write_text("10.11.6-MariaDB")
    done = upgraded(data, docker, {"mariadb-upgrade": tool} if tool else {})
    assert done.returncode != 0
    assert said in done.stderr
    assert ("ran" in done.stdout) == (docker == HEALTHY and bool(tool))


@pytest.mark.parametrize("name", ["mariadb-upgrade", "mysql_upgrade"])
def test_no_two_upgrades_are_at_work(data: Path, name: str) -> None:
    tool = data.parent / name
    tool.symlink_to("/bin/sleep")
    with subprocess.Popen([str(tool), "60"]) as process:
        done = upgraded(data, HEALTHY, {"mariadb-upgrade": DONE})
        process.kill()
    assert done.returncode == 1
    assert "an earlier mariadb-upgrade is still at work in it: run this again when that has ended" in done.stderr
    assert done.stdout == ""


# -- what was decided


def decided(data: Path, docker: str = "") -> "subprocess.CompletedProcess[str]":
    text = script("plain", "record", RECORD=str(data / "hostwright-once"), CONTAINER="db")
    # `done\tb\t2\tdecided\t`
    return run(
        data.parent,
        f"{text}\ndata() {{ echo ZG9uZQliCTIJZGVjaWRlZAkK; }}\ndecide",
        {"docker": docker},
    )


@pytest.mark.parametrize("there", ["", "rerun\ta\t1\tdecided\t\n", "rerun\ta\t1\tdecided\t"])
def test_a_decision_is_added_to_the_record(data: Path, there: str) -> None:
    if there:
        (data / "hostwright-once").write_text(there)
    done = decided(data)
    assert done.returncode == 0, done.stderr
    assert (data / "hostwright-once").read_text() == f"{there.rstrip(chr(10))}\n".lstrip() + "done\tb\t2\tdecided\t\n"
    assert (data / "hostwright-once").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["link", "dangling", "directory", "pipe", "link beside"])
def test_a_record_that_is_no_file_is_not_followed(data: Path, kind: str) -> None:
    victim, record = data.parent / "victim", data / "hostwright-once"
    victim.write_text("must stay")
    match kind:
        case "link":
            record.symlink_to(victim)
        case "dangling":
            record.symlink_to(data.parent / "gone")
        case "directory":
            record.mkdir()
        case "pipe":
            os.mkfifo(record)
        case _:
            (data / "hostwright-once.new").symlink_to(victim)
    done = decided(data)
    assert (done.returncode == 0) == (kind == "link beside")
    assert victim.read_text() == "must stay"
    assert not (data.parent / "gone").exists()
    looked = run(data.parent, f"{script('plain')}\nread_plain {record}", {})
    assert "must stay" not in looked.stdout
    assert (looked.returncode == 0) == (kind == "link beside")


def test_an_engine_that_fails_decides_nothing(data: Path) -> None:
    assert decided(data, "exit 1").returncode != 0
    assert not (data / "hostwright-once").exists()


def test_accounts_are_asked_for_in_the_container(tmp_path: Path) -> None:
    text = whole(MariadbAccounts().text("db"), base64.b64encode(b"SELECT 1;\n").decode())
    done = run(tmp_path, text, {"docker": 'printf "%s\\n" "$@"; cat'})
    marked, *asked = done.stdout.strip().splitlines()
    assert marked == f"@@ {NONCE} accounts"
    assert asked[:5] == ["exec", "-i", "db", "sh", "-c"]
    assert asked[5].endswith("--user=root --batch -N --force")
    assert asked[6:] == ["SELECT 1;"]
