"""`pyinfra INVENTORY fact` shows what is read from a host as JSON, and secrets not at all."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def shown(*words: str) -> tuple[Any, str]:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("pyinfra")), "@local", "fact", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    both = done.stdout + done.stderr
    return json.JSONDecoder().raw_decode(both, both.index("\n{") + 1)[0]["@local"], both


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["hostwright.docker.facts.HostContainers"], "engines"),
        (["hostwright.interface.facts.Interfaces"], "links"),
        (["hostwright.overlay.facts.Overlays", "targets=/none"], "mounts"),
        (["hostwright.lvm.facts.Storage", "vg=centos", "shrink=home"], "mounts"),
    ],
)
def test_a_fact_is_json(words: list[str], key: str) -> None:
    found, _ = shown(*words)
    assert isinstance(found[key], list)


def test_what_holds_secrets_and_what_lacks_a_word_is_said_in_a_line() -> None:
    secret = ("directory=/nowhere", "container=none", "project=none", "image=")
    found, said = shown("hostwright.mariadb.facts.MariadbData", *secret)
    assert found is None
    assert "there are secrets in it, which are for no output" in said
    found, said = shown("hostwright.lvm.facts.Storage", "vg=centos")
    assert found is None
    assert "missing 1 required positional argument: 'shrink'" in said
