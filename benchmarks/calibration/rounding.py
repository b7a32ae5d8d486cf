"""Between which values rounding can put a metric whose definition has jumps in it.

Programs in float64 that follow one definition differ by what rounding makes of its comparisons. The
limits here follow from the definition and the pixels; no published value went into them.
"""

from __future__ import annotations

import math

import numpy as np

from ivif_bench.tasks.quality.kernels.edges import DA, DG, KA, KG, TA, TG
from ivif_bench.tasks.quality.kernels.information import EPSILON, NOISE, SIDES
from ivif_bench.tasks.quality.kernels.information_variants import filtered, window
from ivif_bench.tasks.quality.kernels.sobel import sobel
from ivif_bench.tasks.quality.kernels.window_moments import window_moments
from ivif_bench.tasks.quality.shared import Shared, planes

_WHITE = 255.0
_RIGHT = math.pi / 2


def vif_saturated(shared: Shared) -> tuple[float, float]:
    """Lowest and highest VIF of the TNO sheet's definition, whatever the order of its sums.

    A variance is a mean of n² squares less the square of a mean of n² values, n the side of a
    window. At most 3n² + 12 roundings by 2⁻⁵³ act on the squared mean: 3e-10 to 6e-9 in white
    areas. That exceeds ε = 1e-10, so an almost flat window may count in full or not at all.
    """
    a, b, f = shared.part(planes)
    (low_a, high_a), (low_b, high_b) = _information(a, f), _information(b, f)
    return low_a + low_b, high_a + high_b


def _information(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    found, present = np.zeros(2), np.zeros(2)
    for scale, side in enumerate(SIDES):
        if scale > 0:
            x, y = (np.ascontiguousarray(filtered(plane, side)[::2, ::2]) for plane in (x, y))
        mx, my = filtered(x, side), filtered(y, side)
        squares = np.stack([mx * mx, my * my, mx * my])
        moments = window_moments(x, y, window(side), math.inf if scale else _WHITE)
        error = (3 * side**2 + 12) * 2.0**-53 * squares
        low, high = np.maximum(moments - error, 0.0), np.maximum(moments + error, 0.0)
        found += _kept(low, high), _kept(high, low)
        present += [np.log1p(_seen(v[0]) / NOISE).sum() for v in (low, high)]
    return float(found[0] / present[1]), float(found[1] / present[0])


def _kept(these: np.ndarray, those: np.ndarray) -> float:
    """Σ log(1 + g² v_x/(q+σ²)); the factors that raise it are from these, the others from those."""
    signal = these[2] ** 2 / (those[0] + EPSILON)  # g c
    rest = np.maximum(those[1] - signal, EPSILON)
    kept = signal * _seen(these[0]) / (these[0] + EPSILON) / (rest + NOISE)
    return float(np.log1p(np.where(these[1] < EPSILON, 0.0, kept)).sum())


def _seen(variance: np.ndarray) -> np.ndarray:
    return np.where(variance < EPSILON, 0.0, variance)


def qabf(shared: Shared) -> tuple[float, float]:
    """Lowest and highest Qabf of images on [0, 1] or on 0..255, whatever the order of sums.

    On [0, 1] neither test for equality is sure. Where whole numbers have Sx = 0 the direction is
    π/2 or −π/2, without any gradient it is arbitrary; where gX = gF the kept strength is 1 or gF.
    """
    fused, low, high, weight = _edges(shared.fused), 0.0, 0.0, 0.0
    for source in (shared.infrared, shared.visible):
        edges = _edges(source)
        strength, near, far = _strengths(edges[0], fused[0]), *_turned(edges[1:], fused[1:])
        g = np.sqrt(edges[0])
        low += float((g * strength[0] * _sigmoid(1 - far / _RIGHT, TA, KA, DA)).sum())
        high += float((g * strength[1] * _sigmoid(1 - near / _RIGHT, TA, KA, DA)).sum())
        weight += float(g.sum())
    return low / weight, high / weight


def _edges(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Squared strength, exact; lowest and highest direction."""
    across, down = (plane.astype(np.float64) for plane in sobel(image))
    with np.errstate(divide="ignore", invalid="ignore"):
        direction = np.arctan(-down / across)
    upright = across == 0.0
    lowest, highest = (np.where(upright, side, direction) for side in (-_RIGHT, _RIGHT))
    return across**2 + down**2, lowest, highest


def _strengths(source: np.ndarray, fused: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(invalid="ignore"):
        ratio = np.sqrt(np.minimum(source, fused) / np.maximum(source, fused))
    equal, g = source == fused, np.sqrt(fused)
    possible = [np.where(equal, one, ratio) for one in (g / _WHITE, g, 1.0)]
    kept = [_sigmoid(one, TG, KG, DG) for one in possible]
    return np.minimum.reduce(kept), np.maximum.reduce(kept)


def _turned(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest angle between two directions, each known or anything within limits."""
    apart = np.maximum(one[0] - other[1], other[0] - one[1])
    return np.maximum(apart, 0.0), np.maximum(one[1] - other[0], other[1] - one[0])


def _sigmoid(value: np.ndarray, top: float, slope: float, centre: float) -> np.ndarray:
    return np.asarray(top / (1.0 + np.exp(slope * (value - centre))))
