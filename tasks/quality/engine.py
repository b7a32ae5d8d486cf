"""Measures one image triple: resolves metrics under a convention and shares their work."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.errors import UserError
from bench.registry import load_entry
from tasks.quality.registry import CONVENTIONS, METRICS, TEN, Convention, Variant
from tasks.quality.shared import Shared, Undefined


@dataclass(frozen=True, slots=True)
class Value:
    """A metric's value; NaN where it is undefined, and then ``reason`` says why."""

    value: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A metric as a convention computes it."""

    name: str
    function: Callable[..., float]
    settings: Mapping[str, Any]

    def __call__(self, shared: Shared) -> Value:
        try:
            value = float(self.function(shared, **self.settings))
        except Undefined as outcome:
            return Value(math.nan, outcome.reason)
        return Value(value, "not_a_number" if math.isnan(value) else "")


def check_names(metrics: Sequence[str], convention: str) -> None:
    """Refuse unknown or repeated metrics and unknown conventions, without loading any of them.

    Raises:
        UserError: with the nearest known names.
    """
    CONVENTIONS.get(convention)
    for name in metrics:
        METRICS.get(name)
    twice = sorted({name for name in metrics if list(metrics).count(name) > 1})
    if twice:
        raise UserError(f"metrics named twice: {', '.join(twice)}; name each once")
    if not metrics:
        raise UserError(f"no metrics asked for; name some of {', '.join(METRICS.specs())}")


def convention_of(metrics: Sequence[str], name: str) -> Convention:
    """A convention, after a check that it has these metrics; loads none of them.

    Raises:
        UserError: unknown names, or a metric that the convention lacks.
    """
    check_names(metrics, name)
    rules: Convention = CONVENTIONS.load(name)
    for metric in metrics:
        if metric in rules.lacks:
            raise UserError(f"convention {name!r} has no {metric}: {rules.lacks[metric]}")
    return rules


def describe(metrics: Sequence[str], name: str) -> str:
    """A convention for footers: its name, and what it calls those metrics of which many exist."""
    rules = convention_of(metrics, name)
    said = []
    for metric in metrics:
        variant = rules.variants.get(metric, Variant())
        if variant.unit:
            said.append(f"{metric} in {variant.unit}")
        if variant.label:
            said.append(f"{metric}: {variant.label}")
    return f"{name} ({'; '.join(said)})" if said else name


def resolve(metrics: Sequence[str] | None, convention: str) -> tuple[Measurement, ...]:
    """Load metrics as the convention defines them; None means the ten.

    Raises:
        UserError: unknown names, or a metric that the convention lacks.
    """
    names = TEN if metrics is None else tuple(metrics)
    rules = convention_of(names, convention)
    found = []
    for name in names:
        variant = rules.variants.get(name)
        entry = variant.entry if variant and variant.entry else METRICS.get(name).entry
        found.append(Measurement(name, load_entry(entry), variant.settings if variant else {}))
    return tuple(found)


def measure(
    infrared: np.ndarray,
    visible: np.ndarray,
    fused: np.ndarray,
    metrics: Sequence[str] | None = None,
    convention: str = "reference",
) -> dict[str, Value]:
    """Measure one triple of uint8 [H, W] images, 0..255.

    Args:
        metrics: names in the wanted order; None means the ten.
        convention: registered name of a convention.

    Returns:
        A value per metric, in the order asked for.

    Raises:
        UserError: unknown names, other dtypes or shapes, or sizes that differ.
    """
    return apply(resolve(metrics, convention), infrared, visible, fused)


def apply(
    measurements: Sequence[Measurement],
    infrared: np.ndarray,
    visible: np.ndarray,
    fused: np.ndarray,
) -> dict[str, Value]:
    """``measure`` with metrics that are already resolved, for loops over images."""
    shared = Shared(infrared, visible, fused)
    return {measurement.name: measurement(shared) for measurement in measurements}
