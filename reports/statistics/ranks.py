"""Rank statistics over images: Friedman, Nemenyi, Wilcoxon with Holm, mean ranks, Borda.

Arrays of scores are float64 [images, methods] without NaN; **more is better** (turn the sign of a
metric that is better when smaller). The tests are scipy's.

* Friedman (1937, JASA 32), corrected for ties: do the methods differ at all?
* Nemenyi (1963; Demsar 2006, JMLR 7, section 3.2.2): mean ranks of two methods differ if they are
  apart by the critical difference, ``q sqrt(k (k + 1) / (6 n))``, where q is the upper quantile of
  the studentized range of k methods and infinite degrees of freedom, divided by sqrt(2).
* Wilcoxon (1945) signed rank for each pair of methods. Images where both are equal are left out.
* Holm (1979, Scand. J. Statist. 6): p values adjusted for the number of tests.
"""

from __future__ import annotations

import math

import numpy as np

ALPHA = 0.05
_EXACT, _EXACT_WITH_TIES = 50, 13  # images
_PAIRS = 40  # tested at once; more need more memory and are not faster


def ranks(scores: np.ndarray) -> np.ndarray:
    """Place of each method on each image: float64 [images, methods], 1 = best; ties share the mean."""
    from scipy.stats import rankdata

    found: np.ndarray = rankdata(-scores, axis=1)
    return found


def friedman(scores: np.ndarray) -> tuple[float, float] | None:
    """Statistic (chi square, k - 1 degrees of freedom) and p; None below three methods."""
    from scipy.stats import friedmanchisquare

    if scores.shape[1] < 3 or len(scores) < 2:
        return None
    if (scores == scores[:, :1]).all():
        return 0.0, 1.0
    statistic, p = friedmanchisquare(*scores.T)
    return float(statistic), float(p)


def critical_difference(methods: int, images: int, alpha: float = ALPHA) -> float:
    """Nemenyi's critical difference of mean ranks."""
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(1 - alpha, methods, math.inf)) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * images))


def nemenyi(mean_ranks: np.ndarray, images: int) -> np.ndarray:
    """p of each pair of methods, from their mean ranks: float64 [methods, methods], 1 beside itself."""
    from scipy.stats import studentized_range

    k = len(mean_ranks)
    apart = np.abs(mean_ranks[:, None] - mean_ranks) / math.sqrt(k * (k + 1) / (6 * images))
    p = np.ones((k, k))
    upper = np.triu_indices(k, 1)
    p[upper] = studentized_range.sf(apart[upper] * math.sqrt(2), k, math.inf)
    return np.minimum(p, p.T)


def wilcoxon(scores: np.ndarray) -> np.ndarray:
    """Two-sided p of each pair of methods: float64 [methods, methods], 1 where all images are equal.

    As scipy's ``auto``: exact up to 50 images without ties, and up to 13 with them; else by the normal
    distribution. The exact one with ties is computed here, equal and some hundred times faster.
    """
    k = scores.shape[1]
    first, second = np.triu_indices(k, 1)
    p = np.ones((k, k))
    for start in range(0, len(first), _PAIRS):
        some = slice(start, start + _PAIRS)
        p[first[some], second[some]] = _of_pairs(scores[:, first[some]] - scores[:, second[some]])
    return np.minimum(p, p.T)


def _of_pairs(apart: np.ndarray) -> np.ndarray:
    """p of differences, float64 [images, pairs]; see ``wilcoxon``."""
    from scipy.stats import wilcoxon as signed_rank

    tied = np.asarray(apart.any(axis=0))
    plain: np.ndarray = np.zeros(apart.shape[1], bool)
    if len(apart) <= _EXACT:
        sizes = np.sort(np.abs(apart), axis=0)
        plain = (sizes[0] > 0) & (np.diff(sizes, axis=0) > 0).all(axis=0)
        tied &= ~plain
    found = np.ones(apart.shape[1])
    if len(apart) <= _EXACT_WITH_TIES:
        found[tied] = [_exact(apart[:, at]) for at in np.flatnonzero(tied)]
        tied[:] = False
    # Pairs together, but apart from those with ties, for which scipy chooses another method.
    for some in (plain, tied):
        if some.any():
            found[some] = signed_rank(apart[:, some], axis=0).pvalue
    return found


def _exact(apart: np.ndarray) -> float:
    """Two-sided p of differences with ties: the share of all choices of signs that are as far out.

    The distribution of the sum of positive ranks is the product of ``1 + x^rank`` over the differences
    that are not zero, with ranks doubled so that those of ties are whole numbers.
    """
    from scipy.stats import rankdata

    apart = apart[apart != 0]
    doubled = (2 * rankdata(np.abs(apart))).astype(int)
    ways = np.ones(1)
    for rank in doubled:
        ways = np.concatenate([ways, np.zeros(rank)]) + np.concatenate([np.zeros(rank), ways])
    at = int(doubled[apart > 0].sum())
    tail = min(ways[: at + 1].sum(), ways[at:].sum()) / 2.0 ** len(apart)
    return float(min(1.0, 2 * tail))


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
