"""Whether two quantities order methods alike: Kendall's tau-b, Spearman's rho, and their intervals.

Interval: percentiles under resampling of the methods (``ivif_bench.resampling``), so it says how far
the number depends on which methods happened to be compared. A resample repeats methods; their copies
are ties in both quantities, which tau-b and rho leave out or share as usual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivif_bench.resampling import image_counts, interval

FEWEST_METHODS = 8  # below, even a perfect order has an interval that says nothing


@dataclass(frozen=True, slots=True)
class Association:
    """How two quantities order the same methods.

    Attributes:
        tau, rho: Kendall's tau-b and Spearman's rho; None if all values of one are equal.
        p: two-sided p of tau, exact without ties.
        tau_interval, rho_interval: 95 %; None if there is nothing to compute it from, and for a
            perfect order, which no resample can break.
        n: methods.
    """

    tau: float | None
    rho: float | None
    p: float
    tau_interval: tuple[float, float] | None
    rho_interval: tuple[float, float] | None
    n: int


def associate(first: np.ndarray, second: np.ndarray) -> Association:
    """Association of two quantities of methods.

    Args:
        first, second: float64 [methods] without NaN.
    """
    from scipy.stats import kendalltau

    n = len(first)
    once = np.ones((1, n))
    tau, rho = taus(first, second, once)[0], rhos(first, second, once)[0]
    if np.isnan(tau):
        return Association(None, None, 1.0, None, None, n)
    drawn = image_counts(n)
    # Resamples of a perfect order are perfect: their interval would have no width.
    perfect = abs(tau) == 1
    return Association(
        tau=float(tau),
        rho=float(rho),
        p=float(kendalltau(first, second).pvalue),
        tau_interval=None if perfect else interval(taus(first, second, drawn), n),
        rho_interval=None if perfect else interval(rhos(first, second, drawn), n),
        n=n,
    )


def taus(first: np.ndarray, second: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Kendall's tau-b of each resample.

    Args:
        first, second: float64 [methods].
        counts: how often each method is drawn, [resamples, methods].

    Returns:
        float64 [resamples], NaN where all drawn values of one quantity are equal.
    """
    one, two = np.sign(first[:, None] - first), np.sign(second[:, None] - second)
    weights = counts.astype(np.float64)

    def pairs(signs: np.ndarray) -> np.ndarray:
        total: np.ndarray = ((weights @ signs) * weights).sum(axis=1)
        return total

    return _ratio(pairs(one * two), pairs(one**2) * pairs(two**2))


def rhos(first: np.ndarray, second: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's rho of each resample, with mean ranks for ties; see ``taus``."""
    weights = counts.astype(np.float64)
    total = weights.sum(axis=1, keepdims=True)

    def centred(values: np.ndarray) -> np.ndarray:
        # Twice the mean rank, less a constant: how many are below minus how many are above.
        signs = np.sign(values[:, None] - values)
        place = weights @ signs.T
        mean: np.ndarray = place - (weights * place).sum(axis=1, keepdims=True) / total
        return mean

    one, two = centred(first), centred(second)
    products = (weights * one * two).sum(axis=1)
    return _ratio(products, (weights * one**2).sum(axis=1) * (weights * two**2).sum(axis=1))


def _ratio(products: np.ndarray, squares: np.ndarray) -> np.ndarray:
    defined = squares > 0
    ratio: np.ndarray = np.full(len(products), np.nan)
    ratio[defined] = products[defined] / np.sqrt(squares[defined])
    return ratio
