"""MariaDB in a container that runs several commands."""

import base64
import gzip
import lzma
import posixpath
import re
import secrets
import shlex
import subprocess
import zlib
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, StringCommand, operation

from hostwright.base import transport
from hostwright.base.observe import observe
from hostwright.base.refusal import Refusal
from hostwright.base.refusing import failing, refusing
from hostwright.base.scripts import script
from hostwright.base.settings import validated
from hostwright.base.stdin import asked
from hostwright.base.transport import echo
from hostwright.compose import operations as compose
from hostwright.lock.held import fenced
from hostwright.mariadb.facts import DataDirectory, MariadbData, parse_accounts, users_script
from hostwright.mariadb.plan import record as records
from hostwright.mariadb.plan import server as plans
from hostwright.mariadb.settings import Mariadb
from hostwright.mariadb.several_commands import HERE, SeveralCommands
from hostwright.planned import is_stale

TEMPLATES = Path(__file__).parents[2] / "templates" / "mariadb"
COMMANDS = "commands"
# Without a character set of its own the client takes all that it reads for latin1.
_CLIENT = (
    '"$(command -v mariadb || command -v mysql)" --no-defaults --default-character-set=utf8mb4 --protocol=socket '
    "--user=root"
)
# Without --raw no name of a database is more than a part of its line.
_BATCH = "--batch -N --force"
# The hash of a password is nothing for a log.
_HIDING = r"/^GRANT [A-Z_, ]* ON \*\.\* TO /{ s/ IDENTIFIED BY PASSWORD '[^']*'//; s/ USING '[^']*'//g; }"
# Not what a program on the host or its user may read: also what can be guessed from what is in them.
_SECRET = tuple(f"{COMMANDS}/{path}" for path in ("secret/", "sql/", "once", "my.cnf"))


def server(settings: Mapping[str, Any], wait: float = compose.WAIT_SECONDS, **arguments: Any) -> None:
    """
    Run a MariaDB in a container, with what is run once on its data, and with its databases and users.

    + settings: the data of `deploys/mariadb.py` by their keys without `mariadb_`; `root_password` is required
    + wait: seconds until it must be healthy

    Refused, before anything is changed on any host: values that do not fit; a container of that name that is not ours;
    a data directory that somebody else uses; something to be run once of which nobody knows whether it was, until
    `init_resume` says `rerun` or `done`.
    Sources: mariadbd(8), mariadb-install-db(1), mariadb-upgrade(1), docker-compose(1).

    **Example:**

    .. code:: python

        from hostwright import mariadb

        mariadb.server({"root_password": "...", "databases": ["nova"]})
    """
    with refusing():
        wish = validated(Mariadb, settings)
        inits = _inits(wish)
        found = _look(wish, arguments)
        contents = records.named(inits, found.record)
        salt = records.salt_of(found.record) or secrets.token_hex(8)
        init = _init(wish, found, records.digests(contents, found.record, salt))
    echo("")
    commands = _commands(wish, contents, salt)
    _decide(
        init=init,
        wish=wish,
        contents=contents,
        salt=salt,
        **({"name": f"Record what is decided of {wish.container}"} | arguments),
    )
    files = _files(wish, commands)
    hidden = {path for path in files if path.startswith(_SECRET[:2]) or path in _SECRET[2:]}
    compose.project(
        _project(wish),
        wish.project_dir,
        {path: content for path, content in files.items() if path not in hidden},
        {path: files[path] for path in hidden},
        live=[f"{COMMANDS}/secret/root.sql"],
        wait=wait,
        guard=users_script(**_about(wish)),
        **arguments,
    )
    if wish.upgrade:
        _upgrade(found=found, wish=wish, **({"name": f"Upgrade the tables of {wish.container}"} | arguments))
    words = {"name": f"Databases and users of {wish.container}"} | arguments
    _set_accounts(plan=_accounts(wish, arguments), wish=wish, **words)


def _project(wish: Mariadb) -> str:
    return re.sub("[^a-z0-9_-]", "", posixpath.basename(wish.project_dir).lower()).lstrip("-_") or "mariadb"


def _about(wish: Mariadb) -> dict[str, str]:
    return {"directory": wish.data_dir, "container": wish.container, "project": _project(wish)}


def _commands(wish: Mariadb, contents: Mapping[str, bytes], salt: str) -> SeveralCommands:
    files = {f"sql/{name}": content for name, content in contents.items()}
    settings = {"bind-address": "0.0.0.0"} | wish.settings
    options = (name if value is None else f"{name} = {_option(value)}" for name, value in settings.items())
    files["secret/root.sql"] = "\n".join([*plans.root_statements(wish), ""]).encode()
    files["my.cnf"] = "\n".join(["[mysqld]", *options, ""]).encode()
    return SeveralCommands(
        server=(TEMPLATES / COMMANDS / "server").read_text(),
        ready=f"{_CLIENT} --execute 'SELECT 1' >/dev/null\n",
        before=(TEMPLATES / COMMANDS / "before").read_text(),
        record=plans.RECORD,
        once={name: f"exec {_CLIENT} --batch <{HERE}/sql/{name}\n" for name in contents},
        files=files,
        recorded={name: records.salted(content, salt) for name, content in contents.items()},
    )


def _inits(wish: Mariadb) -> list[records.Init]:
    """What is run once: files, and statements."""
    found: list[records.Init] = []
    for text in wish.init:
        if not plans.is_path(text):
            found.append(records.Init("", text.encode()))
            continue
        path = Path(text)
        if not re.fullmatch("[A-Za-z0-9_.-]+", path.name) or "\0" in text or path.name in {one.name for one in found}:
            raise Refusal(f"mariadb_init = {text!r}: letters, digits and _ . - in its name, and each name once")
        content = _unpacked(text, path)
        try:
            content.decode()
        except UnicodeDecodeError as error:
            raise Refusal(
                f"mariadb_init = {text!r}: it is no UTF-8 (byte {error.start + 1}), and would be stored as something "
                f"else: iconv -f LATIN1 -t UTF-8, or what it is in; a dump with binary values is made with --hex-blob"
            ) from None
        found.append(records.Init(path.name, content))
    return found


def _unpacked(text: str, path: Path) -> bytes:
    try:
        content = path.read_bytes()
        match plans.dump_kind(text):
            case "gz":
                return gzip.decompress(content)
            case "xz":
                return lzma.decompress(content)
            case "zst":
                return subprocess.run(["zstd", "-dc"], input=content, capture_output=True, check=True).stdout
        return content
    except FileNotFoundError as error:
        if error.filename == "zstd":
            raise Refusal(
                f"mariadb_init = {text!r}: zstd is not on this machine: install it, or unpack the file"
            ) from None
        raise Refusal(f"mariadb_init = {text!r}: {error.strerror}; a file on the controller, or a statement") from None
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, subprocess.CalledProcessError):
        raise Refusal(f"mariadb_init = {text!r}: it cannot be unpacked; is it whole?") from None
    except OSError as error:
        raise Refusal(f"mariadb_init = {text!r}: {error.strerror}; a file on the controller, or a statement") from None


def _option(value: str | int | bool) -> str:
    text = str(int(value)) if isinstance(value, bool) else str(value)
    # Outside of quotes the rest would be a comment.
    return '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"')) if "#" in text else text


def _files(wish: Mariadb, commands: SeveralCommands) -> dict[str, str | bytes]:
    service = commands.service(COMMANDS)
    environment = service["environment"] | {"DATA": wish.data_dir} | ({"TZ": wish.tz} if wish.tz else {})
    known = {name: getattr(wish, name) for name in Mariadb.model_fields if name != "root_password"}
    known |= {"publish": list(wish.publish), "service": service, "environment": environment}
    made = compose.rendered(TEMPLATES, **known)
    if wish.image:
        made = {path: text for path, text in made.items() if not path.startswith("build/")}
    return {**made, **commands.project_files(COMMANDS)}


def _look(wish: Mariadb, arguments: dict[str, Any]) -> DataDirectory:
    found = observe(MariadbData, arguments, **_about(wish), image=wish.image or "")
    plans.check_host(wish, found)
    return found


def _init(wish: Mariadb, found: DataDirectory, digests: Mapping[str, str]) -> plans.InitPlan:
    plan = plans.decide_init(wish, digests, found)
    notes = (*plans.warnings(wish, found), *plan.notes)
    lines = (*plan.lines, *plans.upgrade_lines(wish, found))
    if lines or notes:
        echo(f"\n{plans.draw(host.name, f'data in {wish.data_dir}', lines, notes)}")
    return plan


def _accounts(wish: Mariadb, arguments: dict[str, Any]) -> plans.AccountsPlan:
    client = f"docker exec -i {wish.container} sh -c {shlex.quote(f'exec {_CLIENT} {_BATCH}')}"
    command = StringCommand("sh", "-c", shlex.quote(f"{client} 2>/dev/null | sed {shlex.quote(_HIDING)}"))
    _, output = asked(command, plans.question(wish), arguments)
    plan = plans.decide_accounts(wish, parse_accounts(list(output.stdout_lines)))
    lines = plan.lines if plan.known else ("looked at once it answers",)
    echo(f"{plans.draw(host.name, 'databases and users', lines, plan.notes)}\n")
    return plan


@operation()
def _decide(
    init: plans.InitPlan, wish: Mariadb, contents: Mapping[str, bytes], salt: str
) -> Generator[FunctionCommand, None, None]:
    try:
        if is_stale():
            found = _look(wish, {})
            if records.named(_inits(wish), found.record) != contents or records.salt_of(found.record) not in ("", salt):
                raise Refusal(f"somebody else has run something on {wish.data_dir} meanwhile: run this again")
            init = _init(wish, found, records.digests(contents, found.record, salt))
    except Refusal as refusal:
        yield failing(f"refused, and not changed by this operation: {refusal}")
        return
    if init.decided:
        yield FunctionCommand(_record, (wish, init), {})
    else:
        host.noop("nothing is to be decided")


def _record(state: State, host: Host, wish: Mariadb, init: plans.InitPlan) -> bool:  # noqa: ARG001
    """Digests are for no command line: they can be guessed from."""
    record = posixpath.join(wish.data_dir, posixpath.basename(plans.RECORD))
    text = script("record", RECORD=record, CONTAINER=wish.container)
    data = base64.b64encode("".join(f"{line}\n" for line in init.decided).encode()).decode()
    whole, known = f"{text}\n{fenced('decide').get_raw_value()}", transport.connector_arguments(host)
    return transport.run(host, "record", whole, known, data, print_output=True)[0]


@operation()
def _upgrade(found: DataDirectory, wish: Mariadb) -> Generator[FunctionCommand, None, None]:
    try:
        if is_stale():
            found = _look(wish, {})
    except Refusal as refusal:
        yield failing(f"refused, and not changed by this operation: {refusal}")
        return
    if plans.upgrade(found):
        yield FunctionCommand(_upgrade_tables, (wish,), {})
    else:
        host.noop("its tables are of its server's version")


def _upgrade_tables(state: State, host: Host, wish: Mariadb) -> bool:  # noqa: ARG001
    text = f"{script('mariadb_upgrade', CONTAINER=wish.container)}\n{fenced('upgrade').get_raw_value()}"
    good, output = transport.run(host, "upgrade", text, transport.connector_arguments(host))
    # A line for each table, and at the end what went wrong.
    for line in output.output_lines[-40:] if not good else ():
        echo(line, host.print_prefix)
    return good


@operation()
def _set_accounts(plan: plans.AccountsPlan, wish: Mariadb) -> Generator[FunctionCommand, None, None]:
    if is_stale() or (host.state.is_executing and not plan.known):
        plan = _accounts(wish, {})
        if not plan.known:
            yield failing(f"{wish.container} does not answer as root: see docker logs {wish.container}")
            return
    if plan.statements or not plan.known:
        yield FunctionCommand(_apply, (wish, plan), {})
    else:
        host.noop("they are as wanted")


def _apply(state: State, host: Host, wish: Mariadb, plan: plans.AccountsPlan) -> bool:  # noqa: ARG001
    client = f"docker exec -i {wish.container} sh -c {shlex.quote(f'exec {_CLIENT} --batch')}"
    good, output = asked(fenced(client), "\n".join(plan.statements), {})
    for line in output.stderr_lines:
        # An error of the server quotes what it did not understand.
        echo(plans.without_hashes(line), host.print_prefix)
    return good
