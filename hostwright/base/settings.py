"""The data of the deploys, validated: flat keys with the deploy's prefix."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from hostwright.base.keys import no_key
from hostwright.base.meaning import choices, within, written
from hostwright.base.refusal import Refusal, Refusals, parted


class Unfit(ValueError):
    """What a validator of several keys raises, of which pydantic does not tell whose value it is."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class Settings(BaseModel):
    """
    + prefix: of its keys in the data; nothing where its fields are the arguments of an operation
    """

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)
    prefix: ClassVar[str] = ""

    @classmethod
    def key(cls, field: str) -> str:
        """As whoever set it calls it."""
        return f"{cls.prefix}{field}"

    @classmethod
    def names(cls) -> list[str]:
        """Its keys, without the prefix."""
        return [cls.key(field).removeprefix(cls.prefix) for field in cls.model_fields]

    def unfit(self, field: str, value: object, why: str, remedy: str) -> Unfit:
        return Unfit(Refusal(why, remedy, key=self.key(field), value=value))


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


Model = TypeVar("Model", bound=Settings)
_TEMPLATE = re.compile(r"\{\{ *(?P<name>[A-Za-z_][A-Za-z0-9_.]*) *\}\}|\{\{.*?\}\}|\{%.*?%\}", re.S)


def validated(model: type[Model], values: Mapping[str, Any]) -> Model:
    """The settings, or a refusal in the words of the data keys."""
    if unfilled := [refusal for key, value in values.items() for refusal in unresolved(model.key(key), value)]:
        raise Refusals(unfilled)
    try:
        return model(**{key: value for key, value in values.items() if value is not None})
    except ValidationError as error:
        raise Refusals(_explained(model, dict(problem), values) for problem in error.errors()) from None


def unresolved(key: str, value: object) -> Iterator[Refusal]:
    """What an inventory could not fill in is no value, and least of all a password."""
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from unresolved(key, one)
    elif isinstance(value, str) and (found := _TEMPLATE.search(value)):
        # All but a name may be part of a password.
        said = found[0] if found["name"] else "{{ ... }}"
        yield Refusal(
            f"the inventory left {said} in it as it is",
            "define there what that names, or let the vault be opened (ANSIBLE_VAULT_PASSWORD_FILE)",
            key=key,
        )
    elif isinstance(value, str) and re.search("[\ud800-\udfff]", value):
        yield Refusal(f"{key} is no text", "it holds bytes that are no UTF-8")


def nested(model: type[Model], values: Mapping[Any, Any]) -> Model:
    """A mapping within a value, or a ValueError with all that is wrong in it: no values, which may be secret."""
    try:
        return model(**{str(key): value for key, value in values.items()})
    except ValidationError as error:
        raise ValueError(
            "; ".join(dict.fromkeys(_within(model, dict(one), values) for one in error.errors()))
        ) from None


def _within(model: type[Settings], problem: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    why, remedy = _sentence(model, problem, values)
    name = str(problem["loc"][0]) if problem["loc"] else ""
    if problem["type"] == "extra_forbidden":
        return f"{why}; {remedy}"
    return ": ".join(part for part in (f"{name} {why.removeprefix('it ')}".strip(), remedy) if part)


def _explained(model: type[Settings], problem: Mapping[str, Any], values: Mapping[str, Any]) -> Refusal:
    error = problem.get("ctx", {}).get("error")
    if isinstance(error, Unfit):
        return error.refusal
    why, remedy = _sentence(model, problem, values)
    if not problem["loc"]:
        return Refusal(why, remedy)
    name = str(problem["loc"][0])
    key = model.key(name)
    if problem["type"] == "missing":
        return Refusal(f"{key} {why}", remedy, key=key)
    field = model.model_fields.get(name)
    if field is None or not field.repr:
        # Of a key that is misspelt nobody knows whether its value is secret.
        return Refusal(why.removeprefix(f"{key} is "), remedy, key=key)
    return Refusal(why, remedy, key=key, value=values[name])


def _sentence(model: type[Settings], problem: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[str, str]:
    """What pydantic found, in plain words: what is wrong, and what to write instead."""
    where = problem["loc"]
    if problem["type"] in ("value_error", "assertion_error") or not where:
        return parted(str(problem["msg"]).removeprefix("Value error, "))
    key = model.key(str(where[0]))
    if problem["type"] == "extra_forbidden":
        return no_key(key, [model.key(name) for name in model.model_fields])
    if problem["type"] == "missing":
        remedy = f"write it in the inventory, or --data {key}=..." if model.prefix else f"write {key}, too"
        return "is not set, and has no default", remedy
    field = model.model_fields[str(where[0])]
    place, wanted = within(values.get(str(where[0])), field.annotation, where[1:], field.metadata)
    why = "it is empty" if problem["type"] == "too_short" else f"it should be {wanted}"
    examples = " or ".join(written(one) for one in field.examples or choices(field.annotation))
    return (f"{place}: {why}" if place else why), f"write it as in {key}: {examples}"
