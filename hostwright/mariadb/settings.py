"""The data of `deploys/mariadb.py`, validated."""

import ipaddress
import re
import zoneinfo
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic.config import JsonDict

from hostwright.base.bounds import short_path
from hostwright.base.engine import POLICIES, normalized
from hostwright.base.refusal import Refusal
from hostwright.base.settings import Settings, Unfit, compose_path, container_name, image_name, nested
from hostwright.net.special_purpose import Reach, covering, purpose

_PUBLISHED = re.compile(r"(?:(?P<address>[0-9.]+|\[[0-9a-fA-F:]+\]):)?(?P<port>[0-9]{1,5}):(?P<inside>[0-9]{1,5})")
# Long enough, and known to everybody all the same.
_KNOWN = {
    "password",
    "12345678",
    "123456789",
    "1234567890",
    "qwertyuiop",
    "changeme",
    "mariadb123",
    "openstack",
    "rootroot",
}
# A database that is called `*` is not all of them.
_QUOTED = r"`(?!\*`)[^`\x00-\x1f\x7f]+`"
_PLAIN = r"[^`.\s\x00-\x1f\x7f]+"
_OBJECT = re.compile(rf"(?P<database>{_QUOTED}|{_PLAIN})\.(?P<table>{_QUOTED}|{_PLAIN})")
_GRANT = re.compile(
    rf"(?P<privileges>[A-Za-z_ ,]+?) +ON +(?P<object>{_OBJECT.pattern})(?P<option> +WITH +GRANT +OPTION)?", re.I
)
ALL, OPTION = "ALL PRIVILEGES", "GRANT OPTION"
# Of any MariaDB since 10.4, by the name that they have here.
_PRIVILEGES = frozenset(
    f"{ALL}, {OPTION}, USAGE, SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE VIEW, "
    "SHOW VIEW, TRIGGER, DELETE HISTORY, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE ROUTINE, ALTER ROUTINE, "
    "SHOW CREATE ROUTINE, EVENT, RELOAD, SHUTDOWN, PROCESS, FILE, SHOW DATABASES, SUPER, REPLICATION SLAVE, "
    "REPLICATION CLIENT, CREATE USER, CREATE TABLESPACE, SET USER, FEDERATED ADMIN, CONNECTION ADMIN, READ_ONLY ADMIN, "
    "REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN, BINLOG ADMIN, BINLOG REPLAY, SLAVE MONITOR".split(", ")
)
# Identifier names (MariaDB), and the columns User and Host of mysql.global_priv.
_NAME_LETTERS, _USER_LETTERS, _HOST_LETTERS = 64, 128, 255
# A repository has 255 letters at most, and a tag 128.
_IMAGE = re.compile(r"[^@]{1,255}?(:[^/:@]{1,128})?(@[^@]{1,255})?")
_BUILT_LETTERS = 255 - len("hostwright/")
# As tzset(3) reads them, such as CET-1CEST,M3.5.0,M10.5.0/3.
_OFFSETS = re.compile(r"(<[A-Za-z0-9+-]{3,9}>|[A-Za-z]{3,9})[+-]?[0-9]{1,3}[A-Za-z0-9+,.:/<>-]{0,60}")
# Each by the name that MariaDB has taken since 10.4 at the latest.
_SAME = {
    "ALL": ALL,
    "BINLOG MONITOR": "REPLICATION CLIENT",
    "READ ONLY ADMIN": "READ_ONLY ADMIN",
    "REPLICA MONITOR": "SLAVE MONITOR",
    "REPLICATION REPLICA": "REPLICATION SLAVE",
    "REPLICATION REPLICA ADMIN": "REPLICATION SLAVE ADMIN",
}


def sql_name(name: str, letters: int = _NAME_LETTERS) -> str:
    if not name or not name.isprintable() or re.search("['\"`\\\\]", name):
        raise ValueError("no name that is taken here: no quotes, backslashes or control characters")
    if name.endswith(" ") or max(name) > "\uffff":
        raise ValueError("no name that MariaDB takes: no blank at its end, and no emoji")
    if len(name) > letters:
        raise ValueError(f"too long a name for MariaDB: {letters} letters at most")
    return name


def sql_object(text: str) -> tuple[str, str] | None:
    """Database and table of `*.*`, `nova.*` or `` `my.app`.* ``; a name with a dot in it is quoted."""
    found = _OBJECT.fullmatch(text)
    return (found["database"].strip("`"), found["table"].strip("`")) if found else None


def same_privilege(word: str) -> str:
    """By the one name that it has here."""
    word = " ".join(word.upper().split())
    return _SAME.get(word, word)


class Grant(Settings):
    """
    + privileges: in capital letters; `ALL PRIVILEGES` for all
    + object: database and table, without quotes; `*` for all
    """

    privileges: frozenset[str]
    object: tuple[str, str]
    option: bool = False

    @classmethod
    def read(cls, text: str) -> Self:
        found = _GRANT.fullmatch(text.strip())
        at = sql_object(found["object"]) if found else None
        if not found or not at:
            raise ValueError(
                f"{text!r} is no grant: as in `SELECT, INSERT ON nova.*` or `ALL ON nova.*` (backticks around a name "
                "with a dot or space in it)"
            )
        privileges = frozenset(map(same_privilege, found["privileges"].split(",")))
        if unknown := sorted(privileges - _PRIVILEGES):
            raise ValueError(f"{text!r}: MariaDB has no privilege {unknown[0]!r}: as in SELECT, INSERT or ALL")
        if max(map(len, at)) > _NAME_LETTERS:
            raise ValueError(f"{text!r}: too long a name for MariaDB: {_NAME_LETTERS} letters at most")
        return cls(privileges=privileges, object=at, option=bool(found["option"]))


class User(Settings):
    name: str = Field(description="The user's name.", examples=["nova"])
    host: str = Field(default="%", description="Where the user comes from.", examples=["%"])
    password: Any = Field(
        default=None, repr=False, description="The password, as text.", json_schema_extra={"type": "string"}
    )
    grants: tuple[str, ...] = Field(
        default=(), description="What the user may do, and nothing beyond.", examples=[["ALL ON nova.*"]]
    )
    absent: bool = Field(default=False, description="The user is not to be there.")

    @field_validator("name")
    @classmethod
    def _is_sql_name(cls, name: str) -> str:
        return sql_name(name, _USER_LETTERS)

    @field_validator("host")
    @classmethod
    def _is_as_the_server_has_it(cls, host: str) -> str:
        return sql_name(host, _HOST_LETTERS).lower()

    @field_validator("grants")
    @classmethod
    def _are_grants(cls, grants: tuple[str, ...]) -> tuple[str, ...]:
        for grant in grants:
            Grant.read(grant)
        return grants


_ONE_OR_MORE: JsonDict = {"type": ["array", "string"]}


class Mariadb(Settings):
    """What `deploys/mariadb.py` is told, by its keys without `mariadb_`."""

    prefix = "mariadb_"

    # Of what is no secret a refusal shows the value; passwords are looked at apart.
    root_password: Any = Field(
        repr=False, description="The password of root@localhost, as text.", json_schema_extra={"type": "string"}
    )
    users: Any = Field(
        default=(),
        repr=False,
        description="Users with exactly these grants.",
        json_schema_extra={"type": "array", "items": User.model_json_schema()},
    )
    project_dir: str = Field(
        default="/opt/mariadb_yoga",
        description="Where the compose project is on the host.",
        examples=["/opt/mariadb_yoga"],
    )
    container: str = Field(default="mariadb_yoga", description="The container's name.", examples=["mariadb_yoga"])
    data_dir: str = Field(
        default="/var/lib/openstack/yoga/mysql", description="The data on the host.", examples=["/srv/mariadb"]
    )
    publish: tuple[str, ...] = Field(
        default=("127.0.0.1:23306:3306",),
        description="Address, port of the host, and port inside.",
        examples=[["127.0.0.1:23306:3306"]],
        json_schema_extra=_ONE_OR_MORE,
    )
    restart: str | bool = Field(
        default="unless-stopped", description="The restart policy.", examples=["unless-stopped"]
    )
    init: tuple[str, ...] = Field(
        default=(),
        repr=False,
        description="Dumps of the controller, and statements, each run once.",
        examples=[["nova.sql.gz"]],
        json_schema_extra=_ONE_OR_MORE,
    )
    init_resume: Literal["rerun", "done"] | None = Field(
        default=None, description="What to do about one whose outcome nobody knows."
    )
    databases: tuple[str, ...] = Field(
        default=(), description="Databases that must be there.", examples=[["nova"]], json_schema_extra=_ONE_OR_MORE
    )
    subnet: str | None = Field(default=None, description="A network of its own.", examples=["10.0.0.0/24"])
    address: str | None = Field(default=None, description="The container's address in it.", examples=["10.0.0.2"])
    base_image: str = Field(
        default="debian:bookworm-slim", description="What the image is built from.", examples=["debian:bookworm-slim"]
    )
    image: str | None = Field(
        default=None, description="An image to run instead of building one.", examples=["mariadb:11.4"]
    )
    upgrade: bool = Field(default=False, description="Run mariadb-upgrade where the server is newer than its tables.")
    settings: dict[str, str | int | bool | None] = Field(
        default_factory=dict, repr=False, description="Options of the server.", examples=[{"max_connections": 500}]
    )
    tz: str | None = Field(default=None, description="The server's time zone.", examples=["Europe/Zurich"])
    stop_grace: int = Field(
        default=120, ge=1, le=24 * 3600, description="Seconds that the server has to stop.", examples=[120]
    )
    allow_weak_password: bool = Field(default=False, description="Take a password that anybody tries first.")
    expose: bool = Field(default=False, description="Publish a port that can be reached from outside.")

    @field_validator("project_dir", "data_dir")
    @classmethod
    def _is_absolute(cls, path: str) -> str:
        if not compose_path(path).strip("/"):
            raise ValueError("it would be the whole host: name a directory of its own, as in /opt/mariadb")
        return short_path(compose_path(path))

    @field_validator("container")
    @classmethod
    def _is_container_name(cls, name: str) -> str:
        if len(name) > _BUILT_LETTERS:
            raise ValueError(f"too long, its image is called so, too: {_BUILT_LETTERS} letters at most")
        return container_name(name)

    @field_validator("image", "base_image")
    @classmethod
    def _is_image_name(cls, name: str | None) -> str | None:
        if name and not _IMAGE.fullmatch(name):
            raise ValueError("too long for the name of an image: 255 letters at most, and 128 for its tag")
        return image_name(name) if name else None

    @field_validator("publish", "init", "databases", mode="before")
    @classmethod
    def _is_a_list(cls, value: object) -> object:
        if isinstance(value, str):
            return (value,) if value else ()
        return () if value is None else value

    @field_validator("init")
    @classmethod
    def _are_texts(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        if any("\0" in text or not text.strip() for text in texts):
            raise ValueError("a statement is empty or has a NUL in it: write SQL, or name a file with it")
        return texts

    @field_validator("stop_grace", mode="before")
    @classmethod
    def _is_number(cls, seconds: object) -> object:
        if isinstance(seconds, bool):
            raise ValueError("no number of seconds: as in 120")
        return seconds

    @field_validator("restart", mode="before")
    @classmethod
    def _is_word(cls, policy: object) -> object:
        if not isinstance(policy, (str, bool)):
            raise ValueError(f"no restart policy: it is one of {', '.join(POLICIES)}, on-failure:5")
        return policy

    @field_validator("settings", mode="before")
    @classmethod
    def _are_single_values(cls, settings: Any) -> Any:
        for name, value in settings.items() if isinstance(settings, dict) else ():
            if not isinstance(value, (str, int, float, bool, type(None))):
                raise ValueError(f"{name!r} has no single value: as in max_connections: 500")
        return settings

    @field_validator("publish")
    @classmethod
    def _are_published(cls, ports: tuple[str, ...]) -> tuple[str, ...]:
        for port in ports:
            found = _PUBLISHED.fullmatch(port)
            if not found or not all(0 < int(found[name]) < 65536 for name in ("port", "inside")):
                raise ValueError(f"{port!r}: as in 127.0.0.1:23306:3306 (address, port of the host, port inside)")
            if found["address"]:
                ipaddress.ip_address(found["address"].strip("[]"))
        return tuple(dict.fromkeys(ports))

    @field_validator("restart")
    @classmethod
    def _is_policy(cls, policy: str | bool) -> str:
        return normalized(policy)

    @field_validator("databases")
    @classmethod
    def _are_sql_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sql_name(name) for name in names)

    @field_validator("subnet")
    @classmethod
    def _is_network(cls, subnet: str | None) -> str | None:
        if subnet:
            try:
                ipaddress.ip_network(subnet)
            except ValueError as error:
                raise ValueError(f"{error}: as in 10.0.0.0/24") from None
        return subnet

    @field_validator("settings")
    @classmethod
    def _are_settings(cls, settings: dict[str, str | int | bool | None]) -> dict[str, str | int | bool | None]:
        for name, value in settings.items():
            if not re.fullmatch("[A-Za-z][A-Za-z0-9_.-]{0,63}", name) or re.search(r"[\x00-\x1f\x7f]", str(value)):
                raise ValueError(f"{name!r}: the name of an option of the server, and a value on one line")
            # Its tables of time zones are empty, and with a name that is not in them it does not start.
            zone = name.lower().replace("_", "-") == "default-time-zone" and value not in (None, "SYSTEM")
            if zone and not re.fullmatch(r"[+-]\d{1,2}:\d{2}", str(value)):
                raise ValueError(
                    f"{name} = {value!r}: the server knows no names of time zones: say mariadb_tz = {value} instead, "
                    "or an offset like +01:00"
                )
        return settings

    @field_validator("tz")
    @classmethod
    def _is_zone(cls, zone: str | None) -> str | None:
        if zone and not _OFFSETS.fullmatch(zone) and not _is_known_zone(zone):
            raise ValueError("no time zone: as in Europe/Zurich, UTC or CET-1CEST,M3.5.0,M10.5.0/3")
        return zone

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.address and not self.subnet:
            why, remedy = "it is in no subnet", f"only with the {self.key('subnet')} that it is in"
            raise self.unfit("address", self.address, why, remedy)
        for port in self.publish:
            if not self.expose and not _is_near(port):
                why = "it can be reached from outside, past the firewall of the host"
                remedy = "name a private address of it (127.0.0.1:23306:3306), or say mariadb_expose=yes"
                raise self.unfit("publish", port, why, remedy)
        if self.subnet:
            network = ipaddress.ip_network(self.subnet)
            if covering(network).reach is Reach.INTERNET:
                why = "these addresses belong to somebody on the Internet, whom this host would not reach any more"
                remedy = "take private ones, in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
                raise self.unfit("subnet", self.subnet, why, remedy)
            if self.address and not _is_free(self.address, network):
                why = f"no free address of {network}, whose first one is the gateway"
                raise self.unfit("address", self.address, why, "take another one of it")
        return self

    @model_validator(mode="after")
    def _secrets_are_sound(self) -> Self:
        root = password("mariadb_root_password", self.root_password)
        if not self.allow_weak_password and (len(root) < 8 or root.lower() in _KNOWN or len(set(root)) < 4):
            why = "it is one of the first that anybody tries"
            remedy = "take a long one by chance (openssl rand -base64 18), or say mariadb_allow_weak_password=yes"
            raise Unfit(Refusal(why, remedy, key=self.key("root_password")))
        object.__setattr__(self, "root_password", root)
        if not isinstance(self.users, (list, tuple)):
            raise ValueError("mariadb_users is no list of users: as in [{name: nova, password: ...}]")
        users = tuple(_user(number, user) for number, user in enumerate(self.users, 1))
        if len({(user.name, user.host) for user in users}) != len(users):
            raise ValueError("mariadb_users names a user twice: name each once, with all its grants")
        object.__setattr__(self, "users", users)
        return self


def _is_known_zone(name: str) -> bool:
    """By the tables of the controller; where it has none, whatever could be one."""
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", name) or len(name) > _NAME_LETTERS:
        return False
    for known in (name, "Europe/London"):
        try:
            zoneinfo.ZoneInfo(known)
        except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
            continue
        return known == name
    return True


def _is_free(address: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    """Whether a container may have it: neither the network's own, nor the gateway's, which is the first one."""
    try:
        found, whole = ipaddress.ip_address(address), network.max_prefixlen - network.prefixlen < 2
    except ValueError:
        return False
    return (
        "%" not in address
        and found in network
        and int(found) > int(network.network_address) + (0 if whole else 1)
        and (network.version == 6 or whole or found != network.broadcast_address)
    )


def _is_near(port: str) -> bool:
    """Whether it is published on an address that only this host or its own network reaches."""
    found = _PUBLISHED.fullmatch(port)
    address = ipaddress.ip_address(found["address"].strip("[]")) if found and found["address"] else None
    return address is not None and not address.is_unspecified and purpose(address).reach < Reach.INTERNET


def password(what: str, value: object) -> str:
    if value is not None and not isinstance(value, (str, list, tuple, dict)):
        raise ValueError(
            f"{what} is no text but a {type(value).__name__} (YAML reads 012345670123 as another number): put it in "
            "quotes, on the command line '\"...\"'"
        )
    if not isinstance(value, str) or not value or re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError(f"{what} is no password: one line of text, and not empty")
    return value


def _user(number: int, user: object) -> User:
    what = f"mariadb_users, number {number}"
    if not isinstance(user, dict):
        raise ValueError(f"{what}: a mapping with name, host, password, grants or absent")
    try:
        found = nested(User, user)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None
    if (found.name, found.host) == ("root", "localhost"):
        raise ValueError(f"{what}: root@localhost is looked after already: its password is mariadb_root_password")
    if not found.absent:
        password(f"the password of {what}", found.password)
    return found
