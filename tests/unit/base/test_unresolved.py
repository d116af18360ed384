"""What an inventory could not fill in is refused, whatever key of whatever deploy it is in, and no password is told."""

from typing import Any

import pytest

from hostwright.base.refusal import Refusal
from hostwright.base.settings import Settings, validated
from hostwright.docker.settings import RestartPolicies
from hostwright.interface.settings import AddressesSettings
from hostwright.lvm.settings import Rebalance
from hostwright.mariadb.settings import Mariadb
from hostwright.overlay.settings import OverlaySettings
from hostwright.reachability.settings import ReachabilitySettings

MODELS = {
    "lvm_": Rebalance,
    "interface_": AddressesSettings,
    "docker_": RestartPolicies,
    "mariadb_": Mariadb,
    "reachability_": ReachabilitySettings,
    "overlay_": OverlaySettings,
}
KEYS = [(prefix, key) for prefix, model in MODELS.items() for key in model.model_fields]


@pytest.mark.parametrize(("prefix", "key"), KEYS)
def test_of_every_key_of_every_deploy(prefix: str, key: str) -> None:
    model: type[Settings] = MODELS[prefix]
    name = "{{ vault_root_pw }}"
    for value in (name, f"a {name}", [name], {name: "x"}, {"x": [{"y": name}]}):
        with pytest.raises(Refusal, match=f"{prefix}{key}: the inventory left {{{{ vault_root_pw }}}} in it"):
            validated(model, {"root_password": "hush hush"} | {key: value})


@pytest.mark.parametrize(
    "value", ["sesame{{ lookup('x', 'sesame') }}", "{% if sesame %}x{% endif %}", "{{\nsesame, }}"]
)
def test_all_but_a_name_may_be_a_password(value: str) -> None:
    for given in (
        {"root_password": value},
        {"root_password": "hush hush", "users": [{"name": "a", "password": value}]},
    ):
        with pytest.raises(Refusal, match=r"left {{ ... }} in it") as refused:
            validated(Mariadb, given)
        assert "sesame" not in str(refused.value)


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(Refusal, match=r"mariadb_init is no text: .* no UTF-8"):
        validated(Mariadb, {"root_password": "hush hush", "init": ["SELECT '\udcfc'"]})


def test_braces_of_no_template_are_values() -> None:
    given: dict[str, Any] = {"root_password": "a}}b{{c%}d{%e", "init": ['SELECT \'{"a": {"b": 1}}\'']}
    assert validated(Mariadb, given).root_password == "a}}b{{c%}d{%e"
