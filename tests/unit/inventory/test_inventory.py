from pathlib import Path
from textwrap import dedent

import pytest
from pyinfra.api.exceptions import PyinfraError

from hostwright.inventory import ansible as inventory


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def host(tmp_path: Path, **variables: object) -> dict[str, object]:
    lines = "".join(f"      {name}: {value}\n" for name, value in variables.items())
    [(name, data)] = inventory.read(write(tmp_path / "hosts.yml", f"all:\n  hosts:\n    h1:\n{lines}"))
    assert name == "h1"
    return data


def test_the_lab_machine() -> None:
    [(name, data)] = inventory.read(Path(__file__).parents[3] / "inventories" / "lab.yml")
    assert name == "lab"
    assert data == {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": 10022,
        "ssh_user": "root",
        "ssh_key": ".lab/key",
        "ssh_known_hosts_file": ".lab/known_hosts",
        "ssh_strict_host_key_checking": "yes",
        "lvm_shrink_to": "2G",
    }


def test_values_are_of_plain_types(tmp_path: Path) -> None:
    data = host(tmp_path, size=3, ratio=0.5, wanted="true", word="x", many="[1, {a: b}]")
    assert {name: type(value) for name, value in data.items()} == {
        "size": int,
        "ratio": float,
        "wanted": bool,
        "word": str,
        "many": list,
    }
    assert [type(item) for item in data["many"]] == [int, dict]  # type: ignore[attr-defined]


def test_group_vars_and_host_vars_are_read(tmp_path: Path) -> None:
    hosts = write(tmp_path / "hosts", "[web]\nh1\nh2\n")
    write(tmp_path / "group_vars" / "all.yml", "lvm_vg: centos\nlvm_shrink_to: 1G\n")
    write(tmp_path / "group_vars" / "web.yml", "lvm_shrink_to: 2G\n")
    write(tmp_path / "host_vars" / "h2.yml", "lvm_shrink_to: 3G\nansible_become: true\nansible_user: admin\n")
    assert inventory.read(hosts) == [
        ("h1", {"lvm_vg": "centos", "lvm_shrink_to": "2G"}),
        ("h2", {"lvm_vg": "centos", "lvm_shrink_to": "3G", "ssh_user": "admin", "_sudo": True}),
    ]


def test_templates_are_filled_in_as_far_as_they_can_be(tmp_path: Path) -> None:
    data = host(tmp_path, rack="7", place="'rack {{ rack }}'", later="'{{ ansible_facts.kernel }}'")
    assert data["place"] == "rack 7"
    assert data["later"] == "{{ ansible_facts.kernel }}"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("-o UserKnownHostsFile=/k", {"ssh_known_hosts_file": "/k"}),
        ("-oUserKnownHostsFile=/k", {"ssh_known_hosts_file": "/k"}),
        ("'-o \"userknownhostsfile /k\"'", {"ssh_known_hosts_file": "/k"}),
        ("-o StrictHostKeyChecking=no -C", {"ssh_strict_host_key_checking": "no"}),
        ("-F /c -o ControlPersist=60s", {"ssh_config_file": "/c"}),
    ],
)
def test_ssh_arguments(tmp_path: Path, arguments: str, expected: dict[str, str]) -> None:
    assert host(tmp_path, ansible_ssh_common_args=arguments) == expected


def test_host_key_checking_can_be_switched_off(tmp_path: Path) -> None:
    assert host(tmp_path, ansible_host_key_checking="false") == {"ssh_strict_host_key_checking": "no"}


def test_pyinfras_own_words_stand(tmp_path: Path) -> None:
    data = host(tmp_path, ansible_user="root", ssh_user="admin", ssh_allow_agent="false")
    assert data == {"ssh_user": "admin", "ssh_allow_agent": False}


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"ansible_connection": "local"}, "ansible_connection=local"),
        ({"ansible_become": "true", "ansible_become_method": "su"}, "ansible_become_method=su"),
        ({"ansible_ssh_common_args": "-J jump"}, "jump host"),
        ({"ansible_ssh_common_args": "-o ProxyCommand=x"}, "jump host"),
    ],
)
def test_what_cannot_be_carried_over_is_refused(tmp_path: Path, variables: dict[str, str], named: str) -> None:
    with pytest.raises(PyinfraError, match=named):
        host(tmp_path, **variables)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("all: [unclosed\n", "YAML parsing failed"),
        ("just words here\n", "should be a dictionary"),
        ("", "no host"),
        ("all:\n  hosts: {}\n", "no host"),
    ],
)
def test_what_is_no_inventory_gets_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str
) -> None:
    path = write(tmp_path / "hosts.yml", text)
    with pytest.raises(PyinfraError, match=reason) as raised:
        inventory.read(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert capsys.readouterr().err == ""


def test_a_broken_group_vars_file_gets_one_line(tmp_path: Path) -> None:
    write(tmp_path / "group_vars" / "all.yml", "a: [unclosed\n")
    with pytest.raises(PyinfraError, match=r"all\.yml:2") as raised:
        host(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PyinfraError, match=f"there is no inventory {tmp_path}/none"):
        inventory.read(tmp_path / "none")
