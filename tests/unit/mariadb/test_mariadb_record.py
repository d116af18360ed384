"""What ran once on the data of a MariaDB is known by its contents, whoever recorded it, and wherever it stands now."""

import gzip
import hashlib
import lzma
import random
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostwright.base.refusal import Refusal
from hostwright.base.settings import validated
from hostwright.mariadb import facts, operations
from hostwright.mariadb.facts import DataDirectory, Once, parse_data
from hostwright.mariadb.plan.record import Init, digests, named, salt_of, salted
from hostwright.mariadb.plan.server import decide_init
from hostwright.mariadb.settings import Mariadb

SALT = "0123456789abcdef"
Record = dict[str, Once]


def wish(*init: str, **more: Any) -> Mariadb:
    return validated(Mariadb, {"root_password": "hush hush", "init": list(init)} | more)


def statements(*contents: str) -> list[Init]:
    return [Init("", text.encode()) for text in contents]


def first(names: Sequence[tuple[str, str]]) -> Record:
    """As the first runs recorded it: by position, and without salt."""
    record = {}
    files = {f"sql/{name}": content.encode() for name, content in names}
    for name, _ in names:
        command = (
            'exec "$(command -v mariadb || command -v mysql)" --no-defaults --protocol=socket --user=root --batch '
            f"</hostwright/sql/{name}\n"
        )
        used = [content for path, content in sorted(files.items()) if f"/hostwright/{path}" in command]
        digest = hashlib.sha256(b"\0".join([command.encode(), *used])).hexdigest()
        record[name] = Once("done", digest, "noon")
    return record


def later(names: Sequence[tuple[str, str]]) -> Record:
    return {name: Once("done", salted(content.encode(), SALT), "noon") for name, content in names}


def at(*contents: str) -> list[tuple[str, str]]:
    return [(f"statement-{number}", content) for number, content in enumerate(contents, 1)]


def to_run(inits: list[Init], record: Record) -> list[str]:
    """What the container runs of it, in its order: it goes by names."""
    return [content.decode() for name, content in named(inits, record).items() if name not in record]


RECORDED = pytest.mark.parametrize("by", [first, later])


@RECORDED
def test_a_statement_in_front_runs_and_the_later_ones_do_not_run_again(by: Callable[..., Record]) -> None:
    record = by(at("CREATE DATABASE a", "CREATE DATABASE b"))
    inits = statements("CREATE DATABASE new", "CREATE DATABASE a", "CREATE DATABASE b")
    assert to_run(inits, record) == ["CREATE DATABASE new"]
    assert list(named(inits, record)) == ["statement-3", "statement-1", "statement-2"]
    plan = decide_init(wish(), digests(named(inits, record), record, SALT), DataDirectory(True, record))
    assert (plan.decided, plan.notes) == ((), ())


@RECORDED
def test_the_same_contents_twice_count_twice(by: Callable[..., Record]) -> None:
    assert to_run(statements("A", "A"), by(at("A"))) == ["A"]
    assert to_run(statements("A", "A"), by(at("A", "A"))) == []
    assert to_run(statements("A", "A", "A"), by(at("A", "B", "A"))) == ["A"]


@RECORDED
def test_what_was_taken_out_is_told(by: Callable[..., Record]) -> None:
    record = by([*at("A", "B"), ("c.sql", "C")]) | {"-": Once("made", "-", "noon", "-")}
    contents = named(statements("B"), record)
    plan = decide_init(wish(), digests(contents, record, SALT), DataDirectory(True, record))
    assert plan.notes == (
        "statement-1 was carried out on noon; it is no longer in mariadb_init",
        "c.sql was carried out on noon; it is no longer in mariadb_init",
    )
    failed = record | {"statement-1": Once("failed", "x", "noon", "3")}
    plan = decide_init(wish(), digests(contents, failed, SALT), DataDirectory(True, failed))
    assert "statement-1 failed on noon with code 3" in plan.notes[0]


@RECORDED
def test_a_file_is_known_by_its_name_or_else_by_its_contents(by: Callable[..., Record]) -> None:
    record = by([("a.sql", "A"), ("b.sql", "B")])
    changed = named([Init("a.sql", b"other"), Init("b.sql", b"B")], record)
    assert list(changed) == ["a.sql", "b.sql"]
    plan = decide_init(wish(), digests(changed, record, SALT), DataDirectory(True, record))
    assert "a.sql was carried out on noon, and has other contents now: it is not run again" in plan.notes[0]
    again = decide_init(wish(init_resume="rerun"), digests(changed, record, SALT), DataDirectory(True, record))
    assert again.decided == (f"rerun\ta.sql\t{salted(b'other', SALT)}\tdecided\t",)
    assert to_run([Init("renamed.sql", b"A"), *statements("B")], record) == []
    for twice in ("twice.sql", "a.sql"), ("a.sql", "twice.sql"):
        assert to_run([Init(name, b"A") for name in twice], record) == ["A"]
    with pytest.raises(Refusal, match=r"mariadb_init = a.sql: it has other contents .* a name of their own"):
        named([Init("a.sql", b"other"), Init("moved.sql", b"A")], record)
    assert to_run([Init("c.sql", b"other"), Init("moved.sql", b"A")], record) == ["other"]


def test_a_first_run_names_them_by_their_number() -> None:
    assert list(named([*statements("A", "B"), Init("c.sql", b"C")], {})) == ["statement-1", "statement-2", "c.sql"]


@settings(deadline=None)
@given(st.lists(st.sampled_from("ABCDE"), max_size=25), st.integers())
def test_nothing_that_a_first_run_recorded_runs_again(contents: list[str], seed: int) -> None:
    """More than nine of them, too, where the digest of one was of two."""
    record = first(at(*contents))
    shuffled = [*contents, "new"]
    random.Random(seed).shuffle(shuffled)
    assert to_run(statements(*shuffled), record) == ["new"]


def test_what_cannot_be_told_from_what_ran_is_refused() -> None:
    contents = [f"statement {number}" for number in range(12)]
    record = first(at(*contents))
    with pytest.raises(
        Refusal, match=r"statement-10 that was run already can be told only with statement-1, .* put that"
    ):
        named(statements(*contents[1:]), record)
    assert to_run(statements("new", *contents), record) == ["new"]


def test_names_on_record_that_lead_elsewhere_are_nobodys() -> None:
    record = later([("../../etc/x", "A"), ("$(id)", "A"), ("-", "A"), ("..", "A")])
    assert list(named(statements("A"), record)) == ["statement-1"]


def test_digests_stay_and_tell_nothing() -> None:
    contents = named(statements("A"), {})
    fresh = digests(contents, {}, SALT)
    assert fresh == {"statement-1": salted(b"A", SALT)}
    assert salt_of({"-": Once("made", "-", "t"), "statement-1": Once("done", fresh["statement-1"], "t")}) == SALT
    assert salt_of(first(at("A"))) == salt_of(first(at("A"))) != ""
    assert salt_of({"a": Once("done", "$(id).x", "t")}) == salt_of({}) == ""
    assert hashlib.sha256(b"A").hexdigest() not in str(fresh)
    assert salted(b"A", SALT) != salted(b"A", SALT[::-1])


def test_the_record_is_read_as_it_was_written() -> None:
    (name, once), *_ = first(at("A")).items()
    lines = [
        "@@ data",
        "server=yes",
        "@@ record",
        f"started\t{name}\t{once.digest}\tt\t",
        f"done\t{name}\t{once.digest}\tt\t",
    ]
    assert to_run(statements("A"), dict(parse_data(lines).record)) == []


# -- what the client is told


@pytest.mark.parametrize("end", ["sql", "SQL", "sql.gz", "sql.xz", "sql.zst", "Sql.GZ"])
def test_dumps_are_unpacked(tmp_path: Path, end: str) -> None:
    pack = {"gz": gzip.compress, "xz": lzma.compress, "zst": zstd}.get(end.lower().rpartition(".")[2], bytes)
    file = tmp_path / f"dump.{end}"
    file.write_bytes(pack("CREATE TABLE Zürich;".encode()))
    assert operations._inits(wish(str(file))) == [Init(file.name, "CREATE TABLE Zürich;".encode())]
    if end.lower() != "sql":
        file.write_bytes(file.read_bytes()[:-9])
        with pytest.raises(Refusal, match="cannot be unpacked"):
            operations._inits(wish(str(file)))


def zstd(content: bytes) -> bytes:
    return subprocess.run(["zstd", "-c"], input=content, capture_output=True, check=True).stdout


@pytest.mark.parametrize("text", ["init.sh", "./init", "dumps/", "/srv/dumps", "schema.txt"])
def test_a_word_that_can_only_be_a_path_is_no_statement(text: str) -> None:
    with pytest.raises(Refusal, match="no dump; files in it end with"):
        operations._inits(wish(text))
    assert operations._inits(wish("SELECT 1.5", "COMMIT")) == [Init("", b"SELECT 1.5"), Init("", b"COMMIT")]


def test_a_dump_that_is_not_there_is_no_statement() -> None:
    with pytest.raises(Refusal, match="No such file or directory; a file on the controller, or a statement"):
        operations._inits(wish("nowhere/dump.sql.gz"))


def test_a_file_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "init.sql"
    file.write_bytes("INSERT INTO t VALUES ('Zürich €')".encode())
    assert operations._inits(wish(str(file))) == [Init("init.sql", file.read_bytes())]
    file.write_bytes("INSERT INTO t VALUES ('Zürich')".encode("latin1"))
    with pytest.raises(Refusal, match=r"mariadb_init = .*init.sql.*no UTF-8 \(byte 25\).*iconv -f LATIN1"):
        operations._inits(wish(str(file)))


def test_the_client_reads_utf_8_wherever_it_is_called() -> None:
    commands = operations._commands(wish(), {"a.sql": b"A"}, SALT)
    for text in (commands.ready, commands.once["a.sql"], facts.CLIENT):
        assert " --no-defaults --default-character-set=utf8mb4 " in text


def test_a_value_of_the_server_is_no_comment() -> None:
    known = {"init_connect": 'SET @a = "#1\\2"', "sql_mode": "''", "max_connections": 5, "skip-name-resolve": None}
    text = operations._commands(wish(settings=known), {}, SALT).files["my.cnf"].decode()
    assert text.splitlines()[1:] == [
        "bind-address = 0.0.0.0",
        'init_connect = "SET @a = \\"#1\\\\2\\""',
        "sql_mode = ''",
        "max_connections = 5",
        "skip-name-resolve",
    ]
