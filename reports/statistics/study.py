"""All metrics of a table over images: which methods differ, and in which order they come.

What is claimed, and how often a claim may be false: two methods **differ** on a metric if Friedman's
test says that the methods of this metric differ (5 % over all metrics of the table, Holm), and
Wilcoxon's signed rank test says that these two do (5 % over all pairs of the metric, Holm). So of
twenty tables without any difference at most about one has a claim. With two methods, Wilcoxon's test
takes the place of Friedman's. Intervals of differences are for one difference each and make no claim.

Overall order: by the mean, over metrics, of the mean rank over images. Each metric has one vote,
however many images it is defined on, and related metrics vote alike: the order depends on the choice of
metrics, and has no test, because metrics of the same images are no independent sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ivif_bench.reports.statistics import ranks
from ivif_bench.reports.statistics.blocks import Blocks
from ivif_bench.resampling import over_seeds, tail
from ivif_bench.statistics import resampled_sums


@dataclass(frozen=True, eq=False)
class Verdict:
    """One metric.

    Attributes:
        mean_ranks: float64 [methods], over images, 1 = best.
        friedman: statistic and p; None for two methods.
        omnibus: p, of Friedman's test or of Wilcoxon's for two methods, after Holm over the metrics.
        nemenyi: p of each pair from the mean ranks, float64 [methods, methods].
        wilcoxon, holm: p of each pair, and after Holm over all pairs.
        differs: bool [methods, methods], what is claimed.
        low, high: 95 % interval of the mean difference, row minus column, in the metric's unit:
            images and seeds resampled together.
    """

    blocks: Blocks
    mean_ranks: np.ndarray
    friedman: tuple[float, float] | None
    omnibus: float
    nemenyi: np.ndarray
    wilcoxon: np.ndarray
    holm: np.ndarray
    differs: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def any_difference(self) -> bool:
        """Whether the methods are said to differ on this metric."""
        return self.omnibus < ranks.ALPHA

    @property
    def critical_difference(self) -> float:
        """Of mean ranks, by Nemenyi."""
        return ranks.critical_difference(len(self.mean_ranks), len(self.blocks.stems))

    @property
    def best(self) -> int:
        """The method with the best mean rank; of equal ones the first."""
        return int(np.argmin(self.mean_ranks))


@dataclass(frozen=True, eq=False)
class Study:
    """All metrics that the same methods have.

    Attributes:
        methods: names, in the run's order.
        verdicts: one per metric, in the table's order.
        left_out: metrics without enough images, to how many they have.
        single: metrics that fewer than two methods have.
        lacking: methods that take no part, to the metrics that they lack.
    """

    methods: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    left_out: tuple[tuple[str, int], ...] = ()
    single: tuple[str, ...] = ()
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def borda(self) -> np.ndarray:
        """Points over metrics, from the means over images: methods beaten, half for a tie."""
        return ranks.borda(
            np.stack([each.blocks.averages * each.blocks.sign for each in self.verdicts])
        )

    @cached_property
    def mean_ranks(self) -> np.ndarray:
        """Mean over metrics of the mean ranks over images."""
        found: np.ndarray = np.mean([each.mean_ranks for each in self.verdicts], axis=0)
        return found

    @cached_property
    def places(self) -> np.ndarray:
        """Overall place, 1 = best: int [methods]; equal mean ranks share the better place."""
        rounded = self.mean_ranks.round(9)
        return 1 + (rounded[:, None] > rounded).sum(axis=1)

    @property
    def claims(self) -> int:
        """Pairs of methods, over all metrics, that are said to differ."""
        return sum(int(np.triu(each.differs).sum()) for each in self.verdicts)

    @property
    def apart(self) -> int:
        """Pairs whose mean ranks are farther apart than the critical difference."""
        return sum(
            int(np.triu((each.nemenyi < ranks.ALPHA) & each.any_difference).sum())
            for each in self.verdicts
        )

    @property
    def too_few_images(self) -> tuple[int, float] | None:
        """Where Wilcoxon's test cannot separate any pair: the most images, and its smallest p."""
        k = len(self.methods)
        n = max(len(each.blocks.stems) for each in self.verdicts)
        smallest = min(1.0, 2.0 ** (1 - n) * k * (k - 1) / 2)
        return (n, smallest) if smallest >= ranks.ALPHA else None

    @property
    def pairs(self) -> int:
        """Pairs of methods, over all metrics, that were compared."""
        k = len(self.methods)
        return len(self.verdicts) * k * (k - 1) // 2


def study(
    blocks: Sequence[Blocks], lacking: Mapping[str, tuple[str, ...]] | None = None
) -> Study | None:
    """Compare methods on every metric; None if there is nothing to compare.

    Metrics are left out that fewer than two methods have, or that are defined on fewer than
    ``ivif_bench.ranking.FEWEST`` common images.

    Args:
        blocks, lacking: of ``complete_blocks``: the same methods in all that are comparable.
    """
    enough = [each for each in blocks if each.comparable]
    single = tuple(each.metric for each in blocks if len(each.methods) < 2)
    few = tuple(
        (each.metric, len(each.stems))
        for each in blocks
        if not each.comparable and each.metric not in single
    )
    if not enough:
        return None
    if len({each.methods for each in enough}) > 1:
        raise ValueError("the metrics of a study have different methods")
    methods = enough[0].methods
    upper = np.triu_indices(len(methods), 1)
    wilcoxon = [ranks.wilcoxon(each.scores) for each in enough]
    friedman = [ranks.friedman(each.scores) for each in enough]
    omnibus = ranks.holm(
        np.array([f[1] if f else w[0, 1] for f, w in zip(friedman, wilcoxon, strict=True)])
    )
    verdicts = []
    for at, each in enumerate(enough):
        holm = np.ones_like(wilcoxon[at])
        holm[upper] = ranks.holm(wilcoxon[at][upper])
        holm = np.minimum(holm, holm.T)
        means = ranks.ranks(each.scores).mean(axis=0)
        low, high = _intervals(each)
        verdicts.append(
            Verdict(
                blocks=each,
                mean_ranks=means,
                friedman=friedman[at],
                omnibus=float(omnibus[at]),
                nemenyi=ranks.nemenyi(means, len(each.stems)),
                wilcoxon=wilcoxon[at],
                holm=holm,
                differs=(holm < ranks.ALPHA) & bool(omnibus[at] < ranks.ALPHA),
                low=low,
                high=high,
            )
        )
    return Study(methods, tuple(verdicts), few, single, lacking or {})


def samples_of(blocks: Blocks) -> np.ndarray:
    """Mean of each method in each resample of images and seeds: float64 [resamples, methods]."""
    n = len(blocks.stems)
    sums = iter(resampled_sums([line for values in blocks.values.values() for line in values]))
    columns = [
        over_seeds(np.stack([next(sums) for _ in values]) / n, method)
        for method, values in blocks.values.items()
    ]
    return np.stack(columns, axis=1)


def _intervals(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    samples = samples_of(blocks)
    k = samples.shape[1]
    first, second = np.triu_indices(k, 1)
    beyond = tail(len(blocks.stems))
    ends = np.quantile(samples[:, first] - samples[:, second], [beyond, 1 - beyond], axis=0)
    low, high = np.zeros((k, k)), np.zeros((k, k))
    low[first, second], high[first, second] = ends
    low[second, first], high[second, first] = -ends[1], -ends[0]
    return low, high
