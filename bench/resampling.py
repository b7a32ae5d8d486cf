"""Resamples of images and of seeds: one scheme for every interval of every task.

* Images: the paired bootstrap. A resample draws as many images as there are, with replacement, and
  everything that is compared (methods, sources, seeds, classes) is counted on the same draw.
* Seeds: where a method was trained several times, a resample also draws its seeds, independently
  of the images (the pigeonhole bootstrap for crossed data, Owen 2007, Annals of Applied Statistics
  1(2)) and of other methods. It draws one seed fewer than there are, so that the variance of the
  mean over S seeds is not understated by the factor (S - 1)/S (Rao and Wu 1988, JASA 83). One seed
  says nothing about the spread over seeds: such an interval is over images only.
* Interval: percentiles of the statistic over the resamples (Efron and Tibshirani 1993, ch. 13),
  expanded for few images: plain percentiles are those of a normal distribution with the variance
  over n, not of Student's t with that over n - 1 (Hesterberg 2015, The American Statistician 69(4)).

What is resampled are counts per image (hits, false positives, pixels of a confusion matrix), never
a score per image: AP and IoU of all images are not means over images.
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

LEVEL = 0.95
RESAMPLES = 2000
BOOTSTRAP_SEED = 20230613  # any constant will do; a fixed one makes a repeated report identical
_T_QUANTILES = (12.7062047, 4.3026527, 3.1824463, 2.7764451)  # 0.975, of 1 to 4 degrees of freedom


@lru_cache(maxsize=2)
def image_counts(n: int, resamples: int = RESAMPLES) -> np.ndarray:
    """How often each of n images is drawn: int32 [resamples, n], rows sum to n.

    Equal for equal n, so that everything over the same images is resampled alike.
    """
    random = np.random.default_rng([BOOTSTRAP_SEED, n])
    counts = np.empty((resamples, n), np.int32)
    for row in counts:  # not all at once: 67 MB for 4,200 images
        row[:] = np.bincount(random.integers(0, n, n), minlength=n)
    counts.flags.writeable = False
    return counts


def seed_shares(seeds: int, method: str, resamples: int = RESAMPLES) -> np.ndarray:
    """Share of each of S seeds in each resample: float64 [resamples, S], rows sum to 1.

    Args:
        method: name; the seeds of different methods are drawn independently.
    """
    if seeds == 1:
        return np.ones((resamples, 1))
    digest = hashlib.sha256(method.encode()).digest()
    random = np.random.default_rng([BOOTSTRAP_SEED, seeds, int.from_bytes(digest[:8])])
    drawn = random.integers(0, seeds, (resamples, seeds - 1))
    return (drawn[:, :, None] == np.arange(seeds)).mean(axis=1)


def over_seeds(samples: np.ndarray, method: str) -> np.ndarray:
    """Resampled mean over seeds.

    Args:
        samples: float64 [seeds, resamples, ...], the statistic of each seed on the same images.
        method: see ``seed_shares``.

    Returns:
        float64 [resamples, ...].
    """
    shares = seed_shares(len(samples), method, samples.shape[1])
    mean: np.ndarray = np.einsum("rs,sr...->r...", shares, samples)
    return mean


def interval(samples: np.ndarray, n: int) -> tuple[float, float] | None:
    """95 % percentile interval of a resampled statistic, expanded for few images.

    Args:
        samples: float64 [resamples]; NaN where a resample has nothing to compute it from (no
            object of a class). Those are left out.
        n: number of images.

    Returns:
        Its ends; None for fewer than two images, or if fewer than half of the resamples are
        defined.
    """
    defined = samples[~np.isnan(samples)]
    if n < 2 or 2 * len(defined) < len(samples) or not len(defined):
        return None
    low, high = np.quantile(defined, [tail(n), 1 - tail(n)])
    return float(low), float(high)


@lru_cache
def tail(n: int) -> float:
    """Share of the resamples that lies beyond each end of an interval over n images.

    The normal probability beyond sqrt(n / (n - 1)) times the quantile of Student's t.
    """
    return NormalDist().cdf(-math.sqrt(n / (n - 1)) * _t_quantile(n - 1))


def _t_quantile(degrees: int) -> float:
    """Quantile of Student's t that leaves (1 - LEVEL) / 2 above it, within 0.004.

    From a table, then by the Cornish-Fisher expansion; tables of reports do without SciPy.
    """
    if degrees <= len(_T_QUANTILES):
        return _T_QUANTILES[degrees - 1]
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / degrees**power for power, term in enumerate(terms, start=1))
