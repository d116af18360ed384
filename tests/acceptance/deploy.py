"""A deploy as a person runs it, whichever it is."""

import json
from pathlib import Path

from tests.acceptance.host import Run, pyinfra


def words(name: str, inventory: Path, *flags: str, **data: object) -> list[str]:
    """
    + name: of its file in deploys/
    + data: by whole keys; what is no text goes as JSON
    """
    pairs = {key: value if isinstance(value, str) else json.dumps(value) for key, value in data.items()}
    given = [word for key, value in pairs.items() for word in ("--data", f"{key}={value}")]
    return ["-y", *flags, *given, str(inventory), f"deploys/{name}.py"]


def deploy(name: str, inventory: Path, *flags: str, **data: object) -> Run:
    return pyinfra(*words(name, inventory, *flags, **data))
