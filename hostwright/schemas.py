"""The data of the deploys for editors, as JSON schemas in `schema/`: `python -m hostwright.schemas` writes them."""

import json
from pathlib import Path
from typing import Any

from hostwright.base.keys import FOREIGN
from hostwright.base.settings import Settings
from hostwright.docker.settings import RestartPolicies
from hostwright.interface.settings import AddressesSettings
from hostwright.lock.settings import LockSettings
from hostwright.lvm.settings import Rebalance
from hostwright.mariadb.settings import Mariadb
from hostwright.overlay.settings import OverlaySettings
from hostwright.reachability.settings import ReachabilitySettings

# By the file in deploys/.
MODELS: dict[str, type[Settings]] = {
    "lvm": Rebalance,
    "restart_policy": RestartPolicies,
    "mariadb": Mariadb,
    "addresses": AddressesSettings,
    "reachability": ReachabilitySettings,
    "overlay": OverlaySettings,
    "lock": LockSettings,
}
PLACE = Path(__file__).parent / "schema"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """By name of the file: the keys of each deploy, those of all of them, and an inventory of Ansible with these."""
    every = {key: one for model in MODELS.values() for key, one in _keys(model).items()}
    definitions = {name: one for model in MODELS.values() for name, one in _schema(model).get("$defs", {}).items()}
    several = {
        f"{name}.json": _file(f"The data of `deploys/{name}.py`", _keys(model) | _common(), _schema(model).get("$defs"))
        for name, model in MODELS.items()
    }
    return several | {
        "data.json": _file("The data of all deploys, as in group_vars and host_vars", every | _common(), definitions),
        "inventory.json": _inventory(every | _common(), definitions),
    }


def _file(title: str, keys: dict[str, Any], definitions: dict[str, Any] | None) -> dict[str, Any]:
    # Other keys are other roles'.
    found: dict[str, Any] = {"$schema": _DIALECT, "title": title, "type": "object", "properties": keys}
    return found | ({"$defs": definitions} if definitions else {})


def _inventory(keys: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    data = {"type": ["object", "null"], "properties": keys}
    group = {
        "type": ["object", "null"],
        "properties": {
            "hosts": {"type": ["object", "null"], "additionalProperties": {"$ref": "#/$defs/data"}},
            "vars": {"$ref": "#/$defs/data"},
            "children": {"type": ["object", "null"], "additionalProperties": {"$ref": "#/$defs/group"}},
        },
        "additionalProperties": False,
    }
    return {
        "$schema": _DIALECT,
        "title": "An inventory of Ansible with the data of the deploys",
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/group"},
        "$defs": definitions | {"data": data, "group": group},
    }


def _schema(model: type[Settings]) -> dict[str, Any]:
    found: dict[str, Any] = _written(model.model_json_schema())
    return found


def _keys(model: type[Settings]) -> dict[str, Any]:
    return {model.key(field): one for field, one in _schema(model)["properties"].items()}


def _common() -> dict[str, Any]:
    """What every deploy takes."""
    foreign = {"type": "array", "items": {"type": "string"}, "examples": [["lvm_vgs"]]}
    return {
        "lock_wait": _keys(LockSettings)["lock_wait"],
        FOREIGN: foreign | {"description": "Keys that are nearly ours, and another role's."},
    }


def _written(schema: Any) -> Any:
    """As people write it: yes and no are text to newer YAML."""
    if isinstance(schema, list):
        return [_written(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _written(one) for key, one in schema.items() if key != "title"}
    if found.get("type") == "boolean":
        del found["type"]
        return {"enum": [True, False, "yes", "no"]} | found
    return found


def written() -> dict[str, str]:
    """By name of the file, as it is kept."""
    return {name: json.dumps(schema, indent=2) + "\n" for name, schema in schemas().items()}


if __name__ == "__main__":
    for name, text in written().items():
        (PLACE / name).write_text(text)
