"""VIF's sums as some toolkits compute them, with SciPy's filters: rarely asked for, so not fast."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.ndimage import correlate1d

from tasks.quality.kernels.information import EPSILON, NOISE, SIDES
from tasks.quality.shared import Shared, planes

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


def _pair(x: np.ndarray, y: np.ndarray, saturate: bool, window: Window) -> tuple[float, float]:
    numerator = denominator = 0.0
    for scale, side in enumerate(SIDES):
        if scale > 0:
            x, y = (_filtered(plane, side, window)[::2, ::2] for plane in (x, y))
        limit = 255.0 if saturate and scale == 0 else np.inf
        mx, my = _filtered(x, side, window), _filtered(y, side, window)
        xx, yy, xy = (
            _filtered(np.minimum(product, limit), side, window) for product in (x * x, y * y, x * y)
        )
        found, present = _logs(xx - mx * mx, yy - my * my, xy - mx * my)
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


def _filtered(plane: np.ndarray, side: int, window: Window) -> np.ndarray:
    at: np.ndarray = np.arange(side) - side // 2.0
    if window == "zoo":
        at = np.linspace(-(side + 1) / 2, (side - 1) / 2, side)
    bell = np.exp(-(at**2) / (2 * (side / 5) ** 2))
    taps = bell / bell.sum()
    filtered: np.ndarray = plane
    for axis in (0, 1):
        filtered = correlate1d(filtered, taps, axis=axis, mode="constant")
    r = 0 if window == "zoo" else side // 2
    return filtered[r : plane.shape[0] - r, r : plane.shape[1] - r]
