"""MariaDB in one container with several commands: what is acknowledged stays, whatever happens to it."""

import hashlib
import json
import re
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hostwright.mariadb.plan.server import native_hash
from tests.acceptance.deploy import deploy as any_deploy
from tests.acceptance.deploy import words
from tests.acceptance.host import Run, pyinfra
from tests.lab.call import call
from tests.lab.machine import Machine

MakeHost = Callable[..., Any]
ROOT, NOVA, OPTION = 'it\'s "root" \\ here', "sesame", "no less a secret"
# Newer clients want TLS of a server that they reach with a password, and this one has none.
CLIENT = "mariadb -h 127.0.0.1 -P 23306 -u nova -psesame --skip-ssl -N"
LATE = """from pyinfra.operations import server

from hostwright import compose, lock

with lock.held():
    server.shell(commands=["sed -i 's|[^\t]*@[^\t]*|somebody|' /run/hostwright/lock/deploy/holder"])
    service = "services: {web: {image: box, command: [sleep, '60']}}"
    compose.project("late", "/opt/late", {"docker-compose.yml": service})
"""
# Each number is told when the server has acknowledged it.
WRITER = """
    n={first}
    while mariadb -h 127.0.0.1 -P 23306 -u nova -psesame --skip-ssl -e "INSERT INTO nova.rows VALUES ($n)"; do
        echo $n
        n=$((n + 1))
    done
"""


def data(tmp_path: Path, **more: Any) -> dict[str, Any]:
    init = tmp_path / "init.sql"
    init.write_text(
        "CREATE DATABASE nova; CREATE TABLE nova.rows (n INT PRIMARY KEY); INSERT INTO nova.rows VALUES (0);\n"
    )
    user = {"name": "nova", "password": NOVA, "grants": ["SELECT, INSERT ON nova.*", "ALL ON glance.*"]}
    known = {
        "image": "lab/mariadb",
        "root_password": ROOT,
        "init": [str(init)],
        "databases": ["glance"],
        "users": [user],
        "settings": {"init_connect": f"SET @secret = '{OPTION}'"},
    }
    return {f"mariadb_{key}": value for key, value in (known | more).items()}


def secrets(machine: Machine, settings: dict[str, Any]) -> list[str]:
    """Passwords, what is made of them, what runs once and what can be guessed from: each of them on one line."""
    (init,) = settings["mariadb_init"]
    content = Path(init).read_bytes()
    kept = machine.succeed("cut -f 3 /var/lib/openstack/yoga/mysql/hostwright-once").split()
    hashes = [hashlib.sha256(content).hexdigest(), *(digest.rpartition(".")[2] for digest in kept if digest != "-")]
    return [NOVA, OPTION, native_hash(ROOT), native_hash(NOVA), content.decode().strip()[:40], *hashes]


def readable(machine: Machine, words: list[str]) -> list[str]:
    """Files that all users may read, and lines of the journal, with any of the words in them, later than /run/begun."""
    lines = "".join(f"{word}\n" for word in words)
    machine.succeed(f"printf %s {shlex.quote(lines)} >/run/words; chmod 644 /run/words")
    said = machine.succeed(
        """
        cd / # find goes back to where it began
        nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
        echo "$(head -n 1 /run/words)" >/run/seen; chmod 644 /run/seen
        for place in / /run /dev/shm /var; do
            $nobody find $place -xdev -type f -newer /run/begun -readable ! -name words \
                -exec grep -laFf /run/words {} + 2>/dev/null
        done
        journalctl --no-pager -o cat --since "$(stat -c %y /run/begun | cut -d . -f 1)" | grep -aFf /run/words
        rm /run/words
        """
    )
    return sorted(set(said.split("\n")) - {""})


def deploy(host: Any, settings: dict[str, Any], *flags: str) -> Run:
    host.machine.inventory(host.inventory, data=settings)
    return pyinfra(*words("mariadb", host.inventory, *flags))


@contextmanager
def processes_watched(machine: Machine, words: list[str]) -> Iterator[list[str]]:
    """Afterwards the list has the words that were seen in the arguments or the environment of any process."""
    seen: list[str] = []
    lines = "".join(f"{word}\n" for word in words)
    machine.succeed(f"printf %s {shlex.quote(lines)} >/root/words; mkfifo /root/enough")
    machine.succeed(
        """
        setsid sh -c '
            while ! test -e /root/stop; do
                cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr "\\0" "\\n" | grep -aoF -f /root/words
                sleep 0.3
            done >/root/seen; echo >/root/enough
        ' >/dev/null 2>&1 </dev/null &
        """
    )
    yield seen
    seen += machine.succeed("touch /root/stop; cat /root/enough >/dev/null; sort -u /root/seen").splitlines()


@contextmanager
def writing(machine: Machine, first: int) -> Iterator[list[int]]:
    """A client that writes rows over the published port; the list has those that were acknowledged."""
    acknowledged: list[int] = []
    # A connection of its own: the machine may go down under it.
    words = ["ssh", "-o", "ControlPath=none", *machine.ssh_args, "root@127.0.0.1", WRITER.format(first=first)]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True
    )

    def listen() -> None:
        assert process.stdout is not None
        acknowledged.extend(int(line) for line in process.stdout)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        deadline = time.monotonic() + 120
        while len(acknowledged) < 5:
            assert time.monotonic() < deadline, "nothing was written"
            time.sleep(0.2)
        yield acknowledged
    finally:
        process.terminate()
        thread.join()
        process.wait()


def rows(machine: Machine) -> set[int]:
    return {int(line) for line in machine.wait_until_succeeds(f"{CLIENT} -e 'SELECT n FROM nova.rows'", 180).split()}


def is_well(machine: Machine) -> None:
    machine.wait_until_succeeds(
        "docker inspect --format '{{.State.Health.Status}}' mariadb_yoga | grep -x healthy", 240
    )


def record(machine: Machine) -> list[str]:
    lines = machine.succeed("cat /var/lib/openstack/yoga/mysql/hostwright-once").splitlines()
    return [" ".join(line.split("\t")[:2]) for line in lines]


def test_it_runs_once_and_keeps_what_it_acknowledged(make_host: MakeHost, tmp_path: Path) -> None:
    host = make_host(engine=True)
    keeps_what_it_acknowledged(host, tmp_path)
    host.is_verified()


# What a package of the host would have: its server, its user, its unit.
HOSTS_OWN = """
    root=$(docker image inspect --format '{{.GraphDriver.Data.UpperDir}}' lab/mariadb)
    mkdir -p /var/lib/openstack/yoga/mysql $root/srv/data
    mount --bind /var/lib/openstack/yoga/mysql $root/srv/data
    mount --bind /dev $root/dev
    chroot $root mariadb-install-db --no-defaults --force --user=mysql --datadir=/srv/data >/dev/null
    chown -R 27:27 /var/lib/openstack/yoga/mysql
    systemd-run --quiet --unit=hostdb chroot --userspec=27:27 $root mariadbd --no-defaults --datadir=/srv/data \
        --socket=/srv/data/socket --pid-file=/srv/data/pid --skip-networking --skip-grant-tables
"""
ASKED = "mariadb --no-defaults --socket=/var/lib/openstack/yoga/mysql/socket -N -e"


def with_programs(machine: Machine, tmp_path: Path) -> None:
    """The image lab/complete: that of the lab, and the programs that it was made without, all of one build."""
    archive = tmp_path / "programs.tar"
    packages = "--include=mariadb-server-core,mariadb-client-core"
    call(["mmdebstrap", "--quiet", "--variant=extract", packages, "bookworm", str(archive)])
    names = ["./usr/sbin/mariadbd", *(f"./usr/bin/mariadb{name}" for name in ("", "-check", "-upgrade"))]
    call(["tar", "-C", str(tmp_path), "-xf", str(archive), *names])
    call(["tar", "-C", str(tmp_path), "-cf", str(archive), *names])
    making = "docker create --name made lab/mariadb true && docker cp - made:/ && docker commit made lab/complete"
    with archive.open("rb") as file:
        subprocess.run(["ssh", *machine.ssh_args, "root@127.0.0.1", making], stdin=file, check=True)
    machine.succeed("docker rm made")


@pytest.mark.matrix
def test_a_server_of_the_host_keeps_its_data_until_somebody_gives_them_away(
    make_host: MakeHost, tmp_path: Path
) -> None:
    host = make_host(engine=True)
    machine = host.machine
    machine.succeed(HOSTS_OWN)
    machine.wait_until_succeeds(f"{ASKED} 'CREATE DATABASE theirs'", 120)
    place = "/var/lib/openstack/yoga/mysql"
    owners = machine.succeed(f"find {place} -printf '%U\n' | sort -u")
    run = deploy(host, data(tmp_path, init=[], users=[], databases=[]))
    assert run.code == 1
    assert re.search(r"process mariadbd \(pid [0-9]+, hostdb.service\) (has files|holds locks) in it", run.err), run.err
    assert "Traceback" not in run.err
    assert "theirs" in machine.succeed(f"{ASKED} 'CREATE TABLE theirs.t (a INT); SHOW DATABASES'").split()
    assert machine.succeed(f"find {place} -printf '%U\n' | sort -u") == owners

    # Nobody serves them any more, and still they are not ours.
    machine.succeed(f"systemctl stop hostdb; rm -f {place}/socket {place}/pid")
    run = deploy(host, data(tmp_path, init=[], users=[], databases=[]))
    assert run.code == 1
    found = re.search(
        rf"belong to user 27, and mysql is [0-9]+ here.*(chown -R [0-9]+:[0-9]+ '{place}')", run.out + run.err
    )
    assert found, run.err
    assert machine.succeed(f"stat -c %u {place} {place}/mysql {place}/ibdata1").split() == ["27"] * 3
    machine.succeed(found[1])

    # By contents, wherever they stand, and in the characters that they were written in.
    file = tmp_path / "city.sql"
    file.write_text(
        "CREATE DATABASE ours CHARACTER SET utf8mb4; CREATE TABLE ours.city (name TEXT);\n"
        "INSERT INTO ours.city VALUES ('Zürich €');\n"
    )
    settings = data(tmp_path, init=[str(file)], users=[], databases=[])
    assert "nothing tells whether it has been run" in deploy(host, settings).err
    run = deploy(host, settings | {"mariadb_init_resume": "rerun"})
    assert run.code == 0, run.err
    more = ["CREATE DATABASE front", str(file), "INSERT INTO ours.city VALUES ('Genève')"]
    # Their tables are of an older server, whose last upgrade is noted so.
    inside = "docker exec mariadb_yoga mariadb --no-defaults -N -e"
    machine.succeed(f"{inside} 'ALTER TABLE mysql.db DROP COLUMN Delete_history_priv'")
    machine.succeed(f"echo 10.2.9-MariaDB >{place}/mysql_upgrade_info")
    with_programs(machine, tmp_path)
    settings = data(tmp_path, init=more, users=[], databases=[], image="lab/complete", upgrade="yes")
    run = deploy(host, settings)
    assert run.code == 0, run.err
    assert "its tables are upgraded from 10.2 to 10.11 once it is healthy" in run.err
    assert machine.succeed(f"cat {place}/mysql_upgrade_info").startswith("10.11.")
    assert "Delete_history_priv" in machine.succeed(f"{inside} 'SHOW COLUMNS FROM mysql.db'")
    again = deploy(host, settings, "-vvv")
    assert again.unchanged, again.err
    assert again.remote_commands == 3, again.err
    cities = machine.succeed(f"{inside} 'SELECT HEX(name) FROM ours.city; SHOW DATABASES'").split()
    assert cities[:2] == [name.encode().hex().upper() for name in ("Zürich €", "Genève")]
    assert {"front", "theirs"} <= set(cities)
    assert record(machine)[-4:] == [
        "started statement-1",
        "done statement-1",
        "started statement-2",
        "done statement-2",
    ]


@pytest.mark.soak
def test_the_image_is_built_from_packages(make_host: MakeHost, tmp_path: Path) -> None:
    host = make_host(engine=True)
    machine = host.machine
    archive = tmp_path / "base.tar"
    call(["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", str(archive)])
    loading = ["ssh", *machine.ssh_args, "root@127.0.0.1", "docker import - debian:bookworm-slim >/dev/null"]
    with archive.open("rb") as file:
        subprocess.run(loading, stdin=file, check=True)

    settings = data(tmp_path)
    del settings["mariadb_image"]
    run = deploy(host, settings)
    assert run.code == 0, run.err
    is_well(machine)
    assert rows(machine) == {0}
    owner = machine.succeed("stat -c %u /var/lib/openstack/yoga/mysql").strip()
    running = [line.split() for line in machine.succeed("docker top mariadb_yoga -o pid,uid,comm").splitlines()]
    assert [uid for _, uid, name in running if name == "mariadbd"] == [owner]
    assert owner != "0"
    again = deploy(host, settings, "-vvv")
    assert again.unchanged, again.err
    print(json.dumps({"remote commands of a run without changes": again.remote_commands}))
    host.is_verified()


@pytest.mark.soak
@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_also_when_the_power_fails_and_passwords_and_grants_change(
    make_host: MakeHost, tmp_path: Path, release: str
) -> None:
    host = make_host(release, engine=True)
    told = keeps_what_it_acknowledged(host, tmp_path)
    keeps_it_further(host, tmp_path, told)


def keeps_what_it_acknowledged(host: Any, tmp_path: Path) -> set[int]:
    """Gives the rows that were acknowledged."""
    machine = host.machine
    machine.succeed("touch /run/begun")
    assert "mariadb_root_password is not set" in deploy(host, {}).err
    weak = deploy(host, data(tmp_path, root_password="123456"))
    assert "one of the first that anybody tries" in weak.err
    assert "Traceback" not in weak.err
    shown = deploy(host, data(tmp_path), "--dry", "--diff", "-vvv")
    assert shown.code == 0, shown.err
    assert "service mysql: made and started" in shown.err
    assert "+++ /opt/mariadb_yoga/docker-compose.yml" in shown.err
    machine.succeed('test ! -e /opt/mariadb_yoga && test ! -e /var/lib/openstack && test -z "$(docker ps -aq)"')
    # Of root's password parts that stay whatever it is quoted in; a word that has to be seen.
    words = [
        "containerd-shim",
        NOVA,
        OPTION,
        "INSERT INTO nova.rows VALUES (0)",
        's "root',
        's \\"root',
        native_hash(ROOT),
        native_hash(NOVA),
    ]
    with processes_watched(machine, words) as seen:
        run = deploy(host, data(tmp_path), "-vvv")
    assert run.code == 0, run.err
    assert seen == ["containerd-shim"]
    again = deploy(host, data(tmp_path), "-vvv")
    assert again.unchanged, again.err
    # The record, the project, the accounts.
    assert again.remote_commands == 3, again.err
    known = secrets(machine, data(tmp_path))
    said = machine.succeed("docker inspect mariadb_yoga; docker logs mariadb_yoga 2>&1")
    for secret in (ROOT, *known):
        for text in (run.out, run.err, again.out, again.err, shown.out, shown.err, said):
            assert secret not in text
    assert readable(machine, known) == ["/run/seen"]
    assert record(machine) == ["made -", "started init.sql", "done init.sql"]
    assert rows(machine) == {0}

    told = any_deploy("reachability", host.inventory, reachability_allow=["tcp/22"])
    assert re.search("tcp 127.0.0.1:23306 +container mariadb_yoga +this host", told.err), told.err

    # The server is killed inside, by its policy it comes back.
    with writing(machine, 1) as acknowledged:
        machine.succeed("kill -KILL $(docker top mariadb_yoga -o pid,comm | awk '/maria|mysqld/ { print $1; exit }')")
        is_well(machine)
    told = set(acknowledged)
    assert told <= rows(machine)
    assert machine.succeed("docker inspect --format '{{.RestartCount}}' mariadb_yoga").strip() == "1"

    # Stopped under load, in an orderly way.
    with writing(machine, 100_000) as acknowledged:
        begun = time.monotonic()
        machine.succeed("docker stop -t 120 mariadb_yoga")
        taken = time.monotonic() - begun
    told |= set(acknowledged)
    assert taken < 100
    assert machine.succeed("docker inspect --format '{{.State.ExitCode}}' mariadb_yoga").strip() == "0"
    # What somebody stopped is started by the next run, which changes nothing else.
    started = deploy(host, data(tmp_path))
    assert started.code == 0, started.err
    assert "service mysql: started, it is exited (code 0)" in started.err
    assert told <= rows(machine)

    print(json.dumps({"acknowledged": len(told), "stopped in": round(taken, 1)}))
    return told


def keeps_it_further(host: Any, tmp_path: Path, told: set[int]) -> None:
    machine = host.machine
    # The power fails under load.
    with writing(machine, 200_000) as acknowledged:
        machine.crash()
    machine.start()
    told |= set(acknowledged)
    is_well(machine)
    assert told <= rows(machine)
    machine.reboot()
    is_well(machine)
    assert told <= rows(machine)
    assert record(machine) == ["made -", "started init.sql", "done init.sql"]

    # A new password is applied to the running server.
    before = machine.succeed("docker inspect --format '{{.Id}} {{.State.StartedAt}}' mariadb_yoga")
    assert deploy(host, data(tmp_path, root_password="another one")).code == 0
    assert machine.succeed("docker inspect --format '{{.Id}} {{.State.StartedAt}}' mariadb_yoga") == before
    root = "docker exec mariadb_yoga mariadb --no-defaults --protocol=tcp -h localhost -u root"
    assert machine.succeed(f"{root} '-panother one' -N -e 'SELECT 2'").strip() == "2"
    machine.fail(f"{root} '-p{NOVA}' -e 'SELECT 2'")

    # A change concerns just what it is about.
    user = {"name": "nova", "password": NOVA, "grants": ["SELECT ON nova.*"]}
    last = data(tmp_path, root_password="another one", settings={"max_connections": 77}, users=[user])
    changed = deploy(host, last)
    assert changed.code == 0, changed.err
    for line in (
        "service mysql: made anew",
        "user nova@%: loses INSERT on nova.*",
        "user nova@%: loses ALL PRIVILEGES on glance.*",
    ):
        assert line in changed.err, changed.err
    assert machine.succeed(f"{CLIENT} -e 'SELECT @@max_connections'").strip() == "77"
    assert "INSERT command denied" in machine.fail(f"{CLIENT} -e 'INSERT INTO nova.rows VALUES (-1)'")
    assert deploy(host, last).unchanged
    host.is_verified()


@pytest.mark.soak
def test_what_fails_once_waits_for_a_decision(make_host: MakeHost, tmp_path: Path) -> None:
    host = make_host(engine=True)
    machine = host.machine
    settings = data(tmp_path, users=[])
    init = tmp_path / "init.sql"
    good = init.read_text()
    init.write_text(good + "INSERT INTO nova.nonsense VALUES (1);\n")
    failed = deploy(host, settings)
    assert failed.code == 1
    assert "nova.nonsense" in failed.err + failed.out
    assert "init.sql failed" in failed.err + failed.out
    assert record(machine)[:3] == ["made -", "started init.sql", "failed init.sql"]
    health = machine.succeed("docker inspect --format '{{.State.Health.Status}}' mariadb_yoga").strip()
    assert health != "healthy"

    refused = deploy(host, settings)
    assert refused.code == 1
    assert "init.sql failed on" in refused.err
    assert "mariadb_init_resume=rerun" in refused.err
    assert "Traceback" not in refused.err
    init.write_text(f"DROP DATABASE nova; {good}")
    decided = deploy(host, settings | {"mariadb_init_resume": "rerun"})
    assert decided.code == 0, decided.err
    assert record(machine)[-3:] == ["rerun init.sql", "started init.sql", "done init.sql"]

    # Cut off in the middle: nobody knows.
    machine.succeed(
        """
        docker stop mariadb_yoga
        printf 'started\\tinit.sql\\tx\\tnow\\t\\n' >>/var/lib/openstack/yoga/mysql/hostwright-once
        docker start mariadb_yoga
        """
    )
    assert "its end is not on record" in deploy(host, settings).err
    machine.wait_until_succeeds("docker logs mariadb_yoga 2>&1 | grep 'neither run again nor skipped'", 120)
    assert machine.succeed("docker inspect --format '{{.State.Health.Status}}' mariadb_yoga").strip() != "healthy"
    decided = deploy(host, settings | {"mariadb_init_resume": "done"})
    assert decided.code == 0, decided.err
    is_well(machine)
    assert record(machine)[-1] == "done init.sql"
    assert deploy(host, settings).unchanged

    # Data of a newer server are not for this one, whatever image it has come to.
    newest = "/var/lib/openstack/yoga/mysql/hostwright-server"
    was = machine.succeed(f"cat {newest}").strip()
    machine.succeed(f"docker stop mariadb_yoga; echo 99.1.2 >{newest}; docker start mariadb_yoga")
    machine.wait_until_succeeds("docker logs mariadb_yoga 2>&1 | grep 'are of MariaDB 99.1'", 240)
    machine.succeed(f"docker stop mariadb_yoga; echo {was} >{newest}; docker start mariadb_yoga")
    is_well(machine)

    # Who has lost the lock meanwhile puts nothing in place any more.
    late = machine.directory / "late.py"
    late.write_text(LATE)
    lost = pyinfra("-y", str(host.inventory), str(late))
    assert lost.code == 1
    assert "is no longer ours: it was broken, or went to somebody" in lost.err + lost.out
    machine.succeed('test ! -e /opt/late && test -z "$(docker ps -aq --filter label=com.docker.compose.project=late)"')
