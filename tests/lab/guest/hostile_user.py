"""What a user who means harm does in their home while root copies it; run as root, which this gives up.

python hostile_user.py UID ACT DIRECTORY OUTSIDE SEEN: where DIRECTORY is to who copies it
"""

import ctypes
import itertools
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

RENAME_EXCHANGE = 2
_AT_CWD = -100
_libc = ctypes.CDLL(None, use_errno=True)


def exchange(one: str, other: str) -> None:
    _libc.renameat2(_AT_CWD, one.encode(), _AT_CWD, other.encode(), RENAME_EXCHANGE)


def swap_directories(outside: str) -> None:
    """Directories, also in the middle of a path, take turns with links that lead out of home, of either kind."""
    there = [directory for directory in Path().rglob("swap*") if directory.is_dir()]
    for number, directory in enumerate(there):
        # As it is from the job's own mount of home.
        leads = outside if number % 2 else os.path.relpath(outside, f"{sys.argv[5]}/{directory.parent}")
        Path(f"{directory}.link").symlink_to(leads)
    for directory in itertools.cycle(there):
        exchange(str(directory), f"{directory}.link")


def swap_files(outside: str) -> None:
    """Files take turns with pipes, with links, and with what takes for ever to be read."""
    for number in range(40):
        os.mkfifo(f"pipe{number}")
        Path(f"link{number}").symlink_to(f"{outside}/f{number}")
        with Path(f"endless{number}").open("w") as file:
            file.truncate(1 << 60)
    for number in itertools.cycle(range(40)):
        kind = ("pipe", "link", "endless")[number % 3]
        exchange(f"f{number}", f"{kind}{number}")


def write_on(_: str) -> None:
    """A file with more holes than anybody could read is never at rest."""
    while True:
        for name in ("huge", "later/huge"):
            with suppress(FileNotFoundError):
                os.utime(name)


def make_pipes(_: str) -> None:
    for number in itertools.count():
        with suppress(FileExistsError):
            os.mkfifo(f"new{number % 500}")
        with suppress(FileNotFoundError):
            os.unlink(f"new{(number + 250) % 500}")


ACTS: dict[str, Callable[[str], None]] = {
    act.__name__: act for act in (swap_directories, swap_files, write_on, make_pipes)
}

if __name__ == "__main__":
    uid = int(sys.argv[1])
    os.chdir(sys.argv[3])
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    ACTS[sys.argv[2]](sys.argv[4])
