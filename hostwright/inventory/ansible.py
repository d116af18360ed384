"""Reads an Ansible inventory, with Ansible's own code, into what a pyinfra inventory is made of."""

import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

from pyinfra.api.exceptions import PyinfraError

try:
    # While imported, Ansible tries out getaddrinfo() in a way that gevent, which pyinfra runs on, reports as an error.
    with redirect_stderr(StringIO()):
        from ansible.errors import AnsibleError
        from ansible.inventory.host import Host
        from ansible.inventory.manager import InventoryManager
        from ansible.module_utils.parsing.convert_bool import boolean
        from ansible.parsing.dataloader import DataLoader
        from ansible.template import Templar
        from ansible.vars.manager import VariableManager
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "ansible":
        raise
    raise PyinfraError("an Ansible inventory needs ansible-core: pip install 'hostwright[ansible]'") from None

# For each of pyinfra's names Ansible's; the later one wins.
_CONNECTION = {
    "ssh_hostname": ("ansible_ssh_host", "ansible_host"),
    "ssh_port": ("ansible_ssh_port", "ansible_port"),
    "ssh_user": ("ansible_ssh_user", "ansible_user"),
    "ssh_password": ("ansible_password", "ansible_ssh_password", "ansible_ssh_pass"),
    "ssh_key": ("ansible_private_key_file", "ansible_ssh_private_key_file"),
    "_sudo_user": ("ansible_become_user",),
    "_sudo_password": ("ansible_become_pass", "ansible_become_password"),
}
_SSH_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
_SSH_OPTIONS = {
    "userknownhostsfile": "ssh_known_hosts_file",
    "stricthostkeychecking": "ssh_strict_host_key_checking",
}
_SSH_CONNECTIONS = {"smart", "ssh", "ansible.builtin.ssh", "paramiko", "paramiko_ssh", "ansible.builtin.paramiko_ssh"}


def read(path: str | Path) -> list[tuple[str, dict[str, Any]]]:
    """The hosts of an Ansible inventory with their variables, those of group_vars and host_vars included.

    Ansible's connection variables become pyinfra's; what the inventory says in pyinfra's own words stands. A relative
    path in them counts from the working directory, as it does for Ansible.

    **Example** (the file `inventory`):

    .. code:: python

        hosts = read("inventories/lab.yml")
    """
    if not Path(path).exists():
        raise PyinfraError(f"there is no inventory {path}")
    try:
        loader = DataLoader()
        inventory = _parse(path, loader)
        variables = VariableManager(loader=loader, inventory=inventory)
        return [(str(host.name), _data(host, variables, loader)) for host in inventory.get_hosts()]
    except AnsibleError as error:
        raise _unreadable(path, str(error).splitlines()[0].rstrip("."), _place(error)) from None


def _parse(path: str | Path, loader: DataLoader) -> InventoryManager:
    # Ansible tries each format, fills the screen with what spoke against each, and goes on without hosts.
    with redirect_stderr(StringIO()) as said:
        inventory = InventoryManager(loader=loader, sources=[str(path)])
    if not inventory.get_hosts():
        objections = re.findall(
            r"^\[WARNING\]: Failed to parse inventory with '\w+' plugin: (.+)", said.getvalue(), re.M
        )
        # To have no such key is what tells an ordinary inventory from the configuration of an inventory plugin.
        telling = [objection for objection in objections if "no root 'plugin' key" not in objection]
        place = re.search(r"^Origin: (/.+:\d+:\d+)$", said.getvalue(), re.M)
        reason = telling[0].rstrip(".") if telling else "it names no host"
        raise _unreadable(path, reason, place[1] if place else "")
    sys.stderr.write(said.getvalue())
    return inventory


def _unreadable(path: str | Path, reason: str, place: str) -> PyinfraError:
    return PyinfraError(f"{path} cannot be read as an Ansible inventory: {reason}" + (f" ({place})" if place else ""))


def _place(error: BaseException | None) -> str:
    """The file and line that are to blame, which Ansible may name only in what led to its error."""
    while error is not None:
        origin = getattr(error, "obj", None)
        if origin is not None and getattr(origin, "path", None):
            return f"{origin.path}:{origin.line_num}"
        error = error.__context__
    return ""


def _data(host: Host, variables: VariableManager, loader: DataLoader) -> dict[str, Any]:
    known = variables.get_vars(host=host, include_hostvars=False)
    about_ansible = {
        *variables.get_vars(include_hostvars=False),
        *host.get_magic_vars(),
        "inventory_dir",
        "inventory_file",
    }
    templar = Templar(loader=loader, variables=known)
    values = {name: _value(value, templar) for name, value in known.items() if name not in about_ansible}
    own = {name: value for name, value in values.items() if not name.startswith("ansible_")}
    return {**dict(_connection(host.name, values)), **own}


def _value(value: object, templar: Templar) -> object:
    try:
        return _plain(templar.template(value))
    except AnsibleError:
        # It needs a fact that only a play gathers. Left as it is, whoever uses it sees what is missing.
        return _plain(value)


def _plain(value: object) -> object:
    """The value without the tags that Ansible's subclasses of str, int, ... carry."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _connection(host: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    kind = values.get("ansible_connection", "ssh")
    if kind not in _SSH_CONNECTIONS:
        raise PyinfraError(f"{host} is to be reached by ansible_connection={kind}; only ssh is understood")
    for ours, theirs in _CONNECTION.items():
        for name in theirs:
            if values.get(name) is not None:
                yield ours, int(values[name]) if ours == "ssh_port" else values[name]
    if boolean(values.get("ansible_become", False)):
        method = values.get("ansible_become_method", "sudo")
        if method not in ("sudo", "ansible.builtin.sudo"):
            raise PyinfraError(
                f"{host} is to be administered by ansible_become_method={method}; only sudo is understood"
            )
        yield "_sudo", True
    for name in ("ansible_host_key_checking", "ansible_ssh_host_key_checking"):
        if name in values:
            yield "ssh_strict_host_key_checking", "yes" if boolean(values[name]) else "no"
    for name in _SSH_ARGUMENTS:
        yield from _ssh_arguments(host, shlex.split(values.get(name) or ""))


def _ssh_arguments(host: str, words: list[str]) -> Iterator[tuple[str, str]]:
    """What pyinfra needs to know of the arguments of `ssh`. Those that only tune the connection go without saying."""
    rest = iter(words)
    for word in rest:
        letter, argument = word[:2], word[2:]
        if letter not in ("-o", "-F", "-J"):
            continue
        argument = argument or next(rest, "")
        if letter == "-F":
            yield "ssh_config_file", argument
            continue
        option, _, value = argument.replace("=", " ", 1).partition(" ")
        if letter == "-J" or option.lower() in ("proxyjump", "proxycommand"):
            raise PyinfraError(
                f"{host} is to be reached by a jump host; name it in an ssh_config, and that in ssh_config_file"
            )
        if option.lower() in _SSH_OPTIONS:
            yield _SSH_OPTIONS[option.lower()], value.strip()
