"""Options of a component as one model: names, types, ranges, defaults and meanings.

The model is read by ``list``, the tables of the docs, ``validate``, ``run`` and the component itself,
so it must be in a file that does not import a network library.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Strict
from pydantic_core import to_jsonable_python


class Options(BaseModel):
    """Base of all options: unknown keys, values of another type, NaN and infinity are errors.

    Every field is ``Field(DEFAULT, description="what it is (unit)", ge=..., le=...)``. None as the
    default means what the description says.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class NoOptions(Options):
    """Options of a component that takes none."""


NO_OPTIONS = NoOptions()

Names = Annotated[tuple[str, ...], Strict(False)]
"""A list of names; YAML has no tuples."""


def demand_options(owner: str, model: object, base: type[Options] = Options) -> None:
    """Refuse a spec whose options are not a model, so that the error names the spec.

    Raises:
        TypeError: ``model`` is no sub-class of ``base``.
    """
    if not (isinstance(model, type) and issubclass(model, base)):
        raise TypeError(
            f"{owner} must be a sub-class of {base.__module__}.{base.__name__}, not {model!r}"
        )


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option, as text.

    Attributes:
        name: key; of an option inside a group, ``group.key``.
        allowed: type and range as text.
        default: as a JSON value; None where it is required, and where the description says what
            happens without it.
        required: whether it must be given.
        description: what it is.
    """

    name: str
    allowed: str
    default: Any
    required: bool
    description: str

    @property
    def default_text(self) -> str:
        """The default as a user would write it."""
        if self.required:
            return "required"
        if self.default is None:
            return "-"
        return self.default if isinstance(self.default, str) else json.dumps(self.default)


def described(model: type[BaseModel]) -> list[OptionRow]:
    """The options of a model in its order; those of inner models by ``group.key``."""
    rows: list[OptionRow] = []
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            rows += [
                OptionRow(f"{name}.{row.name}", row.allowed, row.default, row.required, row.description)
                for row in described(field.annotation)
            ]  # fmt: skip
            continue
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        rows.append(
            OptionRow(
                name,
                allowed_values(schema["properties"][name]),
                to_jsonable_python(default),
                field.is_required(),
                field.description or "",
            )
        )
    return rows


def allowed_values(schema: dict[str, Any]) -> str:
    """The values that a JSON schema allows, as text; its own key ``allowed`` overrides them."""
    if "allowed" in schema:
        return str(schema["allowed"])
    if "anyOf" in schema:
        kinds = [kind for kind in schema["anyOf"] if kind.get("type") != "null"]
        return " or ".join(allowed_values(kind) for kind in kinds)
    if "enum" in schema or "const" in schema:
        values = [str(value) for value in schema.get("enum", [schema.get("const")])]
        return " or ".join(filter(None, [", ".join(values[:-1]), values[-1]]))
    kind = schema.get("type")
    if kind == "array":
        return _list(schema)
    if kind == "object":
        return f"mapping to {allowed_values(schema.get('additionalProperties', {}))}"
    if kind in ("integer", "number"):
        return ", ".join([kind, *_range(schema)])
    return {"boolean": "true or false", "string": "text"}.get(str(kind), "any value")


def _list(schema: dict[str, Any]) -> str:
    inner: dict[str, Any] = schema.get("items") or next(iter(schema.get("prefixItems", [])), {})
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    count = f" of {least}" if least and least == most else ""
    return f"list{count}: {allowed_values(inner)}"


def _range(schema: dict[str, Any]) -> list[str]:
    """Bounds and steps of a number."""
    words = []
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        words.append(f"{_number(least)} to {_number(most)}")
    elif least is not None:
        words.append(f"at least {_number(least)}")
    elif most is not None:
        words.append(f"at most {_number(most)}")
    if "exclusiveMinimum" in schema:
        words.append(f"above {_number(schema['exclusiveMinimum'])}")
    if "exclusiveMaximum" in schema:
        words.append(f"below {_number(schema['exclusiveMaximum'])}")
    if "multipleOf" in schema:
        words.append(f"a multiple of {_number(schema['multipleOf'])}")
    return words


def _number(value: float) -> str:
    """A bound; large powers of two as such."""
    whole = int(value)
    if whole >= 1 << 20 and whole & (whole - 1) == 0:
        return f"2^{whole.bit_length() - 1}"
    return f"{value:g}" if isinstance(value, float) else f"{value}"
