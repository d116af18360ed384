"""The host lock: two deploys never work on one machine at the same time.

The algorithm is in sh/lock.sh: one compare and swap, tickets, and leases on the host's own clock.
"""

import getpass
import os
import secrets
import shlex
import socket
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast
from weakref import WeakKeyDictionary

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, StringCommand, operation
from pyinfra.api.operation import OperationMeta
from pyinfra.api.state import BaseStateCallback
from typing_extensions import Unpack

from hostwright.base.arguments import Arguments
from hostwright.base.names import FENCED, HOLDER, LOCK_HEADER, LOCKS
from hostwright.base.refusing import failing, named, refusing
from hostwright.base.scripts import script
from hostwright.base.settings import validated
from hostwright.base.transport import LOST, connector_arguments, echo, is_cut, run
from hostwright.lock.settings import DEPLOY, LEASE_SECONDS, WAIT_SECONDS, Holding, LockSettings


@dataclass(frozen=True)
class Taken:
    """A lock that this run holds, how often it took it, and how it reaches the host (sudo and the like)."""

    owner: str
    arguments: Mapping[str, Any]
    count: int


_taken: WeakKeyDictionary[Host, dict[str, Taken]] = WeakKeyDictionary()


@cache
def this_run() -> str:
    """Controller, user and run: what holders and waiters are called."""
    return f"{getpass.getuser()}@{socket.gethostname()}/{secrets.token_hex(4)}"


@named
def acquire(
    name: str = DEPLOY,
    owner: str | None = None,
    wait: float = WAIT_SECONDS,
    lease: int = LEASE_SECONDS,
    doing: str = "a deploy",
    **arguments: Unpack[Arguments],
) -> OperationMeta:
    """
    Take a lock of the host, in the order in which it was asked for; the same owner may take it again.

    + name: name of the lock
    + owner: who takes it; this run by default, as `USER@CONTROLLER/RUN`
    + wait: seconds to wait for whoever has it; then the operation fails, and says who that is, since when, doing what
    + lease: seconds on the host's own clock after which it may go to the next one, once its owner is dead
    + doing: what others are told

    Refused, before anything is changed on any host: a name or an owner with blanks in it, a lease below 4 seconds.
    Source: flock(2).

    **Example:**

    .. code:: python

        from hostwright import lock

        lock.acquire(doing="moving the database")
        lock.release()
    """
    wait = check(name, owner, lease, wait).wait
    words: dict[str, Any] = {"name": f"Take the lock {name}", **arguments}
    return _acquire(lock=name, owner=owner or this_run(), wait=wait, lease=lease, doing=doing, **words)


@named
def release(name: str = DEPLOY, owner: str | None = None, **arguments: Unpack[Arguments]) -> OperationMeta:
    """
    Give a lock of the host back, as often as it was taken.

    + name: name of the lock
    + owner: who took it; this run by default

    The operation fails when somebody else holds it, and names them.

    **Example:**

    .. code:: python

        from hostwright import lock

        lock.release()
    """
    check(name, owner)
    words: dict[str, Any] = {"name": f"Release the lock {name}", **arguments}
    return _release(lock=name, owner=owner or this_run(), **words)


@named
@contextmanager
def held(
    name: str = DEPLOY,
    wait: float | None = None,
    lease: int = LEASE_SECONDS,
    doing: str = "a deploy",
    **arguments: Unpack[Arguments],
) -> Iterator[None]:
    """
    Hold a lock of the host for the operations in the block, unless none of them has anything to change.

    It is released also when one of them fails.

    + wait: seconds to wait for whoever has it; what `lock_wait` in the data says, by default
    + name, lease, doing: as `acquire` takes them

    **Example:**

    .. code:: python

        from hostwright import lock, lvm

        with lock.held():
            lvm.rebalance(shrink_to="50G")
    """
    if not any(isinstance(handler, _ReleaseAfterError) for handler in state.callback_handlers):
        cast(Any, state).add_callback_handler(_ReleaseAfterError())
    check(name, None, lease, wait)
    with refusing():
        wait = wait_seconds(wait)
    here = state.inventory.get_host(host.name)
    block: list[OperationMeta] = []
    words: dict[str, Any] = {"name": f"Take the lock {name}", **arguments}
    _acquire(lock=name, owner=this_run(), wait=wait, lease=lease, doing=doing, block=block, **words)
    before = set(state.ops[here])
    with bearing_our_name():
        yield
    block += [data.operation_meta for operation, data in state.ops[here].items() if operation not in before]
    _release(lock=name, owner=this_run(), block=block, **(words | {"name": f"Release the lock {name}"}))


def fenced(command: str, name: str = DEPLOY) -> StringCommand:
    """A command that does nothing, and fails, if the lock that this run took is somebody else's by now.

    It is asked in the shell that runs the command. Where this run has not taken the lock, it is the command alone.
    """
    taken = _taken.get(host.state.inventory.get_host(host.name), {}).get(name)
    if taken is None:
        return StringCommand(command)
    holder = f"$(cut -f {HOLDER.index('owner') + 1} {LOCKS}/{name}/holder)"
    lost = f"the lock {name} is no longer ours: it was broken, or went to"
    # Who may not look is not told that it went on.
    other = f'[ "$(id -u)" = 0 ] || {{ echo "the lock {name}: only root may see who holds it" >&2; exit {FENCED}; }}'
    return StringCommand(
        f'[ "{holder}" = {shlex.quote(taken.owner)} ] || '
        f"{{ {other}; printf '%s %s\\n' {shlex.quote(lost)} \"{holder}\" >&2; exit {FENCED}; }}; {command}"
    )


@contextmanager
def bearing_our_name() -> Iterator[None]:
    """The host knows by it what is at work for this run, even when our connection is gone and the work goes on.

    An exported variable would not do: it is not in the environment that others see of the shell itself.
    """
    key = "_shell_executable"
    own: dict[str, Any] = host.data.override_datas
    if this_run() in str(own.get(key)):
        yield
        return
    known = {name: value for name, value in own.items() if name == key}
    shell = host.data.get(key, state.config.SHELL)
    own[key] = f"env {shlex.quote(f'HOSTWRIGHT_OWNER={this_run()}')} {shell}"
    try:
        yield
    finally:
        del own[key]
        own |= known


@operation()
def _acquire(
    lock: str, owner: str, wait: float, lease: int, doing: str, block: list[OperationMeta] | None = None
) -> Generator[FunctionCommand, None, None]:
    # To ask another operation what it will do takes our own arguments from the host.
    arguments = connector_arguments(host)
    if block is not None and not (host.state.is_executing and any(operation.will_change for operation in block)):
        host.noop("nothing is to be changed under it")
        return
    yield FunctionCommand(_take, (arguments, lock, owner, wait, lease, doing), {})


@operation()
def _release(lock: str, owner: str, block: list[OperationMeta] | None = None) -> Generator[FunctionCommand, None, None]:
    if block is not None and lock not in _taken.get(host.state.inventory.get_host(host.name), {}):
        host.noop("it was not taken")
        return
    yield FunctionCommand(_give_back, (lock, owner), {})


def is_ours(lock: str = DEPLOY) -> bool:
    """Whether this run has the lock now, by `held` or `acquire`."""
    return lock in _taken.get(host.state.inventory.get_host(host.name), {})


@contextmanager
def taken(doing: str, wait: float) -> Iterator[FunctionCommand | None]:
    """Hold the lock of the host for what the operation at work does now; gives what ends it where others have it.

    What is in the block goes on in an operation's generator: when a command of it fails, the block is left.
    """
    here, known = host.state.inventory.get_host(host.name), connector_arguments(host)
    if not _take(host.state, here, known, DEPLOY, this_run(), wait, LEASE_SECONDS, doing):
        yield failing("")
        return
    try:
        yield None
    finally:
        if is_ours():
            _give_back(host.state, here, DEPLOY, this_run())


def take(host: Host, arguments: Mapping[str, Any], lock: str, owner: str, wait: float, lease: int, doing: str) -> bool:
    """Outside an operation of its own; whoever takes it gives it back. As `acquire`, which refuses what cannot be."""
    client = getattr(host.connector, "client", None)
    if client is not None and not is_cut(host):
        # The host takes what arrives from us for a sign of life.
        client.get_transport().set_keepalive(max(1, lease // 4))
    variables = {"WAIT": str(round(wait)), "LEASE": str(lease), "DOING": _line(doing)}
    return run_guarded(host, lock, owner, "acquire", arguments, **variables)


def give_back(host: Host, arguments: Mapping[str, Any], lock: str, owner: str) -> bool:
    return run_guarded(host, lock, owner, "guarded release", arguments)


def _take(
    state: State,  # noqa: ARG001 - pyinfra passes it
    host: Host,
    arguments: Mapping[str, Any],
    lock: str,
    owner: str,
    wait: float,
    lease: int,
    doing: str,
) -> bool:
    good = take(host, arguments, lock, owner, wait, lease, doing)
    if good:
        locks = _taken.setdefault(host, {})
        locks[lock] = Taken(owner, arguments, locks[lock].count + 1 if lock in locks else 1)
    return good


def _give_back(state: State, host: Host, lock: str, owner: str) -> bool:  # noqa: ARG001 - pyinfra passes both
    good = give_back(host, connector_arguments(host), lock, owner)
    locks = _taken.get(host, {})
    if good and lock in locks:
        locks[lock] = replace(locks[lock], count=locks[lock].count - 1)
        if not locks[lock].count:
            del locks[lock]
    return good


class _ReleaseAfterError(BaseStateCallback):
    """A host that failed gets no further operation, so not the one that would release its locks."""

    @staticmethod
    def operation_host_error(
        state: State,  # noqa: ARG004
        host: Host,
        op_hash: str,  # noqa: ARG004
        retry_count: int = 0,
        max_retries: int = 0,
    ) -> None:
        if retry_count < max_retries:
            return
        for lock, taken in _taken.pop(host, {}).items():
            run_guarded(host, lock, taken.owner, "guarded release all", taken.arguments)


def run_guarded(
    host: Host, lock: str, owner: str, command: str, arguments: Mapping[str, Any], **variables: str
) -> bool:
    """Runs a function of lock.sh on the host; what it says is shown as it comes."""
    local = type(host.connector).__name__ == "LocalConnector"
    watch = f"$(identity {os.getpid()})" if local else '$(identity "$(own_login)")'
    words = LOCK_HEADER | {"LOCK": lock, "OWNER": owner, "CONNECTION": "no" if local else "yes"}
    text = script("lock", "every_process", **words, **variables)
    end = 'code=$?\n[ -z "$reason" ] || printf "%s\\n" "$reason"\nexit $code'
    whole = f"{text}\nWATCH={watch}\n{command}\n{end}"
    try:
        good, _ = run(host, f"lock {command}", whole, arguments, print_output=True)
    except LOST as error:
        echo(str(error), host.print_prefix)
        return False
    return good


def _line(text: str) -> str:
    """What it says as a field of one line; others are shown it."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def wait_seconds(said: float | str | None = None) -> float:
    """How long to wait, as it is said, or as data gives it."""
    value = host.data.get("lock_wait") if said is None else said
    return validated(LockSettings, {"wait": value}).wait


def check(name: str, owner: str | None, lease: int = LEASE_SECONDS, wait: object = None) -> Holding:
    with refusing():
        return validated(Holding, {"name": name, "owner": owner, "lease": lease, "wait": wait})
