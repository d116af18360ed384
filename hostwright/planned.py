"""From data to change, the same way for every procedure: decided where a deploy file is loaded, acted on in its turn.

While files are loaded nothing is changed on any host: a refusal of one keeps all of them from being changed.
"""

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

import gevent
from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, StringCommand, operation
from pyinfra.api.exceptions import DeployError
from pyinfra.api.operation import OperationMeta

from hostwright.refusal import Refusal
from hostwright.transport import echo

Command = StringCommand | FunctionCommand


class Plan(Protocol):
    @property
    def changes(self) -> object:
        """What is to be changed; nothing if all is as wanted."""


P = TypeVar("P", bound=Plan)
Deciding = Callable[[dict[str, Any]], P]


def planned(
    title: str,
    decide: Deciding[P],
    draw: Callable[[P], str],
    act: Callable[[P], Iterable[Command]],
    arguments: dict[str, Any],
) -> OperationMeta:
    """
    + decide: looks at the host and makes the plan, or refuses; it is given the arguments that the look needs
    + draw: the plan for a person, or nothing where there is nothing to say
    + act: carries it out
    """
    with refusing():
        plan = decide(arguments)
    _show(draw(plan))
    return _carry_out(plan=plan, decide=decide, draw=draw, act=act, **({"name": title} | arguments))


@operation()
def _carry_out(
    plan: P, decide: Deciding[P], draw: Callable[[P], str], act: Callable[[P], Iterable[Command]]
) -> Generator[Command, None, None]:
    if is_stale():
        first = plan
        try:
            plan = decide({})
        except Refusal as refusal:
            yield failing(f"refused, and not changed by this operation: {refusal}")
            return
        if plan != first:
            _show(draw(plan))
    if plan.changes:
        yield from act(plan)
    else:
        host.noop("nothing to change")


def _show(text: str) -> None:
    if text:
        echo(f"\n{text}\n")


def is_stale() -> bool:
    """Whether this run has done anything to the host since its plans were made, or has waited for its lock."""
    return host.state.is_executing and any(
        data.operation_meta.executed for data in host.state.ops[host.state.inventory.get_host(host.name)].values()
    )


def failing(why: str) -> FunctionCommand:
    """Ends an operation that has begun, in words."""
    return FunctionCommand(_say, (why,), {})


def _say(state: State, host: Host, why: str) -> bool:  # noqa: ARG001 - pyinfra passes both, by these names
    echo(why, host.print_prefix)
    return False


# -- refusals, before anything is changed


_refusals: WeakKeyDictionary[State, dict[str, str]] = WeakKeyDictionary()


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
    said[host.name] = f"refused, nothing was changed: {refusal}"
    _wait_for_all(state)
    ordered = {one.name: said[one.name] for one in state.inventory if one.name in said}
    return _error(table(ordered, state.inventory.len_active_hosts()))


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
        who = f"all {len(left)} hosts" if len(left) > 1 else host.name
        raise _error(
            f"{who}: refused, nothing was changed: {key} is not set, and has no default: write it in the inventory, or "
            f"--data {key}=..."
        )
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


def _error(text: str) -> DeployError:
    # To import it changes threads and sockets of whoever does; where it is at work, it has done so already.
    cli = sys.modules.get("pyinfra_cli.exceptions")
    if cli is None:
        return DeployError(text)
    # pyinfra shows a DeployError as an error in a line of our code.
    show = {"show": lambda _, file=None: echo(text)}  # noqa: ARG005 - click passes it
    return cast(DeployError, type("Refused", (DeployError, cli.CliError), show)(text))


def table(said: dict[str, str], hosts: int) -> str:
    """A line for each refusal, with those who say it.

    + hosts: how many there are in all
    """
    names: dict[str, list[str]] = {}
    for name, text in said.items():
        names.setdefault(text, []).append(name)
    return "\n".join(
        f"{f'all {hosts} hosts' if 1 < len(some) == hosts else ', '.join(some)}: {text}" for text, some in names.items()
    )
