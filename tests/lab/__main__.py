"""`python -m tests.lab up`: the lab machine from the command line."""

import argparse
import subprocess
import sys

from tests.lab import demo_machine
from tests.lab.build import RELEASES
from tests.lab.call import LabError
from tests.lab.image import image
from tests.lab.machine import Machine, MachineError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="A machine to try things out on.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start it")
    up.add_argument("release", nargs="?", choices=RELEASES, help="Debian release; bookworm for a new machine")
    up.add_argument("--fresh", action="store_true", help="with a new disk")
    commands.add_parser("down", help="stop it; its disk stays")
    commands.add_parser("status", help="tell whether it runs")
    ssh = commands.add_parser("ssh", help="log in as root, or run a command there")
    ssh.add_argument("words", nargs=argparse.REMAINDER, metavar="command")
    build = commands.add_parser("build", help="build the image that machines start from, if it is not there yet")
    build.add_argument("release", nargs="?", choices=RELEASES, default="bookworm")
    arguments = parser.parse_args()

    try:
        match arguments.command:
            case "up":
                print(demo_machine.how_to_reach(demo_machine.up(arguments.release, fresh=arguments.fresh)))
            case "build":
                print(image(arguments.release).directory)
            case "down":
                return _down(demo_machine.existing())
            case "status":
                return _status(demo_machine.existing())
            case "ssh":
                return _ssh(demo_machine.existing(), arguments.words)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _down(machine: Machine | None) -> int:
    if machine is not None:
        machine.stop()
    print("The lab machine is stopped." if machine else "There is no lab machine.")
    return 0


def _status(machine: Machine | None) -> int:
    if machine is None:
        print("There is no lab machine.")
    elif machine.pid is None:
        print(f"The lab machine ({machine.image.directory.name}) is stopped.")
    else:
        print(f"{demo_machine.how_to_reach(machine)}\nProcess: {machine.pid}")
        return 0
    return 3


def _ssh(machine: Machine | None, words: list[str]) -> int:
    if machine is None or machine.pid is None:
        raise MachineError("the lab machine does not run; start it with `make lab-up`")
    return subprocess.run(
        ["ssh", "-o", "ControlPath=none", *machine.ssh_args, "root@127.0.0.1", *words], check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
