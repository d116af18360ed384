"""The shells that hosts have as sh. Tests take turns, so that each of them has its share."""

import os
import shutil
import subprocess
import tempfile
import zlib
from functools import cache
from pathlib import Path

# HOSTWRIGHT_SHELL names one for all tests.
SHELLS = ("dash", "bash", "busybox")
_PLACE = tempfile.TemporaryDirectory(prefix="shells-")


@cache
def directories() -> dict[str, Path]:
    """By the name of a shell, a directory in which it is `sh`."""
    place = Path(_PLACE.name)
    found = {}
    for name in SHELLS:
        program = shutil.which(name)
        if program:
            directory = place / name
            directory.mkdir()
            (directory / "sh").symlink_to(program)
            # One that takes its own applets before what stands in for them would make file systems in earnest.
            if _takes_what_stands_in(directory):
                found[name] = directory
    return found


def in_turn(test: str) -> Path:
    """Where the shell of this test is `sh`: always the same for one test.

    + test: as pytest calls it
    """
    there = directories()
    chosen = os.environ.get("HOSTWRIGHT_SHELL")
    return there[chosen] if chosen else list(there.values())[zlib.crc32(test.encode()) % len(there)]


def _takes_what_stands_in(directory: Path) -> bool:
    with tempfile.TemporaryDirectory() as place:
        stand_in = Path(place) / "dd"
        stand_in.write_text("#!/bin/dash\necho stands in\n")
        stand_in.chmod(0o755)
        done = subprocess.run(
            [str(directory / "sh"), "-c", "dd"],
            env={"PATH": place},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    return done.stdout == "stands in\n"
