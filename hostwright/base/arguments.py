"""What pyinfra takes for every operation, by name and type, for editors and type checkers."""

from collections.abc import Callable

from pyinfra.api.arguments import ConnectorArguments


class Arguments(ConnectorArguments, total=False):
    """Of an operation whose `name` is something else."""

    _ignore_errors: bool
    _continue_on_error: bool
    _if: list[Callable[[], bool]] | Callable[[], bool] | None
    _parallel: int
    _run_once: bool
    _serial: bool


class NamedArguments(Arguments, total=False):
    """
    + name: what the operation is called while it runs
    """

    name: str
