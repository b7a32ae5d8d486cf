"""Log-average miss rate, the usual number of pedestrian detection.

The miss rate is the share of objects that are not found, at a number of false positives per image
(FPPI). It is read at nine FPPI from 0.01 to 1, evenly spaced in their logarithm, and averaged
geometrically: Dollár, Wojek, Schiele, Perona, "Pedestrian Detection: An Evaluation of the State of
the Art", PAMI 34(4), 2012.
"""

from __future__ import annotations

import math

import numpy as np

from ivif_bench.detections.curves import Curve

FPPI = np.logspace(-2, 0, 9)
LEAST = 1e-10  # a miss rate of 0 counts as this, or one such point would make the mean 0


def miss_rates(curve: Curve) -> np.ndarray:
    """Miss rate at each of the nine ``FPPI``: float64 [9] in 0..1; NaN without objects.

    Of the confidence thresholds with at most that many false positives per image, the one with
    the most detections is taken: 1 where the first false positive is already too many (with fewer
    than 100 images always at 0.01, unless the best detections are right), and the last miss rate
    that is reached where a detector has fewer false positives.
    """
    if not curve.objects:
        return np.full(len(FPPI), math.nan)
    false = np.concatenate([[0], curve.false]) / curve.images
    missed = np.concatenate([[1.0], 1 - curve.hits / curve.objects])
    return missed[np.searchsorted(false, FPPI, side="right") - 1]


def log_average(rates: np.ndarray) -> float:
    """The geometric mean of miss rates; NaN if they are."""
    return float(np.exp(np.log(np.maximum(rates, LEAST)).mean()))
