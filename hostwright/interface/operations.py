"""Addresses of interfaces: now, and after a boot; without locking anybody out."""

import base64
import io
import secrets
import shlex
import tarfile
import time
from collections.abc import Mapping
from typing import Any

from gevent import Timeout
from paramiko import SSHException
from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.operation import OperationMeta
from typing_extensions import Unpack

from hostwright.base import transport
from hostwright.base.arguments import NamedArguments
from hostwright.base.names import ADDRESSES
from hostwright.base.observe import observe
from hostwright.base.refusing import named, refusing
from hostwright.base.scripts import script
from hostwright.base.settings import validated
from hostwright.interface.facts import Interfaces
from hostwright.interface.ifconfig import understand
from hostwright.interface.plan import AddressPlan, decide, draw
from hostwright.interface.settings import AddressesSettings
from hostwright.lock.held import fenced
from hostwright.planned import planned

_ANSWER_SECONDS = 15


@named
def address(
    interface: str,
    address: str | Mapping[str, Any],
    present: bool = True,
    persist: bool = True,
    **arguments: Unpack[NamedArguments],
) -> OperationMeta:
    """
    Give an interface an address, or take one from it; it stays as it is across a boot.

    + interface: name of the interface
    + address: with its prefix length, `10.0.0.6/24`; or a mapping with `address` and `peer`, `label`, `scope`,
        `preferred` (seconds, or `forever`), `noprefixroute`, `nodad`
    + present: whether it is to be there
    + persist: also after a boot, in whatever keeps the addresses of this host (systemd-networkd, ifupdown, netplan,
        NetworkManager, ifcfg files)

    Refused, before anything is changed on any host: what is no address for an interface; an interface that does not
    exist, or is a port of a bond or bridge; an address that another one has; one that is not static; the one that this
    run is connected to; options that the host cannot keep; an interface that two of those claim. Sources:
    ip-address(8), systemd.network(5), interfaces(5), netplan-yaml(5), nm-settings-nmcli(5), RFC 4862, RFC 5227.

    **Example:**

    .. code:: python

        from hostwright import interface

        interface.address("enp9s0f1", "81::d/64")
    """
    wished = {interface: {"present" if present else "absent": [address]}}
    return addresses({"addresses": wished}, persist, **arguments)


@named
def ifconfig(line: str, **arguments: Unpack[NamedArguments]) -> OperationMeta:
    """
    Do what a command line of ifconfig means, and keep it across a boot.

    + line: as it is typed, with `ifconfig` in front or not

    Refused as by `address`, and what is not the adding or deleting of an address. Source: ifconfig(8).

    **Example:**

    .. code:: python

        from hostwright import interface

        interface.ifconfig("enp9s0f1 inet6 add 81::d/64")
    """
    with refusing():
        meant = understand(line)
    transport.echo(f"{host.name}: {line} means {meant.words}")
    return address(meant.interface, meant.settings, meant.present, **arguments)


@named
def addresses(settings: Mapping[str, Any], persist: bool = True, **arguments: Unpack[NamedArguments]) -> OperationMeta:
    """
    Put the addresses of several interfaces right.

    + settings: the data of `deploys/addresses.py` by their keys without `interface_`
    + persist: as `address` takes it

    A change that could cut the way by which this run came is undone by the host itself, unless this run comes back over
    a new connection; only then is anything written for the time after a boot. Refused as by `address`.

    **Example:**

    .. code:: python

        from hostwright import interface

        interface.addresses({"addresses": {"enp9s0f1": {"present": ["10.0.0.6/24"], "exact": True}}})
    """
    with refusing():
        wish = validated(AddressesSettings, settings)

    def plan(arguments: Mapping[str, Any]) -> AddressPlan:
        return decide(observe(Interfaces, arguments), wish, persist)

    def drawn(plan: AddressPlan) -> str:
        return draw(host.name, wish.addresses, plan) if plan.lines or plan.notes else ""

    def acts(plan: AddressPlan) -> list[FunctionCommand]:
        return [FunctionCommand(_act, (wish, plan), {})]

    return planned(f"Addresses of {', '.join(wish.addresses)}", plan, drawn, acts, arguments, "changing addresses")


def _act(state: State, host: Host, wish: AddressesSettings, plan: AddressPlan) -> bool:
    guarded = plan.guarded and bool(plan.running)
    ours = fenced(":").get_raw_value()
    text = _told(plan, wish.confirm_seconds if guarded else 0, secrets.token_hex(4), ours)
    known = transport.connector_arguments(host)
    last = [*([f"(keep && {_commands(plan)}) || undone"] if plan.keepings else []), "settled"]
    files = _packed(plan) if plan.keepings else ""

    def tell(*calls: str) -> bool:
        return transport.run(host, "addresses", _calls(text, *calls), known, files, print_output=True)[0]

    if not guarded:
        return tell("change", *last)
    begun = time.monotonic()
    # Its answer may not find its way back: then a new connection tells.
    with Timeout(_ANSWER_SECONDS, False):
        if not tell("change"):
            return False
    deadline = begun + wish.confirm_seconds - 2
    if not _came_back(state, host, plan.back_to, _calls(text, "is_changed"), deadline):
        transport.echo(
            "nobody could come back over a new connection: the host undoes its changes by itself "
            f"{wish.confirm_seconds} s after it made them, and nothing was written for the time after a boot",
            host.print_prefix,
        )
        return False
    return tell("confirm", *last)


def _told(plan: AddressPlan, seconds: int, identity: str, ours: str) -> str:
    """
    + seconds: after which the host undoes it by itself; 0: it does not
    + ours: a command that ends it once the lock of the host is somebody else's
    """
    variables = {
        "ID": identity,
        "STATE": ADDRESSES,
        "CHANGES": str(len(plan.running)),
        "RUN": "\n".join(change.run for change in plan.running),
        "UNDO": "\n".join(change.undo for change in reversed(plan.running)),
        "LOOKS": "\n".join(f"{change.interface} {change.looks.ip}" for change in plan.running if change.looks),
        "SECONDS_LEFT": str(seconds or ""),
        "ASKS": "\n".join(" ".join(ask) for keeping in plan.keepings for ask in keeping.asks),
        "FILES": str(len({path for keeping in plan.keepings for path in keeping.files})),
    }
    functions = [f"ours() {{ {ours}; }}"]
    for number, change in enumerate(plan.running, 1):
        functions += [f"run_{number}() {{ {change.run}; }}", f"undo_{number}() {{ {change.undo}; }}"]
    return "\n".join([script("addresses", **variables), *functions])


def _calls(text: str, *calls: str) -> str:
    whole = "".join(f"{call} || exit\n" for call in calls)
    return f"{text}\n{whole}"


def _commands(plan: AddressPlan) -> str:
    commands = [shlex.join(keeping.command) for keeping in plan.keepings if keeping.command]
    return " && ".join([*commands, ":"])


def _packed(plan: AddressPlan) -> str:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for keeping in plan.keepings:
            for path, text in keeping.files.items():
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.mode = keeping.mode
                content = text.encode(errors="surrogateescape")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return base64.b64encode(archive.getvalue()).decode()


def _came_back(state: State, host: Host, address: str, is_changed: str, deadline: float) -> bool:
    """Connects anew after the changes, and goes on over that: the old connection may be gone without having noticed."""
    arguments = transport.connector_arguments(host)
    changed = False
    while time.monotonic() < deadline:
        connector = type(host.connector)(state, host)
        if address:
            connector.data["ssh_hostname"] = address
        try:
            connector.connect()
            # One that was made before the changes were over proves nothing.
            proves = changed
            changed, _ = transport.run(connector, "addresses", is_changed, arguments)
        except (ConnectError, SSHException, OSError, EOFError):
            time.sleep(0.5)
            continue
        if changed and proves:
            host.connector, old = connector, host.connector
            old.disconnect()
            return True
        if not changed:
            time.sleep(0.5)
    return False
