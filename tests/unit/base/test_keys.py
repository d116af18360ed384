"""A key that is nearly one of a deploy's is refused with the right one; other people's keys are left alone."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyinfra.api import Host
from pyinfra.api.arguments import all_argument_meta

from hostwright import compose, docker, interface, lock, lvm, mariadb, reachability
from hostwright.base.arguments import Arguments, NamedArguments
from hostwright.base.keys import edits, misspelt, nearest
from hostwright.base.settings import Settings
from hostwright.docker.settings import RestartPolicies
from hostwright.interface.settings import AddressesSettings
from hostwright.lock import deployment
from hostwright.lock.settings import LockSettings
from hostwright.lvm.settings import Rebalance
from hostwright.mariadb.settings import Mariadb
from hostwright.overlay.settings import OverlaySettings
from hostwright.planned import told
from hostwright.reachability.settings import ReachabilitySettings

MODELS: tuple[type[Settings], ...] = (
    Rebalance,
    AddressesSettings,
    RestartPolicies,
    Mariadb,
    ReachabilitySettings,
    OverlaySettings,
    LockSettings,
)
KNOWN = {model.prefix: model.names() for model in MODELS}
KEYS = [(prefix, name) for prefix, names in KNOWN.items() for name in names]
WORDS = st.text(st.sampled_from("abc_"), max_size=8)


def slips(name: str) -> Iterator[str]:
    for at in range(len(name)):
        yield name[:at] + name[at + 1 :]
        yield name[:at] + name[at : at + 2][::-1] + name[at + 2 :]


@pytest.mark.parametrize(("prefix", "name"), KEYS)
def test_each_letter_that_is_missing_and_each_two_that_changed_places(prefix: str, name: str) -> None:
    tried = {slip for slip in slips(name) if slip not in KNOWN[prefix]}
    assert len(tried) >= len(set(name))
    for slip in tried:
        [refusal] = misspelt({f"{prefix}{slip}": "hush"}, {prefix: KNOWN[prefix]})
        assert str(refusal) == (
            f"{prefix}{slip}: no key of this deploy; {prefix}{name} was probably meant: write {prefix}{name}, or "
            f"hostwright_foreign: [{prefix}{slip}] where another role takes it"
        )


@pytest.mark.parametrize(("prefix", "name"), [one for one in KEYS if len(one[0]) > 7])
def test_a_slip_in_a_long_prefix(prefix: str, name: str) -> None:
    for slip in slips(prefix.removesuffix("_")):
        if slip != prefix.removesuffix("_"):
            [refusal] = misspelt({f"{slip}_{name}": []}, KNOWN)
            assert f"; {prefix}{name} was probably meant" in str(refusal)


@pytest.mark.parametrize("excepted", [["lvm_vgs"], "lvm_vgs", "[lvm_vgs, lvm_x]", ("lvm_vgs",)])
def test_somebody_elses_key_is_left_alone_where_that_is_said(excepted: object) -> None:
    assert list(misspelt({"lvm_vgs": 1}, KNOWN))
    assert not list(misspelt({"lvm_vgs": 1, "hostwright_foreign": excepted}, KNOWN))


def test_what_is_no_list_of_keys() -> None:
    [refusal] = misspelt({"hostwright_foreign": 5}, KNOWN)
    assert str(refusal) == "hostwright_foreign: no list of keys: write it as in hostwright_foreign: [lvm_vgs]"


@pytest.mark.parametrize(
    "data",
    [
        {"lvm_vg": "data", "lvm_vgs": 1},  # what it resembles is set
        {"lvm_volumes": 1, "mariadb_version": 1, "interface_names": 1, "ock_wait": 1, "block_name": 1, "vm_busy": 1},
        {"lvm_vgxy": 1},  # two edits of a short one
        {5: 1, ("lvm", "vgs"): 1},
    ],
)
def test_other_keys_are_somebody_elses(data: dict[str, object]) -> None:
    assert not list(misspelt(data, KNOWN))


def test_what_is_set_to_nothing_is_not_set() -> None:
    assert list(misspelt({"lvm_vg": None, "lvm_vgs": 1}, KNOWN))


def test_no_key_of_ours_is_taken_for_a_slip_of_another_one() -> None:
    for prefix, name in KEYS:
        assert not list(misspelt({f"{prefix}{name}": None}, KNOWN))


@given(WORDS, st.data())
def test_one_edit_is_one_edit(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word)))
    letter = data.draw(st.sampled_from("abcx"))
    assert edits(word, word[:at] + letter + word[at:]) == 1
    assert edits(word, word[:at] + letter + word[at + 1 :]) <= 1
    assert edits(word, word[:at] + word[at : at + 2][::-1] + word[at + 2 :]) <= 1


@given(WORDS, WORDS)
def test_edits_are_the_same_both_ways_and_at_least_what_lengths_differ(one: str, other: str) -> None:
    assert edits(one, other) == edits(other, one)
    assert abs(len(one) - len(other)) <= edits(one, other) <= max(len(one), len(other))
    assert (edits(one, other) == 0) is (one == other)


@given(WORDS, st.lists(WORDS, min_size=1))
def test_the_nearest_one_is_near(said: str, known: list[str]) -> None:
    found = nearest(said, known)
    near = [word for word in known if edits(said, word) <= (1 if len(word) <= 6 else 2)]
    assert (found in near) if any(near) else found == ""
    assert all(edits(said, found) <= edits(said, word) for word in near)


OPERATIONS = [
    (interface.address, ("e0", "10.0.0.6/24"), "persit", "persist"),
    (interface.addresses, ({},), "persit", "persist"),
    (interface.ifconfig, ("e0 10.0.0.6/24",), "_sduo", "_sudo"),
    (lvm.rebalance, (), "shrink_too", "shrink_to"),
    (lvm.physical_volume, ("/dev/vdb",), "presnt", "present"),
    (lvm.volume_group, ("data",), "extent_sise", "extent_size"),
    (lvm.logical_volume, ("data", "x"), "moutn", "mount"),
    (compose.project, ("shop", "/opt/shop"), "secret", "secrets"),
    (docker.restart_policy, ("x", "no"), "_sud", "_sudo"),
    (docker.restart_policies, ({"x": "no"},), "nmae", "name"),
    (reachability.report, (), "setings", "settings"),
    (mariadb.server, ({},), "wiat", "wait"),
    (lock.show, (), "break_onwer", "break_owner"),
    (lock.acquire, (), "wiat", "wait"),
    (lock.release, (), "onwer", "owner"),
    (lock.held, (), "leas", "lease"),
]


@pytest.mark.parametrize(
    ("operation", "values", "said", "meant"), OPERATIONS, ids=[one[0].__qualname__ for one in OPERATIONS]
)
def test_an_argument_that_nobody_takes(here: Host, operation: object, values: object, said: str, meant: str) -> None:
    assert here
    with pytest.raises(Exception, match=f"{said}: no argument of this operation: write {meant}$") as refused:
        operation(*values, **{said: "hush"})  # type: ignore[operator, misc]
    assert type(refused.value).__name__ in ("DeployError", "Refused")
    assert "hush" not in str(refused.value)


def test_what_pyinfra_takes_for_every_operation_is_known_by_name() -> None:
    assert NamedArguments.__annotations__.keys() == all_argument_meta.keys()
    assert NamedArguments.__annotations__.keys() - Arguments.__annotations__.keys() == {"name"}


def test_what_is_several_operations_has_no_name_of_its_own(here: Host) -> None:
    assert here
    with pytest.raises(Exception, match="name: no argument of this operation"):
        mariadb.server({"root_password": "hush"}, name="hush")  # type: ignore[call-arg]


@pytest.mark.parametrize("wait", ["soon", True, -1, 1e308])
def test_a_wait_that_is_none_is_refused_by_its_name(here: Host, wait: Any) -> None:
    assert here
    with pytest.raises(Exception, match=re.escape(f"wait = {wait!r}: no number of seconds")):
        lock.acquire(wait=wait)


def test_every_operation_was_looked_at() -> None:
    packages = (compose, docker, interface, lock, lvm, mariadb, reachability)
    names = {name for package in packages for name in package.__all__} - {"deploy", "fenced"}
    assert {getattr(operation, "__name__", "") for operation, *_ in OPERATIONS} == names


@pytest.mark.parametrize("model", MODELS)
def test_every_deploy_is_told_its_keys_and_refuses_a_slip_of_what_concerns_all(
    here: Host, model: type[Settings]
) -> None:
    here.data.lock_wait = "5"
    for field in model.model_fields:
        setattr(here.data, model.key(field), "5" if model.key(field) == "lock_wait" else None)
    assert told(model).keys() == model.model_fields.keys()
    here.data.hostwright_forein = []
    with pytest.raises(Exception, match=r"hostwright_forein: no key .* write hostwright_foreign"):
        told(model)
    del here.data.override_datas["hostwright_forein"]
    here.data.lock_wait = "soon"
    with pytest.raises(Exception, match="lock_wait = 'soon': no number of seconds"):
        told(model)


@pytest.mark.parametrize(
    ("deploy", "data", "said"),
    [
        ("reachability", "reachability_alow=[]", "reachability_alow: no key of this deploy; reachability_allow was"),
        ("lock", "lock_brek=x", "lock_brek: no key of this deploy; lock_break was"),
        ("mariadb", "mariadb_root_pasword=hush", "mariadb_root_pasword: no key of this deploy; mariadb_root_password"),
        ("lock", "lock_name=a b", "lock_name = 'a b': no name for a lock"),
        ("lvm", "lvm_shrink_to=50%", "lvm_shrink_to = '50%': no size, as it does not say of what: write 50%VG"),
    ],
)
def test_on_the_command_line(tmp_path: Path, deploy: str, data: str, said: str) -> None:
    words = [str(Path(sys.executable).with_name("pyinfra")), "-y", "@local", f"hostwright.{deploy}.deploy"]
    done = subprocess.run([*words, "--data", data], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    [line] = [line for line in done.stderr.splitlines() if "refused" in line]
    assert line.startswith(f"@local: refused, nothing was changed: {said}")
    assert "Traceback" not in done.stderr
    assert "hush" not in done.stderr


@pytest.mark.parametrize(
    ("deploy", "data", "refused"),
    [
        (
            "lvm",
            "lvm_shrink_to=5",
            {
                "key": "lvm_shrink_to",
                "value": "5",
                "why": "a size without a unit",
                "remedy": "write 5G, 5m or '5 extents'",
            },
        ),
        (
            "docker",
            "lock_wait=5",
            {"key": "docker_restart_policies", "value": ""}
            | {"why": "docker_restart_policies is not set, and has no default"}
            | {"remedy": "write it in the inventory, or --data docker_restart_policies=..."},
        ),
    ],
)
def test_with_json_a_refusal_is_json(tmp_path: Path, deploy: str, data: str, refused: dict[str, str]) -> None:
    words = [str(Path(sys.executable).with_name("pyinfra")), "--json", "@local", f"hostwright.{deploy}.deploy"]
    done = subprocess.run([*words, "--data", data], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"refused": [{"host": "@local", **refused}]}
    assert "refused, nothing was changed" in done.stderr


@pytest.mark.parametrize(
    ("data", "name", "owner"),
    [({}, "deploy", None), ({"lock_name": 5, "lock_break": None}, "5", None), ({"lock_break": "a/b"}, "deploy", "a/b")],
)
def test_the_lock_deploy_is_told_what_was_validated(
    here: Host, monkeypatch: pytest.MonkeyPatch, data: dict[str, object], name: str, owner: str | None
) -> None:
    shown: list[object] = []
    monkeypatch.setattr(deployment, "show", lambda *values: shown.extend(values))
    for key, value in data.items():
        setattr(here.data, key, value)
    deployment.deploy()
    assert shown == [name, owner]


@pytest.mark.parametrize(
    "data", [{"lock_wait": [1]}, {"lock_wait": True}, {"lock_wait": 1e308}, {"lock_break": True}, {"lock_break": ["x"]}]
)
def test_what_is_no_value_of_the_lock_deploy(here: Host, data: dict[str, object]) -> None:
    for key, value in data.items():
        setattr(here.data, key, value)
        with pytest.raises(Exception, match=f"refused, nothing was changed: {key} = "):
            deployment.deploy()
