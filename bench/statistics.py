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

import numpy as np

from ivif_bench.resampling import LEVEL, image_counts, interval

_BLOCK = 40  # resamples


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
    return each_over_images([np.asarray(values, dtype=np.float64)], [reasons])[0]


def each_over_images(
    columns: Sequence[np.ndarray], reasons: Sequence[Sequence[str]]
) -> list[Estimate]:
    """``over_images`` of several quantities at once, which costs less than one after another.

    Args:
        columns: float64 [N] each.
        reasons: of each.
    """
    defined = [values[~np.isnan(values)] for values in columns]
    intervals = _bootstrap_intervals(defined)
    found = []
    for values, kept, why, ends in zip(columns, defined, reasons, intervals, strict=True):
        left_out = Counter(
            (why[index] if index < len(why) else "") or "undefined"
            for index in np.flatnonzero(np.isnan(values)).tolist()
        )
        if not kept.size:
            found.append(Estimate(None, left_out=dict(left_out)))
            continue
        mean = _mean(kept)
        found.append(
            Estimate(
                value=mean,
                n=int(kept.size),
                low=ends[0] if ends else None,
                high=ends[1] if ends else None,
                interval="bootstrap over images" if ends else "",
                left_out=dict(left_out),
                sd_images=_sd(kept) if kept.size > 1 else None,
            )
        )
    return found


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
    return _bootstrap_intervals([values])[0]


def _bootstrap_intervals(columns: Sequence[np.ndarray]) -> list[tuple[float, float] | None]:
    """``bootstrap_interval`` of each column."""
    found: list[tuple[float, float] | None] = [None] * len(columns)
    by_length: dict[int, list[int]] = {}
    for index, values in enumerate(columns):
        by_length.setdefault(len(values), []).append(index)
    for n, indices in by_length.items():
        if n < 2:
            continue
        sums = resampled_sums([columns[index] for index in indices])
        for index, drawn in zip(indices, sums, strict=True):
            found[index] = interval(drawn / n, n)
    return found


def resampled_sums(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Sum of each column over each resample: float64 [columns, RESAMPLES].

    A block of the resamples at a time, so that it stays in the processor's cache for all columns.
    """
    counts = image_counts(len(columns[0]))
    sums = np.empty((len(columns), len(counts)))
    for start in range(0, len(counts), _BLOCK):
        block = counts[start : start + _BLOCK].astype(np.float64)
        for column, out in zip(columns, sums, strict=True):
            out[start : start + _BLOCK] = block @ column
    return sums


def paired_difference(first: Mapping[str, float], second: Mapping[str, float]) -> Estimate:
    """Mean of ``first - second`` over the stems that both have and where both are defined."""
    stems = sorted(set(first) & set(second))
    differences = np.array([first[stem] - second[stem] for stem in stems], dtype=np.float64)
    return over_images(differences)


def _mean(values: Sequence[float] | np.ndarray) -> float:
    """Exactly rounded sum, so that the order of images or seeds cannot show."""
    return math.fsum(values) / len(values)


def _sd(values: Sequence[float] | np.ndarray) -> float:
    """Sample standard deviation of two or more values."""
    apart = np.asarray(values) - _mean(values)
    return math.sqrt(math.fsum(apart * apart) / (len(values) - 1))


def _t_quantile(degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + LEVEL) / 2))
