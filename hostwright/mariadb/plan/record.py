"""What ran once on the data of a MariaDB, told by its contents: where it stands in a list says nothing."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, product

from hostwright.base.refusal import Refusal
from hostwright.mariadb.facts import Once
from hostwright.mariadb.settings import Mariadb
from hostwright.mariadb.several_commands import costly_digest

# The first runs recorded a plain hash of this and of the contents.
_FIRST_COMMAND = (
    'exec "$(command -v mariadb || command -v mysql)" --no-defaults --protocol=socket --user=root --batch '
    "</hostwright/sql/{name}\n"
)
# The record is the server's user's, too: no other name becomes one of a file.
_NAME = re.compile(r"(?!-$|\.{1,2}$)[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Init:
    """
    + name: of the file; nothing for a statement
    """

    name: str
    content: bytes


def named(inits: Sequence[Init], record: Mapping[str, Once]) -> dict[str, bytes]:
    """Their contents, in their order, each by the name that the record has for it, or else by a new one."""
    free = [name for name in record if _NAME.fullmatch(name)]
    names: dict[int, str] = {}
    contents = [init.content for init in inits]
    # The name that it has counts first, so the same contents may be there twice.
    for by_name, (number, init) in product((True, False), enumerate(inits)):
        same = (one for one in free if (one == init.name or not by_name) and _is(init.content, one, record, contents))
        if number not in names and (name := next(same, "")):
            names[number] = name
            free.remove(name)
    for number, init in enumerate(inits):
        if number not in names:
            _can_be_new(init, free, names.values(), record)
            taken = {*names.values(), *record}
            names[number] = init.name or next(one for n in count(1) if (one := f"statement-{n}") not in taken)
    return {names[number]: init.content for number, init in enumerate(inits)}


def digests(contents: Mapping[str, bytes], record: Mapping[str, Once], salt: str) -> dict[str, str]:
    """As the record has them, of what it has."""
    every = list(contents.values())
    return {
        name: record[name].digest if name in record and _is(content, name, record, every) else salted(content, salt)
        for name, content in contents.items()
    }


def salt_of(record: Mapping[str, Once]) -> str:
    """What is recorded next is salted as what there is: so that a second run makes the same of it."""
    found = [once.digest for name, once in record.items() if name != "-"]
    salts = [*(digest.partition(".")[0] for digest in found if "." in digest), *(digest[:16] for digest in found)]
    return next((salt for salt in salts if re.fullmatch("[0-9a-f]{16}", salt)), "")


def salted(content: bytes, salt: str) -> str:
    return f"{salt}.{costly_digest(content, salt)}"


def _is(content: bytes, name: str, record: Mapping[str, Once], contents: Sequence[bytes]) -> bool:
    digest = record[name].digest
    if "." in digest:
        return salted(content, salt_of(record)) == digest
    command = _FIRST_COMMAND.format(name=name).encode()
    # That of statement-12 was of statement-1, too.
    before = product(contents, repeat=len(_beginnings(name, record)))
    return any(hashlib.sha256(b"\0".join([command, *some, content])).hexdigest() == digest for some in before)


def _beginnings(name: str, record: Mapping[str, Once]) -> list[str]:
    return [other for other in record if other not in (name, "-") and name.startswith(other)]


def _can_be_new(init: Init, free: Sequence[str], names: Iterable[str], record: Mapping[str, Once]) -> None:
    if init.name and init.name in names:
        raise Refusal(
            "it has other contents than those that were run by that name, and they are in another one now",
            "give the new contents a name of their own",
            key=Mariadb.key("init"),
            value=init.name,
        )
    for name in free:
        lost = [one for one in _beginnings(name, record) if one in free]
        if lost and "." not in record[name].digest:
            raise Refusal(
                f"whether {init.name or 'a statement'} in it is the {name} that was run already can be told only with "
                f"{lost[0]}, which was taken out",
                "put that back",
                key=Mariadb.key("init"),
            )
