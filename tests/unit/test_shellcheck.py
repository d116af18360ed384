"""Scripts as hosts get them, put together, are what shellcheck takes for sound."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hostwright.base import job
from hostwright.base.names import LOCK_HEADER
from hostwright.base.scripts import script
from hostwright.docker import facts as docker
from hostwright.interface import facts as interfaces
from hostwright.lock import facts as lock
from hostwright.lvm.facts import archives, blocks
from hostwright.lvm.facts import storage as lvm
from hostwright.lvm.facts.survey import LvmSurvey
from hostwright.lvm.names import HEADER
from hostwright.lvm.operations.job import LIBRARY
from hostwright.mariadb import facts as mariadb
from hostwright.overlay import facts as overlay
from hostwright.reachability import facts as reachability
from tests.shells import SHELLS, directories

HOME = """
    VG LV COPY MOUNT KIND OPTIONS QUOTA UUID LABEL ORIGINAL MARKER IMAGE BUSY SERVED PROOF TRUST TAGS READ_AHEAD
    ALLOCATION PROFILE UNITS
"""
LOCK = {"LOCK": "deploy", "OWNER": "me", "DOING": "nothing"}


def with_header(names: str, *files: str, calls: str = "") -> str:
    return f"{script(*files, **dict.fromkeys(names.split(), 'x'))}\n{calls}\n"


SCRIPTS: dict[str, Callable[[], str]] = {
    "archives": lambda: archives.LvmArchives().text(vg="x"),
    "blocks": lambda: blocks.LvmBlocks().text(),
    "containers": lambda: docker.HostContainers().text(),
    "interfaces": lambda: interfaces.Interfaces().text(),
    "locks": lambda: lock.HostLocks().text(),
    "storage": lambda: lvm.LvmStorage().text(vg="x", shrink="x"),
    "survey": lambda: LvmSurvey().text(mount_point="/home", device="dm-1"),
    "mariadb": lambda: mariadb.MariadbData().text(directory="/x", container="x", project="x", image="x"),
    "accounts": lambda: mariadb.MariadbAccounts().text(container="x"),
    "reachability": lambda: reachability.Reachability().text(),
    "a job": lambda: job.render(
        LIBRARY, (), [(name, "x") for name in (*HEADER, *HOME.split())], job.Job("shop", "0a"), LOCK
    ),
    "start of a job": lambda: with_header("RUN OWNER UNIT DESCRIPTION", "start"),
    "compose": lambda: with_header("NAME DIRECTORY MAIN FILES LIST OVERRIDE SECRETS DIFF", "compose"),
    "compose up": lambda: with_header(
        "NAME DIRECTORY MAIN FILES LIST OVERRIDE PRIVATE OLD KNOWN COMPOSE BUILD SERVICES UP GONE LIMIT",
        *("ownership", "project", "compose_up"),
        calls="ours() { :; }\nup\ndown --volumes",
    ),
    "addresses": lambda: with_header(
        "ID STATE CHANGES RUN UNDO LOOKS SECONDS_LEFT ASKS FILES",
        "addresses",
        calls="ours() { :; }\nrun_1() { :; }\nundo_1() { :; }\nchange\nkeep\nsettled",
    ),
    "overlays": lambda: overlay.Overlays().text(targets="/x"),
    "overlay holders": lambda: overlay.OverlayHolders().text(targets="/x"),
    "overlay": lambda: with_header(
        "",
        "overlay",
        calls="ours() { :; }\nstep x make_directory\nstep x mount_overlay\nstep x replace_overlay\nstep x write_unit\n"
        "step x remount_overlay\nstep x unmount_overlay\nstep x remove_unit\nstep x change_line",
    ),
    "lock": lambda: with_header(
        f"LOCK OWNER CONNECTION WAIT LEASE DOING WATCH {' '.join(LOCK_HEADER)}",
        *("lock", "every_process"),
        calls="acquire\nguarded release",
    ),
    "record": lambda: with_header("RECORD CONTAINER", "record", calls="decide"),
    "upgrade": lambda: with_header("CONTAINER", "mariadb_upgrade", calls="upgrade"),
    "several commands": lambda: script("several_commands"),
}
# Its text is part of what containers are compared by: a comment there would make them anew.
ALLOWED = {"several commands": "SC2034,SC2064"}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", SCRIPTS)
def test_all_shells_read_it(name: str, shell: str) -> None:
    done = subprocess.run(
        [str(directories()[shell] / "sh"), "-n"],
        input=SCRIPTS[name](),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_finds_nothing(name: str) -> None:
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("shellcheck"), "-s", "dash", "-S", "warning", "-f", "gcc"),
            *("-e", ALLOWED.get(name, "SC0000"), "-"),
        ],
        input=SCRIPTS[name](),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
