"""A lab machine, and deploys that are run against it as a person runs them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.machine import Machine

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str

    @property
    def unchanged(self) -> bool:
        return self.code == 0 and "No changes" in self.err and "Success" not in self.err.split("Results:")[0]

    @property
    def remote_commands(self) -> int:
        """Of a run with -vvv, which shows each."""
        return sum(">>>" in line for line in self.err.splitlines())


def pyinfra(*words: str) -> Run:
    done = subprocess.run(
        [str(BIN / "pyinfra"), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Run(done.returncode, done.stdout, done.stderr)


@contextmanager
def at_work(command: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A run of pyinfra, killed at the end of the block."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Host:
    """A lab machine and the person at the controller."""

    def __init__(self, machine: Machine, user: str, data: dict[str, Any]) -> None:
        self.machine = machine
        self.inventory = machine.inventory(machine.directory / "inventory.py", user=user, data=data)

    def command(self, *flags: str, **data: str) -> list[str]:
        pairs = [word for key, value in data.items() for word in ("--data", f"lvm_{key}={value}")]
        return [str(BIN / "pyinfra"), *flags, *pairs, str(self.machine.directory / "inventory.py"), "deploys/lvm.py"]

    def pyinfra(self, *flags: str, **data: str) -> Run:
        return pyinfra(*self.command(*flags, **data)[1:])

    def deploy(self, **data: str) -> Run:
        run = self.pyinfra("-y", **data)
        assert run.code == 0, run.err
        return run

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A deploy whose controller is killed at the end of the block."""
        with at_work(self.command("-y")) as process:
            yield process

    def is_verified(self) -> None:
        """testinfra looks, with the checks that a user has."""
        looked = subprocess.run(
            [str(BIN / "pytest"), "-q", "tests/verify", "--inventory", str(self.machine.directory / "inventory.py")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert looked.returncode == 0, looked.stdout + looked.stderr

    def plan(self) -> tuple[str, dict[str, Any]]:
        """What --dry shows, and the same as JSON."""
        path = self.machine.directory / "plan.json"
        run = self.pyinfra("--dry", plan_json=str(path))
        assert run.code == 0, run.err
        plans: dict[str, dict[str, Any]] = json.loads(path.read_text())
        return run.err, plans["lab"]
