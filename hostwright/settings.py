"""The data of the deploys, validated: flat keys with the deploy's prefix."""

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from hostwright.refusal import Refusal


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


def lvm_name(name: str) -> str:
    if not name or name.startswith("-") or set(name) - set(_LVM_CHARACTERS) or name in (".", ".."):
        raise ValueError("no name that LVM takes: letters, digits and + _ . - (lvm(8), VALID NAMES)")
    return name


def absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("no absolute path: write it from / on")
    if ".." in path.split("/") or not path.isprintable():
        raise ValueError("no path as it is: write it without '..', line breaks and control characters")
    return path.rstrip("/") or "/"


def compose_path(path: str) -> str:
    """For a compose file, where `$` begins a variable and `:` ends a path."""
    if set(path) & set("$:"):
        raise ValueError("no path that compose takes as it is: $ and : mean something to it")
    return absolute(path)


def container_name(name: str) -> str:
    if not re.fullmatch("[a-zA-Z0-9][a-zA-Z0-9_.-]+", name):
        raise ValueError("no name for a container: letters, digits and _ . - only, and a letter or digit first")
    return name


def image_name(name: str) -> str:
    if not re.fullmatch("[a-zA-Z0-9][a-zA-Z0-9_./:@-]*", name):
        raise ValueError("no name of an image: letters, digits and _ . - / : @ only, and a letter or digit first")
    return name


class Rebalance(Settings):
    """What `deploys/lvm.py` is told, by its keys without `lvm_`; without `grow` the space stays free."""

    shrink_to: str = ""
    vg: str = "centos"
    shrink: str = "home"
    grow: str | None = "root"
    grow_to: str = "100%FREE"
    staging: str | None = None
    scratch: str | None = None
    busy: Literal["refuse", "stop"] = "refuse"
    strategy: Literal["beside", "staging", "in-place"] | None = None
    abandon: bool = False
    trust_copy: bool = False

    @field_validator("vg", "shrink", "grow")
    @classmethod
    def _is_lvm_name(cls, name: str | None) -> str | None:
        return name if name is None else lvm_name(name)

    @field_validator("staging", "scratch")
    @classmethod
    def _is_absolute(cls, path: str | None) -> str | None:
        return absolute(path) if path else None


Model = TypeVar("Model", bound=Settings)
_TEMPLATE = re.compile(r"\{\{ *(?P<name>[A-Za-z_][A-Za-z0-9_.]*) *\}\}|\{\{.*?\}\}|\{%.*?%\}", re.S)
_LVM_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-"


def validated(model: type[Model], prefix: str, values: Mapping[str, Any]) -> Model:
    """The settings, or a refusal in the words of the data keys."""
    for key, value in values.items():
        is_resolved(f"{prefix}{key}", value)
    try:
        return model(**{key: value for key, value in values.items() if value is not None})
    except ValidationError as error:
        raise Refusal("; ".join(_explain(prefix, dict(problem)) for problem in error.errors())) from None


def is_resolved(key: str, value: object) -> None:
    """What an inventory could not fill in is no value, and least of all a password."""
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            is_resolved(key, one)
    elif isinstance(value, str) and (found := _TEMPLATE.search(value)):
        # All but a name may be part of a password.
        said = found[0] if found["name"] else "{{ ... }}"
        raise Refusal(
            f"{key}: the inventory left {said} in it as it is: what that names is not defined there, or the vault was "
            "not opened (ANSIBLE_VAULT_PASSWORD_FILE)"
        )
    elif isinstance(value, str) and re.search("[\ud800-\udfff]", value):
        raise Refusal(f"{key} is no text: it holds bytes that are no UTF-8")


def _explain(prefix: str, problem: Mapping[str, Any]) -> str:
    key = prefix + "".join(str(part) for part in problem["loc"][:1])
    if problem["type"] == "missing":
        return f"{key} is not set, and has no default: write it in the inventory, or --data {key}=..."
    message = str(problem["msg"]).removeprefix("Value error, ").replace("Input should be", "it should be")
    return f"{key} = {problem['input']!r}: {message}" if problem["loc"] else message
