"""Converts pydantic's validation errors to one line that says what to correct."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ivif_bench.errors import UserError
from ivif_bench.registry import suggest

M = TypeVar("M", bound=BaseModel)


def checked(model: type[M], value: Any, where: str) -> M:
    """Validate plain values against a model.

    Args:
        where: text in front of the key in messages; may be empty.

    Raises:
        UserError: one line with the key, the problem and the allowed values.
    """
    try:
        return model.model_validate(value)
    except ValidationError as problem:
        raise UserError(_explain(model, problem, where)) from problem
    except UserError as problem:  # of a validator that asked another model
        raise UserError(f"{where}: {problem}" if where else str(problem)) from problem


def _explain(model: type[BaseModel], problem: ValidationError, where: str) -> str:
    """The first unknown key, or else the first error, as one line: key, problem, allowed values."""
    errors = problem.errors()
    # A misspelt key is also a missing one; its own error suggests the right one.
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    key = ".".join(part for part in [where, *map(str, first["loc"])] if part)
    message = first["msg"].removeprefix("Value error, ").replace("a valid tuple", "a valid list")
    if first["type"] == "extra_forbidden":
        known = _keys_at(model, first["loc"][:-1])
        hint = suggest(str(first["loc"][-1]), known) if known else "it takes none"
        message = f"unknown key; {hint}"
    elif first["type"] == "missing":
        message = _required(model, first["loc"])
    elif first["type"] != "value_error":  # those of our own validators say what they found
        message += _found(first["type"], first["input"])
    more = f" (and {len(errors) - 1} more errors)" if len(errors) > 1 else ""
    return f"{key or 'top level'}: {message}{more}"


def _found(kind: str, value: Any) -> str:
    """The end of a message: the value, and a hint if it is text instead of a number."""
    if isinstance(value, str) and kind in ("int_type", "float_type"):
        try:
            float(value)
        except ValueError:
            return f", not {value!r}"
        return f", not the text {value!r}; write it without quotes, and 1e-4 as 1.0e-4"
    plain = value is None or isinstance(value, bool | int | float | str)
    return f", not {value!r}" if plain else ""


def _required(model: type[BaseModel], location: tuple[Any, ...]) -> str:
    """The message for a missing key, with its description."""
    field = _model_at(model, location[:-1]).model_fields.get(str(location[-1]))
    described = f": {field.description}" if field is not None and field.description else ""
    return f"this key is required{described}"


def _keys_at(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Allowed keys of the model that a location inside ``model`` leads to."""
    return sorted(_model_at(model, location).model_fields)


def _model_at(model: type[BaseModel], location: tuple[Any, ...]) -> type[BaseModel]:
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None:
            continue
        inner = [
            a
            for a in _types_in(field.annotation)
            if isinstance(a, type) and issubclass(a, BaseModel)
        ]
        if inner:
            model = inner[0]
    return model


def _types_in(annotation: Any) -> list[Any]:
    inner = getattr(annotation, "__args__", ())
    return [annotation] if not inner else [t for part in inner for t in _types_in(part)]
