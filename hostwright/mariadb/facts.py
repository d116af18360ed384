"""What ran once for the data of a MariaDB, and what accounts it has (operations.py asks)."""

import posixpath
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from hostwright.base.observe import ScriptFact, pairs, parsing
from hostwright.base.scripts import NONCE, script, sections
from hostwright.net.listeners import Listener, parse_processes, parse_published

RECORD = "hostwright-once"
"""lies with the data, and says which commands ran once; newer runs find it by this"""

# Without a character set of its own the client takes all that it reads for latin1.
CLIENT = (
    '"$(command -v mariadb || command -v mysql)" --no-defaults --default-character-set=utf8mb4 --protocol=socket '
    "--user=root"
)
# Without --raw no name of a database is more than a part of its line.
_BATCH = "--batch -N --force"
# The hash of a password is nothing for a log.
_HIDING = r"/^GRANT [A-Z_, ]* ON \*\.\* TO /{ s/ IDENTIFIED BY PASSWORD '[^']*'//; s/ USING '[^']*'//g; }"
_SECTIONS = ("data", "record", "others", "listeners", "users", "unsaid", "ports", "image")


@dataclass(frozen=True)
class Once:
    """The last that is on record of a command that runs once.

    + event: `started`, `done`, `failed` or `rerun` (decided, and not yet begun)
    """

    event: str
    digest: str
    time: str
    code: str = ""


@dataclass(frozen=True)
class DataDirectory:
    """
    + has_data: a server has been there
    + record: what ran once, by the name of the command
    + version: of the newest server that was there
    + upgraded: of what version its tables are, as far as that is noted; `cut`: their upgrade was cut off
    + others: paths of what is there although no server has been
    + used_by: who else has to do with it, in words
    + unsaid: why that cannot be told
    + user: who looked, if that was not root
    + odd: what is among the data under one of our names, and is no file
    + listeners: who listens for TCP; nothing where that cannot be told
    + published: TCP ports of containers, by the container's name
    + image_version: of the server in the image, where that has not run on these data yet; `absent`: it is not here yet
    + image_upgrades: it has a tool that upgrades data, too
    """

    has_data: bool
    record: Mapping[str, Once]
    version: str = ""
    upgraded: str = ""
    others: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    unsaid: str = ""
    user: str = ""
    odd: str = ""
    listeners: tuple[Listener, ...] | None = ()
    published: tuple[Listener, ...] = ()
    image_version: str = ""
    image_upgrades: bool = False


@dataclass(frozen=True)
class Accounts:
    """
    + answers: the server could be asked, and has told all
    + users: by name and host, whether the password is the wanted one
    + grants: lines of SHOW GRANTS by name and host, as the client escapes them
    """

    answers: bool
    databases: frozenset[str]
    users: Mapping[tuple[str, str], bool]
    grants: Mapping[tuple[str, str], tuple[str, ...]]
    version: str = ""


@parsing()
def parse_data(lines: list[str], nonce: str = "") -> DataDirectory:
    found = sections(lines, nonce, _SECTIONS)
    record = {}
    for line in found.get("record", []):
        # The last one may have been cut off when the power was.
        event, name, digest, time, code, *_ = [*line.split("\t"), "", "", "", ""]
        if time:
            record[name] = Once(event, digest, time, code)
    data = pairs(found["data"])
    ports = (line.partition("\t") for line in found.get("ports", []))
    image = found.get("image", [])
    return DataDirectory(
        has_data=data.get("server") == "yes",
        record=record,
        version=data.get("version", ""),
        upgraded=data.get("upgraded", ""),
        others=tuple(found.get("others", [])),
        used_by=tuple(found.get("users", [])),
        unsaid=" ".join(found.get("unsaid", [])),
        user=data.get("user", ""),
        odd=data.get("odd", ""),
        listeners=tuple(parse_processes(found["listeners"])) if "listeners" in found else None,
        published=tuple(
            port for name, _, text in ports for port in parse_published(text, name) if port.protocol == "tcp"
        ),
        image_version=" ".join(image),
        image_upgrades=any(line.endswith(("mariadb-upgrade", "mysql_upgrade")) for line in image),
    )


@parsing()
def parse_accounts(lines: list[str]) -> Accounts:
    databases, users = set(), {}
    grants: dict[tuple[str, str], list[str]] = {}
    asked, version = ("", ""), ""
    for line in lines:
        kind, *words = line.split("\t")
        match kind, words:
            case "database", [name]:
                databases.add(name)
            case "user", [name, host, same]:
                users[name, host] = same == "1"
            case "grants", [name, host]:
                asked = (name, host)
            case "alive", [version]:
                pass
            case _ if line.startswith(("GRANT ", "SET DEFAULT ROLE ")):
                grants.setdefault(asked, []).append(line)
    granted = {key: tuple(some) for key, some in grants.items()}
    return Accounts(bool(version), frozenset(databases), users, granted, version)


class MariadbData(ScriptFact[DataDirectory]):
    """The data directory of a MariaDB in a container, on its host."""

    what = "what is in {directory}"

    # What it says of the record can be guessed from.
    secret = True

    @override
    def text(self, directory: str, container: str, project: str, image: str) -> str:
        record = posixpath.join(directory, RECORD)
        return script("mariadb", DATA=directory, RECORD=record, CONTAINER=container, PROJECT=project, IMAGE=image)

    @override
    def parsed(self, output: list[str]) -> DataDirectory:
        return parse_data(output, NONCE)


class MariadbAccounts(ScriptFact[Accounts]):
    """What databases and users a MariaDB in a container has; `data` is the SQL that asks for it."""

    what = "what databases and users {container} has"
    always = ("accounts",)
    secret = True

    @override
    def text(self, container: str) -> str:
        return script("accounts", CONTAINER=container, CLIENT=f"exec {CLIENT} {_BATCH}", HIDING=_HIDING)

    @override
    def parsed(self, output: list[str]) -> Accounts:
        return parse_accounts(sections(output, NONCE, self.always)["accounts"])


def inside(container: str, command: str) -> str:
    """The command line by which root runs a line of sh in the container, which reads what it is given."""
    return f"docker exec -i {container} sh -c {shlex.quote(command)}"


def users_script(directory: str, container: str, project: str) -> str:
    """Functions that find out who else has to do with the data directory."""
    return script("mariadb_users", DATA=directory, CONTAINER=container, PROJECT=project)
