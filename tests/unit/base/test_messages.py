"""What pydantic finds is told in plain words: the key, the value unless it may be secret, what is meant, an example."""

import re
from typing import Any

import pytest

from hostwright.base.meaning import choices, written
from hostwright.base.refusal import Refusal
from hostwright.base.settings import Settings, validated
from hostwright.interface.settings import AddressSettings, InterfaceSettings
from hostwright.mariadb.settings import Mariadb, User
from tests.unit.base.test_keys import MODELS

PYDANTIC = re.compile(
    r"\bvalid |[Ee]xtra inputs|[Ii]nput should|[Vv]alue error|\bdict|tuple|unable to|greater than|less than|NoneType|"
    r"[a-z]\.[0-9]|\[key\]"
)
VALUES: tuple[Any, ...] = (
    5,
    -1,
    1.5,
    10**30,
    True,
    "",
    "x",
    "\x00",
    [],
    [[]],
    [{}],
    {},
    {"a": [1]},
    {1: {2: 3}},
    {True: "x"},
    [True],
    b"x",
    object,
    {"eth0": {"present": [{"address": [1], "scope": 5}], "exact": "maybe"}},
    [{"name": 1.5, "grants": [[1]], "absent": 7, "password": "hush"}],
)
ONES = [(model, field) for model in MODELS for field in model.model_fields]
NEEDED = {
    "addresses": {"e0": {"present": "10.0.0.6/24"}},
    "root_password": "hush hush",
    "restart_policies": {"x": "no"},
}


def needed(model: type[Settings]) -> dict[str, Any]:
    return {key: value for key, value in NEEDED.items() if key in model.model_fields}


@pytest.mark.parametrize(("model", "field"), ONES)
def test_no_word_of_pydantic(model: type[Settings], field: str) -> None:
    refused = 0
    for value in VALUES:
        try:
            validated(model, needed(model) | {field: value})
        except Refusal as refusal:
            refused += 1
            for one in refusal.each:
                text = str(one)
                assert not PYDANTIC.search(text.replace(one.value, "")), text
                assert "\n" not in text
                assert model.key(field) in text
                assert one.remedy or one.why.startswith(f"{model.key(field)} ")
    assert refused > 3


@pytest.mark.parametrize(
    ("model", "values", "said"),
    [
        ("lvm_", {"busy": "kill"}, "lvm_busy = 'kill': it should be one of refuse, stop: write it as in lvm_busy: "),
        ("lvm_", {"abandon": 7}, "lvm_abandon = 7: it should be yes or no: write it as in lvm_abandon: yes or no"),
        ("lvm_", {"vg": True}, "lvm_vg = True: it should be text: write it as in lvm_vg: centos"),
        (
            "interface_",
            {"confirm_seconds": 1},
            "interface_confirm_seconds = 1: it should be a whole number from 5 to 600: write it as in ",
        ),
        ("mariadb_", {"databases": ["a", []]}, "mariadb_databases = ['a', []]: number 2: it should be text: write it"),
        ("mariadb_", {"stop_grace": "long"}, "mariadb_stop_grace = 'long': it should be a whole number from 1 to"),
        (
            "docker_",
            {"restart_policies": {"x": []}},
            "docker_restart_policies = {'x': []}: no restart policy for 'x': it is one ",
        ),
        (
            "docker_",
            {"restart_policies": {}},
            "docker_restart_policies = {}: it is empty: write it as in docker_restar",
        ),
        ("docker_", {"restart_policies": None}, "docker_restart_policies is not set, and has no default: write it in"),
        ("mariadb_", {"tzz": "UTC"}, "mariadb_tzz: no key here: mariadb_tz was probably meant; there"),
    ],
)
def test_what_is_said(model: str, values: dict[str, Any], said: str) -> None:
    meant = next(one for one in MODELS if one.prefix == model)
    with pytest.raises(Refusal) as refused:
        validated(meant, needed(meant) | values)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    "values",
    [
        {"root_pasword": "sesame"},
        {"users": [{"name": "nova", "pasword": "sesame"}]},
        {"users": [{"name": "nova", "password": ["sesame"]}]},
        {"users": [{"name": ["sesame"], "password": "sesame"}]},
        {"users": {"sesame": "sesame"}},
        {"init": [["sesame"]]},
        {"init": {"sesame": 1}},
        {"settings": {"x": ["sesame"]}},
        {"settings": "sesame"},
        {"root_password": ["sesame"]},
    ],
)
def test_no_secret_is_told(values: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="mariadb_") as refused:
        validated(Mariadb, {"root_password": "hush hush"} | values)
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize("model", [*MODELS, User, AddressSettings, InterfaceSettings])
def test_each_key_says_what_it_means(model: type[Settings]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        examples = field.examples or choices(field.annotation)
        # What a password is, its own check says.
        assert examples or field.annotation is Any, name
        for example in examples:
            needs = {"address": {"subnet": "10.0.0.0/24"}} if model is Mariadb else {}
            if model in MODELS:
                validated(model, needed(model) | needs.get(name, {}) | {name: example})


def test_an_example_is_written_as_an_inventory_has_it() -> None:
    assert (written("50G"), written(["a"]), written({"a": "b"}), written(5)) == ("50G", '["a"]', '{"a": "b"}', "5")
