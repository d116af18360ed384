"""Who holds the locks of a host, and how one is broken."""

from typing import Any

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State
from pyinfra.api.operation import OperationMeta

from hostwright import planned
from hostwright.base.observe import observe
from hostwright.base.transport import connector_arguments
from hostwright.lock.facts import HostLocks
from hostwright.lock.held import DEPLOY, check, run_guarded
from hostwright.lock.plan import LocksPlan, decide_break, draw_locks


def show(name: str | None = None, break_owner: str | None = None, **arguments: Any) -> OperationMeta:
    """
    Show who holds the locks of the host and who waits, and break one whose owner is known to be no more.

    + name: name of the lock that is to be broken; `deploy` by default
    + break_owner: who holds it, as it is shown; whatever they still do under it is refused from then on

    Refused, before anything is changed on any host: to break a lock that nobody holds, or somebody else does.

    **Example:**

    .. code:: python

        from hostwright import lock

        lock.show()
    """
    name = DEPLOY if name is None else name
    check(name, break_owner, keys=("lock_name", "lock_break"))

    def decide(arguments: dict[str, Any]) -> LocksPlan:
        return decide_break(observe(HostLocks, arguments), name, break_owner)

    def act(plan: LocksPlan) -> list[FunctionCommand]:
        return [FunctionCommand(_break, (name, plan.changes), {})]

    title = f"Break the lock {name} of {break_owner}" if break_owner else "Show the locks"
    return planned.planned(title, decide, lambda plan: draw_locks(host.name, plan.locks), act, arguments)


def _break(state: State, host: Host, name: str, owner: str) -> bool:  # noqa: ARG001 - pyinfra passes both
    return run_guarded(host, name, owner, "guarded break_lock", connector_arguments(host))
