"""Who holds the locks of a host, and how one is broken."""

from collections.abc import Mapping
from typing import Any

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State
from pyinfra.api.operation import OperationMeta
from typing_extensions import Unpack

from hostwright import planned
from hostwright.base.arguments import Arguments
from hostwright.base.observe import observe
from hostwright.base.refusing import named
from hostwright.base.transport import connector_arguments
from hostwright.lock.facts import HostLocks
from hostwright.lock.held import check, run_guarded
from hostwright.lock.plan import LocksPlan, decide_break, draw_locks
from hostwright.lock.settings import DEPLOY


@named
def show(name: str = DEPLOY, break_owner: str | None = None, **arguments: Unpack[Arguments]) -> OperationMeta:
    """
    Show who holds the locks of the host and who waits, and break one whose owner is known to be no more.

    + name: name of the lock that is to be broken
    + break_owner: who holds it, as it is shown; whatever they still do under it is refused from then on

    Refused, before anything is changed on any host: to break a lock that nobody holds, or somebody else does.

    **Example:**

    .. code:: python

        from hostwright import lock

        lock.show()
    """
    check(name, break_owner)

    def decide(arguments: Mapping[str, Any]) -> LocksPlan:
        return decide_break(observe(HostLocks, arguments), name, break_owner)

    def act(plan: LocksPlan) -> list[FunctionCommand]:
        return [FunctionCommand(_break, (name, plan.changes), {})]

    title = f"Break the lock {name} of {break_owner}" if break_owner else "Show the locks"
    return planned.planned(title, decide, lambda plan: draw_locks(host.name, plan.locks), act, arguments)


def _break(state: State, host: Host, name: str, owner: str) -> bool:  # noqa: ARG001 - pyinfra passes both
    return run_guarded(host, name, owner, "guarded break_lock", connector_arguments(host))
