"""Calls the tools that the lab is made with."""

import subprocess
from collections.abc import Sequence


class LabError(Exception):
    """The lab does not work; what is under test is not to blame."""


def call(words: Sequence[str]) -> str:
    """Run a command to its end; returns what it printed."""
    done = subprocess.run(words, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"{words[0]} failed with code {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout
