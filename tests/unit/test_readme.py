"""Every example in README is one: its data are taken, its Python runs, its files are there."""

import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import Host

from hostwright.base.settings import validated
from hostwright.compose import operations as compose
from hostwright.docker import operations as docker
from hostwright.interface import operations as interface
from hostwright.lvm.operations import blocks, rebalance
from hostwright.overlay import operations as overlay
from hostwright.reachability import operations as reachability
from hostwright.schemas import MODELS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.M | re.S)
CALLS = [
    " ".join(text.split())
    for text in re.findall(r"`((?:docker|interface|lvm|overlay)\.[a-z_]+\([^`]*\))`", TEXT)
    if "..." not in text
]
PYTHON = [*(text for kind, text in BLOCKS if kind == "python"), *CALLS]
COMMANDS = [
    line
    for kind, text in BLOCKS
    if not kind
    for line in text.splitlines()
    if re.match("(pyinfra|pytest|make|python) ", line)
]
# What the others of a deploy need to be there.
NEEDED = {
    "mariadb_": {"root_password": "hush hush", "subnet": "10.0.0.0/24"},
    "interface_": {"addresses": {"e0": {"exact": False}}},
    "docker_": {"restart_policies": {"x": "no"}},
}


def data(text: str) -> Iterator[tuple[str, str]]:
    """What `--data` gives in it, in blocks and between backticks."""
    for part in [*COMMANDS, *re.findall("`([^`\n]*--data [^`]*)`", text)]:
        words = shlex.split(part, comments=True)
        for flag, word in pairwise(words):
            if flag == "--data":
                key, _, value = word.partition("=")
                yield key, value


def in_tables(text: str) -> Iterator[tuple[str, str]]:
    """Defaults, lists and mappings that tables of keys have in them."""
    for table in re.findall(r"^\| key.*?\n\n", text, re.M | re.S):
        head, _, *rows = table.strip().splitlines()
        prefix = (re.search(r"`([a-z]+_)\.\.\.`", head) or ["", ""])[1]
        for row in rows:
            keys, default, meaning = (cell.strip() for cell in row.strip("|").split("|"))
            names = re.findall("`([a-z_]+)`", keys.replace("without", "") if prefix else keys)
            defaults = [one.strip(" `") for one in default.split(",")]
            if "without" in keys:
                continue
            pairs = zip(names, defaults, strict=False)
            yield from ((f"{prefix}{name}", value) for name, value in pairs if f"`{value}`" in default)
            for value in re.findall(r"`([\[{][^`]*[\]}])`", meaning):
                yield f"{prefix}{names[0]}", value.replace("PUBLIC_ADDRESS", '"192.88.98.1"')


def given(text: str) -> Any:
    """As pyinfra takes it from a command line."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def taken(key: str, value: Any) -> None:
    [(model, field)] = [
        (model, field) for model in MODELS.values() for field in model.model_fields if model.key(field) == key
    ]
    if key == "mariadb_users" and isinstance(value, dict):
        value = [value]
    validated(model, NEEDED.get(model.prefix, {}) | {field: value})


@pytest.mark.parametrize(("key", "value"), sorted(set(data(TEXT))))
def test_data_of_a_command_line_are_taken(key: str, value: str) -> None:
    taken(key, given(value))


@pytest.mark.parametrize(("key", "value"), sorted(set(in_tables(TEXT))))
def test_values_of_a_table_are_taken(key: str, value: str) -> None:
    taken(key, given(value))


@pytest.mark.parametrize("value", ["[tcp/22, udp/60000-61000]", "tcp/22,udp/60000-61000", '["tcp/22"]', "[]"])
def test_a_list_of_ports_as_the_table_writes_it_on_a_command_line(value: str) -> None:
    taken("reachability_allow", given(value))


def test_every_key_has_its_row_in_a_table() -> None:
    for model in MODELS.values():
        for field in model.model_fields:
            assert f"`{model.key(field)}`" in TEXT or f"`{field}`" in TEXT or "lock_break" in model.key(field)


def test_examples_were_found() -> None:
    assert len(set(data(TEXT))) >= 5
    assert len(set(in_tables(TEXT))) >= 25
    assert len(CALLS) >= 3
    assert len(PYTHON) >= 8


@pytest.mark.parametrize("line", COMMANDS)
def test_what_a_command_names_is_there(line: str) -> None:
    words = shlex.split(line, comments=True)
    for word in words:
        if re.fullmatch(r"(deploys|tests|inventories|inventory)(/\S*)?", word):
            assert (ROOT / word).exists()
        if words[0] == "make" and word != "make":
            assert re.search(f"^{word}:", (ROOT / "Makefile").read_text(), re.M)


@pytest.mark.parametrize("text", PYTHON)
def test_python_runs_up_to_the_first_question_to_a_host(here: Host, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert here
    for module in (blocks, rebalance, docker, interface, compose, overlay, reachability):
        monkeypatch.setattr(module, "planned", lambda title, *_, **__: title)
    # A block goes on from the one before it.
    exec(compile(f"from hostwright import docker, interface, lvm, overlay\n{text}", "README.md", "exec"), {})
