"""What a section of a run puts in place of a protocol's network and of values of its recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ivif_bench.errors import UserError
from ivif_bench.tasks.network.protocol import NetworkProtocol

_PARTS = ("inference", "training")


def substituted(
    protocol: NetworkProtocol, network: str | None, recipe: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Values for ``NetworkProtocol.override``: another network, single values of its recipe.

    A network of the same family keeps the protocol's recipe. One of another family keeps the options
    of ``inference`` that it has too; its ``training`` must be given as far as it has no defaults.

    Args:
        recipe: ``inference`` and ``training``, each with keys of the network's family.

    Raises:
        UserError: an unknown network or part, or a key that others depend on.
    """
    spec = protocol.registry().get(network or protocol.network)
    if strange := sorted(map(str, set(recipe or {}) - set(_PARTS))):
        raise UserError(
            f"protocol {protocol.name!r}: recipe: expected {' and '.join(_PARTS)}, not {strange[0]!r}"
        )
    before = {name: None if part is None else part.model_dump() for name, part in _parts(protocol)}
    if spec.family not in protocol.recipe:
        options = spec.inference.model_fields
        kept = {k: v for k, v in protocol.inference.model_dump().items() if k in options}
        before = {"inference": kept, "training": {} if protocol.trained else None}
    after: dict[str, Any] = {}
    for name in _PARTS:
        given = (recipe or {}).get(name)
        if given is None:
            after[name] = before[name]
            continue
        if not isinstance(given, Mapping):
            raise UserError(f"protocol {protocol.name!r}: recipe.{name}: expected keys and values")
        model = spec.inference if name == "inference" else spec.training
        if model is not None and spec.family in protocol.recipe:
            for key in sorted(model.presets & set(map(str, given))):
                raise UserError(
                    f"protocol {protocol.name!r}: recipe.{name}.{key} decides other values too; copy "
                    "the protocol to a file of your own to change it"
                )
        after[name] = _merged(before[name] or {}, given)
    return {"network": spec.name, "recipe": {spec.family: after}}


def differences(published: NetworkProtocol, used: NetworkProtocol) -> str:
    """What was substituted, as a sentence for captions; empty if nothing was."""
    one, other = (dict(_values(each)) for each in (published, used))
    changed = [
        f"{key} {other.get(key, 'none')} instead of {one.get(key, 'none')}"
        for key in dict.fromkeys((*one, *other))
        if one.get(key, "none") != other.get(key, "none")
    ]
    return f"not {published.name} as published: {', '.join(changed)}" if changed else ""


def _values(protocol: NetworkProtocol) -> Iterator[tuple[str, str]]:
    yield "network", protocol.network
    for name, part in _parts(protocol):
        if part is not None:
            yield from _flat(part.model_dump(mode="json"), name)


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}.{key}")
        else:
            yield f"{prefix}.{key}", str(value)


def _parts(protocol: NetworkProtocol) -> Iterator[tuple[str, Any]]:
    yield "inference", protocol.inference
    yield "training", protocol.training


def _merged(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(before)
    for key, value in given.items():
        inside = merged.get(key)
        both = isinstance(inside, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(inside, value) if both else value  # type: ignore[arg-type]
    return merged
