"""`make demo`, as a newcomer types it."""

import shutil
import subprocess
import sys

import pytest

from tests.lab import demo_machine


@pytest.mark.matrix
def test_the_demonstration_loses_nothing() -> None:
    if demo_machine.existing():
        pytest.skip("somebody has a lab machine here: make lab-down, and remove .lab")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.lab.demo"],
            cwd=demo_machine.ROOT,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    finally:
        if machine := demo_machine.existing():
            machine.crash()
        shutil.rmtree(demo_machine.STATE, ignore_errors=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "each with the contents, owner, mode, times and attributes it had" in done.stdout
