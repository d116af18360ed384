"""tests/verify with the plugin; what a project of a user's own has of it, tests/unit/test_wheel.py shows."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def verify(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "tests/verify", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_checks_ask_which_hosts() -> None:
    done = verify()
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip() == (
        "ERROR: these tests look at real hosts; say at which: pytest tests/verify --inventory PATH"
    )


def test_a_host_without_data_is_asked_nothing() -> None:
    # After a space, pytest takes @ for a file of arguments.
    done = verify("--inventory=@local")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " skipped" in done.stdout
    assert not {"passed", "failed", "error"} & set(done.stdout.split())
