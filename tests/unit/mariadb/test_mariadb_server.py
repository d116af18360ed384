"""How a MariaDB is set up: what is asked of the host, in which order, and under which lock."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostwright.mariadb.plan.server import native_hash
from tests.unit.ssh_server import Server, serving

ROOT, NOVA = "correct horse", "battery staple"
# The host, as far as scripts are sent to it; the project stands in for compose's.
DEPLOY = """
from dataclasses import dataclass
from pathlib import Path

from pyinfra import host
from pyinfra.api import FunctionCommand
from pyinfra.connectors.util import CommandOutput, OutputLine

from hostwright.base import transport
from hostwright.base.scripts import NONCE

here = Path(host.data.here)


def run(_host, title, text, arguments, data="", print_input=False, print_output=False):
    with (here / "sent").open("a") as file:
        file.write(f"{title}\\n")
    (here / title.replace(" ", "_")).write_text(f"{text}\\n{data}")
    said = (here / f"say-{title.split()[0]}")
    fails = said.exists() and said.read_text() == "fail"
    lines = said.read_text().replace("@@ ", f"@@ {NONCE} ").splitlines() if said.exists() else []
    if title == "compose" and (here / "say-after").exists():
        (here / "say-MariadbAccounts").write_text((here / "say-after").read_text())
    return not fails, CommandOutput([OutputLine("stdout", line) for line in lines])


transport.run = run

import sys

from hostwright import mariadb
from hostwright.lock.held import held
from hostwright.mariadb import operations
from hostwright.planned import planned

sys.modules["hostwright.lock.held"].run = run


@dataclass(frozen=True)
class Brought:
    changes: bool


def project(name, directory, files, secrets, **words):
    changes = Brought((here / "say-after").exists())
    act = [FunctionCommand(lambda state, host: run(host, "compose", "", {})[0], (), {})]
    planned("Bring it up", lambda _: changes, lambda _: "", lambda _: act, {}, "bringing it up")


operations.compose.project = project
WISH = {"root_password": "ROOT", "image": "mariadb:11", "users": [{"name": "nova", "password": "NOVA"}]}
with held(doing="all") if host.data.get("within") else __import__("contextlib").nullcontext():
    mariadb.server(WISH | host.data.get("more", {}))
"""
DATA = "@@ data\nserver=yes\nversion=11.8.3-MariaDB\n@@ record\n"
WELL = "@@ accounts\nuser\troot\tlocalhost\t1\nuser\tnova\t%\t1\nalive\t11.8.3-MariaDB\n"
NO_NOVA = "@@ accounts\nuser\troot\tlocalhost\t1\nalive\t11.8.3-MariaDB\n"
LOOKS = ["MariadbData", "MariadbAccounts"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving({"PATH": "/usr/bin:/bin"}) as made:
        yield made


class Place:
    def __init__(self, server: Server, directory: Path) -> None:
        self.directory = directory
        known = {"ssh_hostname": "127.0.0.1", "ssh_port": server.port, "ssh_user": "anybody", "ssh_password": "any"}
        self.known = known | {"ssh_strict_host_key_checking": "off", "ssh_known_hosts_file": "/dev/null"}
        (directory / "deploy.py").write_text(DEPLOY.replace("ROOT", ROOT).replace("NOVA", NOVA))
        self.says(MariadbData=DATA, MariadbAccounts=WELL)

    def says(self, **texts: str) -> None:
        for title, text in texts.items():
            (self.directory / f"say-{title}").write_text(text)

    def deploy(self, *flags: str, **data: object) -> tuple[int, str, list[str]]:
        """The code, what people see, and what was sent."""
        known = self.known | {"here": str(self.directory)} | data
        (self.directory / "inventory.py").write_text(f"hosts = [('h1', {known!r})]\n")
        (self.directory / "sent").write_text("")
        done = subprocess.run(
            [str(Path(sys.executable).with_name("pyinfra")), *(flags or ("-y",)), "inventory.py", "deploy.py"],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert "Traceback" not in said, said
        for secret in (ROOT, NOVA, native_hash(ROOT), native_hash(NOVA)):
            assert secret not in said
        return done.returncode, said, (self.directory / "sent").read_text().splitlines()


@pytest.fixture
def place(server: Server, tmp_path: Path) -> Place:
    return Place(server, tmp_path)


@pytest.mark.parametrize("within", [False, True])
def test_where_nothing_is_to_change_two_looks_are_all(place: Place, within: bool) -> None:
    code, said, sent = place.deploy("-y", "-vvv", within=within)
    assert code == 0, said
    assert sent == LOOKS
    assert "h1: databases and users\n  nothing to change\n" in said
    assert "Success" not in said.split("Results:")[0]


@pytest.mark.parametrize("within", [False, True])
def test_what_it_changes_is_done_under_one_lock(place: Place, within: bool) -> None:
    place.says(MariadbAccounts=NO_NOVA)
    code, said, sent = place.deploy("-y", "-vvv", within=within)
    assert code == 0, said
    once = ["lock guarded release"] if within else []
    again = ["lock acquire"] if within else []
    # Whoever may have had the lock until then is looked at.
    assert [one for one in sent if one not in LOOKS] == [
        *again,
        "lock acquire",
        "accounts",
        "lock guarded release",
        *once,
    ]
    assert "user nova@%: created" in said


def test_a_dry_run_takes_no_lock_and_changes_nothing(place: Place) -> None:
    place.says(MariadbAccounts=NO_NOVA)
    code, said, sent = place.deploy("--dry")
    assert code == 0, said
    assert sent == LOOKS
    assert "user nova@%: created" in said


def test_a_server_that_is_not_up_yet_is_looked_at_once_it_is(place: Place) -> None:
    place.says(MariadbAccounts="@@ accounts\n", after=NO_NOVA)
    code, said, sent = place.deploy()
    assert code == 0, said
    assert said.index("looked at once it answers") < said.index("user nova@%: created")
    assert sent[-3:] == ["MariadbAccounts", "accounts", "lock guarded release"]
    # What is told there is no word of a command line.
    assert native_hash(NOVA) not in (place.directory / "accounts").read_text()


def test_one_that_still_does_not_answer_ends_it(place: Place) -> None:
    place.says(MariadbAccounts="@@ accounts\n")
    code, said, sent = place.deploy()
    assert code == 1
    assert "mariadb_yoga does not answer as root: see docker logs mariadb_yoga" in said
    assert "accounts" not in sent
    assert sent.count("lock acquire") == sent.count("lock guarded release all") == 1


def test_a_host_that_does_not_tell_is_refused_before_anything_is_changed(place: Place) -> None:
    place.says(MariadbAccounts="fail")
    code, said, sent = place.deploy()
    assert code == 1
    assert "refused, nothing was changed: the host did not tell what databases and users mariadb_yoga has" in said
    assert sent == LOOKS


def test_decisions_and_upgrades_go_the_same_way(place: Place) -> None:
    place.says(MariadbData=DATA.replace("\n@@ record", "\nupgraded=10.6.4-MariaDB\n@@ record"))
    more = {"init": ["SELECT 1"], "init_resume": "done", "upgrade": True}
    image = "@@ image\nmariadbd  Ver 11.8.3-MariaDB\n/usr/bin/mariadb-upgrade\n"
    place.says(MariadbData=(place.directory / "say-MariadbData").read_text() + image)
    code, said, sent = place.deploy(more=more)
    assert code == 0, said
    assert "statement-1: taken for carried out, as mariadb_init_resume says" in said
    assert "its tables are upgraded from 10.6 to 11.8 once it is healthy" in said
    acts = [one for one in sent if one not in LOOKS]
    assert acts == ["lock acquire", "record", "upgrade", "lock guarded release"]
