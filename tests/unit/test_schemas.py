"""What editors know of the data is what the deploys take."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hostwright.schemas import MODELS, PLACE, written

ROOT = Path(__file__).parents[2]
SCHEMAS = {name: json.loads(text) for name, text in written().items()}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_kept_as_the_models_say(name: str) -> None:
    assert (PLACE / name).read_text() == written()[name], "run python -m hostwright.schemas"


def test_no_other_schema_is_kept() -> None:
    assert {path.name for path in PLACE.iterdir()} == set(SCHEMAS)


def test_every_deploy_has_one() -> None:
    assert {path.stem for path in (ROOT / "deploys").glob("*.py")} == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_it_has_every_key_with_what_it_means(name: str) -> None:
    model = MODELS[name]
    keys = {model.key(field) for field in model.model_fields} | {"lock_wait", "hostwright_foreign"}
    for file in (f"{name}.json", "data.json"):
        found = SCHEMAS[file]["properties"]
        assert keys == found.keys() if file != "data.json" else keys <= found.keys()
        assert all(one["description"] for one in found.values())


def references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [one for part in schema for one in references(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    return own + [one for part in schema.values() for one in references(part)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_it_refers_to_is_in_it(name: str) -> None:
    known = {f"#/$defs/{one}" for one in SCHEMAS[name].get("$defs", {})}
    assert set(references(SCHEMAS[name])) == known


INVENTORIES = sorted((ROOT / "inventories").glob("*.yml"))


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.name)
def test_an_example_names_its_schema_and_has_keys_of_it(path: Path) -> None:
    first, *_ = path.read_text().splitlines()
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == PLACE / "inventory.json"
    known = SCHEMAS["inventory.json"]["$defs"]["data"]["properties"]
    prefixes = tuple(model.prefix for model in MODELS.values())
    for group in yaml.safe_load(path.read_text()).values():
        assert group.keys() <= SCHEMAS["inventory.json"]["$defs"]["group"]["properties"].keys()
        for data in [group.get("vars", {}), *group["hosts"].values()]:
            assert {key for key in data if key.startswith(prefixes)} <= known.keys()


def test_examples_were_looked_at() -> None:
    assert INVENTORIES
