"""MariaDB: what to do about commands whose outcome nobody knows, and what changes of its databases and users."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from hostwright.base.refusal import Refusal
from hostwright.mariadb.facts import RECORD, Accounts, DataDirectory, Once
from hostwright.mariadb.plan.grants import Difference, differences, shown
from hostwright.mariadb.settings import ALL, OPTION, Grant, Mariadb, User

RECORD_INSIDE = f"/var/lib/mysql/{RECORD}"
ROOT_HOST = "localhost"


@dataclass(frozen=True)
class InitPlan:
    """
    + decided: lines for the record
    + lines: what is decided, in words
    + notes: what to know of the data, and of commands that are not run again
    """

    decided: tuple[str, ...]
    lines: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def changes(self) -> object:
        return self.decided


@dataclass(frozen=True)
class UpgradePlan:
    """
    + to: from which version to which its tables are upgraded; nothing where they are the server's own
    + lines: what may yet be upgraded, too, in words
    """

    to: str = ""
    lines: tuple[str, ...] = ()

    @property
    def changes(self) -> object:
        return self.to


@dataclass(frozen=True)
class AccountsPlan:
    """
    + statements: SQL, with no password in it
    + lines: the same in words
    + known: the server answers; else it is asked again once it is up
    + notes: what users may do that no data can say
    """

    statements: tuple[str, ...]
    lines: tuple[str, ...]
    known: bool = True
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> object:
        return self.statements or not self.known


def native_hash(password: str) -> str:
    """As mysql_native_password keeps it."""
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()


def decide_data(wish: Mariadb, digests: Mapping[str, str], found: DataDirectory) -> InitPlan:
    """What to record, and what to know of the data."""
    plan = decide_init(wish, digests, found)
    return replace(plan, notes=(*warnings(wish, found), *plan.notes))


def decide_init(wish: Mariadb, digests: Mapping[str, str], found: DataDirectory) -> InitPlan:
    """
    + digests: of the commands that run once, by name
    """
    decided, lines, notes, open_ = [], [], [], []
    # Whoever ran them without us left no record.
    foreign = found.has_data and not found.record
    for name, digest in digests.items():
        last = found.record.get(name)
        if last.event == "rerun" if last else not foreign:
            continue
        changed = last is not None and last.event == "done" and last.digest != digest
        if last and last.event == "done" and not (changed and wish.init_resume):
            if changed:
                notes.append(
                    f"{name} was carried out on {last.time}, and has other contents now: it is not run again unless "
                    "you say --data mariadb_init_resume=rerun (or done: it is as if the new contents had been run)"
                )
            continue
        if not wish.init_resume:
            open_.append(_open(name, last))
            continue
        decided.append("\t".join([wish.init_resume, name, digest, "decided", ""]))
        said = "run again" if wish.init_resume == "rerun" else "taken for carried out"
        lines.append(f"{name}: {said}, as mariadb_init_resume says")
    if open_:
        raise Refusal(
            "; ".join(open_),
            f"look at the database (docker logs {wish.container}), then decide: --data {wish.key('init_resume')}=rerun "
            "(run it), or done (it is all there)",
            key=wish.key("init"),
        )
    notes += [_gone(name, last) for name, last in found.record.items() if name not in (*digests, "-")]
    return InitPlan(tuple(decided), tuple(lines), tuple(notes))


def dump_kind(text: str) -> str:
    """`sql`, or how it is packed: `gz`, `xz` or `zst`; nothing for another file."""
    found = re.search(r"\.sql(?:\.(gz|xz|zst))?$", text, re.I)
    return (found[1] or "sql").lower() if found else ""


def is_path(text: str) -> bool:
    """Of a dump. A word with a dot or slash is no SQL, but a path that was meant to be one."""
    if dump_kind(text):
        return True
    if len(text.split()) == 1 and re.search("[./]", text):
        raise Refusal(
            "no dump", "files in it end with .sql, .sql.gz, .sql.xz or .sql.zst", key=Mariadb.key("init"), value=text
        )
    return False


def _gone(name: str, last: Once) -> str:
    said = {"done": f"{name} was carried out on {last.time}", "rerun": f"{name} was to be run again"}
    return f"{said.get(last.event) or _open(name, last)}; it is no longer in mariadb_init"


def check_host(wish: Mariadb, found: DataDirectory) -> None:
    """Refuses data and ports that are somebody else's."""
    if found.user:
        raise Refusal(
            f"{found.user} may not look at {wish.data_dir}", "let pyinfra use sudo (_sudo, --sudo): it needs root"
        )
    data = {"key": wish.key("data_dir"), "value": wish.data_dir}
    if found.odd:
        raise Refusal(
            f"{found.odd} in it is no file of ours, and would lead root elsewhere",
            "look who put it there, and remove it",
            **data,
        )
    if found.unsaid:
        raise Refusal(f"who else uses it cannot be told: {found.unsaid}", "mend that first", **data)
    if found.used_by:
        raise Refusal("; ".join(found.used_by[:3]), "choose another one, or stop them", **data)
    if found.others:
        raise Refusal(f"it holds {', '.join(found.others)}, and no MariaDB", "choose another one", **data)
    here, there = _version(found.version), _version(found.image_version)
    if here and there and here > there:
        raise Refusal(
            f"its data are of MariaDB {here[0]}.{here[1]}, and the image has {there[0]}.{there[1]}; an older server "
            "spoils them",
            f"use an image of {here[0]}.{here[1]} or newer",
            **data,
        )
    if wish.upgrade and there and not found.image_upgrades and upgrade(found):
        raise Refusal(
            f"{wish.image} has neither mariadb-upgrade nor mysql_upgrade",
            f"use an image with the client's programs, or say {wish.key('upgrade')}=no",
            key=wish.key("upgrade"),
            value="yes",
        )
    for published in wish.publish:
        place, _, port = published.rpartition(":")[0].rpartition(":")
        address = None if place in ("", "0.0.0.0", "[::]") else ip_address(place.strip("[]"))
        ours = [one for one in found.published if one.port == int(port)]
        for one in found.listeners or ():
            if one.port == int(port) and (address is None or one.address in (None, address)):
                _is_ours(wish, [other.who for other in ours], published, port, one.who)
        # An engine without a proxy has nobody listen for a container.
        for one in ours:
            anywhere = one.address is None and address is not None and address.version in one.families
            if one.who != wish.container and (address is None or one.address == address or anywhere):
                raise _taken(wish, published, f"container {one.who}", port)


def _is_ours(wish: Mariadb, holders: Sequence[str], published: str, port: str, process: str) -> None:
    """
    + holders: containers that publish the port
    """
    if wish.container not in holders:
        raise _taken(wish, published, f"container {holders[0]}" if holders else process or "somebody", port)


def _taken(wish: Mariadb, published: str, who: str, port: str) -> Refusal:
    why = f"{who} listens on port {port} of the host already"
    return Refusal(why, "choose another one", key=wish.key("publish"), value=published)


def _version(text: str) -> tuple[int, ...]:
    found = re.search(r"([0-9]+)\.([0-9]+)\.[0-9]+", text)
    return (int(found[1]), int(found[2])) if found else ()


def upgrade(found: DataDirectory) -> str:
    """From which version to which its tables are to be upgraded; nothing where they are the server's own."""
    last, tables = _version(found.version), _version(found.upgraded)
    server = _version(found.image_version) or last
    if not found.has_data or not server or tables >= server:
        return ""
    old = tables or (last if last < server else ())
    return f"{f'from {old[0]}.{old[1]} ' if old else ''}to {server[0]}.{server[1]}"


def decide_upgrade(wish: Mariadb, found: DataDirectory) -> UpgradePlan:
    if not wish.upgrade:
        return UpgradePlan()
    if to := upgrade(found):
        line = f"its tables are upgraded {to} once it is healthy, and there is no way back but a dump"
        return UpgradePlan(to, (line,))
    if found.has_data and found.image_version == "absent":
        line = "its tables are upgraded once it is healthy, if the image, which is not here yet, has a newer server"
        return UpgradePlan("", (line,))
    return UpgradePlan()


def _open(name: str, last: Once | None) -> str:
    if last is None:
        return f"{name}: the data were there before, and nothing tells whether it has been run on them"
    if last.event == "failed":
        return f"{name} failed on {last.time} with code {last.code}, and is not run again by itself"
    return f"{name} was begun on {last.time}, and its end is not on record: it may have run in part"


def warnings(wish: Mariadb, found: DataDirectory) -> Iterator[str]:
    # Who has said nothing is not told of data that nothing is known of.
    if not wish.upgrade and (words := upgrade(found)) and (found.upgraded or words.startswith("from")):
        cut = "; an upgrade was cut off" if found.upgraded == "cut" else ""
        yield (
            f"its tables are to be upgraded {words}{cut}: mariadb_upgrade=yes does that once it runs, or docker "
            f"exec {wish.container} sh -c 'mariadb-upgrade || mysql_upgrade' (a dump first: there is no way back)"
        )
    if found.listeners is None and wish.publish:
        yield f"mariadb_publish = {', '.join(wish.publish)}: ss does not tell who listens there already"
    if wish.restart == "no" or str(wish.restart).startswith("on-failure"):
        yield (
            f"mariadb_restart = {wish.restart}: after a clean reboot of the host the database stays down; "
            "unless-stopped brings it back"
        )


def without_hashes(text: str) -> str:
    return re.sub(r"\*[0-9A-F]{40}", "...", text)


def question(wish: Mariadb) -> str:
    """SQL that tells what `parse_accounts` reads."""
    root = User(name="root", host=ROOT_HOST, password=wish.root_password)
    lines = [
        # What the server quotes names with, and whether.
        "SET sql_mode = '', sql_quote_show_create = 1;",
        "SELECT 'database', SCHEMA_NAME FROM information_schema.SCHEMATA;",
        _same(root),
    ]
    for user in wish.users:
        lines += [
            _same(user),
            f"SELECT 'grants', '{user.name}', '{user.host}';",
            f"SHOW GRANTS FOR {_account(user)};",
        ]
    # At the end: an answer that was cut short is none.
    return "\n".join([*lines, "SELECT 'alive', VERSION();"])


def _same(user: User) -> str:
    same = f"IFNULL(JSON_VALUE(Priv, '$.authentication_string') = '{native_hash(user.password or '')}', 0)"
    where = f"User = '{user.name}' AND Host = '{user.host}'"
    return f"SELECT 'user', User, Host, {same} FROM mysql.global_priv WHERE {where};"


def root_statements(wish: Mariadb) -> tuple[str, ...]:
    """What root is, at each start and when its password changes: who is root in the container needs none."""
    hidden = native_hash(wish.root_password)
    return (
        f"ALTER USER root@{ROOT_HOST} IDENTIFIED VIA mysql_native_password USING '{hidden}' OR unix_socket;",
        # A new server comes with more roots, that have no password at all.
        f"DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> '{ROOT_HOST}' "
        "AND IFNULL(JSON_VALUE(Priv, '$.authentication_string'), '') = '' "
        "AND IFNULL(JSON_VALUE(Priv, '$.plugin'), '') IN ('', 'mysql_native_password');",
        "FLUSH PRIVILEGES;",
    )


def decide_accounts(wish: Mariadb, found: Accounts) -> AccountsPlan:
    if not found.answers:
        return AccountsPlan((), (), known=False)
    statements: list[str] = []
    lines: list[str] = []
    if not found.users.get(("root", ROOT_HOST)):
        statements += root_statements(wish)
        lines.append("root: given its password")
    for name in wish.databases:
        if name not in found.databases:
            statements.append(f"CREATE DATABASE IF NOT EXISTS `{name}`;")
            lines.append(f"database {name}: created")
    for user in wish.users:
        for statement, line in _user(user, found):
            statements.append(statement)
            lines.append(f"user {user.name}@{user.host}: {line}")
    notes = [f"user {user.name}@{user.host} {note}" for user in wish.users for note in _left(user, found)]
    return AccountsPlan(tuple(statements), tuple(lines), notes=tuple(notes))


def _left(user: User, found: Accounts) -> Iterator[str]:
    if user.absent:
        return
    for line in found.grants.get((user.name, user.host), ()):
        if not ((one := shown(line)) and one.whole):
            yield f"has more, which is left as it is: {without_hashes(line)}"
    for difference in _differences(user, found):
        if difference.left:
            words = _words("has", difference.left, difference.at)
            yield f"{words}, which was part of an older privilege: name it in the grants, or revoke it by hand"


def _differences(user: User, found: Accounts) -> Iterator[Difference]:
    lines = found.grants.get((user.name, user.host), ())
    return differences(map(Grant.read, user.grants), lines, _version(found.version))


def _user(user: User, found: Accounts) -> Iterator[tuple[str, str]]:
    key = (user.name, user.host)
    if user.absent:
        if key in found.users:
            yield f"DROP USER {_account(user)};", "dropped"
        return
    identified = f"IDENTIFIED VIA mysql_native_password USING '{native_hash(user.password or '')}'"
    if key not in found.users:
        yield f"CREATE USER {_account(user)} {identified};", "created"
    elif not found.users[key]:
        yield f"ALTER USER {_account(user)} {identified};", "given its password"
    for one in _differences(user, found):
        # MariaDB takes the two of them together only in a form for all that a user has.
        for words in ({ALL}, one.less - {ALL}) if ALL in one.less else (one.less,):
            if words:
                revoking = f"REVOKE {_listed(words)} ON {_quoted(one.at)} FROM {_account(user)};"
                yield revoking, _words("loses", words, one.at)
        if one.more:
            option = " WITH GRANT OPTION" if OPTION in one.more else ""
            given = one.more - {OPTION} or {"USAGE"}
            granting = f"GRANT {_listed(given)} ON {_quoted(one.at)} TO {_account(user)}{option};"
            yield granting, _words("gets", one.more, one.at)


def _words(verb: str, privileges: Collection[str], at: tuple[str, str]) -> str:
    named = ".".join(f"`{part}`" if re.search(r"[.\s]", part) else part for part in at)
    return f"{verb} {_listed(privileges)} on {named}"


def _listed(privileges: Collection[str]) -> str:
    return ", ".join(sorted(privileges))


def _quoted(at: tuple[str, str]) -> str:
    return ".".join(part if part == "*" else f"`{part}`" for part in at)


def _account(user: User) -> str:
    return f"'{user.name}'@'{user.host}'"


def draw(host: str, wish: Mariadb, plan: InitPlan | UpgradePlan | AccountsPlan) -> str:
    """Accounts always; of the data only what is to be said."""
    match plan:
        case InitPlan(lines=lines, notes=notes):
            title, needed = f"data in {wish.data_dir}", lines + notes
        case UpgradePlan(lines=lines):
            title, notes, needed = f"tables of {wish.container}", (), lines
        case AccountsPlan(known=False, notes=notes):
            title, lines, needed = "databases and users", ("looked at once it answers",), ("",)
        case AccountsPlan(lines=lines, notes=notes):
            title, needed = "databases and users", ("",)
    if not needed:
        return ""
    shown = [f"  {line}" for line in lines or ("nothing to change",)]
    return "\n".join([f"{host}: {title}", *shown, *(f"  note: {note}" for note in notes)])
