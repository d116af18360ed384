"""What scripts that only look say of a host."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from pydantic_core import to_jsonable_python
from pyinfra import host
from pyinfra.api import FactBase, StringCommand
from pyinfra.api.exceptions import FactProcessError
from typing_extensions import override

from hostwright.base import transport
from hostwright.base.refusal import DidNotTell
from hostwright.base.scripts import NONCE
from hostwright.base.stdin import query

T = TypeVar("T")


class ScriptFact(FactBase[Any], Generic[T]):
    """What one script says of a host, and what is made of it: `pyinfra INVENTORY fact` shows that as JSON.

    + what: that a host may not tell, in words, with the names of what `text` takes in braces
    + always: sections that no answer lacks, where `parsed` does not ask for them itself
    + secret: what it says is for no output, however much of that is asked for
    """

    text: Callable[..., str]
    what: str
    always: Sequence[str] = ()
    secret = False

    def parsed(self, output: list[str]) -> T:
        raise NotImplementedError

    @override
    def command(self, **about: Any) -> StringCommand:
        # pyinfra hands it over by the name that it has here.
        words = about.get("about", about)
        try:
            text = self.text(**words)
        except TypeError as error:
            # What is raised here would be shown as a traceback.
            return StringCommand("echo", shlex.quote(str(error)), ">&2;", "exit", "64")
        return StringCommand("sh", "-c", shlex.quote(text), "hostwright", type(self).__name__)

    @override
    def process(self, output: list[str]) -> Any:
        if self.secret:
            raise FactProcessError(f"{self.name}: there are secrets in it, which are for no output")
        try:
            return to_jsonable_python(self.parsed(output), fallback=str)
        except DidNotTell as error:
            raise FactProcessError(f"{self.name}: the host did not tell: {error}") from None


@contextmanager
def parsing() -> Iterator[None]:
    """Around what makes values of a host's words: any that are none are DidNotTell, and no traceback."""
    try:
        yield
    except AssertionError as error:
        # pytest, which loads this as a plugin, would put the values into its words.
        raise DidNotTell("its answer cannot be read: a value of another kind than there must be") from error
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise DidNotTell(f"its answer cannot be read: {type(error).__name__}: {error}") from error


def pairs(lines: Sequence[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines if "=" in line)


def observe(fact: type[ScriptFact[T]], arguments: Mapping[str, Any], data: str = "", **about: Any) -> T:
    """In place of host.get_fact, which knows command lines only; refused where the host did not tell.

    + data: what the script reads from `data`
    """
    text = fact().text(**about)
    said: Sequence[str] = ()
    try:
        good, output = query(fact.__name__, text, arguments, data, fact.secret)
        said = output.stderr_lines
        if good and output.stdout_lines:
            if missing := [name for name in fact.always if f"@@ {NONCE} {name}" not in output.stdout_lines]:
                raise DidNotTell(f"its answer lacks a section: {missing[0]}")
            return fact().parsed(output.stdout_lines)
    except (DidNotTell, *transport.LOST) as error:
        said = [str(error)]
    for line in said:
        transport.echo(line, host.print_prefix)
    raise DidNotTell(f"the host did not tell {fact.what.format(**about)}", "see the error above")
