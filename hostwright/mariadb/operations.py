"""MariaDB in a container that runs several commands."""

import base64
import gzip
import lzma
import posixpath
import re
import secrets
import subprocess
import zlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State
from typing_extensions import Unpack

from hostwright.base.arguments import Arguments
from hostwright.base.observe import observe
from hostwright.base.refusal import Refusal
from hostwright.base.refusing import named, refusing
from hostwright.base.scripts import script
from hostwright.base.settings import validated
from hostwright.base.stdin import execute
from hostwright.base.transport import echo
from hostwright.compose import operations as compose
from hostwright.lock.held import fenced, held
from hostwright.mariadb.facts import CLIENT, RECORD, DataDirectory, MariadbAccounts, MariadbData, inside, users_script
from hostwright.mariadb.plan import record as records
from hostwright.mariadb.plan import server as plans
from hostwright.mariadb.settings import Mariadb
from hostwright.mariadb.several_commands import HERE, SeveralCommands
from hostwright.planned import planned

TEMPLATES = Path(str(resources.files("hostwright"))) / "templates" / "mariadb"
COMMANDS = "commands"
# Not what a program on the host or its user may read: also what can be guessed from what is in them.
_SECRET = tuple(f"{COMMANDS}/{path}" for path in ("secret/", "sql/", "once", "my.cnf"))


@named
def server(settings: Mapping[str, Any], wait: float = compose.WAIT_SECONDS, **arguments: Unpack[Arguments]) -> None:
    """
    Run a MariaDB in a container, with what is run once on its data, and with its databases and users.

    The lock of the host is held for all of it, unless nothing is to be changed.

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
    files = _files(wish, _commands(wish, contents, salt))
    hidden = {path for path in files if path.startswith(_SECRET[:2]) or path in _SECRET[2:]}

    def look(arguments: Mapping[str, Any]) -> DataDirectory:
        # Where files are loaded, one look is for all that is planned.
        return _look(wish, arguments) if host.state.is_executing else found

    def init(arguments: Mapping[str, Any]) -> plans.InitPlan:
        data = look(arguments)
        if records.named(inits, data.record) != contents or records.salt_of(data.record) not in ("", salt):
            raise Refusal(f"somebody else has run something on {wish.data_dir} meanwhile", "run this again")
        return plans.decide_data(wish, records.digests(contents, data.record, salt), data)

    def records_it(plan: plans.InitPlan) -> list[FunctionCommand]:
        return [FunctionCommand(_record, (wish, plan), {})]

    def upgrade(arguments: Mapping[str, Any]) -> plans.UpgradePlan:
        return plans.decide_upgrade(wish, look(arguments))

    def upgrades(_: plans.UpgradePlan) -> list[FunctionCommand]:
        return [FunctionCommand(_upgrade_tables, (wish,), {})]

    def accounts(arguments: Mapping[str, Any]) -> plans.AccountsPlan:
        asked = base64.b64encode(plans.question(wish).encode()).decode()
        told = observe(MariadbAccounts, arguments, asked, container=wish.container)
        if host.state.is_executing and not told.answers:
            raise Refusal(f"{wish.container} does not answer as root", f"see docker logs {wish.container}")
        return plans.decide_accounts(wish, told)

    def sets_them(plan: plans.AccountsPlan) -> list[FunctionCommand]:
        # Where they were not known the lock has been taken since, so they were looked at again.
        return [FunctionCommand(_set_accounts, (wish, plan), {})]

    def drawn(plan: plans.InitPlan | plans.UpgradePlan | plans.AccountsPlan) -> str:
        return plans.draw(host.name, wish, plan)

    doing = "setting up MariaDB"
    with held(doing=doing, **arguments):
        planned(f"Record what is decided of {wish.container}", init, drawn, records_it, arguments, doing)
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
        planned(f"Upgrade the tables of {wish.container}", upgrade, drawn, upgrades, arguments, doing)
        planned(f"Databases and users of {wish.container}", accounts, drawn, sets_them, arguments, doing)


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
        ready=f"{CLIENT} --execute 'SELECT 1' >/dev/null\n",
        before=(TEMPLATES / COMMANDS / "before").read_text(),
        record=plans.RECORD_INSIDE,
        once={name: f"exec {CLIENT} --batch <{HERE}/sql/{name}\n" for name in contents},
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
            raise _no_init(text, "no name that is recorded", "letters, digits and _ . - in it, and each name once")
        content = _unpacked(text, path)
        try:
            content.decode()
        except UnicodeDecodeError as error:
            raise _no_init(
                text,
                f"it is no UTF-8 (byte {error.start + 1}), and would be stored as something else",
                "iconv -f LATIN1 -t UTF-8, or what it is in; a dump with binary values is made with --hex-blob",
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
            raise _no_init(text, "zstd is not on this machine", "install it, or unpack the file") from None
        raise _no_init(text, str(error.strerror), "a file on the controller, or a statement") from None
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, subprocess.CalledProcessError):
        raise _no_init(text, "it cannot be unpacked", "see whether it is whole, and of the kind that it says") from None
    except OSError as error:
        raise _no_init(text, str(error.strerror), "a file on the controller, or a statement") from None


def _no_init(text: str, why: str, remedy: str) -> Refusal:
    return Refusal(why, remedy, key=Mariadb.key("init"), value=text)


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


def _look(wish: Mariadb, arguments: Mapping[str, Any]) -> DataDirectory:
    found = observe(MariadbData, arguments, **_about(wish), image=wish.image or "")
    plans.check_host(wish, found)
    return found


def _record(state: State, host: Host, wish: Mariadb, plan: plans.InitPlan) -> bool:  # noqa: ARG001
    """Digests are for no command line: they can be guessed from."""
    record = posixpath.join(wish.data_dir, RECORD)
    text = script("record", RECORD=record, CONTAINER=wish.container)
    data = base64.b64encode("".join(f"{line}\n" for line in plan.decided).encode()).decode()
    return execute(host, "record", f"{text}\n{fenced('decide').get_raw_value()}", data, show=True)[0]


def _upgrade_tables(state: State, host: Host, wish: Mariadb) -> bool:  # noqa: ARG001
    text = f"{script('mariadb_upgrade', CONTAINER=wish.container)}\n{fenced('upgrade').get_raw_value()}"
    good, output = execute(host, "upgrade", text)
    # A line for each table, and at the end what went wrong.
    for line in output.output_lines[-40:] if not good else ():
        echo(line, host.print_prefix)
    return good


def _set_accounts(state: State, host: Host, wish: Mariadb, plan: plans.AccountsPlan) -> bool:  # noqa: ARG001
    client = inside(wish.container, f"exec {CLIENT} --batch")
    text = fenced(f"statements=$(data | base64 -d) && printf '%s\\n' \"$statements\" | {client}").get_raw_value()
    data = base64.b64encode("\n".join(plan.statements).encode()).decode()
    good, output = execute(host, "accounts", text, data)
    for line in output.stderr_lines:
        # An error of the server quotes what it did not understand.
        echo(plans.without_hashes(line), host.print_prefix)
    return good
