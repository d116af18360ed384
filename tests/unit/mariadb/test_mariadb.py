"""MariaDB: data keys, decisions about what runs once, and databases and users."""

import time
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostwright.base.refusal import DidNotTell, Refusal
from hostwright.base.settings import validated
from hostwright.mariadb.facts import Accounts, DataDirectory, Once, parse_accounts, parse_data
from hostwright.mariadb.plan.server import (
    UpgradePlan,
    check_host,
    decide_accounts,
    decide_init,
    decide_upgrade,
    draw,
    native_hash,
    question,
    upgrade,
    warnings,
)
from hostwright.mariadb.settings import Mariadb
from hostwright.net.listeners import parse_processes, parse_published

ROOT = {("root", "localhost"): True}
NOTHING = Accounts(True, frozenset(), ROOT, {})


def directory(has_data: bool = True, record: Any = None, *, listeners: Any = (), ports: Any = None, **more: Any) -> Any:
    """
    + listeners: addresses and users, as ss(8) has them
    + ports: what containers publish, as docker-ps(1) has it
    """
    told = tuple(parse_processes("\t".join(one) for one in listeners))
    published = [
        port for name, text in (ports or {}).items() for port in parse_published(text, name) if port.protocol == "tcp"
    ]
    return DataDirectory(has_data, record or {}, listeners=told, published=tuple(published), **more)


def wish(**more: Any) -> Mariadb:
    return validated(Mariadb, {"root_password": "hush hush"} | more)


def user(**more: Any) -> Mariadb:
    return wish(users=[{"name": "nova", "password": "sesame"} | more])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"root_password": None}, "mariadb_root_password is not set"),
        ({"root_password": ""}, "mariadb_root_password is no password"),
        ({"root_password": "sec\nret"}, "mariadb_root_password is no password"),
        ({"root_password": ["secret"]}, "mariadb_root_password is no password"),
        ({"users": [{"name": "nova"}]}, "the password of mariadb_users, number 1 is no password"),
        ({"users": [{"name": "a'b", "password": "secret"}]}, "number 1: name no name"),
        (
            {"users": [{"name": "nova", "password": "secret", "grant": []}]},
            "number 1: grant is no key here; grants was probably meant",
        ),
        ({"users": [{"name": "nova", "password": "secret", "grants": ["ALL"]}]}, "is no grant"),
        ({"users": [{"name": "nova", "password": "secret"}] * 2}, "names a user twice"),
        ({"users": [{"name": "root", "host": "localhost", "password": "secret"}]}, "looked after already"),
        ({"users": "nova"}, "no list of users"),
        ({"root_password": "123456"}, "one of the first that anybody tries"),
        ({"root_password": 12345670123}, "mariadb_root_password is no text but a int .* put it in quotes"),
        ({"root_password": True}, "put it in quotes"),
        ({"users": [{"name": "nova", "password": 12345670123}]}, "number 1 is no text but a int .* put it in quotes"),
        ({"users": [{"name": "nova", "password": 1.5}]}, "number 1 is no text but a float .* put it in quotes"),
        ({"root_password": "sec\x7fret"}, "mariadb_root_password is no password"),
        ({"root_password": "OpenStack"}, "one of the first that anybody tries"),
        ({"root_password": "aaaabbbbaaaa"}, "one of the first that anybody tries"),
        ({"publish": "23306:3306"}, "from outside, past the firewall"),
        ({"publish": "0.0.0.0:23306:3306"}, "from outside, past the firewall"),
        ({"publish": ["127.0.0.1:1:3306", "[::]:23306:3306"]}, "from outside, past the firewall"),
        ({"publish": "8.8.8.8:23306:3306"}, "from outside, past the firewall"),
        ({"subnet": "177.177.0.0/16", "address": "177.177.0.13"}, "somebody on the Internet"),
        ({"publish": "23306"}, "mariadb_publish"),
        ({"publish": "127.0.0.1:99999:3306"}, "mariadb_publish"),
        ({"publish": "300.0.0.1:1:3306"}, "mariadb_publish"),
        ({"restart": "sometimes"}, "no restart policy"),
        ({"container": "a b"}, "no name for a container"),
        ({"data_dir": "mysql"}, "no absolute path"),
        ({"address": "10.0.0.2"}, "only with the mariadb_subnet"),
        ({"subnet": "10.0.0.0/24", "address": "10.0.1.2"}, "no free address"),
        ({"subnet": "10.0.0.0/24", "address": "10.0.0.1"}, "no free address"),
        ({"stop_grace": 0}, "mariadb_stop_grace"),
        ({"init_resume": "again"}, "mariadb_init_resume"),
        ({"databases": ["a`b"]}, "mariadb_databases"),
        ({"settings": {"a b": 1}}, "mariadb_settings"),
        ({"settings": {"a": "b\rc"}}, "mariadb_settings"),
        ({"settings": {"default_time_zone": "Europe/Berlin"}}, "say mariadb_tz = Europe/Berlin instead"),
        ({"settings": {"default-time-zone": "MET"}}, "knows no names of time zones"),
        ({"tz": "UTC\nprivileged: true"}, "mariadb_tz = .*no time zone"),
        ({"tz": "$HOME"}, "no time zone"),
        ({"tz": "../../etc/shadow"}, "no time zone"),
        ({"subnet": "10.0.0.0/8", "address": "10.255.255.255"}, "no free address"),
        ({"subnet": "10.0.0.0/8", "address": "10.0.0.0"}, "no free address"),
        ({"subnet": "fd00::/64", "address": "fd00::1"}, "no free address"),
        ({"subnet": "fd00::/64", "address": "fd00::2%a\n"}, "no free address"),
        ({"subnet": "10.0.0.0/24", "address": "10.0.0.x"}, "no free address"),
    ],
)
def test_refused_and_no_secret_told(values: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said) as refused:
        wish(**values)
    assert "secret" not in str(refused.value)
    assert "sec\nret" not in str(refused.value)


def test_what_is_taken() -> None:
    assert wish(root_password="123456", allow_weak_password=True).root_password == "123456"
    assert wish(tz="<+02>-2").tz == "<+02>-2"
    assert wish(tz="Europe/Zurich").tz == "Europe/Zurich"
    assert wish(publish="23306:3306", expose=True).publish == ("23306:3306",)
    assert wish(publish="[::1]:23306:3306", subnet="10.1.0.0/24", address="10.1.0.13").address == "10.1.0.13"


@pytest.mark.parametrize(
    ("subnet", "address"),
    [
        ("10.0.0.0/8", "10.255.255.254"),
        ("10.0.0.0/8", "10.0.0.2"),
        ("fd00::/64", "fd00::2"),
        ("fd00::/8", "fdff::"),
        ("10.0.0.0/31", "10.0.0.1"),
    ],
)
def test_nothing_grows_with_the_size_of_a_network(subnet: str, address: str) -> None:
    begun = time.process_time()
    assert wish(subnet=subnet, address=address).address == address
    assert time.process_time() - begun < 1


@given(st.integers(22, 32), st.integers(0, 2**10 - 1))
def test_free_addresses_are_those_of_the_network_but_its_first(length: int, host: int) -> None:
    network = ip_network((int(ip_address("10.7.0.0")), length))
    address = ip_address("10.7.0.0") + host
    free = address in list(network.hosts())[1:]
    try:
        wish(subnet=str(network), address=str(address))
    except Refusal:
        assert not free
    else:
        assert free


def test_a_policy_that_leaves_it_down_is_warned_of() -> None:
    (warning,) = warnings(wish(restart="on-failure"), DataDirectory(True, {}))
    assert "after a clean reboot of the host the database stays down" in warning
    assert list(warnings(wish(), DataDirectory(True, {}))) == []


def test_who_listens_may_be_unknown_and_that_is_said() -> None:
    found = parse_data(["@@ data", "@@ record"])
    check_host(wish(), found)
    (warning,) = warnings(wish(), found)
    assert "mariadb_publish = 127.0.0.1:23306:3306: ss does not tell" in warning


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"others": ("/d/mail",)}, "it holds /d/mail, and no MariaDB"),
        (
            {"used_by": ("container other (exited) may write there",)},
            "/mysql': container other .exited. may write there",
        ),
        ({"unsaid": "docker: Error"}, "who else uses it cannot be told: docker: Error"),
        ({"odd": "hostwright-once"}, "hostwright-once in it is no file of ours"),
        ({"user": "admin"}, "admin may not look .* needs root"),
        (
            {"version": "11.8.3-MariaDB", "image_version": "mariadbd  Ver 10.11.19-MariaDB"},
            "of MariaDB 11.8, and the image",
        ),
        ({"listeners": (("127.0.0.1:23306", 'users:(("nc",pid=7,fd=3))'),)}, "nc, pid 7 listens on port 23306"),
        ({"listeners": (("*:23306", ""),)}, "somebody listens"),
        ({"listeners": (("0.0.0.0%virbr0:23306", ""),)}, "somebody listens"),
        *(
            ({"listeners": (("*:23306", f'users:(("{name}",pid=7,fd=3))'),)}, "somebody listens")
            for name in ('sshd",pid=1', 'a",pid=1,fd=3)', 'a",pid=1,fd=3),', 'a",pid=1,fd=3))', "x\x1b[2J")
        ),
        (
            {"listeners": (("127.0.0.1:23306", ""),), "ports": {"other": "127.0.0.1:23306->3306/tcp"}},
            "container other listens",
        ),
        # Of what an engine without a proxy publishes ss tells nothing.
        *(
            ({"ports": {"other": published}}, "container other listens on port 23306")
            for published in (
                "0.0.0.0:23306->3306/tcp, [::]:23306->3306/tcp",
                "127.0.0.1:23300-23310->3300-3310/tcp",
                "80/tcp, 127.0.0.1:23306->80/tcp",
            )
        ),
    ],
)
def test_what_is_somebody_elses(more: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        check_host(wish(), directory(**more))


@pytest.mark.parametrize(
    "more",
    [
        {"version": "10.11.19-MariaDB", "image_version": "mariadbd  Ver 11.8.3-MariaDB"},
        {"version": "10.11.19-MariaDB", "image_version": ""},
        {"listeners": (("127.0.0.1:3306", ""), ("10.0.0.5:23306", ""))},
        {"listeners": (("127.0.0.1:23306", ""),), "ports": {"mariadb_yoga": "127.0.0.1:23306->3306/tcp"}},
        *(
            {"ports": {"other": published}}
            for published in (
                "10.0.0.5:23306->3306/tcp",
                "[::]:23306->3306/tcp",
                ":::23306->3306/tcp",
                "[::1]:23306->3306/tcp",
                "0.0.0.0:23306->3306/udp",
                "0.0.0.0:23300-23305->3300-3305/tcp",
                "23306/tcp",
                "",
            )
        ),
    ],
)
def test_what_is_nobody_elses(more: dict[str, Any]) -> None:
    check_host(wish(), directory(**more))


@pytest.mark.parametrize(
    ("publish", "who"),
    [
        ("127.0.0.1:23306:3306", "container range listens"),
        ("127.0.0.1:23307:3306", "container range listens"),
        ("127.0.0.1:8080:3306", "container web listens"),
        # Those take UDP, and no port of the host.
        ("127.0.0.1:8081:3306", ""),
        ("127.0.0.1:9000:3306", ""),
    ],
)
@pytest.mark.parametrize("listeners", [True, False])
def test_a_port_that_docker_28_publishes_without_its_proxy_is_taken(publish: str, who: str, listeners: bool) -> None:
    fixture = Path(__file__).parents[1] / "fixtures" / "mariadb_docker28_noproxy.txt"
    found = parse_data(fixture.read_text().splitlines())
    found = found if listeners else replace(found, listeners=())
    if who:
        with pytest.raises(Refusal, match=who):
            check_host(wish(publish=publish), found)
    else:
        check_host(wish(publish=publish), found)
    check_host(wish(publish=publish, container=who.split()[1] if who else "mariadb_yoga"), found)


@pytest.mark.parametrize(
    ("settings", "key", "value"),
    [
        ({"address": "10.0.0.2"}, "mariadb_address", "'10.0.0.2'"),
        ({"subnet": "10.0.0.0/24", "address": "10.0.1.2"}, "mariadb_address", "'10.0.1.2'"),
        ({"subnet": "8.8.8.0/24"}, "mariadb_subnet", "'8.8.8.0/24'"),
        ({"subnet": "10.0.0.1/24"}, "mariadb_subnet", "'10.0.0.1/24'"),
        ({"publish": "23306:3306"}, "mariadb_publish", "'23306:3306'"),
        # No password is shown.
        ({"root_password": "123456"}, "mariadb_root_password", ""),
    ],
)
def test_a_refusal_of_settings_names_their_key_also_where_it_takes_several_to_tell(
    settings: dict[str, Any], key: str, value: str
) -> None:
    with pytest.raises(Refusal) as refused:
        wish(**settings)
    assert [(one.key, one.value, bool(one.remedy)) for one in refused.value.each] == [(key, value, True)]


@pytest.mark.parametrize(
    ("publish", "more", "taken"),
    [
        # In a socket of IPv6 `*` takes IPv4, too; older tools write `::` for both.
        ("127.0.0.1", {"listeners": ((":::23306", ""),)}, True),
        ("127.0.0.1", {"listeners": (("*:23306", ""),)}, True),
        ("127.0.0.1", {"listeners": (("::1:23306", ""),)}, False),
        ("[::1]", {"listeners": ((":::23306", ""),)}, True),
        ("[::1]", {"listeners": (("[::]:23306", ""),)}, True),
        ("[::1]", {"listeners": (("[fd00::5]:23306", ""),)}, False),
        ("[::1]", {"ports": {"other": "0.0.0.0:23306->3306/tcp"}}, False),
        ("[::1]", {"ports": {"other": "[::]:23306->3306/tcp"}}, True),
        ("[::1]", {"ports": {"other": ":::23306->3306/tcp"}}, True),
        ("[::1]", {"ports": {"other": "[::1]:23306->3306/tcp"}}, True),
        ("[fd00::5]", {"ports": {"other": "[::1]:23306->3306/tcp"}}, False),
    ],
)
def test_a_port_is_taken_where_its_address_is_by_family(publish: str, more: dict[str, Any], taken: bool) -> None:
    wanted, found = wish(publish=f"{publish}:23306:3306"), directory(**more)
    if not taken:
        check_host(wanted, found)
        return
    with pytest.raises(Refusal, match="listens on port 23306 of the host already") as refused:
        check_host(wanted, found)
    assert (refused.value.key, refused.value.value) == ("mariadb_publish", repr(f"{publish}:23306:3306"))


@pytest.mark.parametrize(
    "said",
    [
        ("@@ listeners", "*:http\t"),
        ("@@ listeners", "localhost:80\t"),
        ("@@ ports", "web\t0.0.0.0:one->80/tcp"),
        ("@@ ports", "web\t0.0.0.0:1-999999->1-999999/tcp"),
        ("@@ ports", "web\tnowhere:80->80/tcp"),
    ],
)
def test_ports_that_cannot_be_read_are_no_answer(said: tuple[str, str]) -> None:
    with pytest.raises(DidNotTell, match="its answer cannot be read"):
        parse_data(["@@ data", "@@ record", *said])


# -- what runs once


def data(*record: tuple[str, Once], has_data: bool = True) -> DataDirectory:
    made = {"-": Once("made", "-", "t", "-")} if record or has_data else {}
    return DataDirectory(has_data, made | dict(record))


def test_what_has_not_run_is_left_to_the_container() -> None:
    for found in (data(), data(has_data=False), data(("a", Once("rerun", "1", "t")))):
        assert decide_init(wish(), {"a": "1"}, found).decided == ()


def test_done_is_done_and_other_contents_are_told() -> None:
    found = data(("a", Once("done", "1", "yesterday")))
    assert decide_init(wish(), {"a": "1"}, found).notes == ()
    assert "carried out on yesterday, and has other contents" in decide_init(wish(), {"a": "2"}, found).notes[0]
    assert decide_init(wish(init_resume="rerun"), {"a": "1"}, found).decided == ()
    assert decide_init(wish(init_resume="rerun"), {"a": "2"}, found).decided == ("rerun\ta\t2\tdecided\t",)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (data(("a", Once("started", "1", "noon"))), "begun on noon, and its end is not on record"),
        (data(("a", Once("failed", "1", "noon", "3"))), "failed on noon with code 3"),
        (DataDirectory(True, {}), "the data were there before"),
    ],
)
def test_what_nobody_knows_waits_for_a_decision(found: DataDirectory, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        decide_init(wish(), {"a": "1"}, found)
    for decision in ("rerun", "done"):
        plan = decide_init(wish(init_resume=decision), {"a": "1"}, found)
        assert plan.decided == (f"{decision}\ta\t1\tdecided\t",)
    assert decide_init(wish(), {}, found).decided == ()


def test_the_record_is_read_up_to_what_was_cut_off() -> None:
    lines = [
        "@@ data",
        "server=yes",
        "@@ record",
        "made\t-\t-\tt\t-",
        "started\ta\t1\tt\t",
        "failed\ta\t1\tt\t3",
        "done\ta",
    ]
    found = parse_data(lines)
    assert found.has_data
    assert found.record["a"] == Once("failed", "1", "t", "3")


@pytest.mark.parametrize("value", ["SYSTEM", "+01:00", "-11:30", None])
def test_offsets_of_time_zones_are_known_to_every_server(value: str | None) -> None:
    assert wish(settings={"default_time_zone": value}).settings == {"default_time_zone": value}


# As facts tell it: the newest that ran, what the tables are of, what the image has, and what is to be done.
UPGRADES = [
    ("10.6.12-MariaDB", "10.6.12-MariaDB", "mariadbd Ver 11.8.3-MariaDB", "from 10.6 to 11.8"),
    ("11.8.3", "10.6.12-MariaDB", "", "from 10.6 to 11.8"),
    ("11.8.3", "10.11.2-MariaDB", "mariadbd Ver 12.3.1-MariaDB", "from 10.11 to 12.3"),
    ("10.6.12", "", "mariadbd Ver 11.8.3-MariaDB", "from 10.6 to 11.8"),
    ("11.8.3", "cut", "", "to 11.8"),
    ("10.4.3", "", "", "to 10.4"),
    ("10.11.6", "10.11.2-MariaDB", "", ""),
    ("10.11.2", "10.11.2", "mysqld 10.11.6", ""),
    ("11.8.3-MariaDB", "11.8.3-MariaDB", "absent", ""),
    ("", "", "11.8.3", "to 11.8"),
    ("", "", "", ""),
]


@pytest.mark.parametrize(("ran", "tables", "image", "said"), UPGRADES)
def test_tables_older_than_the_server_are_said_and_upgraded_on_demand(
    ran: str, tables: str, image: str, said: str
) -> None:
    found = DataDirectory(
        True, {}, version=ran, upgraded=tables, image_version=image, image_upgrades=image not in ("", "absent")
    )
    assert upgrade(found) == said
    notes = list(warnings(wish(), found))
    assert len(notes) == (said.startswith("from") or tables == "cut")
    assert all(f"upgraded {said}" in note and "mariadb_upgrade=yes" in note for note in notes)
    assert all("mariadb-upgrade || mysql_upgrade" in note and "a dump first" in note for note in notes)
    assert decide_upgrade(wish(), found) == UpgradePlan()
    assert list(warnings(wish(upgrade="yes"), found)) == []
    plan = decide_upgrade(wish(upgrade="yes"), found)
    assert bool(plan.lines) == (bool(said) or image == "absent")
    assert said in "".join(plan.lines)
    assert plan.changes == said
    assert all(line in draw("db1", wish(), plan) for line in plan.lines)
    check_host(wish(upgrade=True), found)


def test_tables_of_a_newer_server_are_not_upgraded() -> None:
    newer = DataDirectory(True, {}, version="11.8.3", upgraded="11.8.3", image_version="10.11.6", image_upgrades=True)
    assert upgrade(newer) == ""
    with pytest.raises(Refusal, match="an older server spoils them"):
        check_host(wish(upgrade=True), newer)


def test_new_data_need_no_upgrade() -> None:
    nothing = DataDirectory(False, {}, image_version="11.8.3", image_upgrades=True)
    assert (upgrade(nothing), decide_upgrade(wish(upgrade=True), nothing)) == ("", UpgradePlan())


def test_an_image_that_cannot_upgrade_is_refused_where_it_would_have_to() -> None:
    known = {"version": "10.6.12", "upgraded": "10.6.12", "image_version": "mariadbd Ver 11.8.3-MariaDB"}
    old = DataDirectory(True, {}, **known)
    with pytest.raises(Refusal, match="mariadb_upgrade = 'yes': bare has neither mariadb-upgrade nor mysql_upgrade"):
        check_host(wish(upgrade=True, image="bare"), old)
    check_host(wish(image="bare"), old)
    check_host(wish(upgrade=True), DataDirectory(True, {}, **known | {"upgraded": "11.8.1", "version": "11.8.1"}))


@pytest.mark.parametrize("value", ["yes", "true", True])
def test_upgrade_is_said_as_other_keys_are(value: object) -> None:
    assert wish(upgrade=value).upgrade
    assert not wish(upgrade="no").upgrade
    with pytest.raises(Refusal, match="mariadb_upgrade = 'always'"):
        wish(upgrade="always")


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("127.0.0.1:23306-23307->3306-3307/tcp", True),
        ("127.0.0.1:23300-23310->3300-3310/tcp, [::1]:80->80/tcp", True),
        ("127.0.0.1:23306->3306/tcp", True),
        ("127.0.0.1:23307-23309->3306-3308/tcp", False),
        ("23306/tcp", False),
    ],
)
def test_a_port_in_a_range_that_we_publish_is_ours(published: str, ours: bool) -> None:
    busy = directory(listeners=(("127.0.0.1:23306", ""),), ports={"mariadb_yoga": published})
    if ours:
        check_host(wish(), busy)
    else:
        with pytest.raises(Refusal, match="somebody listens on port 23306"):
            check_host(wish(), busy)


# -- databases and users


def test_what_is_missing_is_made() -> None:
    plan = decide_accounts(wish(databases=["nova"]), NOTHING)
    assert plan.statements == ("CREATE DATABASE IF NOT EXISTS `nova`;",)
    plan = decide_accounts(user(grants=["all on nova.*", "SELECT ON *.* WITH GRANT OPTION"]), NOTHING)
    hidden = native_hash("sesame")
    assert plan.statements == (
        f"CREATE USER 'nova'@'%' IDENTIFIED VIA mysql_native_password USING '{hidden}';",
        "GRANT SELECT ON *.* TO 'nova'@'%' WITH GRANT OPTION;",
        "GRANT ALL PRIVILEGES ON `nova`.* TO 'nova'@'%';",
    )
    assert not any("sesame" in text or hidden in text for text in plan.lines)


def test_the_hash_is_the_servers_own() -> None:
    # SELECT PASSWORD('sesame'), MariaDB 10.11
    assert native_hash("sesame") == "*EE33294C97C42FFF14EA73AB81E428A6FC7B9A8B"


def found(same: bool, *grants: str) -> Accounts:
    key = ("nova", "%")
    return Accounts(True, frozenset(), ROOT | {key: same}, {key: grants})


def test_what_is_there_is_left_alone() -> None:
    there = found(True, "GRANT USAGE ON *.* TO `nova`@`%`", "GRANT INSERT, SELECT ON `nova`.* TO `nova`@`%`")
    assert decide_accounts(user(grants=["SELECT,insert ON `nova`.*"]), there).statements == ()
    option = found(True, "GRANT ALL PRIVILEGES ON *.* TO `nova`@`%` WITH GRANT OPTION")
    assert decide_accounts(user(grants=["ALL ON *.* WITH GRANT OPTION"]), option).statements == ()


# In the form that MariaDB's SHOW GRANTS gives them.
LEFT = [
    "GRANT `reader` TO `nova`@`%`",
    "GRANT `reader` TO `nova`@`%` WITH ADMIN OPTION",
    "GRANT EXECUTE ON PROCEDURE `nova`.`sweep` TO `nova`@`%`",
    "GRANT EXECUTE, ALTER ROUTINE ON FUNCTION `nova`.`age` TO `nova`@`%`",
    "GRANT EXECUTE ON PACKAGE BODY `nova`.`p` TO `nova`@`%`",
    "GRANT PROXY ON ''@'%' TO 'nova'@'%' WITH GRANT OPTION",
    "GRANT PROXY ON `other`@`%` TO `nova`@`%`",
    "GRANT SELECT (`id`, `name`), UPDATE (`name`) ON `nova`.`instances` TO `nova`@`%`",
    "GRANT INSERT, SELECT (`a ON b`) ON `nova`.`instances` TO `nova`@`%`",
    "GRANT nonsense",
]


@pytest.mark.parametrize("line", LEFT)
def test_what_the_data_cannot_say_is_named_and_left(line: str) -> None:
    plan = decide_accounts(
        user(grants=["SELECT ON nova.*"]), found(True, "GRANT SELECT ON `nova`.* TO `nova`@`%`", line)
    )
    assert (plan.statements, plan.lines) == ((), ())
    assert plan.notes == (f"user nova@% has more, which is left as it is: {line}",)


@given(st.text(max_size=60))
def test_no_grant_of_a_server_is_a_traceback(text: str) -> None:
    decide_accounts(user(grants=["SELECT ON nova.*"]), found(True, f"GRANT {text}"))


def test_a_name_with_a_dot_in_it_is_one_name() -> None:
    there = found(True, "GRANT SELECT, INSERT ON `my.app`.* TO `nova`@`%`")
    assert decide_accounts(user(grants=["INSERT, SELECT ON `my.app`.*"]), there).statements == ()
    plan = decide_accounts(user(grants=["SELECT ON `my.app`.*"]), there)
    assert plan.statements == ("REVOKE INSERT ON `my.app`.* FROM 'nova'@'%';",)
    assert plan.lines == ("user nova@%: loses INSERT on `my.app`.*",)
    with pytest.raises(Refusal, match="is no grant"):
        user(grants=["SELECT ON my.app.*"])


def test_limits_do_not_hide_the_option_to_grant() -> None:
    there = found(True, "GRANT SELECT ON `nova`.* TO `nova`@`%` WITH GRANT OPTION MAX_QUERIES_PER_HOUR 5")
    assert decide_accounts(user(grants=["SELECT ON nova.* WITH GRANT OPTION"]), there).statements == ()


def test_what_differs_is_put_right() -> None:
    there = found(
        False, "GRANT SELECT, DELETE ON `nova`.* TO `nova`@`%`", "GRANT ALL PRIVILEGES ON `old`.* TO `nova`@`%`"
    )
    plan = decide_accounts(user(grants=["SELECT, INSERT ON nova.*"]), there)
    assert plan.lines == (
        "user nova@%: given its password",
        "user nova@%: loses DELETE on nova.*",
        "user nova@%: gets INSERT on nova.*",
        "user nova@%: loses ALL PRIVILEGES on old.*",
    )
    assert "REVOKE DELETE ON `nova`.* FROM 'nova'@'%';" in plan.statements
    assert decide_accounts(user(absent=True), there).statements == ("DROP USER 'nova'@'%';",)
    assert decide_accounts(user(absent=True), NOTHING).statements == ()


def test_roots_password_is_put_right_and_never_told() -> None:
    for users in ({}, {("root", "localhost"): False}):
        plan = decide_accounts(wish(), Accounts(True, frozenset(), users, {}))
        assert plan.lines == ("root: given its password",)
        assert native_hash("hush hush") in plan.statements[0]


def test_a_server_that_does_not_answer_is_known_to_be_one() -> None:
    assert not decide_accounts(user(), parse_accounts([])).known


def test_the_answer_is_read() -> None:
    lines = [
        "database\tmysql",
        "user\tnova\t%\t1",
        "grants\tnova\t%",
        "GRANT USAGE ON *.* TO `nova`@`%`",
        "grants\tglance\t%",
    ]
    assert not parse_accounts(lines).answers
    lines.append("alive\t10.11.6-MariaDB")
    answer = parse_accounts(lines)
    assert answer.answers
    assert answer.users == {("nova", "%"): True}
    assert answer.grants == {("nova", "%"): ("GRANT USAGE ON *.* TO `nova`@`%`",)}
    assert "sesame" not in question(user())
