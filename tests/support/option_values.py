"""Allowed values of declared options beside their defaults, so that a test can try every option."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError


def other_values(model: type[BaseModel], name: str, **given: Any) -> list[Any]:
    """Values that an option may have beside its default.

    All others of an enumeration and of a switch, one of a number or a list of numbers, none of a
    text, whose meaning a schema does not say.

    Args:
        given: the model's required options.
    """
    schema = model.model_json_schema()["properties"][name]
    default = model.model_fields[name].get_default(call_default_factory=True)
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    found = [value for kind in kinds for value in _candidates(kind, default)]
    fitting = [
        value for value in found if value != default and _fits(model, {**given, name: value})
    ]
    choice = any("enum" in kind or kind.get("type") == "boolean" for kind in kinds)
    return fitting if choice else fitting[:1]


def _candidates(kind: dict[str, Any], default: Any) -> list[Any]:
    if "enum" in kind:
        return list(kind["enum"])
    if kind.get("type") == "boolean":
        return [False, True]
    if kind.get("type") == "array" and "prefixItems" in kind:
        return [[_candidates(inner, None)[0] for inner in kind["prefixItems"]]]
    if kind.get("type") in ("integer", "number"):
        step = kind.get("multipleOf", 1)
        least = kind.get("minimum", 0)
        first = least if default is None else default
        values = [least, *(first + times * step for times in (1, 2, 5, -1)), first / 2]
        return [int(value) for value in values] if kind["type"] == "integer" else values
    return []


def _fits(model: type[BaseModel], values: dict[str, Any]) -> bool:
    try:
        model.model_validate(values)
    except ValidationError:
        return False
    return True
