"""Rank statistics over images: Friedman, Nemenyi, Wilcoxon with Holm, mean ranks, Borda.

Arrays of scores are float64 [images, methods] without NaN; **more is better** (turn the sign of a
metric that is better when smaller). The tests are those of ``scipy.stats``, whose import alone takes as
long as all tests of a large table; they are computed here for all pairs of methods at once.

* Friedman (1937, JASA 32), corrected for ties: do the methods differ at all?
* Nemenyi (1963; Demsar 2006, JMLR 7, section 3.2.2): mean ranks of two methods differ if they are
  apart by the critical difference, ``q sqrt(k (k + 1) / (6 n))``, where q is the upper quantile of
  the studentized range of k methods and infinite degrees of freedom, divided by sqrt(2).
* Wilcoxon (1945) signed rank for each pair of methods. Images where both are equal are left out.
* Holm (1979, Scand. J. Statist. 6): p values adjusted for the number of tests.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

ALPHA = 0.05
_EXACT, _EXACT_WITH_TIES = 50, 13  # images
_WIDEST = 9.0  # beyond it the normal density is below 1e-17
_STEP = 1 / 32


def ranks(scores: np.ndarray) -> np.ndarray:
    """Place of each method on each image: float64 [images, methods], 1 = best; ties share the mean."""
    return _ranked(-scores)[0]


def friedman(scores: np.ndarray) -> tuple[float, float] | None:
    """Statistic (chi square, k - 1 degrees of freedom) and p; None below three methods."""
    n, k = scores.shape
    if k < 3 or n < 2:
        return None
    if (scores == scores[:, :1]).all():
        return 0.0, 1.0
    from scipy.special import chdtrc

    found, shared = _ranked(scores)
    ties = float((shared.astype(np.float64) ** 2 - 1).sum())  # t^3 - t of each group of t
    squares = float((found.sum(axis=0) ** 2).sum())
    statistic = (12 / (k * n * (k + 1)) * squares - 3 * n * (k + 1)) / (
        1 - ties / (k * (k * k - 1) * n)
    )
    return statistic, float(chdtrc(k - 1, statistic))


def critical_difference(methods: int, images: int, alpha: float = ALPHA) -> float:
    """Nemenyi's critical difference of mean ranks."""
    q = _studentized_quantile(alpha, methods) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * images))


def nemenyi(mean_ranks: np.ndarray, images: int) -> np.ndarray:
    """p of each pair of methods, from their mean ranks: float64 [methods, methods], 1 beside itself."""
    k = len(mean_ranks)
    apart = np.abs(mean_ranks[:, None] - mean_ranks) / math.sqrt(k * (k + 1) / (6 * images))
    p = np.ones((k, k))
    upper = np.triu_indices(k, 1)
    p[upper] = _beyond_studentized(apart[upper] * math.sqrt(2), k)
    return np.minimum(p, p.T)


def wilcoxon(scores: np.ndarray) -> np.ndarray:
    """Two-sided p of each pair of methods: float64 [methods, methods], 1 where all images are equal.

    As scipy's ``auto``: exact up to 50 images without ties, and up to 13 with them; else by the normal
    distribution, corrected for ties. Differences that agree to 12 digits of the largest score are ties:
    0.3 - 0.1 is not 0.2 in floating point, and values of published sheets have few digits.
    """
    by_method = np.ascontiguousarray(scores.T)
    step = _step(scores)
    k = len(by_method)
    p = np.ones((k, k))
    for first in range(
        k - 1
    ):  # one with all that follow: few enough to stay in the processor's cache
        p[first, first + 1 :] = _of_pairs(
            np.round((by_method[first] - by_method[first + 1 :]) / step) * step
        )
    return np.minimum(p, p.T)


def settled(values: np.ndarray) -> np.ndarray:
    """Values without what rounding left in their last bits: equal ones become exactly equal."""
    step = _step(values)
    found: np.ndarray = np.round(values / step) * step
    return found


def _step(values: np.ndarray) -> float:
    """About 1e-12 of the largest value; a power of two, so that dividing by it is exact."""
    largest = float(np.abs(values).max(initial=0.0))
    return math.ldexp(1.0, math.frexp(largest)[1] - 40)


def _of_pairs(apart: np.ndarray) -> np.ndarray:
    """p of differences, float64 [pairs, images]; see ``wilcoxon``."""
    n = apart.shape[1]
    sizes = np.abs(apart)
    order = np.argsort(sizes, axis=1)
    sizes = np.take_along_axis(sizes, order, axis=1)
    positive = np.take_along_axis(apart, order, axis=1) > 0
    zeros = (sizes == 0).sum(axis=1)
    tied = ((sizes[:, 1:] == sizes[:, :-1]) & (sizes[:, 1:] > 0)).any(axis=1)
    # Places count from the first size that is not zero; those of zeros are never positive.
    sums = positive @ np.arange(1.0, n + 1) - zeros * positive.sum(axis=1)
    found = np.ones(len(apart))
    for at in np.flatnonzero(zeros < n):
        used, ties = n - int(zeros[at]), 0.0
        plain = not zeros[at] and not tied[at]
        places = np.arange(1.0, used + 1)
        if tied[at]:
            ranked, shared = _ranked(sizes[at : at + 1, n - used :])
            places = ranked[0]
            sums[at] = places[positive[at, n - used :]].sum()
            ties = float((shared.astype(np.float64) ** 2 - 1).sum())
        if n <= (_EXACT if plain else _EXACT_WITH_TIES):
            found[at] = _exact(tuple((2 * places).astype(int).tolist()), round(2 * sums[at]))
            continue
        variance = (used * (used + 1) * (2 * used + 1) - ties / 2) / 24
        found[at] = math.erfc(abs(sums[at] - used * (used + 1) / 4) / math.sqrt(2 * variance))
    return found


def _exact(doubled: tuple[int, ...], found: int) -> float:
    """Two-sided p: the share of all choices of signs whose sum of positive ranks is as far out.

    Args:
        doubled: twice the rank of each difference that is not zero, so that those of ties are whole.
        found: twice the sum of the positive ones.
    """
    ways = _ways(doubled)
    tail = min(ways[: found + 1].sum(), ways[found:].sum()) / 2.0 ** len(doubled)
    return float(min(1.0, 2 * tail))


@lru_cache(maxsize=4)
def _ways(doubled: tuple[int, ...]) -> np.ndarray:
    """Choices of signs for each sum: the coefficients of the product of ``1 + x^rank``."""
    ways = np.ones(1)
    for rank in doubled:
        ways = np.concatenate([ways, np.zeros(rank)]) + np.concatenate([np.zeros(rank), ways])
    return ways


def _ranked(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank of each value in its row, and how many values share it; ties have their mean rank.

    Args:
        values: float64 [rows, n].

    Returns:
        float64 [rows, n], 1 = least; int64 [rows, n].
    """
    rows, n = values.shape
    order = np.argsort(values, axis=1)
    risen = np.take_along_axis(values, order, axis=1)
    index = np.arange(n)
    begins = np.ones((rows, n), bool)
    begins[:, 1:] = risen[:, 1:] != risen[:, :-1]
    ends = np.ones((rows, n), bool)
    ends[:, :-1] = begins[:, 1:]
    first = np.maximum.accumulate(np.where(begins, index, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, index, n)[:, ::-1], axis=1)[:, ::-1]
    found, shared = np.empty((rows, n)), np.empty((rows, n), np.int64)
    np.put_along_axis(found, order, (first + last) / 2 + 1, axis=1)
    np.put_along_axis(shared, order, last - first + 1, axis=1)
    return found, shared


def _beyond_studentized(q: np.ndarray, k: int) -> np.ndarray:
    """Probability that the range of k standard normal numbers is larger than q, float64 as q.

    ``1 - k integral of density(z) (cdf(z) - cdf(z - q))^(k - 1)``: the trapezoidal rule, which is exact
    to rounding for a function as smooth as this one.
    """
    from scipy.special import ndtr

    z = np.arange(-_WIDEST, _WIDEST + _STEP, _STEP)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    inside = (ndtr(z) - ndtr(z - q[:, None])) ** (k - 1) @ density * (_STEP * k)
    found: np.ndarray = np.clip(1 - inside, 0.0, 1.0)
    return found


@lru_cache
def _studentized_quantile(alpha: float, k: int) -> float:
    """q that the range of k standard normal numbers exceeds with probability alpha."""
    low, high = 0.0, 4 * _WIDEST
    while high - low > 1e-13 * high:
        middle = (low + high) / 2
        above = float(_beyond_studentized(np.array([middle]), k)[0])
        low, high = (middle, high) if above > alpha else (low, middle)
    return high


def holm(p: np.ndarray) -> np.ndarray:
    """Adjusted p values of one family: with all below alpha, one claim in alpha families is false.

    Args:
        p: float64 [tests].
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def groups(mean_ranks: np.ndarray, difference: float) -> list[tuple[int, int]]:
    """The bars of a critical difference diagram.

    Args:
        mean_ranks: rising.
        difference: the critical one.

    Returns:
        First and last index of every largest group of two or more methods whose mean ranks are
        within the difference.
    """
    found: list[tuple[int, int]] = []
    for first in range(len(mean_ranks)):
        last = int(np.searchsorted(mean_ranks, mean_ranks[first] + difference, side="left")) - 1
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def borda(scores: np.ndarray) -> np.ndarray:
    """Points of each method: for every row, the number of methods that it beats; a tie gives a half.

    Args:
        scores: float64 [voters, methods]; here a voter is a metric.
    """
    points: np.ndarray = (scores.shape[1] - ranks(scores)).sum(axis=0)
    return points
