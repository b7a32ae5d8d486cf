"""How far apart the conventions are on the same images, and the fast mode from the exact one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.calibration.golden import Golden
from ivif_bench.tasks.quality.engine import Value, metrics_of, resolve
from ivif_bench.tasks.quality.registry import CONVENTIONS, METRICS, MODES, Mode
from ivif_bench.tasks.quality.shared import Shared

REFERENCE = "reference"
_EQUAL = 1e-9  # relative; below it two conventions have one definition
_CONSTANT = 1e-6  # relative spread below which ratios, or differences, are one and the same
_FAR = 10.0  # ratios that spread by more than that are those of two quantities


@dataclass(frozen=True, slots=True)
class Distance:
    """A metric under a convention against ``reference``, over several images.

    Attributes:
        low, high: smallest and largest ratio to the value under ``reference``.
        least, most: smallest and largest difference from it.
    """

    low: float
    high: float
    least: float = math.nan
    most: float = math.nan

    @property
    def same(self) -> bool:
        """Whether no image tells the two apart."""
        return max(abs(self.low - 1), abs(self.high - 1)) <= _EQUAL

    @property
    def factor(self) -> bool:
        """Whether one factor leads from one to the other, on every image."""
        return abs(self.high - self.low) <= _CONSTANT * abs(self.high)

    @property
    def offset(self) -> bool:
        """Whether one and the same difference lies between them, on every image."""
        return abs(self.most - self.least) <= _CONSTANT * abs(self.most)

    @property
    def unrelated(self) -> bool:
        """Whether the ratios say no more than that these are two quantities."""
        return self.low <= 0 or self.high / self.low > _FAR


Values = dict[str, list[Value]]


def measured(golden: Golden, conventions: Iterable[str], mode: Mode = "exact") -> dict[str, Values]:
    """Every metric that a convention has on every picture, by convention and metric.

    The pictures are gray: how a convention reads colour, and which source is first, is not seen.
    """
    evaluators = {name: resolve(metrics_of(name), name, mode) for name in conventions}
    found: dict[str, Values] = {
        name: {metric: [] for metric in one.names} for name, one in evaluators.items()
    }
    for triple in golden.pictures:
        shared = Shared(*golden.images(triple), fast=mode == "fast")
        known: dict[str, Value] = {}
        for name, evaluator in evaluators.items():
            for measurement in evaluator.measurements:
                key = f"{measurement.entry} {measurement.settings}"
                if key not in known:
                    known[key] = measurement(shared)
                found[name][measurement.name].append(known[key])
    return found


def distances(golden: Golden) -> dict[str, dict[str, Distance | None]]:
    """By metric and convention, of all metrics that a convention besides ``reference`` has.

    None: the convention lacks the metric.
    """
    found = measured(golden, CONVENTIONS.specs())
    reference = found.pop(REFERENCE)
    return {
        metric: {
            name: _distance(reference[metric], values[metric]) if metric in values else None
            for name, values in found.items()
        }
        for metric in metrics_of(REFERENCE)
        if any(metric in values for values in found.values())
    }


def only_reference() -> list[str]:
    """Metrics that no convention besides ``reference`` has."""
    others = [name for name in CONVENTIONS.specs() if name != REFERENCE]
    had = {metric for name in others for metric in metrics_of(name)}
    return [name for name in METRICS.specs() if name not in had]


def fast_errors(golden: Golden) -> dict[str, float]:
    """Largest absolute difference of the fast mode from the exact one, by metric."""
    exact, fast = (measured(golden, [REFERENCE], mode)[REFERENCE] for mode in MODES)
    return {
        metric: max(
            (abs(a.value - b.value) for a, b in zip(values, fast[metric], strict=True)
             if not math.isnan(a.value)),
            default=math.nan,
        )
        for metric, values in exact.items()
    }  # fmt: skip


def _distance(reference: list[Value], other: list[Value]) -> Distance:
    pairs = [
        (ours.value, theirs.value)
        for ours, theirs in zip(reference, other, strict=True)
        if not math.isnan(theirs.value) and not math.isnan(ours.value) and ours.value != 0
    ]
    if not pairs:
        return Distance(math.nan, math.nan)
    ratios = [theirs / ours for ours, theirs in pairs]
    differences = [theirs - ours for ours, theirs in pairs]
    return Distance(min(ratios), max(ratios), min(differences), max(differences))
