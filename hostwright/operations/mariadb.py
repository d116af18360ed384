"""MariaDB in a container that runs several commands."""

import posixpath
import re
import shlex
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, StringCommand, operation
from pyinfra.api.exceptions import DeployError

from hostwright.facts.mariadb import DataDirectory, MariadbData, parse_accounts
from hostwright.facts.observe import observe
from hostwright.operations import compose, lock
from hostwright.operations.by_stdin import asked, told
from hostwright.operations.replanning import failing, is_stale
from hostwright.plans import mariadb as plans
from hostwright.refusal import Refusal
from hostwright.settings import validated
from hostwright.settings_mariadb import Mariadb
from hostwright.several_commands import HERE, SeveralCommands
from hostwright.transport import echo

TEMPLATES = Path(__file__).parents[2] / "templates" / "mariadb"
COMMANDS = "commands"
_CLIENT = '"$(command -v mariadb || command -v mysql)" --no-defaults --protocol=socket --user=root'


def server(settings: Mapping[str, Any], wait: float = compose.WAIT_SECONDS, **arguments: Any) -> None:
    """
    Run a MariaDB in a container, with what is run once on its data, and with its databases and users.

    + settings: the data of `deploys/mariadb.py` by their keys without `mariadb_`; `root_password` is required
    + wait: seconds until it must be healthy

    Refused, before anything is changed on any host: values that do not fit; a container of that name that is not ours;
    something to be run once of which nobody knows whether it was, until `init_resume` says `rerun` or `done`.
    Sources: mariadbd(8), mariadb-install-db(1), docker-compose(1).

    **Example:**

    .. code:: python

        from hostwright.operations import mariadb

        mariadb.server({"root_password": "...", "databases": ["nova"]})
    """
    try:
        wish = validated(Mariadb, "mariadb_", settings)
        commands = _commands(wish)
        init = _init(wish, commands, arguments)
    except Refusal as refusal:
        raise DeployError(f"{host.name}: refused, nothing was changed: {refusal}") from None
    echo("")
    _decide(
        init=init, wish=wish, commands=commands, **({"name": f"Record what is decided of {wish.container}"} | arguments)
    )
    files = _files(wish, commands)
    secrets = {path for path in files if path.startswith((f"{COMMANDS}/secret/", f"{COMMANDS}/sql/"))}
    compose.project(
        re.sub("[^a-z0-9_-]", "", posixpath.basename(wish.project_dir).lower()).lstrip("-_") or "mariadb",
        wish.project_dir,
        {path: content for path, content in files.items() if path not in secrets},
        {path: files[path] for path in secrets},
        live=[f"{COMMANDS}/secret/root.sql"],
        wait=wait,
        **arguments,
    )
    words = {"name": f"Databases and users of {wish.container}"} | arguments
    _set_accounts(plan=_accounts(wish, arguments), wish=wish, **words)


def _commands(wish: Mariadb) -> SeveralCommands:
    files = {f"sql/{name}": content for name, content in _sql(wish).items()}
    settings = {"bind-address": "0.0.0.0"} | wish.settings
    options = (name if value is None else f"{name} = {_option(value)}" for name, value in settings.items())
    files["secret/root.sql"] = "\n".join([*plans.root_statements(wish), ""]).encode()
    files["my.cnf"] = "\n".join(["[mysqld]", *options, ""]).encode()
    return SeveralCommands(
        server=(TEMPLATES / COMMANDS / "server").read_text(),
        ready=f"{_CLIENT} --execute 'SELECT 1' >/dev/null\n",
        before=(TEMPLATES / COMMANDS / "before").read_text(),
        record=plans.RECORD,
        once={name: f"exec {_CLIENT} --batch <{HERE}/sql/{name}\n" for name in _sql(wish)},
        files=files,
    )


def _sql(wish: Mariadb) -> dict[str, bytes]:
    """What is run once, by name: files, and statements by their number."""
    found: dict[str, bytes] = {}
    for number, text in enumerate(wish.init, 1):
        if not text.endswith(".sql"):
            found[f"statement-{number}"] = text.encode()
            continue
        path = Path(text)
        if not re.fullmatch("[A-Za-z0-9_.-]+", path.name) or path.name in found:
            raise Refusal(f"mariadb_init = {text!r}: letters, digits and _ . - in its name, and each name once")
        try:
            found[path.name] = path.read_bytes()
        except OSError as error:
            raise Refusal(
                f"mariadb_init = {text!r}: {error.strerror}; a file on the controller, or a statement"
            ) from None
    return found


def _option(value: str | int | bool) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _files(wish: Mariadb, commands: SeveralCommands) -> dict[str, str | bytes]:
    service = commands.service(COMMANDS)
    environment = service["environment"] | ({"TZ": wish.tz} if wish.tz else {})
    known = {name: getattr(wish, name) for name in Mariadb.model_fields if name != "root_password"}
    known |= {"publish": list(wish.publish), "service": service, "environment": environment}
    made = compose.rendered(TEMPLATES, **known)
    if wish.image:
        made = {path: text for path, text in made.items() if not path.startswith("build/")}
    return {**made, **commands.project_files(COMMANDS)}


def _init(wish: Mariadb, commands: SeveralCommands, arguments: dict[str, Any]) -> plans.InitPlan:
    found: DataDirectory | None = observe(
        MariadbData, arguments, directory=wish.data_dir, container=wish.container, image=wish.image or ""
    )
    if found is None:
        raise Refusal(f"the host did not tell what is in {wish.data_dir} (see the error above)")
    plans.check_host(wish, found)
    plan = plans.decide_init(wish, commands.digests(), found)
    notes = (*plans.warnings(wish), *plan.notes)
    if plan.lines or notes:
        echo(f"\n{plans.draw(host.name, f'data in {wish.data_dir}', plan.lines, notes)}")
    return plan


def _accounts(wish: Mariadb, arguments: dict[str, Any]) -> plans.AccountsPlan:
    client = f"docker exec -i {wish.container} sh -c {shlex.quote(f'exec {_CLIENT} --batch -N --raw --force')}"
    # The hash of a password is nothing for a log.
    hidden = "sed \"s/ IDENTIFIED BY PASSWORD '[^']*'//; s/ IDENTIFIED VIA [^']*'[^']*'//\""
    command = StringCommand("sh", "-c", shlex.quote(f"{client} 2>/dev/null | {hidden}"))
    _, output = asked(command, plans.question(wish), arguments)
    plan = plans.decide_accounts(wish, parse_accounts(list(output.stdout_lines)))
    lines = plan.lines if plan.known else ("looked at once it answers",)
    echo(f"{plans.draw(host.name, 'databases and users', lines)}\n")
    return plan


@operation()
def _decide(
    init: plans.InitPlan, wish: Mariadb, commands: SeveralCommands
) -> Generator[StringCommand | FunctionCommand, None, None]:
    try:
        if is_stale():
            init = _init(wish, commands, {})
    except Refusal as refusal:
        yield failing(f"refused, and not changed by this operation: {refusal}")
        return
    if not init.decided:
        host.noop("nothing is to be decided")
        return
    record = shlex.quote(posixpath.join(wish.data_dir, posixpath.basename(plans.RECORD)))
    lines = " ".join(shlex.quote(line) for line in init.decided)
    # It is started again by the next operation, when what it runs has its new contents.
    stop = f"! docker inspect {wish.container} >/dev/null 2>&1 || docker stop {wish.container}"
    yield lock.fenced(f"{stop} && printf '%s\\n' {lines} >>{record} && sync")


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
    return told(lock.fenced(client), "\n".join(plan.statements))
