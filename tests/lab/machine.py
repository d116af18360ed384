"""A test machine, with verbs for what a person does to one: start it, type commands, pull its plug."""

import json
import os
import pprint
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.lab import qemu
from tests.lab.call import LabError, call

if TYPE_CHECKING:
    from tests.lab.image import Image

BOOT_LIMIT = 300.0
MEMORY = 2048
SHUTDOWN_LIMIT = 60.0


class MachineError(LabError):
    """The machine itself went wrong: it did not come up, or a command did not end as it had to."""


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


class Machine:
    """One guest. Its disk is an overlay: what it writes stays in `directory`, the disk under it is never changed."""

    def __init__(
        self,
        image: "Image",
        directory: Path,
        *,
        backing: Path | None = None,
        spare_disks: Sequence[str] = (),
        memory: int = MEMORY,
        port: int | None = None,
        write_log: Path | None = None,
        memory_of: Path | None = None,
        cards: int = 0,
        other_address: str = "",
    ) -> None:
        """
        + backing: the disk to start from; the image's own by default
        + spare_disks: sizes of blank disks, in the guest /dev/vdb, /dev/vdc, ... with the serials spare0, spare1, ...
        + port: where SSH listens on 127.0.0.1; a free port by default
        + write_log: the file that gets every write and flush of the disk, anew with each start
        + cards: network cards beside eth0, all on one wire
        + other_address: one that eth0 may come to have; SSH listens for it on 127.0.0.2
        + memory_of: what a machine that had booted from `backing` had in memory: the first start goes on from there
        """
        self.image = image
        # QEMU opens the disks under an overlay by the path written in it.
        self.directory = directory.resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.memory = memory
        self.port = port or _free_port()
        self.write_log = write_log
        self.network = qemu.uplink(self.port, other_address) + qemu.cards(cards)
        self.memory_of = memory_of
        self.key = image.key
        self.known_hosts = self.directory / "known_hosts"
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {image.host_key}\n")
        self.console = self.directory / "console.log"
        self.disk = self.directory / "disk.qcow2"
        self.spare_disks = [self.directory / f"spare{number}.qcow2" for number in range(len(spare_disks))]
        if not self.disk.exists():
            _overlay(backing or image.disk, self.disk)
            for path, size in zip(self.spare_disks, spare_disks, strict=True):
                call(["qemu-img", "create", "-q", "-f", "qcow2", str(path), size])
        self._pidfile = self.directory / "pid"
        # The path of a socket must be short, and a test's directory seldom is.
        self._sockets = tempfile.TemporaryDirectory(prefix="lab-")
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, *, outlive: bool = False, monitor: bool = False) -> None:
        """Boot, and return once the boot is finished.

        + outlive: the machine survives this process
        + monitor: `leave_memory` can be asked of it
        """
        if self.pid is not None:
            raise MachineError(f"the machine in {self.directory} is running already")
        command = [
            *qemu.command(
                kernel=self.image.kernel,
                initrd=self.image.initrd,
                append=qemu.BOOT_OPTIONS,
                console=self.console,
                memory=self.memory,
            ),
            *self._root_disk(),
            *(word for path in self.spare_disks for word in qemu.disk(path, path.stem)),
            *self.network,
            *["-pidfile", str(self._pidfile)],
        ]
        self.console.unlink(missing_ok=True)
        errors = self.directory / "qemu.log"
        if monitor:
            command += qemu.monitor()
        if self.memory_of:
            command += ["-incoming", f"exec:cat {shlex.quote(str(self.memory_of))}"]
        if outlive:
            command.append("-daemonize")
        else:
            # The kernel kills the guest with the thread that started it, however that one ends.
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with errors.open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if monitor else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if not outlive:
            self._child = process
        elif process.wait() != 0:
            raise MachineError(f"QEMU did not start: {errors.read_text().strip()}")
        try:
            self._wait_for_boot(time.monotonic() + BOOT_LIMIT)
            if self.memory_of:
                self.succeed(f"date -s @{time.time():.0f}")
                self.memory_of = None
        except MachineError:
            self.crash()
            raise

    def leave_memory(self, path: Path) -> None:
        """Write all that it has in memory to a file that goes with its disk as it is then, and end."""
        assert self._child is not None
        assert self._child.stdin is not None
        self._hang_up()
        # Of a guest that runs on meanwhile an emulator can miss a page: that would be a machine with a broken memory.
        self._child.stdin.write(f'stop\nmigrate "exec:cat >{shlex.quote(str(path))}"\nquit\n'.encode())
        self._child.stdin.close()
        if not self._wait_for_end(120):
            raise MachineError(f"its memory could not be written: {self._last_words()}")

    def run(self, command: str, *, user: str = "root", timeout: float = 600) -> Result:
        """Give a command to the guest's POSIX shell. Code 255 may also mean that the connection was lost."""
        words = ["ssh", *self.ssh_args, f"{user}@127.0.0.1", f"sh -c {shlex.quote(command)}"]
        try:
            done = subprocess.run(
                words,
                check=False,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            raise MachineError(f"still running after {timeout:.0f} s: {command}") from error
        return Result(done.returncode, done.stdout, done.stderr)

    def succeed(self, command: str, *, user: str = "root", timeout: float = 600) -> str:
        """Run a command that has to succeed; returns what it printed."""
        result = self.run(command, user=user, timeout=timeout)
        if result.code != 0:
            raise MachineError(f"failed with code {result.code}: {command}\n{result.out}{result.err}")
        return result.out

    def fail(self, command: str, *, user: str = "root", timeout: float = 600) -> str:
        """Run a command that has to fail; returns what it printed, errors last."""
        result = self.run(command, user=user, timeout=timeout)
        if result.code == 0:
            raise MachineError(f"succeeded, but had to fail: {command}\n{result.out}{result.err}")
        return result.out + result.err

    def wait_until_succeeds(self, command: str, timeout: float = 60) -> str:
        deadline = time.monotonic() + timeout
        while True:
            result = self.run(command, timeout=timeout)
            if result.code == 0:
                return result.out
            if time.monotonic() > deadline:
                raise MachineError(f"never succeeded within {timeout:.0f} s: {command}\n{result.out}{result.err}")
            time.sleep(0.5)

    def crash(self) -> None:
        """Pull the plug."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        self._wait_for_end(10)
        self._hang_up()

    def reboot(self) -> None:
        """Restart in an orderly way, and return once the machine is up again."""
        before = self.succeed("cat /proc/sys/kernel/random/boot_id")
        self.run("systemctl reboot")
        self._hang_up()
        deadline = time.monotonic() + SHUTDOWN_LIMIT + BOOT_LIMIT
        self._wait_for_boot(deadline, other_than=before)

    def stop(self) -> None:
        """Power off in an orderly way; pull the plug if that takes too long."""
        if self.pid is None:
            return
        self.run("systemctl poweroff", timeout=SHUTDOWN_LIMIT)
        self._hang_up()
        if not self._wait_for_end(SHUTDOWN_LIMIT):
            self.crash()

    def clone(self, directory: Path, *, port: int | None = None) -> Self:
        """A new machine on this stopped machine's disks. To start this one again would break the new one."""
        if self.pid is not None:
            raise MachineError("a running machine has no settled disk to clone")
        other = type(self)(self.image, directory, backing=self.disk, memory=self.memory, port=port)
        other.spare_disks = [other.directory / disk.name for disk in self.spare_disks]
        for ours, theirs in zip(self.spare_disks, other.spare_disks, strict=True):
            _overlay(ours, theirs)
        return other

    @property
    def pid(self) -> int | None:
        """QEMU's process id while it runs."""
        if self._child is not None:
            return self._child.pid if self._child.poll() is None else None
        try:
            pid = int(self._pidfile.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        # After a power cut the file names a number that may belong to anybody by now.
        return pid if os.fsencode(self._pidfile) in command.split(b"\0") else None

    @property
    def ssh_args(self) -> list[str]:
        """What `ssh` needs before `user@127.0.0.1`. One connection is kept open, since each new one takes a second."""
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            "ControlMaster": "auto",
            "ControlPath": f"{self._sockets.name}/%r",
            "ControlPersist": "60",
            "IdentitiesOnly": "yes",
            "LogLevel": "ERROR",
            "ServerAliveInterval": "5",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self.known_hosts),
        }
        words = ["-F", "none", "-p", str(self.port), "-i", str(self.key)]
        return words + [word for name, value in options.items() for word in ("-o", f"{name}={value}")]

    def inventory(self, path: Path, *, user: str = "root", data: Mapping[str, Any] | None = None) -> Path:
        """Write a pyinfra inventory that holds this machine alone, as host `lab` of group `lab`."""
        host = {
            "ssh_hostname": "127.0.0.1",
            "ssh_port": self.port,
            "ssh_user": user,
            "ssh_key": str(self.key),
            "ssh_known_hosts_file": str(self.known_hosts),
            "_sudo": user != "root",
            **(data or {}),
        }
        path.write_text(f"lab = [({'lab'!r}, {pprint.pformat(host, sort_dicts=False)})]\n")
        return path

    def _root_disk(self) -> list[str]:
        if self.write_log is None:
            return qemu.disk(self.disk, "root")
        # QEMU opens the file, but does not make it.
        self.write_log.write_bytes(b"")
        return qemu.recorded_disk(self.disk, "root", self.write_log)

    def _wait_for_boot(self, deadline: float, *, other_than: str = "") -> None:
        """Wait until a boot is finished whose id is another than the given one."""
        while True:
            if self.pid is None:
                raise MachineError(f"QEMU ended while the guest booted: {self._last_words()}")
            if time.monotonic() > deadline:
                raise MachineError(f"the guest did not come up in time: {self._last_words()}")
            if self._answers() and self.run("cat /proc/sys/kernel/random/boot_id").out not in ("", other_than):
                # SSH answers before the boot is done, and an ordinary user may not log in until then.
                self.run("systemctl is-system-running --wait", timeout=BOOT_LIMIT)
                return
            time.sleep(0.2)

    def _answers(self) -> bool:
        # QEMU accepts the connection even while nothing in the guest does, so only a greeting tells.
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def _wait_for_end(self, limit: float) -> bool:
        deadline = time.monotonic() + limit
        while self.pid is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _hang_up(self) -> None:
        for user in ("root", "admin"):
            subprocess.run(
                ["ssh", *self.ssh_args, "-O", "exit", f"{user}@127.0.0.1"], check=False, capture_output=True, timeout=10
            )

    def _last_words(self) -> str:
        texts = [
            path.read_text(errors="replace") for path in (self.directory / "qemu.log", self.console) if path.exists()
        ]
        lines = "\n".join(texts).splitlines()
        # What systemd could not start stands far above, where it ended in an emergency shell.
        wrong = [line for line in lines[:-30] if re.search(r"FAILED|DEPEND|TIME", line)][-10:]
        return "\n".join(["the last lines of QEMU and of the console are", *wrong, *lines[-30:]])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _overlay(backing: Path, path: Path) -> None:
    described = json.loads(call(["qemu-img", "info", "--output=json", str(backing)]))
    call(["qemu-img", "create", "-q", "-f", "qcow2", "-F", described["format"], "-b", str(backing), str(path)])
