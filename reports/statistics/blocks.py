"""Per-image values of several methods on the images that all have, over one or several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ivif_bench.reports.comparison import Comparison
from ivif_bench.reports.frame import UnitResult
from ivif_bench.reports.scores import Subject


@dataclass(frozen=True, eq=False)
class Blocks:
    """One metric of several methods on the same images.

    Attributes:
        direction: ``up`` or ``down``.
        stems: images on which every method and seed has a defined value.
        values: method to float64 [seeds, images].
        left_out: images that some method lacks, or on which its value is undefined.
    """

    metric: str
    direction: str
    stems: tuple[str, ...]
    values: Mapping[str, np.ndarray]
    left_out: int = 0

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(self.values)

    @property
    def seeds(self) -> int:
        """The most seeds that a method has."""
        return max(map(len, self.values.values()), default=0)

    @property
    def sign(self) -> float:
        return -1.0 if self.direction == "down" else 1.0

    @property
    def means(self) -> np.ndarray:
        """Mean over seeds, in the unit of the records: float64 [images, methods]."""
        return np.stack([each.mean(axis=0) for each in self.values.values()], axis=1)

    @property
    def scores(self) -> np.ndarray:
        """The same with the sign turned so that more is better; equal methods are exactly equal."""
        return self.means * self.sign


def blocks_of(comparison: Comparison) -> list[Blocks]:
    """Every metric of a table over images, without the source images.

    A method whose results are not finished, or that has none of the images, takes no part.
    """
    finished = {
        method: results
        for method in comparison.methods
        if method not in comparison.sources
        and (results := comparison.of(method))
        and all(result.about.images or any(s.stem for s in result.scores) for result in results)
    }
    return [
        _blocks(finished, str(metric), str(direction))
        for metric, direction in comparison.about("metrics").items()
    ]


def _blocks(finished: Mapping[str, Sequence[UnitResult]], metric: str, direction: str) -> Blocks:
    found = {
        method: [_defined(result, metric) for result in results]
        for method, results in finished.items()
    }
    found = {method: mine for method, mine in found.items() if all(mine)}
    sets = [set(values) for mine in found.values() for values in mine]
    stems = tuple(sorted(set.intersection(*sets))) if sets else ()
    every = {
        subject.stem
        for results in finished.values()
        for result in results
        for subject in (*result.scores, *(Subject(stem, "", "") for stem in result.about.missing))
        if subject.stem
    }
    return Blocks(
        metric=metric,
        direction=direction,
        stems=stems,
        values={
            method: np.array([[values[stem] for stem in stems] for values in mine])
            for method, mine in found.items()
        },
        left_out=len(every) - len(stems),
    )


def _defined(result: UnitResult, metric: str) -> dict[str, float]:
    return {
        subject.stem: score.value
        for subject, score in result.scores.items()
        if subject.metric == metric
        and subject.stem
        and not subject.class_name
        and not np.isnan(score.value)
    }
