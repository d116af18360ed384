"""The shells that hosts have as sh. What starts many takes turns, so that all of them have their share of the tests."""

import os
import shutil
import zlib

# By name: what it is called as, and the program. A busybox takes its own applets before stand-ins in PATH.
SHELLS = {"dash": ("sh", "dash"), "bash": ("sh", "bash"), "busybox": ("ash", "busybox")}
BUT_BUSYBOX = ("dash", "bash")


def in_turn(*names: str) -> tuple[str, str]:
    """What the shell of this test is called as, and its program: always the same for one test."""
    there = [name for name in names or SHELLS if shutil.which(SHELLS[name][1])]
    test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
    called, program = SHELLS[there[zlib.crc32(test.encode()) % len(there)]]
    return called, str(shutil.which(program))
