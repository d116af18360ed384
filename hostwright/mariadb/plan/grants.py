"""Grants of a user of MariaDB: what SHOW GRANTS says of them, and how they differ from what the data say."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hostwright.mariadb.settings import ALL, OPTION, Grant, same_privilege, sql_object

At = tuple[str, str]

_NAME = "(?:`[^`]*`)+"
_PRIVILEGE = r"[A-Z_]+(?: [A-Z_]+)*(?: \([^()`]*(?:`[^`]*`[^()`]*)*\))?"
_SHOWN = re.compile(
    rf"GRANT (?P<privileges>{_PRIVILEGE}(?:, {_PRIVILEGE})*) ON (?P<object>(?:\*|{_NAME})\.(?:\*|{_NAME})) "
    rf"TO (?:{_NAME}@{_NAME}|'[^']*'@'[^']*')(?P<rest>.*)",
    re.S,
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split(", "))


# What ALL PRIVILEGES are on a table, on a database, and on all of them.
_TABLE = _words(
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE VIEW, SHOW VIEW, TRIGGER, "
    "DELETE HISTORY"
)
_DATABASE = _TABLE | _words("CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE ROUTINE, ALTER ROUTINE, EVENT")
_SERVER = _DATABASE | _words(
    "RELOAD, SHUTDOWN, PROCESS, FILE, SHOW DATABASES, SUPER, REPLICATION SLAVE, REPLICATION CLIENT, CREATE USER, "
    "CREATE TABLESPACE"
)
# Of their own since 10.5, and no part of SUPER since 11.0: a newer server gives them to whoever had the older one.
_WAS_IN = {
    "SUPER": _words(
        "SET USER, FEDERATED ADMIN, CONNECTION ADMIN, READ_ONLY ADMIN, REPLICATION SLAVE ADMIN, REPLICATION MASTER "
        "ADMIN, BINLOG ADMIN, BINLOG REPLAY, SLAVE MONITOR, REPLICATION CLIENT"
    ),
    "REPLICATION SLAVE": frozenset({"SLAVE MONITOR"}),
    "REPLICATION CLIENT": frozenset({"SLAVE MONITOR"}),
}


@dataclass(frozen=True)
class Difference:
    """
    + less: what is too much
    + more: what is missing
    + left: what is too much, and was part of a privilege that is wanted
    """

    at: At
    less: frozenset[str]
    more: frozenset[str]
    left: frozenset[str]


@dataclass(frozen=True)
class Shown:
    """
    + whole: whether the data can say all of the line; else some of it is for columns
    """

    grant: Grant
    whole: bool


def shown(line: str) -> Shown | None:
    """A line of SHOW GRANTS, as the client escapes it; nothing where the data can say none of it."""
    found = _SHOWN.fullmatch(re.sub(r"\\(.)", _character, line))
    at = sql_object(found["object"]) if found else None
    if not found or not at:
        return None
    every = [match[0] for match in re.finditer(_PRIVILEGE, found["privileges"])]
    plain = frozenset(same_privilege(one) for one in every if not one.endswith(")"))
    rest = re.sub("'[^']*'", "", found["rest"])
    grant = Grant(privileges=plain, object=at, option=bool(re.search(" WITH (?:.* )?GRANT OPTION", rest)))
    return Shown(grant, len(plain) == len(every))


def _character(escaped: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t", "0": "\0"}.get(escaped[1], escaped[1])


def differences(wanted: Iterable[Grant], lines: Iterable[str], version: tuple[int, ...]) -> Iterator[Difference]:
    """By database and table.

    + lines: of SHOW GRANTS
    + version: of the server
    """
    want: dict[At, frozenset[str]] = {}
    have: dict[At, frozenset[str]] = {}
    for grant in wanted:
        want[grant.object] = want.get(grant.object, frozenset()) | _privileges(grant)
    for one in filter(None, map(shown, lines)):
        at, words = one.grant.object, _privileges(one.grant)
        # A REVOKE for the table takes what there is for its columns, too.
        have[at] = have.get(at, frozenset()) | (words if one.whole else words & want.get(at, frozenset()))
    for at in sorted({*want, *have}):
        wish, there = want.get(at, frozenset()), have.get(at, frozenset())
        kept = frozenset().union(*(_WAS_IN.get(word, ()) for word in wish))
        if ALL in wish:
            # Whoever gets all of them need not lose some first.
            wish, there = wish & {ALL, OPTION}, there & {ALL, OPTION}
        elif ALL in there and wish | kept >= _all(at, version):
            there = there - {ALL} | wish - {OPTION}
        over = there - wish
        yield Difference(at, less=over - kept, more=wish - there, left=over & kept)


def _privileges(grant: Grant) -> frozenset[str]:
    # USAGE is the name of no privilege at all.
    return grant.privileges - {"USAGE"} | ({OPTION} if grant.option else set())


def _all(at: At, version: tuple[int, ...]) -> frozenset[str]:
    if at[1] != "*":
        return _TABLE
    words = _DATABASE if at[0] != "*" else _SERVER
    return words | {"SHOW CREATE ROUTINE"} if version >= (11, 3) else words
