"""Testinfra hosts out of a pyinfra inventory: the same names and data, reached and entitled as a deploy is."""

import os
import shlex
from pathlib import Path
from typing import Any

# Before anything that it makes cooperative.
import pyinfra_cli  # type: ignore[import-untyped]  # noqa: F401  # isort: skip
from pyinfra.api.arguments import ConnectorArguments, pop_global_arguments
from pyinfra.api.config import Config
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import ctx_config, ctx_inventory, ctx_state
from pyinfra_cli.inventory import make_inventory  # type: ignore[import-untyped]
from pyinfra_cli.util import exec_file  # type: ignore[import-untyped]
from testinfra.backend.base import BaseBackend, CommandResult

from hostwright.base import transport
from hostwright.base.scripts import NONCE


def targets(inventory: str) -> list[Host]:
    """The hosts of an inventory, by name.

    + inventory: whatever `pyinfra` takes as its INVENTORY: a file, hosts with commas, a connector
    """
    state, config = State(), Config()  # type: ignore[no-untyped-call]
    state.cwd = os.getcwd()
    ctx_state.set(state)  # type: ignore[no-untyped-call]
    ctx_config.set(config)  # type: ignore[no-untyped-call]
    if Path("config.py").exists():
        exec_file("config.py")
    found = make_inventory(inventory, cwd=state.cwd)
    ctx_inventory.set(found)  # type: ignore[no-untyped-call]
    state.init(found, config)
    return sorted(found.hosts.values(), key=lambda host: host.name)


class PyinfraBackend(BaseBackend):  # type: ignore[misc]
    """Runs testinfra's commands through the connector that pyinfra has for the host, with the host's `_sudo` and kin.

    >>> testinfra.host.Host(PyinfraBackend(targets("inventory")[0])).file("/etc/fstab").exists
    True
    """

    NAME = "pyinfra"

    def __init__(self, target: Host) -> None:
        super().__init__(target.name)
        self.target = target

    def run(self, command: str, *args: str, **_: Any) -> CommandResult:
        self.target.connect(show_errors=False, raise_exceptions=True)
        arguments, _names = pop_global_arguments(self.target.state, self.target, {})
        entitled = {key: value for key, value in arguments.items() if key in ConnectorArguments.__annotations__}
        # pyinfra tells success from failure, but not which code a command ended with.
        line = f"sh -c {shlex.quote(self.quote(command, *args))}"
        done, output = transport.run(self.target, "check", f"{line}\nprintf '\\n@@ {NONCE} %s\\n' $?", entitled)
        before, mark, code = output.stdout.partition(f"\n@@ {NONCE} ")
        if not done or not mark:
            raise RuntimeError(f"{self.target.name}: no command can be run: {output.stderr}")
        return self.result(int(code.partition("\n")[0]), line.encode(), before, output.stderr)
