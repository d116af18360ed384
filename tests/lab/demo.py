"""`make demo`: space moves from /home to / on a fresh machine, and every file is checked before and after."""

import subprocess
import sys
from pathlib import Path

from tests.lab import demo_machine
from tests.lab.call import LabError
from tests.lab.machine import Machine
from tests.lab.tree import differences, listing

BIN = demo_machine.ROOT / ".venv" / "bin"
FILL = Path(__file__).parent / "guest" / "fill_home.sh"
MANY = 20
LAYOUT = "lsblk -o NAME,SIZE,TYPE,FSTYPE,MOUNTPOINT; echo; lvs; vgs; echo; df -hT / /home"


def main() -> int:
    try:
        _say("A CentOS-like machine starts: volume group centos with root and home, both XFS, no free extent.")
        machine = demo_machine.up(fresh=True)
        return demonstrate(machine)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1


def demonstrate(machine: Machine) -> int:
    _say("People put their files into /home: hard links, sparse files, access control lists, odd names.")
    machine.succeed(FILL.read_text())
    print(machine.succeed(LAYOUT))
    before = listing(machine)

    commands = (
        ("What would be done:", ["pyinfra", "inventory", "deploys/lvm.py", "--dry"]),
        ("It is done:", ["pyinfra", "-y", "inventory", "deploys/lvm.py"]),
        ("The host is checked:", ["pytest", "tests/verify", "--inventory", "inventory"]),
    )
    failed = [words[0] for title, words in commands if _call(title, words) != 0]

    _say("The machine now:")
    print(machine.succeed(LAYOUT))
    lost = differences(before, listing(machine))
    for line in lost[:MANY]:
        print(line)
    changed = f"{len(lost)} differences" if lost else "each with the contents, owner, mode, times and attributes it had"
    _say(f"Verdict: {len(before)} files and directories before; after, {changed}.")
    for program in failed:
        print(f"{program} failed, see above.")
    print(f"\n{demo_machine.how_to_reach(machine)}")
    return 1 if failed or lost else 0


def _call(title: str, words: list[str]) -> int:
    _say(title)
    print(f"$ {' '.join(words)}", flush=True)
    return subprocess.run([BIN / words[0], *words[1:]], check=False, cwd=demo_machine.ROOT).returncode


def _say(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
