"""Puts our values beside the recorded ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.calibration.comparisons import COMPARISONS, EXCEPTIONS, Comparison
from benchmarks.calibration.golden import Golden, Recorded
from ivif_bench.tasks.quality.engine import Measurement, Value, resolve
from ivif_bench.tasks.quality.shared import Shared
from ivif_bench.types import Progress

Verdict = Literal["agrees", "both undefined", "differs", "another definition", "nothing to compare"]


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded value and ours.

    Attributes:
        comparison: what is compared with what.
        triple: name of the images.
        theirs: as recorded, times the comparison's factor.
        ours: NaN with a reason where undefined; None if there is nothing to put beside theirs.
        exception: why the values may differ by more than the tolerance; empty for none.
    """

    comparison: Comparison
    triple: str
    theirs: Recorded
    ours: Value | None
    exception: str

    @property
    def difference(self) -> float:
        """Absolute; NaN unless both values are defined."""
        return math.nan if self.ours is None else abs(self.ours.value - self.theirs.value)

    @property
    def verdict(self) -> Verdict:
        """Whether the values agree within the tolerance, or why there is none."""
        if self.ours is None:
            return "nothing to compare"
        if self.comparison.tolerance is None:
            return "another definition"
        if math.isnan(self.ours.value) and math.isnan(self.theirs.value):
            return "both undefined"
        return "agrees" if self.difference <= self.comparison.tolerance else "differs"


def compare(golden: Golden, progress: Progress | None = None) -> list[Row]:
    """All comparisons on all triples, by comparison and then by triple."""
    found: list[list[Row]] = [[] for _ in COMPARISONS]
    for done, triple in enumerate(golden.triples, start=1):
        for place, row in _compare_triple(golden, triple):
            found[place].append(row)
        if progress:
            progress(done, len(golden.triples), triple)
    return [row for rows in found for row in rows]


def uncompared(golden: Golden) -> list[str]:
    """Recorded metrics, ``EVALUATOR KEY``, that no comparison covers."""
    covered = {(comparison.evaluator, comparison.key) for comparison in COMPARISONS}
    recorded = {
        (evaluator, key)
        for by_evaluator in golden.values.values()
        for evaluator, metrics in by_evaluator.items()
        for key in metrics
    }
    return sorted(f"{evaluator} {key}" for evaluator, key in recorded - covered)


def unexplained(rows: Iterable[Row]) -> list[Row]:
    """Values that differ and are not listed exceptions."""
    return [row for row in rows if row.verdict == "differs" and not row.exception]


def measurement_of(comparison: Comparison) -> Measurement:
    """Our side of a comparison that has one."""
    (measurement,) = resolve([comparison.metric], comparison.convention).measurements
    if comparison.settings:
        return replace(measurement, settings=comparison.settings)
    return measurement


def _compare_triple(golden: Golden, triple: str) -> Iterator[tuple[int, Row]]:
    shared = Shared(*golden.images(triple))
    found: dict[str, Value] = {}
    for place, comparison in enumerate(COMPARISONS):
        theirs = golden.values[triple].get(comparison.evaluator, {}).get(comparison.key)
        if theirs is None:
            continue
        ours = None
        if comparison.metric:
            if comparison.ours not in found:
                found[comparison.ours] = measurement_of(comparison)(shared)
            ours = found[comparison.ours]
        scaled = Recorded(theirs.value * comparison.factor, theirs.said)
        exception = EXCEPTIONS.get((comparison.evaluator, comparison.key, triple), "")
        yield place, Row(comparison, triple, scaled, ours, exception)
