"""Plans are made when deploy files are loaded; when their turn comes, the host may have changed since."""

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State

from hostwright.transport import echo


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
