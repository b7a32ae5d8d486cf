"""Computes metrics of one image triple under a convention, with shared intermediate results."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.registry import load_entry
from ivif_bench.tasks.quality.reading import Triple, gray, read_triple, side_by_side
from ivif_bench.tasks.quality.registry import (
    CONVENTIONS,
    METRICS,
    MODES,
    TEN,
    Convention,
    Direction,
    Mode,
    Reading,
    Variant,
)
from ivif_bench.tasks.quality.shared import Shared, Undefined


@dataclass(frozen=True, slots=True)
class Value:
    """A metric's value; NaN where it is undefined, and then ``reason`` says why."""

    value: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One metric as a convention computes it.

    Attributes:
        name: key of the metric, the same under every convention.
        entry: ``"module:function"`` of what is computed.
        function: that function, loaded.
        settings: its keyword arguments.
        label: unambiguous name of this variant if the metric's name alone is ambiguous; may be empty.
        title, direction, range, unit: of the values under this convention.
        colour: see ``Variant``.
    """

    name: str
    entry: str
    function: Callable[..., float]
    settings: Mapping[str, Any]
    label: str
    title: str
    direction: Direction
    range: tuple[float, float]
    unit: str
    colour: str

    def __call__(self, shared: Shared) -> Value:
        """The value for one triple of one channel."""
        try:
            value = float(self.function(shared, **self.settings))
        except Undefined as outcome:
            return Value(math.nan, outcome.reason)
        if math.isfinite(value):
            return Value(value)
        return Value(math.nan, "not_a_number" if math.isnan(value) else "infinite")


@dataclass(frozen=True)
class Evaluator:
    """Metrics under a convention, loaded and ready for any number of images; use from any thread.

    Attributes:
        convention: its name.
        mode: ``exact`` or ``fast``.
        reading: how colour is read.
        visible_first: source A is the visible image.
        measurements: one per metric, in the order asked for.
        stretch: fused images are stretched from their minimum to their maximum when they are loaded.
    """

    convention: str
    mode: Mode
    reading: Reading
    visible_first: bool
    measurements: tuple[Measurement, ...]
    stretch: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Metric names in the order asked for."""
        return tuple(measurement.name for measurement in self.measurements)

    @property
    def directions(self) -> dict[str, Direction]:
        """Direction by metric, in the order asked for."""
        return {measurement.name: measurement.direction for measurement in self.measurements}

    @property
    def labels(self) -> dict[str, str]:
        """Unambiguous name by metric, for those that have one."""
        return {one.name: one.label for one in self.measurements if one.label}

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """One image as ``measure`` would convert it, so that a source is converted once.

        uint8 [H, W] or RGB [H, W, 3] to [H, W]; unchanged where the fused image's channels decide.
        """
        return image if self.reading == "channels" else gray(image, self.reading)

    def read(self, infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> list[Triple]:
        """Triples (A, B, F) of one channel, uint8 [H, W] each: one, or one per colour channel."""
        triples = read_triple(infrared, visible, fused, self.reading)
        return [(b, a, f) for a, b, f in triples] if self.visible_first else triples

    def measure(
        self, infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray
    ) -> dict[str, Value]:
        """A value per metric for one triple of images.

        Args:
            infrared, visible, fused: uint8 [H, W], or RGB [H, W, 3], of one size, 0..255.

        Raises:
            UserError: other dtypes or shapes, or sizes that differ.
        """
        triples = self.read(infrared, visible, fused)
        fast = self.mode == "fast"
        images = Images(
            [Shared(*triple, fast=fast) for triple in triples],
            lambda: Shared(*side_by_side(triples), fast=fast),
        )
        return {one.name: images.value(one) for one in self.measurements}


class Images:
    """The shared work on one image: one triple, or one per colour channel.

    Args:
        channels: one triple, or three.
        join: makes the planes of all channels side by side; called once, if a metric needs them.
    """

    def __init__(self, channels: Sequence[Shared], join: Callable[[], Shared]) -> None:
        self.channels = tuple(channels)
        self._join = join

    @cached_property
    def joined(self) -> Shared:
        """The planes of all channels side by side."""
        return self._join()

    def value(self, measurement: Measurement) -> Value:
        """A metric of the image: of its one channel, or as the convention joins several."""
        if len(self.channels) == 1:
            return measurement(self.channels[0])
        if measurement.colour == "side":
            return measurement(self.joined)
        values = [measurement(shared) for shared in self.channels]
        reason = next((one.reason for one in values if one.reason), "")
        return Value(math.fsum(one.value for one in values) / len(values), reason)


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
        raise UserError(f"no metrics requested; choose from {', '.join(METRICS.specs())}")


def printed_metrics(convention: str) -> tuple[str, ...]:
    """The metrics that a convention computes if none are requested."""
    rules: Convention = CONVENTIONS.load(convention)
    return rules.prints or tuple(name for name in TEN if not rules.refuses(name))


def metrics_of(convention: str) -> tuple[str, ...]:
    """Every registered metric that has a value under a convention; first those it prints."""
    rules: Convention = CONVENTIONS.load(convention)
    printed = printed_metrics(convention)
    further = (name for name in METRICS.specs() if name not in printed)
    return (*printed, *(name for name in further if not rules.refuses(name)))


def convention_of(metrics: Sequence[str], name: str) -> Convention:
    """A convention, after a check that it has these metrics; loads none of them.

    Raises:
        UserError: unknown names, or a metric that the convention lacks.
    """
    check_names(metrics, name)
    rules: Convention = CONVENTIONS.load(name)
    for metric in metrics:
        why = rules.refuses(metric)
        if why:
            raise UserError(f"convention {name!r} has no {metric}: {why}")
    return rules


def describe(metrics: Sequence[str], name: str, mode: Mode = "exact") -> str:
    """A convention for footers: its name, and its labels of metrics with several variants."""
    rules = convention_of(metrics, name)
    said = ["fast mode"] if mode == "fast" else []
    if rules.reading == "channels":
        said.append("colour: mean of R, G, B")
    for metric in metrics:
        variant = rules.variants.get(metric, Variant())
        if variant.label:
            said.append(f"{metric}: {variant.label}")
        elif variant.unit:
            said.append(f"{metric} in {variant.unit}")
    return f"{name} ({'; '.join(said)})" if said else name


def resolve(
    metrics: Sequence[str] | None,
    convention: str = "reference",
    mode: Mode = "exact",
    stretch: bool = False,
) -> Evaluator:
    """Load metrics as the convention defines them; None means those that it prints.

    Args:
        stretch: see ``Evaluator``.

    Raises:
        UserError: unknown names or mode, or a metric that the convention lacks.
    """
    if mode not in MODES:
        raise UserError(f"unknown mode {mode!r}; known: {', '.join(MODES)}")
    names = printed_metrics(convention) if metrics is None else tuple(metrics)
    rules = convention_of(names, convention)
    found = [_measurement(name, convention, rules.variants.get(name, Variant())) for name in names]
    return Evaluator(convention, mode, rules.reading, rules.visible_first, tuple(found), stretch)


def _measurement(name: str, convention: str, variant: Variant) -> Measurement:
    spec = METRICS.get(name)
    if variant.entry:
        function = load_entry(variant.entry, f"metric {name!r} of convention {convention!r}")
    else:
        function = METRICS.load(name)
    return Measurement(
        name=name,
        entry=variant.entry or spec.entry,
        function=function,
        settings=variant.settings,
        label=variant.label,
        title=variant.title or spec.title,
        direction=variant.direction or spec.direction,
        range=variant.range or spec.range,
        unit=spec.unit if variant.unit is None else variant.unit,
        colour=variant.colour,
    )


def measure(
    infrared: np.ndarray,
    visible: np.ndarray,
    fused: np.ndarray,
    metrics: Sequence[str] | None = None,
    convention: str = "reference",
    mode: Mode = "exact",
) -> dict[str, Value]:
    """Measure one triple; ``resolve(...).measure(...)`` is quicker in a loop.

    Args:
        infrared, visible, fused: uint8 [H, W], or RGB [H, W, 3], of one size, 0..255.
        metrics: names in the wanted order; None means the convention's own columns.
        convention: registered name of a convention.
        mode: ``exact``, or ``fast`` with the errors that docs/metrics.md states.

    Returns:
        A value per metric, in the order asked for.

    Raises:
        UserError: unknown names, other dtypes or shapes, or sizes that differ.
    """
    return resolve(metrics, convention, mode).measure(infrared, visible, fused)
