"""How the modules here speak to a host."""

from typing import Protocol


class Result(Protocol):
    @property
    def rc(self) -> int: ...

    @property
    def stdout(self) -> str: ...


class Host(Protocol):
    """What is used of testinfra's host: any backend, with sudo or not."""

    def run(self, command: str, *args: str) -> Result: ...

    def check_output(self, command: str, *args: str) -> str: ...


# A user's PATH may lack the directories of the tools, and their output is translated.
_ENV = 'env LC_ALL=C PATH="$PATH:/usr/sbin:/sbin" '


def succeeds(host: Host, command: str, *args: str) -> bool:
    return host.run(_ENV + command, *args).rc == 0


def answer(host: Host, command: str, *args: str) -> str:
    """Stdout of a command that says no by failing; then it is empty."""
    found = host.run(_ENV + command, *args)
    return found.stdout.strip() if found.rc == 0 else ""


def output(host: Host, command: str, *args: str) -> str:
    """Stdout of a command that has to succeed; each %s is one of the arguments, quoted."""
    return host.check_output(_ENV + command, *args)


def lines(host: Host, command: str, *args: str) -> list[str]:
    # What str takes for more ends of lines and more blanks, a name may have in it.
    return [line.strip(" \t") for line in output(host, command, *args).split("\n") if line.strip(" \t")]
