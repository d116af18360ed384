"""What a type means, for whoever writes data by hand."""

import json
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

_KINDS = {bool: "yes or no", str: "text", int: "a whole number", float: "a number", dict: "a mapping"}
_LISTS = (tuple, list, set, frozenset)


def written(example: object) -> str:
    """As it stands in an inventory."""
    return example if isinstance(example, str) else json.dumps(example)


def choices(kind: Any) -> Sequence[str]:
    """The words that are taken, where these are few."""
    if get_origin(kind) is Literal:
        return [str(one) for one in get_args(kind)]
    if kind is bool:
        return ["yes", "no"]
    return [word for one in get_args(kind) if one is not NoneType for word in choices(one)]


def meaning(kind: Any, limits: Sequence[Any] = ()) -> str:
    """
    + limits: what an annotation says beside the type
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return meaning(parts[0], [*limits, *(limit for one in parts[1:] for limit in _limits(one))])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(meaning(one, limits) for one in parts if one is not NoneType))
    if origin is Literal:
        return f"one of {', '.join(map(str, parts))}" if len(parts) > 1 else str(parts[0])
    plain = origin or kind
    if plain in _LISTS:
        return "a list"
    if plain in (int, float):
        return f"{_KINDS[plain]}{_range(limits)}"
    return _KINDS.get(plain, "a mapping" if hasattr(plain, "model_fields") else "another value")


def _limits(one: Any) -> Sequence[Any]:
    return one.metadata if isinstance(one, FieldInfo) else [one]


def _range(limits: Sequence[Any]) -> str:
    words = {"ge": "from {} on", "gt": "above {}", "le": "{} at most", "lt": "below {}"}
    found = {word: getattr(one, word) for one in limits for word in words if getattr(one, word, None) is not None}
    if {"ge", "le"} <= found.keys():
        return f" from {found['ge']} to {found['le']}"
    said = ", ".join(text.format(found[word]) for word, text in words.items() if word in found)
    return f" {said}" if said else ""


def within(value: object, kind: Any, where: Sequence[Any], limits: Sequence[Any]) -> tuple[str, str]:
    """The place in a value that pydantic complains of, and what is meant there.

    + limits: of the value as a whole
    """
    places = []
    for step in where:
        kind = _present(kind)
        parts = get_args(kind)
        if isinstance(step, int) and isinstance(value, (list, tuple)) and step < len(value) and parts:
            value, kind = value[step], parts[0]
            places.append(f"number {step + 1}")
        elif isinstance(value, Mapping) and step in value and len(parts) > 1:
            value, kind = value[step], parts[1]
            places.append(str(step))
        else:
            break
    return ", ".join(places), "text, as a key" if "[key]" in where else meaning(kind, () if places else limits)


def _present(kind: Any) -> Any:
    """Without what is said beside the type, and without None."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        some = [one for one in get_args(kind) if one is not NoneType]
        return _present(some[0]) if len(some) == 1 else kind
    return kind
