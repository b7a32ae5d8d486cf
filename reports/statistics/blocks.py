"""Per-image values of several methods on the images that all have, over one or several seeds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ivif_bench.ranking import FEWEST
from ivif_bench.reports.comparison import Comparison
from ivif_bench.reports.scores import ImageScores
from ivif_bench.reports.statistics.ranks import settled


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
    def comparable(self) -> bool:
        """Whether there are methods, and enough images, to compare."""
        return len(self.methods) > 1 and len(self.stems) >= FEWEST

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
        """The same with the sign turned so that more is better; equal methods are exactly equal.

        Also with different numbers of seeds: the mean of three equal values may differ in its last bit.
        """
        return settled(self.means) * self.sign


def blocks_of(comparison: Comparison, methods: Collection[str] | None = None) -> list[Blocks]:
    """Every metric of a table over images, without the source images.

    A method whose results are not finished, or that has none of the images, takes no part.

    Args:
        methods: only these; None means all.
    """
    finished = {
        method: results
        for method in comparison.methods
        if method not in comparison.sources
        and (methods is None or method in methods)
        and (results := comparison.of(method))
        and all(result.about.images or result.scores.stems for result in results)
    }
    metrics = comparison.about("metrics")
    every = frozenset[str]().union(
        *(
            result.scores.stems.union(result.about.missing)
            for results in finished.values()
            for result in results
        )
    )
    stems = np.array(sorted(every), dtype=object)
    at = {stem: index for index, stem in enumerate(stems)}
    values = {
        method: np.stack([_aligned(result.scores.images(list(metrics)), at) for result in results])
        for method, results in finished.items()
    }
    return [
        _blocks({m: each[:, :, index] for m, each in values.items()}, stems, metric, direction)
        for index, (metric, direction) in enumerate(metrics.items())
    ]


def complete_blocks(
    comparison: Comparison, blocks: Sequence[Blocks]
) -> tuple[Sequence[Blocks], dict[str, tuple[str, ...]]]:
    """The same over the methods that have all metrics, and what each of the others lacks.

    A metric that is not comparable leaves no method out. Without a method, the others may have a metric on
    more images, so what is comparable is asked again.

    Args:
        blocks: of the comparison, over all methods.
    """
    lacking: dict[str, tuple[str, ...]] = {}
    while True:
        methods = dict.fromkeys(method for each in blocks for method in each.methods)
        metrics = [each for each in blocks if each.comparable]
        gaps = {
            method: tuple(each.metric for each in metrics if method not in each.methods)
            for method in methods
        }
        found = {method: gap for method, gap in gaps.items() if gap}
        if not found:
            return blocks, lacking
        lacking |= found
        blocks = blocks_of(comparison, methods.keys() - found.keys())


def _aligned(images: ImageScores, at: Mapping[str, int]) -> np.ndarray:
    """The values of one result with a row for each image of all results, NaN where it has none."""
    found = np.full((len(at), images.values.shape[1]), np.nan)
    found[[at[stem] for stem in images.stems]] = images.values
    return found


def _blocks(
    values: Mapping[str, np.ndarray], stems: np.ndarray, metric: str, direction: str
) -> Blocks:
    """One metric, from float64 [seeds, images] of each method."""
    defined = {method: ~np.isnan(each) for method, each in values.items()}
    found = {method: each for method, each in defined.items() if each.any(axis=1).all()}
    held = np.zeros(len(stems), bool)
    if found:
        held = np.logical_and.reduce([each.all(axis=0) for each in found.values()])
    return Blocks(
        metric=str(metric),
        direction=str(direction),
        stems=tuple(stems[held].tolist()),
        values={method: values[method][:, held] for method in found},
        left_out=len(stems) - int(held.sum()),
    )
