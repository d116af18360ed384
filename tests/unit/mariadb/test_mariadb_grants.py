"""Grants as MariaDB shows them: recorded from servers of 10.5, 10.11 and 11.8, and in the forms of 10.4 and 11.4."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostwright.base.refusal import Refusal
from hostwright.base.settings import validated
from hostwright.mariadb import facts
from hostwright.mariadb.facts import Accounts, parse_accounts
from hostwright.mariadb.plan.server import AccountsPlan, decide_accounts, question
from hostwright.mariadb.settings import Mariadb

FIXTURES = Path(__file__).parents[1] / "fixtures"
TEXTS = {path.stem.removeprefix("grants_"): path.read_text() for path in sorted(FIXTURES.glob("grants_*.txt"))}
ANSWERS = {version: parse_accounts(text.splitlines()) for version, text in TEXTS.items()}
USERS = [(version, *user) for version, answer in ANSWERS.items() for user in answer.grants]
# As the data can say it, told by other means than the code's.
SAYABLE = re.compile(r"GRANT (?P<words>[A-Z_, ]+) ON (?P<object>(\*|`(?!\*`)[^`]+`)\.(\*|`[^`]+`)) TO [`'](?P<rest>.*)")
EVERY_USER = pytest.mark.parametrize(("version", "name", "host"), USERS)


def said(line: str) -> tuple[list[str], str, bool] | None:
    """Privileges, database and table, and whether the user may hand them on; nothing for what no data can say."""
    found = SAYABLE.fullmatch(line)
    if not found or "\\n" in line:
        return None
    words = [word for word in found["words"].split(", ") if word != "USAGE"]
    option = "GRANT OPTION" in re.sub("'[^']*'", "", found["rest"])
    return [*words, *["GRANT OPTION"] * option], found["object"].replace("\\\\", "\\"), option


def wish(name: str, host: str, *grants: str) -> Mariadb:
    users = [{"name": name, "host": host, "password": "sesame", "grants": grants}]
    return validated(Mariadb, {"root_password": "hush hush", "users": users})


def plan(version: str, name: str, host: str, lines: list[str], *grants: str) -> AccountsPlan:
    users = {("root", "localhost"): True, (name, host): True}
    there = Accounts(True, frozenset(), users, {(name, host): tuple(lines)}, ANSWERS[version].version)
    return decide_accounts(wish(name, host, *grants), there)


def nova(version: str, line: str, *grants: str) -> AccountsPlan:
    return plan(version, "nova", "%", [f"GRANT {line}"], *grants)


@EVERY_USER
def test_who_has_what_the_data_say_keeps_it_and_the_rest_is_named(version: str, name: str, host: str) -> None:
    lines = list(ANSWERS[version].grants[name, host])
    grants = [f"{', '.join(words or ['USAGE'])} ON {at}" for words, at, _ in filter(None, map(said, lines))]
    made = plan(version, name, host, lines, *grants)
    assert made.statements == ()
    left = [line for line in lines if not said(line)]
    assert made.notes == tuple(f"user {name}@{host} has more, which is left as it is: {line}" for line in left)


def test_the_default_role_is_named_and_left() -> None:
    (*_, last) = plan("11.8", "roles", "%", list(ANSWERS["11.8"].grants["roles", "%"])).notes
    assert last.endswith("which is left as it is: SET DEFAULT ROLE `reader` FOR `roles`@`%`")


def carried_out(statements: tuple[str, ...], lines: list[str], wanted: set[tuple[str, str]]) -> list[str]:
    """What SHOW GRANTS would say after that."""
    left, at_all = [line for line in lines if not said(line)], {}
    for words, at, _ in filter(None, map(said, lines)):
        at_all.setdefault(at, set()).update(words)
    lost: set[tuple[str, str]] = set()
    for statement in statements:
        found = re.fullmatch(
            r"(GRANT|REVOKE) ([A-Z_, ]+) ON (.*) (?:TO|FROM) '.*'@'[^']*'( WITH GRANT OPTION)?;", statement
        )
        assert found, statement
        words = {re.sub("^REPLICATION CLIENT$", "BINLOG MONITOR", word) for word in found[2].split(", ")} - {"USAGE"}
        assert found[1] == "GRANT" or len(words) == 1 or "ALL PRIVILEGES" not in words
        there = at_all.setdefault(found[3], set())
        if found[1] == "GRANT":
            there |= words | ({"GRANT OPTION"} if found[4] else set())
        else:
            assert words <= there
            lost |= {(word, found[3]) for word in words}
            there -= words
    assert not lost & wanted
    shown = [
        f"GRANT {', '.join(sorted(words - {'GRANT OPTION'})) or 'USAGE'} ON {at} TO `x`@`%`"
        f"{' WITH GRANT OPTION' if 'GRANT OPTION' in words else ''}".replace("\\", "\\\\")
        for at, words in at_all.items()
        if words
    ]
    return left + shown


@given(st.data())
def test_nothing_that_is_asked_for_is_revoked_and_the_next_run_finds_all_as_wanted(data: st.DataObject) -> None:
    version, name, host = data.draw(st.sampled_from([user for user in USERS if user[0] != "10.4"]))
    lines = list(ANSWERS[version].grants[name, host])
    known = [(word, at) for words, at, _ in filter(None, map(said, lines)) for word in words]
    more = [("SELECT", "`nova`.*"), ("ALL PRIVILEGES", "`nova`.*"), ("INSERT", "`nova`.`instances`"), ("SUPER", "*.*")]
    pairs = data.draw(st.lists(st.sampled_from([*known, *more]), unique=True))
    grants = [f"{word} ON {at}" for word, at in pairs]
    statements = plan(version, name, host, lines, *grants).statements
    after = carried_out(statements, lines, set(pairs))
    assert plan(version, name, host, after, *grants).statements == ()


# What GRANT was told, and what SHOW GRANTS says of it: measured on 10.5.23, 10.11.18 and 11.8.9.
OTHER_NAMES = [
    ("REPLICATION CLIENT", "BINLOG MONITOR"),
    ("REPLICATION REPLICA", "REPLICATION SLAVE"),
    ("REPLICATION REPLICA ADMIN", "REPLICATION SLAVE ADMIN"),
    ("REPLICA MONITOR", "SLAVE MONITOR"),
    ("READ ONLY ADMIN", "READ_ONLY ADMIN"),
    ("READ_ONLY ADMIN", "READ_ONLY ADMIN"),
    ("binlog  monitor", "BINLOG MONITOR"),
]


@pytest.mark.parametrize(("told", "shown"), OTHER_NAMES)
def test_a_privilege_is_the_same_by_its_other_name(told: str, shown: str) -> None:
    assert nova("11.8", f"{shown} ON *.* TO `nova`@`%`", f"{told} ON *.*").statements == ()
    assert len(nova("11.8", f"{shown} ON *.* TO `nova`@`%`").statements) == 1


def test_the_oldest_name_is_taken_by_all_versions() -> None:
    assert nova("10.4", "USAGE ON *.* TO 'nova'@'%'", "BINLOG MONITOR ON *.*").statements == (
        "GRANT REPLICATION CLIENT ON *.* TO 'nova'@'%';",
    )
    assert nova("10.4", "REPLICATION CLIENT ON *.* TO 'nova'@'%'", "BINLOG MONITOR ON *.*").statements == ()


@pytest.mark.parametrize("version", ["10.5", "10.11", "11.8"])
@pytest.mark.parametrize(
    ("name", "word"), [("s104", "SUPER"), ("r104", "REPLICATION SLAVE"), ("c104", "REPLICATION CLIENT")]
)
def test_what_an_upgrade_made_of_an_older_privilege_stays(version: str, name: str, word: str) -> None:
    lines = list(ANSWERS[version].grants[name, "%"])
    left = plan(version, name, "%", lines, f"{word} ON *.*")
    assert left.statements == ()
    assert re.fullmatch(
        rf"user {name}@% has .* on \*\.\*, which was part of an older privilege: name it .*", left.notes[0]
    )
    named = plan(
        version, name, "%", lines, f"{word}, {left.notes[0].partition(' has ')[2].partition(' on ')[0]} ON *.*"
    )
    assert (named.statements, named.notes) == ((), ())
    assert "REVOKE" in plan(version, name, "%", lines, "SELECT ON *.*").statements[0]


def test_what_was_part_of_super_before_11_stays() -> None:
    # GRANT SUPER on 10.11.18, then mariadb-upgrade of 11.8.9.
    upgraded = (
        "SUPER, BINLOG MONITOR, SET USER, FEDERATED ADMIN, CONNECTION ADMIN, REPLICATION SLAVE ADMIN, "
        "REPLICATION MASTER ADMIN, BINLOG ADMIN, BINLOG REPLAY, SLAVE MONITOR ON *.* TO `nova`@`%`"
    )
    assert nova("11.8", upgraded, "SUPER ON *.*").statements == ()


# ALL but what came with 11.3: what a server makes of each of these, measured.
DATABASE = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES, "
    "EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EVENT, TRIGGER, DELETE HISTORY"
)
TABLE = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE VIEW, SHOW VIEW, TRIGGER, "
    "DELETE HISTORY"
)


@pytest.mark.parametrize("version", ["10.4", "10.5", "10.11"])
def test_who_asks_for_each_privilege_has_all_of_them(version: str) -> None:
    all_of_it = "ALL PRIVILEGES ON `nova`.* TO `nova`@`%`"
    assert nova(version, all_of_it, f"{DATABASE} ON nova.*").statements == ()
    table = "ALL PRIVILEGES ON `nova`.`instances` TO `nova`@`%` WITH GRANT OPTION"
    assert nova(version, table, f"{TABLE} ON nova.instances WITH GRANT OPTION").statements == ()
    fewer = nova(version, all_of_it, f"{DATABASE.replace('DROP, ', '')} ON nova.*").statements
    assert fewer[0] == "REVOKE ALL PRIVILEGES ON `nova`.* FROM 'nova'@'%';"
    assert fewer[1].startswith("GRANT ALTER, ALTER ROUTINE, ")


def test_all_of_an_older_version_is_not_all_of_a_newer_one() -> None:
    listed = f"{DATABASE} ON `nova`.* TO `nova`@`%`"
    assert nova("11.8", listed, f"{DATABASE} ON nova.*").statements == ()
    assert nova("11.8", "ALL PRIVILEGES ON `nova`.* TO `nova`@`%`", f"{DATABASE} ON nova.*").statements != ()
    more = nova("11.8", "ALL PRIVILEGES ON `nova`.* TO `nova`@`%`", f"{DATABASE}, SHOW CREATE ROUTINE ON nova.*")
    assert more.statements == ()
    # Whoever gets all of them loses none first.
    assert nova("11.8", listed, "ALL ON nova.*").statements == ("GRANT ALL PRIVILEGES ON `nova`.* TO 'nova'@'%';",)


@pytest.mark.parametrize("version", ["10.4", "10.5", "10.11", "11.8"])
def test_all_on_the_server_is_known_by_its_parts(version: str) -> None:
    (line,) = (line for line in ANSWERS[version].grants["most", "%"] if "*.*" in line)
    words = f"{line.removeprefix('GRANT ').partition(' ON ')[0]}, SHUTDOWN, SUPER"
    everything = "ALL PRIVILEGES ON *.* TO `nova`@`%`"
    assert nova(version, everything, f"{words} ON *.*").statements == ()
    # What SUPER was before 10.5 is left, and with the rest it is all again.
    assert nova(version, everything, f"{words.replace(', FEDERATED ADMIN', '')} ON *.*").statements == ()


def test_all_and_the_option_go_one_after_the_other() -> None:
    gone = nova("10.11", "ALL PRIVILEGES ON `nova`.* TO `nova`@`%` WITH GRANT OPTION")
    assert gone.statements == (
        "REVOKE ALL PRIVILEGES ON `nova`.* FROM 'nova'@'%';",
        "REVOKE GRANT OPTION ON `nova`.* FROM 'nova'@'%';",
    )
    kept = nova("10.11", "ALL PRIVILEGES ON `nova`.* TO `nova`@`%` WITH GRANT OPTION", "ALL, SELECT ON nova.*")
    assert kept.statements == ("REVOKE GRANT OPTION ON `nova`.* FROM 'nova'@'%';",)


def test_a_privilege_beside_those_for_columns_is_not_given_twice_and_not_taken() -> None:
    line = "SELECT (`name`), INSERT, INSERT (`id`) ON `nova`.`instances` TO `nova`@`%`"
    for grants in ((), ("INSERT ON nova.instances",), ("INSERT ON nova.*", "INSERT ON nova.instances")):
        made = nova("10.11", line, *grants)
        assert all(statement == "GRANT INSERT ON `nova`.* TO 'nova'@'%';" for statement in made.statements)
        assert made.notes == (f"user nova@% has more, which is left as it is: GRANT {line}",)
    assert nova("10.11", line, "SELECT ON nova.instances").statements == (
        "GRANT SELECT ON `nova`.`instances` TO 'nova'@'%';",
    )


def test_names_with_spaces_can_be_said_and_one_that_is_called_star_is_not_all() -> None:
    assert nova("10.11", "SELECT ON `two words`.* TO `nova`@`%`", "SELECT ON `two words`.*").statements == ()
    taken = nova("10.11", "SELECT, DROP ON `two words`.* TO `nova`@`%`", "SELECT ON `two words`.*")
    assert taken.lines == ("user nova@%: loses DROP on `two words`.*",)
    star = nova("10.11", "SELECT ON `*`.* TO `nova`@`%`", "SELECT ON *.*")
    assert star.statements == ("GRANT SELECT ON *.* TO 'nova'@'%';",)
    assert len(star.notes) == 1
    with pytest.raises(Refusal, match="is no grant"):
        wish("nova", "%", "ALL ON `*`.*")
    with pytest.raises(Refusal, match="is no grant"):
        wish("nova", "%", "ALL ON `a\nb`.*")


@pytest.mark.parametrize("subject", ["/CN=x WITH GRANT OPTION", "/CN=x"])
def test_what_a_certificate_is_called_is_no_option(subject: str) -> None:
    line = f"SELECT ON *.* TO `nova`@`%` REQUIRE SUBJECT '{subject}' WITH MAX_USER_CONNECTIONS 3"
    assert nova("10.11", line, "SELECT ON *.*").statements == ()


def test_a_host_is_one_in_capitals_too() -> None:
    assert ("up", "db.example") in ANSWERS["10.11"].users
    there = Accounts(True, frozenset(), {("root", "localhost"): True, ("up", "db.example"): True}, {})
    assert decide_accounts(wish("up", "DB.Example"), there).statements == ()


def test_no_long_name_takes_long() -> None:
    for name in ("`" * 3000, "`a`" * 1000, "A " * 1500, "A (`" * 800):
        nova("10.11", f"SELECT ({name}) ON {name}.{name} TO {name}", "SELECT ON nova.*")


# -- the question, and its answer


@pytest.mark.parametrize("version", sorted(TEXTS))
def test_an_answer_that_was_cut_short_is_none(version: str) -> None:
    lines = TEXTS[version].splitlines()
    assert parse_accounts(lines).answers
    for length in range(len(lines)):
        assert not parse_accounts(lines[:length]).answers


def test_the_server_is_asked_for_one_way_to_quote() -> None:
    first, *_, last = question(wish("nova", "%")).splitlines()
    assert first == "SET sql_mode = '', sql_quote_show_create = 1;"
    assert last == "SELECT 'alive', VERSION();"
    # A database whose name has the end of a line in it would make lines of its own.
    assert "--raw" not in facts._BATCH


HASH = "*B69027D44F6E5EDC07F1AEAD1477967B16F28227"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '{HASH}' REQUIRE SSL", " REQUIRE SSL"),
        (
            f"GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED VIA ed25519 USING 'G' OR mysql_native_password USING '{HASH}'",
            " IDENTIFIED VIA ed25519 OR mysql_native_password",
        ),
        ("GRANT READ_ONLY ADMIN ON *.* TO `a`@`%` IDENTIFIED VIA pam USING 'x'", " IDENTIFIED VIA pam"),
        ("GRANT DROP ON `a ON *.* TO USING 'b'`.* TO `a`@`%`", None),
    ],
)
def test_hashes_of_passwords_stay_on_the_host_and_names_stay_whole(line: str, shown: str | None) -> None:
    hiding = f"sed {shlex.quote(facts._HIDING)}"
    done = subprocess.run(["sh", "-c", hiding], input=f"{line}\n", capture_output=True, text=True, check=True)
    assert done.stdout == (f"{line}\n" if shown is None else f"{line.partition(' IDENTIFIED')[0]}{shown}\n")


def test_recorded_answers_are_whole() -> None:
    for version in ("10.5", "10.11", "11.8"):
        assert ANSWERS[version].version.startswith(f"{version}.")
        assert len(ANSWERS[version].grants) >= 25
