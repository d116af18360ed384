"""A mount namespace of a test's own: real overlays on an ext4 of its own, and an /etc that is not this machine's."""

import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostwright.base.scripts import NONCE, whole
from hostwright.overlay.facts import Holder, HostOverlays, OverlayHolders, Overlays, parse_holders, parse_overlays
from hostwright.overlay.operations import told
from hostwright.overlay.plan.mounts import OverlayPlan, asked, check_busy, decide
from tests.unit.overlay.hosts import wishes

SETUP = """
mount --make-rprivate / && mount -t tmpfs none "$PLACE" && cd "$PLACE" && mkdir disk etc-upper etc-work || exit 1
truncate -s 24M image && mkfs.ext4 -q -O ^has_journal image && mount -o loop image disk || exit 1
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$PLACE/etc-upper,workdir=$PLACE/etc-work" /etc || exit 1
printf '# nothing\\n' >/etc/fstab
echo ready
exec sleep 1000
"""


@dataclass(frozen=True)
class Answer:
    rc: int
    stdout: str


class Namespace:
    """+ disk: an empty ext4"""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(exist_ok=True)
        self.disk = f"{place}/disk"
        self._process = subprocess.Popen(
            ["unshare", "-m", "env", f"PLACE={place}", "sh", "-c", SETUP],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def run(self, text: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["nsenter", "-t", str(self._process.pid), "-m", "sh"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )

    def sh(self, text: str) -> str:
        done = self.run(f"cd {self.disk}\n{text}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def check_output(self, command: str, *words: str) -> str:
        """As testinfra has it, for what verifies."""
        done = self.answer(command, *words)
        assert done.rc == 0, done.stdout
        return done.stdout

    def answer(self, command: str, *words: str) -> Answer:
        done = self.run(command % tuple(map(shlex.quote, words)) if words else command)
        return Answer(done.returncode, done.stdout)

    def look(self, *said: Mapping[str, Any]) -> HostOverlays:
        done = self.run(whole(Overlays().text(**asked(wishes(*said)))))
        assert done.returncode == 0, done.stderr
        return parse_overlays(done.stdout.split("\n"), NONCE)

    def holders(self, target: str) -> Mapping[str, tuple[Holder, ...]]:
        done = self.run(whole(OverlayHolders().text(targets=target)))
        assert done.returncode == 0, done.stderr
        return parse_holders(done.stdout.split("\n"), NONCE)

    def plan(self, *said: Mapping[str, Any]) -> OverlayPlan:
        plan = decide(self.look(*said), wishes(*said))
        for target in plan.unmounted:
            check_busy(plan, self.holders(target))
        return plan

    def act(self, plan: OverlayPlan, before: str = "") -> "subprocess.CompletedProcess[str]":
        return self.run(whole(before + told(plan, ":")))

    def deploy(self, *said: Mapping[str, Any]) -> list[str]:
        """What it did; a second run would do nothing."""
        plan = self.plan(*said)
        done = self.act(plan)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not self.plan(*said).changes
        return [step.title for step in plan.steps]
