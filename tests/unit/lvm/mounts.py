"""A mount namespace of a test's own, with a file system that the host's shell takes for home."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")


class Host:
    """A mount namespace with a file system on a directory; namespaces made in it receive what is unmounted there."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.home = place / "base" / "home"
        self.base = place / "base"
        (place / "bin").mkdir()
        self.others: list[subprocess.Popen[bytes]] = []
        self.keeper = subprocess.Popen(["unshare", "-m", "sleep", "600"], cwd="/")
        self.others.append(self.keeper)
        wait_for(lambda: namespace(self.keeper.pid) != namespace(os.getpid()))
        self.sh(
            f"mount --make-rprivate / && mkdir {self.base} && mount -t tmpfs base {self.base} && "
            f"mount --make-shared {self.base} && mkdir {self.home} && truncate -s 20M {place}/image && "
            f"mke2fs -q -t ext4 {place}/image && mount -o loop {place}/image {self.home} && "
            f"mkdir -p {self.home}/git/data && chmod 777 {self.home}/git/data"
        )

    def sh(self, text: str, *, check: bool = True) -> str:
        command = ["nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt", "sh", "-c", text]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == 0 or not check, run.stderr
        return run.stdout if run.returncode == 0 else f"failed: {run.stdout}{run.stderr}"

    def starts(self, *command: str) -> int:
        """Somebody on this host, until the test ends."""
        inside = ["nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt", *command]
        self.others.append(subprocess.Popen(inside, cwd="/", stderr=subprocess.DEVNULL))
        wait_for(lambda: b"sleep" in Path(f"/proc/{self.others[-1].pid}/cmdline").read_bytes().split(b"\0")[0])
        return self.others[-1].pid

    def put_command(self, name: str, text: str) -> None:
        (self.place / "bin" / name).write_text(text)
        (self.place / "bin" / name).chmod(0o755)


def namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt")
    except OSError:
        return ""


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(200):
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError("it did not come about")
