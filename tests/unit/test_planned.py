"""From data to change: the refusals of all hosts come before anything is changed, and what is decided is done."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostwright.base.refusal import Refusal, Refusals
from hostwright.base.refusing import table
from tests.unit.ssh_server import Server, serving

DEPLOY = """
from dataclasses import dataclass

import gevent
from pyinfra import host
from pyinfra.api import StringCommand

from hostwright.planned import planned
from hostwright.base.refusal import Refusal


@dataclass(frozen=True)
class Plan:
    changes: int


def decide(_):
    gevent.sleep(host.data.slow)
    if host.data.get("refusal"):
        raise Refusal(host.data.refusal)
    return Plan(0 if (here / host.name).exists() else 1)


def act(plan):
    yield StringCommand("touch", str(here / host.name))


from pathlib import Path

here = Path(host.data.here)
planned("touch it", decide, lambda plan: f"{host.name}: {plan.changes}", act, {})
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving({"PATH": "/usr/bin:/bin"}) as made:
        yield made


def deploy(
    server: Server,
    directory: Path,
    refusals: dict[str, str],
    hosts: int,
    *flags: str,
    text: str = DEPLOY,
    data: dict[str, str] | None = None,
) -> tuple[int, str, str]:
    """
    + data: the key of the shop that a host has
    """
    (directory / "deploy.py").write_text(text)
    known = {"ssh_hostname": "127.0.0.1", "ssh_port": server.port, "ssh_user": "anybody", "ssh_password": "any"}
    known |= {"ssh_strict_host_key_checking": "off", "ssh_known_hosts_file": "/dev/null", "here": str(directory)}
    names = [f"h{number}" for number in range(1, hosts + 1)]
    several = [
        (name, known | {"slow": number % 3 / 20} | ({"refusal": refusals[name]} if name in refusals else {}))
        for number, name in enumerate(names)
    ]
    for name, own in several:
        own |= {f"shop_{data[name]}": "any"} if data and name in data else {}
    (directory / "inventory.py").write_text(f"hosts = {several!r}\n")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("pyinfra")), *flags, "inventory.py", "deploy.py"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("parallel", ["2", "5", "50"])
def test_the_refusals_of_all_hosts_are_shown_before_any_host_is_changed(
    server: Server, tmp_path: Path, parallel: str
) -> None:
    refusals = {"h2": "x = 1: no", "h5": "x = 2: no", "h11": "x = 1: no", "h12": "x = 3: no"}
    code, _, said = deploy(server, tmp_path, refusals, 12, "-y", "--parallel", parallel)
    assert code == 1
    assert [line for line in said.splitlines() if "refused" in line] == [
        "h2, h11: refused, nothing was changed: x = 1: no",
        "h5: refused, nothing was changed: x = 2: no",
        "h12: refused, nothing was changed: x = 3: no",
    ]
    assert "Traceback" not in said
    assert "planned.py" not in said
    assert {path.name for path in tmp_path.iterdir()} == {"deploy.py", "inventory.py"}


def test_what_all_say_is_said_once_and_what_nobody_refuses_is_done_once(server: Server, tmp_path: Path) -> None:
    code, _, said = deploy(server, tmp_path, dict.fromkeys(("h1", "h2", "h3"), "x = 1: no"), 3, "-y")
    assert code == 1
    assert "\nall 3 hosts: refused, nothing was changed: x = 1: no\n" in said
    for changed in (1, 0):
        code, _, said = deploy(server, tmp_path, {}, 3, "-y")
        assert code == 0, said
        assert said.count(f": {changed}\n") == 3
        assert ("No changes" in said) is not bool(changed)
        assert {"h1", "h2", "h3"} <= {path.name for path in tmp_path.iterdir()}


def test_what_the_run_itself_has_changed_since_is_looked_at_again(server: Server, tmp_path: Path) -> None:
    again = DEPLOY.replace("planned(", "for title in ('touch it', 'touch it again'):\n    planned(").replace(
        '"touch it"', "title"
    )
    code, _, said = deploy(server, tmp_path, {}, 2, "-y", text=again)
    assert code == 0, said
    # Both were planned for a host without it; in its turn the second one finds it, says so, and does nothing.
    assert (said.count(": 1\n"), said.count(": 0\n")) == (4, 2)
    assert said.count("No changes") == 2


LOCKED = """
import sys

from hostwright.lock.held import this_run

held = sys.modules["hostwright.lock.held"]


def lock(host, name, owner, command, _arguments, **words):
    assert (name, owner) == ("deploy", this_run())
    with (here / f"{host.name}.lock").open("a") as file:
        file.write(f"{command} {words.get('DOING', '')}\\n")
    if host.data.get("others"):
        (here / host.name).touch()
    return not host.data.get("taken") or command != "acquire"


held.run_guarded = lock
"""


PLANNED = "planned('touch it', decide, lambda plan: f'{host.name}: {plan.changes}', act, {}, doing='touching')"


@pytest.mark.parametrize(
    ("then", "taken"),
    [
        (PLANNED, ["acquire touching", "guarded release "]),
        # What fails gives it back, too.
        (f"act = lambda plan: [StringCommand('false')]\n{PLANNED}", ["acquire touching", "guarded release "]),
        # Under one lock for several it is taken once; where nothing is to change, not at all.
        (f"with held.held(doing='both'):\n    {PLANNED}\n    {PLANNED}", ["acquire both", "guarded release "]),
        (f"(here / host.name).touch()\n{PLANNED}", []),
    ],
)
def test_the_lock_of_the_host_is_taken_for_what_changes_it(
    server: Server, tmp_path: Path, then: str, taken: list[str]
) -> None:
    text = "\n".join([DEPLOY.split('planned("touch it')[0], LOCKED, then, ""])
    code, _, said = deploy(server, tmp_path, {}, 2, "--dry", text=text)
    assert code == 0, said
    assert not list(tmp_path.glob("*.lock"))
    code, _, said = deploy(server, tmp_path, {}, 2, "-y", text=text)
    assert code == (1 if "false" in then else 0), said
    for name in ("h1", "h2"):
        log = tmp_path / f"{name}.lock"
        assert (log.read_text().splitlines() if log.exists() else []) == taken
        assert (tmp_path / name).exists() is ("false" not in then)


def test_what_somebody_else_did_while_we_waited_for_the_lock_is_looked_at(server: Server, tmp_path: Path) -> None:
    text = "\n".join([DEPLOY.split('planned("touch it')[0], LOCKED.replace('host.data.get("others")', "True"), PLANNED])
    code, _, said = deploy(server, tmp_path, {}, 1, "-y", text=text)
    assert code == 0, said
    assert "h1: 1\n" in said
    assert "h1: 0\n" in said
    assert "No changes" in said
    assert (tmp_path / "h1.lock").read_text() == "acquire touching\nguarded release \n"


def test_who_does_not_get_the_lock_changes_nothing(server: Server, tmp_path: Path) -> None:
    text = "\n".join(
        [DEPLOY.split('planned("touch it')[0], LOCKED.replace('not host.data.get("taken")', "False"), PLANNED]
    )
    code, _, said = deploy(server, tmp_path, {}, 1, "-y", text=text)
    assert code == 1, said
    assert not (tmp_path / "h1").exists()
    assert "[h1]" not in [line.strip() for line in said.splitlines()]
    assert (tmp_path / "h1.lock").read_text() == "acquire touching\n"


def test_a_host_without_data_is_left_out_by_name_unless_no_host_has_any(server: Server, tmp_path: Path) -> None:
    meant = (
        "from hostwright.base.refusing import is_meant\n\nif is_meant('shop_', ['name', 'size'], 'name'):\n    planned("
    )
    said = deploy(
        server, tmp_path, {}, 3, "-y", text=DEPLOY.replace("planned(", meant), data={"h1": "name", "h3": "size"}
    )
    assert said[0] == 0, said[2]
    assert "\nh2: left out, it has no shop_name, nor any other key of this deploy\n" in said[2]
    assert {path.name for path in tmp_path.iterdir() if path.suffix == ""} == {"h1", "h3"}
    for hosts, names in ((3, "all 3 hosts"), (1, "h1")):
        code, _, told = deploy(server, tmp_path, {}, hosts, "-y", text=DEPLOY.replace("planned(", meant))
        assert code == 1
        assert f"{names}: refused, nothing was changed: shop_name is not set, and has no default: write it" in told
        assert "Traceback" not in told


TEXTS = st.sampled_from(["no", "never", "not so"])
REFUSALS = st.one_of(
    TEXTS.map(Refusal), st.lists(TEXTS, min_size=1, unique=True).map(lambda some: Refusals(map(Refusal, some)))
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), REFUSALS, min_size=1))
def test_every_host_and_every_refusal_stand_in_the_table_once(said: dict[str, Refusal]) -> None:
    lines = [line.split(": refused, nothing was changed: ") for line in table(said, 4).splitlines()]
    named = {(name, text) for names, text in lines for name in (said if "all 4" in names else names.split(", "))}
    assert len({text for _, text in lines}) == len(lines)
    assert named == {(name, str(one)) for name, refusal in said.items() for one in refusal.each}
