"""Whatever stands in an inventory: refused in one line, by host and key, or accepted and harmless."""

import base64
import gzip
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pyinfra.api import Config, Inventory, State, connectors, inventory
from pyinfra.api.exceptions import DeployError
from pyinfra.connectors.util import CommandOutput, OutputLine
from pyinfra.context import ctx_host, ctx_state

from hostwright.base import transport
from hostwright.base.scripts import NONCE
from hostwright.base.settings import Settings
from hostwright.docker.settings import RestartPolicies
from hostwright.interface.settings import AddressesSettings, AddressSettings, InterfaceSettings
from hostwright.lvm.settings import Rebalance
from hostwright.mariadb.settings import Mariadb, User
from hostwright.overlay.settings import OverlayMount, OverlaySettings
from hostwright.reachability.settings import ReachabilitySettings
from tests.unit.ssh_server import serving

FIXTURES = Path(__file__).parent / "fixtures"
SECRET = "kept 2 ourselves"


def recorded(name: str, since: Mapping[str, str] = MappingProxyType({})) -> str:
    text = (FIXTURES / f"{name}.txt").read_text()
    for old, new in since.items():
        assert old in text
        text = text.replace(old, new)
    return text


# Recorded before it told which systemd it has; and with a disk more there is room for a copy.
SINCE = {
    "systemd=yes": "systemd=252",
    '"vg_extent_count":"2047", "vg_free_count":"0"': '"vg_extent_count":"4094", "vg_free_count":"2047"',
    '"pv_pe_count":"2047"': '"pv_pe_count":"4094"',
}
SAID = {
    "LvmStorage": recorded("storage_debian12_xfs", SINCE)
    + "\n@@ fstab leads\n@@ lvm complaints\n@@ lvm status\n0\n@@ unit\n@@ activation\n",
    "LvmArchives": recorded("archives_debian12"),
    "LvmSurvey": "@@ files\ninodes=2\nentries=1\nallocated=8192\nlargest=4096\nencrypted=0\nverity=0\ncomplaints=0\n"
    "paths=9\nlong=0\n@@ holders\n@@ kernel\n@@ end\n",
    "Interfaces": recorded("interfaces_debian12_networkd"),
    "Reachability": recorded("reachability"),
    "HostContainers": recorded("containers_debian12"),
    "HostLocks": "@@ uptime\n91.07 170.93\n@@ lock deploy\nholder\t2\t1\t30\t82\t81\t2026-11-25T06:40:09+0000\t408:8015"
    "\troot@vm/896d81d3\ttrying\n",
    "Overlays": recorded("overlays_debian12"),
    "OverlayHolders": "@@ holders /srv/site/merged\n@@ told\n",
    "MariadbData": "@@ data\n@@ record\n@@ others\n@@ listeners\n@@ users\n@@ ports\n",
    "MariadbAccounts": "@@ accounts\n",
    "ComposeProject": "@@ engine\nuser=root\nengine=docker\ncompose=docker compose\n@@ error\n@@ hands\n@@ files\n"
    "@@ model\n" + base64.b64encode(gzip.compress(b'{"name": "db", "services": {"mariadb": {}}}')).decode(),
}


SITE = {
    "target": "/srv/site/merged",
    "lower": ["/srv/disk/theme", "/srv/disk/base"],
    "upper": "/srv/disk/upper",
    "work": "/srv/disk/work",
    "options": ["noatime"],
}


@dataclass(frozen=True)
class Deploy:
    """
    + good: the data that a host has but for what is tried
    + examples: of each key, one that is taken
    """

    name: str
    good: Mapping[str, Any]
    examples: Mapping[str, Any]


def _keys(model: type[Settings], **examples: Any) -> dict[str, Any]:
    assert set(examples) <= set(model.model_fields)
    return {model.key(name): examples.get(name) for name in model.model_fields}


DEPLOYS = [
    Deploy(
        "lvm",
        {"lvm_shrink_to": "4G"},
        _keys(
            Rebalance,
            shrink_to="4G",
            vg="centos",
            shrink="home",
            grow="root",
            grow_to="100%FREE",
            staging="/srv",
            scratch="/dev/vdb",
            busy="stop",
            strategy="beside",
            abandon=False,
            trust_copy=True,
        )
        | {"lvm_plan_json": "plan.json", "lock_wait": 5},
    ),
    Deploy(
        "interface",
        {"interface_addresses": {"eth0": {"present": ["10.0.2.15/24"]}}},
        _keys(
            AddressesSettings,
            addresses={"eth0": {"present": ["10.0.2.15/24"]}},
            backend="networkd",
            confirm_seconds=30,
            allow_self=True,
            confirm_address="10.0.2.15",
        )
        | {"lock_wait": 5},
    ),
    Deploy(
        "docker",
        {"docker_restart_policies": {"made": "always"}},
        _keys(RestartPolicies, restart_policies={"made": "always"}) | {"lock_wait": 5},
    ),
    Deploy(
        "mariadb",
        {"mariadb_root_password": SECRET, "mariadb_image": "mariadb:11"},
        _keys(
            Mariadb,
            root_password=SECRET,
            users=[{"name": "nova", "password": SECRET, "grants": ["ALL ON nova.*"]}],
            project_dir="/opt/db",
            container="db",
            data_dir="/srv/db",
            publish=["127.0.0.1:23306:3306"],
            restart="always",
            init=["CREATE DATABASE shop"],
            init_resume="done",
            databases=["nova"],
            subnet="10.9.0.0/24",
            address=None,
            base_image="debian:bookworm-slim",
            image="mariadb:11",
            upgrade=True,
            settings={"max_connections": 500},
            tz="Europe/Zurich",
            stop_grace=60,
            allow_weak_password=False,
            expose=False,
        )
        | {"lock_wait": 5},
    ),
    Deploy(
        "reachability",
        {"reachability_allow": ["tcp/22"]},
        _keys(ReachabilitySettings, allow=["tcp/22"], public={"10.0.0.6": "1.1.1.1"}, json_file="report.json")
        | {"lock_wait": 5},
    ),
    Deploy("overlay", {"overlay_mounts": [SITE]}, _keys(OverlaySettings, mounts=[SITE]) | {"lock_wait": 5}),
    Deploy("lock", {}, {"lock_name": "deploy", "lock_break": "root@vm/896d81d3"}),
]
BY_NAME = {deploy.name: deploy for deploy in DEPLOYS}
MODELS: dict[str, type[Settings]] = {
    "lvm": Rebalance,
    "interface": AddressesSettings,
    "docker": RestartPolicies,
    "mariadb": Mariadb,
    "reachability": ReachabilitySettings,
    "overlay": OverlaySettings,
}
# What a key of any kind may be given by mistake, or by malice.
ANYTHING: dict[str, Any] = {
    "nothing": None,
    "empty": "",
    "blank": " ",
    "true": True,
    "zero": 0,
    "negative": -1,
    "huge": 10**30,
    "fraction": 1.5,
    "1e308": 1e308,
    "infinite": math.inf,
    "not a number": math.nan,
    "list": [1],
    "empty list": [],
    "list of nothing": [None],
    "mapping": {"a": "b"},
    "empty mapping": {},
    "number for a key": {1: 2},
    "bytes": b"x",
    "object": object(),
    "nested": [[[[{"a": [{"b": [None]}]}]]]],
    "deep": None,
    "NUL": "a\0b",
    "line break": "/a\nb",
    "escape": "a\x1b[31mb",
    "right to left": "/a\u202eb",
    "surrogate": "a\ud800b",
    "above": "../../etc/passwd",
    "root": "/",
    "quotes": "a'b\"c`d",
    "commands": "/$(touch hacked);`touch hacked`",
    "option": "--help",
    "500 letters": "a" * 500,
    "500 letters of a path": "/" + "a" * 500,
    "5000 digits": "9" * 5000,
    "5000 digits and a unit": "9" * 5000 + "G",
    "other digits": "\u0665\u0660",
    "wide digits": "\uff15\uff10",
    "emoji": "😀",
}
for _ in range(400):
    ANYTHING["deep"] = [ANYTHING["deep"]]
WITHIN = list(ANYTHING.items())[::2]


def _spoilt(value: object) -> Iterator[tuple[str, object]]:
    """An example that is taken, and one thing wrong in it."""
    if isinstance(value, str):
        yield "and a line break", value + "\n"
        yield "and a NUL", value + "\0"
        yield "and a blank", value + " "
        yield "and a blank within", f"{value[:1]} {value[1:]}"
        yield "and 500 letters", value + "a" * 500
        yield "and 5000 digits", value + "9" * 5000
        yield "in capitals", value.upper()
        yield "in other digits", "".join(chr(0x660 + int(one)) if one in "0123456789" else one for one in value)
        yield "in wide digits", "".join(chr(0xFF10 + int(one)) if one in "0123456789" else one for one in value)
        yield "in a list", [value]
        yield "in a mapping", {value: value}
    elif isinstance(value, (list, tuple)):
        yield "twice", [*value, *value]
        yield "within a list", [value]
        yield "and a list", [*value, []]
        for one in value[:1]:
            for what, other in _spoilt(one):
                yield f"one {what}", [other]
    elif isinstance(value, dict):
        yield "in a list", [value]
        yield "and a stranger", value | {"stranger": "x"}
        yield "and a number", value | {5: 5}
        for key, one in value.items():
            for what, other in _spoilt(key):
                if isinstance(other, str):
                    yield f"key {key} {what}", {other: one}
            for what, other in (*WITHIN, *_spoilt(one)):
                yield f"{key} {what}", value | {key: other}
    elif isinstance(value, int):
        yield "as text", str(value)
        yield "as a word", f"{value}x"
        yield "in a list", [value]


def _at_the_edges(model: type[Settings], field: str) -> Iterator[tuple[str, object]]:
    for bound in model.model_fields[field].metadata:
        match bound:
            case Ge(ge=edge) | Le(le=edge) | Gt(gt=edge) | Lt(lt=edge):
                assert isinstance(edge, int)
                yield from ((f"{edge + step}", edge + step) for step in (-1, 0, 1))


@dataclass(frozen=True)
class Input:
    deploy: str
    key: str
    what: str
    value: Any

    def __str__(self) -> str:
        return f"{self.key} {self.what}".replace(" ", "-")


def _inputs() -> Iterator[Input]:
    for deploy in DEPLOYS:
        for key, example in deploy.examples.items():
            for what, value in (*ANYTHING.items(), *_spoilt(example)):
                yield Input(deploy.name, key, what, value)
        if model := MODELS.get(deploy.name):
            for field in model.model_fields:
                for what, value in _at_the_edges(model, field):
                    yield Input(deploy.name, model.key(field), what, value)
    for field in AddressSettings.model_fields:
        for what, value in WITHIN:
            one = {"address": "10.0.2.15/24", field: value}
            yield Input("interface", "interface_addresses", f"{field} {what}", {"eth0": {"present": [one]}})
    for field in InterfaceSettings.model_fields:
        for what, value in WITHIN:
            one = {"present": ["10.0.2.15/24"], field: value}
            yield Input("interface", "interface_addresses", f"all {field} {what}", {"eth0": one})
    for field in OverlayMount.model_fields:
        for what, value in WITHIN:
            yield Input("overlay", "overlay_mounts", f"{field} {what}", [SITE | {field: value}])
    for field in User.model_fields:
        for what, value in WITHIN:
            user = {"name": "nova", "password": SECRET, field: value}
            yield Input("mariadb", "mariadb_users", f"{field} {what}", [user])


INPUTS = list(_inputs())


@pytest.fixture(autouse=True)
def _a_host_that_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What it tells was recorded; and pyinfra does not look for its connectors each time."""

    def run(_host: object, title: str, *_: object, **__: object) -> tuple[bool, CommandOutput]:
        lines = SAID[title.split()[0]].replace("@@ ", f"@@ {NONCE} ").splitlines()
        return True, CommandOutput([OutputLine("stdout", line) for line in lines])

    known = connectors.get_all_connectors()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(connectors, "get_all_connectors", lambda: known)
    monkeypatch.setattr(inventory, "get_all_connectors", lambda: known, raising=False)
    monkeypatch.setattr(transport, "run", run)
    monkeypatch.chdir(tmp_path)


def refused(deploy: str, data: Mapping[str, Any]) -> str:
    """What the deploy says against it, and nothing where it is accepted."""
    state = State(Inventory((["@local"], dict(data))), Config())  # type: ignore[no-untyped-call]
    here = state.inventory.get_host("@local")
    state.activate_host(here)
    with ctx_state.use(state), ctx_host.use(here):
        try:
            import_module(f"hostwright.{deploy}").deploy()
        except DeployError as error:
            return str(error)
    return ""


def tried(one: Input, directory: Path) -> tuple[str, str]:
    """How it ended, and what was said."""
    try:
        said = refused(one.deploy, {**BY_NAME[one.deploy].good, one.key: one.value})
    except Exception as error:
        return "traceback", repr(error)
    finally:
        made = [path.name for path in directory.iterdir()]
        for name in made:
            (directory / name).unlink()
    if made and not (one.key.endswith("_json") or one.key.endswith("_file")):
        return "written", str(made)
    if not said:
        return "accepted", ""
    begins = "@local: refused, nothing was changed: "
    # An overlay is named by its target.
    is_named = one.key in said or said.startswith(f"{begins}{SITE['target']}: ")
    is_good = len(said.splitlines()) == 1 and said.startswith(begins) and is_named
    return ("refused" if is_good else "refused badly"), said


def _secrets(one: Input) -> Iterator[str]:
    found = [one.value] if one.key == "mariadb_root_password" else []
    if one.key == "mariadb_users" and isinstance(one.value, list):
        found = [user.get("password") for user in one.value if isinstance(user, dict)]
    yield from (secret for secret in found if isinstance(secret, str) and len(secret) > 8)
    yield SECRET


# What no key takes, but for those whose value is a text of any kind.
UNSEEN = ("NUL", "line break", "escape", "right to left", "surrogate")
NEVER = (*UNSEEN, "5000 digits", "500 letters", "nested", "deep", "object")
TEXTS = ("mariadb_init", "mariadb_settings", "password", "grants-one-and-a-line-break")


@pytest.mark.parametrize("deploy", BY_NAME)
def test_whatever_a_key_is_given(deploy: str, tmp_path: Path) -> None:
    inputs = [one for one in INPUTS if one.deploy == deploy]
    ends: Counter[str] = Counter()
    bad = []
    for one in inputs:
        end, said = tried(one, tmp_path)
        ends[end] += 1
        if end not in ("refused", "accepted"):
            bad.append(f"{one}: {end}: {said[:300]}")
        if len(said) > 2000:
            bad.append(f"{one}: {len(said)} characters")
        if end == "accepted" and one.what.endswith(NEVER) and not any(text in str(one) for text in TEXTS):
            bad.append(f"{one}: accepted")
        bad += [f"{one}: it is shown" for secret in _secrets(one) if secret in said]
    print(f"{deploy}: {len(inputs)} inputs, {dict(ends)}")
    assert bad == []


def test_they_are_many_and_of_each_key() -> None:
    assert len(INPUTS) > 500
    assert {one.key for one in INPUTS} == {key for deploy in DEPLOYS for key in deploy.examples}
    assert {model.key(field) for model in MODELS.values() for field in model.model_fields} <= {
        one.key for one in INPUTS
    }


@pytest.mark.parametrize("deploy", DEPLOYS, ids=lambda deploy: deploy.name)
def test_the_examples_are_taken(deploy: Deploy) -> None:
    assert refused(deploy.name, deploy.good) == ""
    for key, value in deploy.examples.items():
        # The recorded host has no other file system and no spare disk.
        if key not in ("lvm_staging", "lvm_scratch", "lvm_abandon"):
            assert refused(deploy.name, {**deploy.good, key: value}) == "", key


LONG, DIGITS = "a" * 500, "9" * 5000
NOVA = {"name": "nova", "password": SECRET}
NAMED: list[tuple[str, str, Any, str]] = [
    ("docker", "lock_wait", [1], "no number of seconds"),
    ("docker", "lock_wait", True, "no number of seconds"),
    ("docker", "lock_wait", 1e308, "no number of seconds"),
    ("docker", "lock_wait", 604801, "no number of seconds"),
    ("lock", "lock_name", LONG, "no name for a lock"),
    ("lock", "lock_break", True, "it should be text"),
    ("lock", "lock_break", ["x"], "it should be text"),
    ("lock", "lock_break", "a\0b", "no name for who takes a lock"),
    ("lvm", "lvm_plan_json", 5, "no path of a file"),
    ("lvm", "lvm_staging", "/a\0b", "no path as it is"),
    ("lvm", "lvm_staging", "/a\nb", "no path as it is"),
    ("lvm", "lvm_staging", f"/{LONG}", "too long for a path"),
    ("lvm", "lvm_vg", LONG, "too long for LVM"),
    ("docker", "docker_restart_policies", {"made": f"on-failure:{DIGITS}"}, "no number of retries"),
    ("interface", "interface_addresses", {"eth0": {"present": [{1: 2}]}}, "is no key here"),
    ("interface", "interface_addresses", {LONG: {"present": []}}, "no name of an interface"),
    ("mariadb", "mariadb_restart", f"on-failure:{DIGITS}", "no number of retries"),
    ("mariadb", "mariadb_users", [{1: 2}], "number 1"),
    ("mariadb", "mariadb_users", [NOVA | {"name": LONG}], "too long a name for MariaDB: 128"),
    ("mariadb", "mariadb_users", [NOVA | {"grants": ["FLY ON x.*"]}], "MariaDB has no privilege 'FLY'"),
    ("mariadb", "mariadb_users", [NOVA | {"grants": [f"ALL ON {LONG}.*"]}], "too long a name for MariaDB: 64"),
    ("mariadb", "mariadb_databases", [LONG], "too long a name for MariaDB: 64"),
    ("mariadb", "mariadb_container", LONG, "too long"),
    ("mariadb", "mariadb_stop_grace", 10**30, "86400"),
    ("mariadb", "mariadb_stop_grace", True, "no number of seconds"),
    ("mariadb", "mariadb_tz", "../../etc", "no time zone"),
    ("mariadb", "mariadb_tz", "No/Where", "no time zone"),
    ("mariadb", "mariadb_image", "a b;c", "no name of an image"),
    ("mariadb", "mariadb_image", f"registry/{LONG}", "too long for the name of an image"),
    ("mariadb", "mariadb_project_dir", "/", "a directory of its own"),
    ("overlay", "overlay_mounts", [SITE | {"lower": ["a"]}], "no absolute path"),
    ("overlay", "overlay_mounts", [SITE | {"upper": f"/{LONG}"}], "too long for a path"),
    ("overlay", "overlay_mounts", [SITE | {"options": ["exec"]}], "no option that is taken here"),
    ("reachability", "reachability_json_file", "a\0b", "no path of a file"),
]


def test_what_needs_no_host_is_refused_by_the_command_in_one_line_for_each_host(tmp_path: Path) -> None:
    (tmp_path / "deploy.py").write_text(
        "from importlib import import_module\n\nfrom pyinfra import host\n\n"
        "import_module(f'hostwright.{host.data.which}').deploy()\n"
    )
    with serving({"PATH": "/usr/bin:/bin"}) as server:
        known = {"ssh_hostname": "127.0.0.1", "ssh_port": server.port, "ssh_user": "anybody", "ssh_password": "any"}
        known |= {"ssh_strict_host_key_checking": "off", "ssh_known_hosts_file": "/dev/null"}
        hosts = [
            (f"h{number}", {**known, "which": deploy, **BY_NAME[deploy].good, key: value})
            for number, (deploy, key, value, _) in enumerate(NAMED)
        ]
        (tmp_path / "inventory.py").write_text(f"hosts = {hosts!r}\n")
        done = subprocess.run(
            [str(Path(sys.executable).with_name("pyinfra")), "--dry", "inventory.py", "deploy.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr
    said: dict[str, str] = {}
    for line in done.stderr.splitlines():
        names, _, text = line.partition(": refused, nothing was changed: ")
        said |= dict.fromkeys(names.split(", "), text)
    for number, (_, key, value, words) in enumerate(NAMED):
        text = said.get(f"h{number}", "")
        assert text.startswith(key), (key, value, text)
        assert words in text, (key, value, text)
    with suppress(FileNotFoundError):
        (tmp_path / "pyinfra-debug.log").unlink()
    assert {path.name for path in tmp_path.iterdir()} == {"deploy.py", "inventory.py"}


@pytest.mark.parametrize(
    "size", [DIGITS, f"{DIGITS}G", "\u0665\u0660G", "\uff15\uff10G", "5G\n", "5\u212a", "2GB", "50%", "5"]
)
@pytest.mark.parametrize("key", ["lvm_shrink_to", "lvm_grow_to"])
def test_a_size_that_is_none(key: str, size: str) -> None:
    said = refused("lvm", {"lvm_shrink_to": "4G", key: size})
    assert said.startswith(f"@local: refused, nothing was changed: {key} = ")
    # And not for what the host has.
    assert any(words in said for words in ("no size", "without a unit", "a share"))
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("deploy", "key", "value"),
    [
        ("docker", "lock_wait", None),
        ("docker", "lock_wait", "604800"),
        ("lock", "lock_name", None),
        # MariaDB takes it, in backticks.
        ("mariadb", "mariadb_databases", ["a/b"]),
        ("mariadb", "mariadb_tz", "CET-1CEST,M3.5.0,M10.5.0/3"),
        ("mariadb", "mariadb_tz", "Etc/GMT+5"),
        ("mariadb", "mariadb_stop_grace", "86400"),
        ("mariadb", "mariadb_image", f"registry.example:5000/{'a' * 200}:{'b' * 128}@sha256:{'0' * 64}"),
        ("mariadb", "mariadb_users", [NOVA | {"name": "n" * 128, "grants": ["REPLICATION REPLICA ADMIN ON *.*"]}]),
        ("docker", "docker_restart_policies", {"made": "on-failure:999999999"}),
    ],
)
def test_what_is_taken_to_the_limit(deploy: str, key: str, value: object) -> None:
    assert refused(deploy, {**BY_NAME[deploy].good, key: value}) == ""


def test_where_the_controller_knows_no_zones_what_could_be_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise ZoneInfoNotFoundError(name)

    monkeypatch.setattr("zoneinfo.ZoneInfo", nothing)
    good = BY_NAME["mariadb"].good
    assert refused("mariadb", {**good, "mariadb_tz": "Europe/Zurich"}) == ""
    assert "no time zone" in refused("mariadb", {**good, "mariadb_tz": "../../etc"})
