"""Makes what takes long only once, however many ask for it at the same time."""

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path


def cached(directory: Path, make: Callable[[Path], None]) -> Path:
    """The directory, made first if it is not there. `make` fills it under another name: nobody sees it half made."""
    if not directory.is_dir():
        directory.parent.mkdir(parents=True, exist_ok=True)
        with directory.with_name(f"{directory.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not directory.is_dir():
                unfinished = directory.with_name(f"{directory.name}.unfinished")
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                make(unfinished)
                unfinished.rename(directory)
    return directory
