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

    @cached_property
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
        and all(result.about.images or result.scores.stems for result in results)
    }
    metrics = comparison.about("metrics")
    images = {
        method: [result.scores.images(list(metrics)) for result in results]
        for method, results in finished.items()
    }
    every = frozenset[str]().union(
        *(
            result.scores.stems.union(result.about.missing)
            for results in finished.values()
            for result in results
        )
    )
    return [
        _blocks(images, at, str(metric), str(direction), every)
        for at, (metric, direction) in enumerate(metrics.items())
    ]


def _blocks(
    images: Mapping[str, Sequence[ImageScores]],
    at: int,
    metric: str,
    direction: str,
    every: frozenset[str],
) -> Blocks:
    """The metric in column ``at`` of the scores."""
    defined = {method: [_defined(each, at) for each in mine] for method, mine in images.items()}
    found = {method: mine for method, mine in defined.items() if all(mine)}
    sets = [stems for mine in found.values() for stems in mine]
    stems = tuple(sorted(frozenset.intersection(*sets))) if sets else ()
    return Blocks(
        metric=metric,
        direction=direction,
        stems=stems,
        values={
            method: np.array([each.values[each.rows(stems), at] for each in images[method]])
            for method in found
        },
        left_out=len(every) - len(stems),
    )


def _defined(images: ImageScores, at: int) -> frozenset[str]:
    rows = np.flatnonzero(~np.isnan(images.values[:, at]))
    return frozenset(images.stems[row] for row in rows.tolist())
