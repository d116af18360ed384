"""From data to change, the same way for every procedure: decided where a deploy file is loaded, acted on in its turn.

While files are loaded nothing is changed on any host: a refusal of one keeps all of them from being changed.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import nullcontext
from typing import Any, Protocol, TypeVar, cast

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.operation import OperationMeta

from hostwright.base.keys import misspelt
from hostwright.base.refusal import Refusals
from hostwright.base.refusing import Command, is_meant, refused_late, refusing
from hostwright.base.settings import Settings, validated
from hostwright.base.transport import echo
from hostwright.lock.held import bearing_our_name, is_ours, taken, wait_seconds
from hostwright.lock.settings import LockSettings


class Plan(Protocol):
    @property
    def changes(self) -> object:
        """What is to be changed; nothing if all is as wanted."""


def told(model: type[Settings]) -> dict[str, Any]:
    """What the inventory says of this host, by the fields of a deploy; refused where a key is misspelt."""
    data = cast(Any, host.data).dict()
    ours = {LockSettings.prefix: LockSettings.names(), "hostwright_": ["foreign"]} | {model.prefix: model.names()}
    with refusing():
        if wrong := list(misspelt(data, ours)):
            raise Refusals(wrong)
        lock = {name: data.get(LockSettings.key(name)) for name in LockSettings.model_fields}
        validated(LockSettings, lock if model is LockSettings else {"wait": lock["wait"]})
    return {name: host.data.get(model.key(name)) for name in model.model_fields}


def told_about(model: type[Settings], required: str) -> dict[str, Any]:
    """The same, or nothing where a host has none of the keys, which is said.

    + required: the field that has no default
    """
    said = told(model)
    return said if is_meant(model.prefix, model.model_fields, required) else {}


P = TypeVar("P", bound=Plan)
Deciding = Callable[[Mapping[str, Any]], P]
Drawing = Callable[[P], str]
Acting = Callable[[P], Iterable[Command]]


def planned(
    title: str,
    decide: Deciding[P],
    draw: Drawing[P],
    act: Acting[P],
    arguments: Mapping[str, Any],
    doing: str = "",
) -> OperationMeta:
    """
    + decide: looks at the host and makes the plan, or refuses; it is given the arguments that the look needs
    + draw: the plan for a person, or nothing where there is nothing to say
    + act: carries it out
    + doing: what others are told who wait for the host's lock; nothing: it is not taken, as there is no change, or as a
        job on the host takes it for as long as it is at work
    """
    with refusing():
        wait = wait_seconds()
        plan = decide(arguments)
    _show(draw(plan))
    words: dict[str, Any] = {"name": title, **arguments}
    with bearing_our_name() if doing else nullcontext():
        return _carry_out(plan=plan, decide=decide, draw=draw, act=act, doing=doing, wait=wait, **words)


@operation()
def _carry_out(
    plan: P, decide: Deciding[P], draw: Drawing[P], act: Acting[P], doing: str, wait: float
) -> Generator[Command, None, None]:
    yield from refused_late(_acted(plan, decide, draw, act, doing, wait))


def _acted(
    plan: P, decide: Deciding[P], draw: Drawing[P], act: Acting[P], doing: str, wait: float
) -> Generator[Command, None, None]:
    def anew() -> P:
        new = decide({})
        if new != plan:
            _show(draw(new))
        return new

    if _is_stale():
        plan = anew()
    if not plan.changes:
        host.noop("nothing to change")
    elif not doing or not _is_at_work() or is_ours():
        yield from act(plan)
    else:
        with taken(doing, wait) as refused:
            if refused:
                yield refused
                return
            # Somebody else may have had it until now.
            plan = anew()
            if plan.changes:
                yield from act(plan)


def _show(text: str) -> None:
    if text:
        echo(f"\n{text}\n")


def _is_at_work() -> bool:
    """Whether what the operation yields is carried out, and not only asked for, as whether it will change anything."""
    return host.current_op_hash in (host.executing_op_hash, host.nested_executing_op_hash)


def _is_stale() -> bool:
    """Whether this run has done anything to the host since its plans were made, or has waited for its lock."""
    return host.state.is_executing and any(
        data.operation_meta.executed for data in host.state.ops[host.state.inventory.get_host(host.name)].values()
    )
