"""Where a refusal ends: in words, with those of all other hosts, before anything is changed on any of them."""

import inspect
import json
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar, cast, get_args
from weakref import WeakKeyDictionary

import gevent
from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, StringCommand
from pyinfra.api.exceptions import DeployError

from hostwright.base.keys import check_arguments
from hostwright.base.refusal import Refusal
from hostwright.base.transport import echo

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Command = StringCommand | FunctionCommand
_refusals: WeakKeyDictionary[State, dict[str, Refusal]] = WeakKeyDictionary()


@contextmanager
def refused_as(failure: type[Exception]) -> Iterator[None]:
    """Around what decides again in the midst of an act, which ends by failures of its own."""
    try:
        yield
    except Refusal as refusal:
        raise failure(str(refusal)) from None


@contextmanager
def refusing() -> Iterator[None]:
    """Around what may refuse while files are loaded: then nothing is changed on any host."""
    try:
        yield
    except Refusal as refusal:
        raise _refused(refusal) from None


def _refused(refusal: Refusal) -> DeployError:
    """Once all hosts have loaded the file, with the refusals of all of them."""
    state = host.state
    said = _refusals.setdefault(state, {})
    said[host.name] = refusal
    _wait_for_all(state)
    return _error({one.name: said[one.name] for one in state.inventory if one.name in said})


def named(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Around what takes `**arguments` of pyinfra's: one that neither of them knows is refused by its name."""
    own = dict(inspect.signature(function).parameters)
    [common] = get_args(own.popitem()[1].annotation)

    @wraps(function)
    def checked(*values: Given.args, **words: Given.kwargs) -> Answer:
        with refusing():
            check_arguments(words, own, common.__annotations__)
        return function(*values, **words)

    return checked


def is_meant(prefix: str, keys: Iterable[str], required: str) -> bool:
    """Whether a deploy is about this host: not where the inventory has none of its keys for it, which is said.

    + keys: those of the deploy, without the prefix
    + required: the one of them that has no default
    """
    if any(host.data.get(f"{prefix}{key}") is not None for key in keys):
        return True
    state = host.state
    left = _left_out.setdefault(state, {}).setdefault(prefix, set())
    left.add(host.name)
    _wait_for_all(state)
    if len(left) == state.inventory.len_active_hosts():
        key = f"{prefix}{required}"
        remedy = f"write it in the inventory, or --data {key}=..."
        raise _error(dict.fromkeys(sorted(left), Refusal(f"{key} is not set, and has no default", remedy, key=key)))
    echo(f"{host.name}: left out, it has no {prefix}{required}, nor any other key of this deploy")
    return False


_left_out: WeakKeyDictionary[State, dict[str, set[str]]] = WeakKeyDictionary()


def _wait_for_all(state: State) -> None:
    """Until every host has loaded the file."""
    me = gevent.getcurrent()
    if not state.is_executing and me in state.pool:
        # Who waits takes no place of one that is still to load.
        state.pool.discard(me)
        while _loading(state):
            gevent.sleep(0.02)


def _loading(state: State) -> bool:
    for _ in range(2):
        if len(state.pool):
            return True
        # Where one has ended, the next one may be about to begin.
        gevent.sleep(0)
    return False


def _error(said: Mapping[str, Refusal]) -> DeployError:
    text = table(said, host.state.inventory.len_active_hosts())
    # To import it changes threads and sockets of whoever does; where it is at work, it has done so already.
    cli = sys.modules.get("pyinfra_cli.exceptions")
    if cli is None:
        return DeployError(text)
    # pyinfra shows a DeployError as an error in a line of our code.
    show = {"show": lambda _, file=None: _end(text, said)}  # noqa: ARG005 - click passes it
    return cast(DeployError, type("Refused", (DeployError, cli.CliError), show)(text))


def _end(text: str, said: Mapping[str, Refusal]) -> None:
    echo(text)
    # pyinfra tells nobody that its own output is to be JSON.
    if "--json" in sys.argv:
        refused = [{"host": name, **one.as_data()} for name, refusal in said.items() for one in refusal.each]
        sys.stdout.write(json.dumps({"refused": refused}) + "\n")


def table(said: Mapping[str, Refusal], hosts: int) -> str:
    """A line for each refusal, with those who say it: host, key, value and what to do.

    + hosts: how many there are in all
    """
    names: dict[str, list[str]] = {}
    for name, refusal in said.items():
        for one in refusal.each:
            names.setdefault(str(one), []).append(name)
    return "\n".join(
        f"{f'all {hosts} hosts' if 1 < len(some) == hosts else ', '.join(some)}: refused, nothing was changed: {text}"
        for text, some in names.items()
    )


def refused_late(commands: Iterable[Command]) -> Generator[Command, None, None]:
    """The commands of an operation that has begun, and that ends where it is refused now."""
    try:
        yield from commands
    except Refusal as refusal:
        yield failing(f"refused, and not changed by this operation: {refusal}")


def failing(why: str) -> FunctionCommand:
    """Ends an operation that has begun, in words; in none where they were said already."""
    return FunctionCommand(_say, (why,), {})


def _say(state: State, host: Host, why: str) -> bool:  # noqa: ARG001 - pyinfra passes both, by these names
    if why:
        echo(why, host.print_prefix)
    return False
