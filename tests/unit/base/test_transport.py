"""How scripts get to a host, and what becomes of those that are cut short on their way."""

import base64
import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
from pyinfra.api import Host
from pyinfra.api.exceptions import DeployError
from pyinfra.connectors import local
from pyinfra.connectors.util import CommandOutput

from hostwright import lvm
from hostwright.base import job, transport
from hostwright.base.refusal import Refusal
from hostwright.base.scripts import whole
from hostwright.base.settings import validated
from hostwright.compose import operations as compose
from hostwright.compose.plan.project import ComposePlan, Project
from hostwright.docker import operations as docker
from hostwright.interface import operations as interface
from hostwright.interface.plan import AddressPlan, Change
from hostwright.interface.settings import AddressesSettings
from hostwright.lock.operations import show
from hostwright.lvm.operations.blocks import _survey
from hostwright.lvm.plan.rebalance import examine
from hostwright.lvm.settings import Rebalance
from hostwright.mariadb import operations as mariadb
from hostwright.mariadb.plan.server import InitPlan
from hostwright.mariadb.settings import Mariadb
from hostwright.reachability import operations as reachability
from tests.unit.lvm.hosts import storage

# In its package the name is the function.
lock = import_module("hostwright.lock.held")

Sent = list[tuple[str, str]]
SUDO: dict[str, Any] = {"_sudo": True}
SHOP = Project(
    "shop", "/srv/shop", {"docker-compose.yml": b"services: {web: {image: nginx}}"}, frozenset(), frozenset()
)
WISH = validated(AddressesSettings, {"addresses": {"e0": {"present": ["10.0.0.6/24"]}}})
MARIADB = validated(Mariadb, {"root_password": "9fK2-mQ7z_Lw4Tr8"})
CHANGE = AddressPlan((Change("", "true", "true", "e0"),), (), guarded=False, back_to="", notes=())


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What would be run, and what on its standard input."""
    calls: Sent = []

    def run(command: str, stdin: Any = None, **_: Any) -> tuple[int, CommandOutput]:
        calls.append((command, stdin or ""))
        return 1, CommandOutput([])

    monkeypatch.setattr(local, "run_local_process", run)
    return calls


LOOKS: dict[str, Callable[[], object]] = {
    "rebalance": lambda: lvm.rebalance(shrink_to="2G", **SUDO),
    "survey": lambda: _survey(examine(storage(), Rebalance(shrink_to="2G")), SUDO),
    "physical volume": lambda: lvm.physical_volume("/dev/vdb", **SUDO),
    "locks": lambda: show(**SUDO),
    "interfaces": lambda: interface.address("e0", "10.0.0.6/24", **SUDO),
    "containers": lambda: docker.restart_policies({"web": "always"}, **SUDO),
    "reachability": lambda: reachability.report({}, **SUDO),
    "mariadb": lambda: mariadb.server({"root_password": "9fK2-mQ7z_Lw4Tr8", "databases": ["a"]}, **SUDO),
    "compose": lambda: compose.project(
        "shop", "/srv/shop", {"docker-compose.yml": "services: {web: {image: nginx}}"}, **SUDO
    ),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("look", LOOKS)
def test_no_look_has_its_script_in_the_process_list_or_in_sudos_journal(sent: Sent, look: str) -> None:
    with pytest.raises((DeployError, Refusal)):
        LOOKS[look]()
    is_short(sent)


JOB = job.Job("shop", "ab12")
ACTS: dict[str, Callable[[Host], object]] = {
    "start": lambda host: job.start(host, "echo of the job\n" * 9, JOB, "me/1"),
    "stop": lambda host: job.stop(host, JOB),
    "lock": lambda host: lock.take(host, SUDO, "deploy", "me/1", 1, 30, "testing"),
    "release": lambda host: lock.give_back(host, SUDO, "deploy", "me/1"),
    "addresses": lambda host: interface._act(host.state, host, WISH, CHANGE),
    "compose": lambda host: compose._act(host.state, host, SHOP, ComposePlan("docker compose", "up", ()), False, 1, ""),
    "record": lambda host: mariadb._record(
        host.state, host, MARIADB, InitPlan(("done\ta\tdigest\tdecided\t",), (), ())
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_nor_has_what_changes_something(here: Host, sent: Sent, act: str) -> None:
    here.current_op_global_arguments = cast(Any, SUDO)
    with suppress(job.JobFailed):
        ACTS[act](here)
    is_short(sent)


def is_short(sent: Sent) -> None:
    assert sent
    for command, stdin in sent:
        assert command.startswith("sudo -H -n sh -c 'sh -s hostwright "), command
        assert len(command) < 80, command
        assert stdin.startswith("main() {\n")
        assert stdin.endswith("\n}\nmain </dev/null\n")


def test_where_standard_input_is_taken_the_command_line_has_to_do_but_for_files(here: Host, sent: Sent) -> None:
    assert not lock.take(here, {"_su_user": "root", "_get_pty": True}, "deploy", "me/1", 1, 30, "testing")
    assert "acquire() {" in sent[-1][0]
    assert sent[-1][1] == ""
    good, output = transport.run(here, "compose", "data", {"_get_pty": True}, "c2VjcmV0")
    assert not good
    assert "use _sudo" in output.stderr
    assert "c2VjcmV0" not in sent[-1][0]


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_script_that_is_cut_short_does_nothing(tmp_path: Path, shell: str) -> None:
    text = f"""
        first() {{ echo first >>{tmp_path}/did; cat; }}
        first
        data | base64 -d >>{tmp_path}/did
    """
    sent = whole(text, base64.b64encode(b"data\n").decode())
    whole_run = subprocess.run([shell, "-s"], input=sent, capture_output=True, text=True, check=True)
    assert whole_run.stdout == "", "it reads on in its own text"
    assert (tmp_path / "did").read_text() == "first\ndata\n"
    (tmp_path / "did").unlink()
    for end in range(sent.index("main </dev")):
        subprocess.run([shell, "-s"], input=sent[:end], capture_output=True, text=True, check=False)
        assert not (tmp_path / "did").exists(), sent[:end]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems")
def test_files_go_through_memory_where_every_disk_is_full() -> None:
    """bash keeps what it hands on in a file of its own."""
    sent = whole("data | base64 -d", base64.b64encode(b"x" * 100_000).decode())
    full = "cd /proc; for at in /tmp /var/tmp; do mount -t tmpfs -o ro none $at; done"
    run = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{full}; exec bash -s"], input=sent, capture_output=True, text=True, check=True
    )
    assert run.stdout == "x" * 100_000, run.stderr
