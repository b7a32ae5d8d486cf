"""Means with what they stand on: how many images, how many seeds, how sure.

* Over images: mean of the defined values; undefined ones (NaN) are left out, counted and named by
  their reason. Interval: bootstrap of the mean, see ``ivif_bench.resampling``.
* Over seeds: mean, sample standard deviation (n - 1) and Student's t interval of the mean.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ivif_bench.resampling import LEVEL, image_counts, interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its uncertainty.

    Attributes:
        value: the mean, None if nothing was defined.
        n: images it is over (0 if it is not a mean over images).
        seeds: seeds it is over.
        sd: sample standard deviation over seeds, None for fewer than two.
        sd_images: the same over images, of one seed; None for fewer than two.
        low, high: 95 % interval of the mean, None where there is nothing to estimate it from.
        interval: what the interval is, empty if there is none.
        left_out: reason to number of undefined values (of all seeds) that are not in the mean.
    """

    value: float | None
    n: int = 0
    seeds: int = 1
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    interval: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)
    sd_images: float | None = None


def over_images(values: Sequence[float] | np.ndarray, reasons: Sequence[str] = ()) -> Estimate:
    """Mean over images.

    Args:
        values: one value per image; NaN where undefined.
        reasons: why, beside each value; may be empty if there is no NaN.
    """
    array = np.asarray(values, dtype=np.float64)
    undefined = np.isnan(array)
    left_out = Counter(
        (reasons[index] if index < len(reasons) else "") or "undefined"
        for index in np.flatnonzero(undefined).tolist()
    )
    defined = array[~undefined]
    if not defined.size:
        return Estimate(None, left_out=dict(left_out))
    ends = bootstrap_interval(defined)
    return Estimate(
        value=_mean(defined),
        n=int(defined.size),
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
        interval="bootstrap over images" if ends else "",
        left_out=dict(left_out),
        sd_images=_sd(defined) if defined.size > 1 else None,
    )


def over_seeds(estimates: Sequence[Estimate]) -> Estimate:
    """Mean over seeds of the same quantity; undefined as soon as one seed is undefined.

    With one seed, the estimate is returned as it is. With more, the spread over seeds takes the
    place of the spread over images.
    """
    if len(estimates) == 1:
        return estimates[0]
    left_out: Counter[str] = Counter()
    for estimate in estimates:
        left_out.update(estimate.left_out)
    values = [estimate.value for estimate in estimates if estimate.value is not None]
    if not estimates or len(values) < len(estimates):
        return Estimate(None, seeds=len(estimates), left_out=dict(left_out))
    mean = _mean(values)
    sd = _sd(values)
    half = _t_quantile(len(values) - 1) * sd / math.sqrt(len(values))
    return Estimate(
        value=mean,
        n=min(estimate.n for estimate in estimates),
        seeds=len(values),
        sd=sd,
        low=mean - half,
        high=mean + half,
        interval="t over seeds",
        left_out=dict(left_out),
    )


def bootstrap_interval(values: np.ndarray) -> tuple[float, float] | None:
    """95 % interval of the mean under resampling of images; None below two images.

    See ``ivif_bench.resampling`` for the scheme.

    All samples of one size share their resamples, so intervals of methods over the same images
    are paired, and the same numbers always give the same interval.
    """
    if len(values) < 2:
        return None
    means = _resamples(len(values)) @ values / len(values)
    return interval(means, len(values))


def paired_difference(first: Mapping[str, float], second: Mapping[str, float]) -> Estimate:
    """Mean of ``first - second`` over the stems that both have and where both are defined."""
    stems = sorted(set(first) & set(second))
    differences = np.array([first[stem] - second[stem] for stem in stems], dtype=np.float64)
    return over_images(differences)


@lru_cache(maxsize=2)
def _resamples(n: int) -> np.ndarray:
    """``image_counts`` as the numbers that a product with values needs: float64."""
    return image_counts(n).astype(np.float64)


def _mean(values: Sequence[float] | np.ndarray) -> float:
    """Exactly rounded sum, so that the order of images or seeds cannot show."""
    return math.fsum(values) / len(values)


def _sd(values: Sequence[float] | np.ndarray) -> float:
    """Sample standard deviation of two or more values."""
    mean = _mean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _t_quantile(degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + LEVEL) / 2))
