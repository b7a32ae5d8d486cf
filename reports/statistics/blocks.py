"""Per-image values of several methods on the images that all have, over one or several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ivif_bench.reports.comparison import Comparison
from ivif_bench.reports.scores import ImageScores


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

    @cached_property
    def means(self) -> np.ndarray:
        """Mean over seeds, in the unit of the records: float64 [images, methods]."""
        return np.stack([each.mean(axis=0) for each in self.values.values()], axis=1)

    @cached_property
    def averages(self) -> np.ndarray:
        """Mean over images and seeds, in the unit of the records: float64 [methods]."""
        found: np.ndarray = self.means.mean(axis=0)
        return found

    @property
    def scores(self) -> np.ndarray:
        """The same with the sign turned so that more is better; equal methods are exactly equal."""
        return self.means * self.sign


def blocks_of(comparison: Comparison) -> list[Blocks]:
    """Every metric of a table over images, without the source images.

    A method whose results are not finished, or that has none of the images, takes no part.
    """
    metrics = {str(name): str(way) for name, way in comparison.about("metrics").items()}
    found: dict[str, list[ImageScores]] = {}
    every: set[str] = set()
    for method in comparison.methods:
        if method in comparison.sources:
            continue
        for result in comparison.of(method):
            scores = result.scores.images(tuple(metrics))
            every.update(scores.stems, result.about.missing)
            if scores.stems:
                found.setdefault(method, []).append(scores)
    return [
        _blocks(found, at, metric, direction, len(every))
        for at, (metric, direction) in enumerate(metrics.items())
    ]


def _blocks(
    found: Mapping[str, Sequence[ImageScores]], at: int, metric: str, direction: str, every: int
) -> Blocks:
    """One metric, the ``at``-th column of all scores."""
    defined = {
        method: [~np.isnan(scores.values[:, at]) for scores in mine]
        for method, mine in found.items()
    }
    defined = {method: mine for method, mine in defined.items() if all(map(np.any, mine))}
    sets = [
        set(np.array(scores.stems, object)[rows])
        for method, mine in defined.items()
        for scores, rows in zip(found[method], mine, strict=True)
    ]
    stems = tuple(sorted(set.intersection(*sets))) if sets else ()
    return Blocks(
        metric=metric,
        direction=direction,
        stems=stems,
        values={
            method: np.array([scores.values[scores.rows(stems), at] for scores in found[method]])
            for method in defined
        },
        left_out=every - len(stems),
    )
