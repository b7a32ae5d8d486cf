"""VIF's sums as some toolkits compute them, with SciPy's filters: rarely asked for, so not fast."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from scipy.ndimage import correlate1d

from ivif_bench.tasks.quality.kernels.information import EPSILON, NOISE, SIDES
from ivif_bench.tasks.quality.kernels.window_moments import window_moments
from ivif_bench.tasks.quality.shared import Shared, planes

Window = Literal["gaussian", "zoo"]


def information_variant(
    shared: Shared, saturate: bool, window: Window
) -> tuple[tuple[float, float], tuple[float, float]]:
    """(numerator, denominator) for infrared and for visible, over all four scales.

    Args:
        saturate: at the first scale, products of two values stop at 255.
        window: ``gaussian`` is centred, valid part only; ``zoo`` is sampled on n points from
            −(n+1)/2 to (n−1)/2, with zeros around the image and results of the image's size.
    """
    a, b, f = shared.part(planes)
    return _pair(a, f, saturate, window), _pair(b, f, saturate, window)


def _pair(x: np.ndarray, y: np.ndarray, saturate: bool, shape: Window) -> tuple[float, float]:
    numerator = denominator = 0.0
    for scale, side in enumerate(SIDES):
        if scale > 0:
            x, y = (filtered(plane, side, shape)[::2, ::2] for plane in (x, y))
        limit = 255.0 if saturate and scale == 0 else math.inf
        r = side // 2 if shape == "zoo" else 0
        moments = window_moments(
            *(np.pad(plane, r) for plane in (x, y)), window(side, shape), limit
        )
        found, present = _logs(*moments)
        numerator += found
        denominator += present
    return numerator, denominator


def _logs(vx: np.ndarray, vy: np.ndarray, c: np.ndarray) -> tuple[float, float]:
    """Σ log(1 + g² v_x/(q+σ²)) and Σ log(1 + v_x/σ²); the order of corrections is the definition's."""
    vx, vy = np.maximum(vx, 0.0), np.maximum(vy, 0.0)
    g = c / (vx + EPSILON)
    q = vy - g * c
    flat_x, flat_y = vx < EPSILON, vy < EPSILON
    g = np.where(flat_x | flat_y, 0.0, g)
    q = np.where(flat_y, 0.0, np.where(flat_x, vy, q))
    vx = np.where(flat_x, 0.0, vx)
    q = np.maximum(np.where(g < 0.0, vy, q), EPSILON)
    g = np.maximum(g, 0.0)
    return float(np.log1p(g * g * vx / (q + NOISE)).sum()), float(np.log1p(vx / NOISE).sum())


def filtered(plane: np.ndarray, side: int, shape: Window = "gaussian") -> np.ndarray:
    """Window means: [H, W] -> [H − side + 1, W − side + 1], or [H, W] for ``zoo``."""
    means: np.ndarray = plane
    for axis in (0, 1):
        means = correlate1d(means, window(side, shape), axis=axis, mode="constant")
    r = 0 if shape == "zoo" else side // 2
    return means[r : plane.shape[0] - r, r : plane.shape[1] - r]


def window(side: int, shape: Window = "gaussian") -> np.ndarray:
    """All taps of VIF's window of a side, float64 [side]; their sum is 1."""
    at: np.ndarray = np.arange(side) - side // 2.0
    if shape == "zoo":
        at = np.linspace(-(side + 1) / 2, (side - 1) / 2, side)
    taps: np.ndarray = np.exp(-(at**2) / (2 * (side / 5) ** 2))
    return taps / math.fsum(taps)
