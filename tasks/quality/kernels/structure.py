"""SSIM of the fused image with both sources: one scale, or several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.quality.kernels.jit import kernel
from tasks.quality.kernels.windows import TILE, pull_row, push_row
from tasks.quality.shared import Shared, planes


@dataclass(frozen=True, slots=True)
class Structure:
    """Means over the valid windows of one scale, (infrared, visible) each.

    Attributes:
        contrast: mean of (2c+C2)/(vx+vy+C2).
        whole: mean of the SSIM map.
    """

    contrast: tuple[float, float]
    whole: tuple[float, float]


def structure(
    shared: Shared, taps: tuple[float, ...], scale: int, c1: float, c2: float, unbias: float
) -> Structure:
    """Part: SSIM means at a scale (0 = full size, each further one half the size).

    Args:
        taps: right half of the window, centre first.
        unbias: factor on variances and covariances, 1, or n/(n−1) for sample statistics.
    """
    window = np.array(taps)
    a, b, f = shared.part(pyramid, scale)
    rows, columns = a.shape[0] - 2 * len(taps) + 2, a.shape[1] - 2 * len(taps) + 2
    if min(rows, columns) < 1:
        raise ValueError(f"window of {2 * len(taps) - 1} pixels on an image of {a.shape}")
    sums = _structure(a, b, f, window, c1, c2, unbias) / (rows * columns)
    return Structure((float(sums[0]), float(sums[2])), (float(sums[1]), float(sums[3])))


def pyramid(shared: Shared, scale: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Part: the three images, float64, halved ``scale`` times by 2x2 means.

    At an odd side a row (column) of zeros goes before the first and counts in the mean, as in
    pytorch-msssim.
    """
    if scale == 0:
        return shared.part(planes)
    a, b, f = shared.part(pyramid, scale - 1)
    return _halve(a), _halve(b), _halve(f)


@kernel
def _structure(a, b, f, taps, c1, c2, unbias):  # type: ignore[no-untyped-def]
    side = 2 * taps.size - 1
    columns = a.shape[1] - side + 1
    sums = np.zeros((4, columns))
    product = np.empty(TILE + side - 1)
    for left in range(0, columns, TILE):
        n = min(TILE, columns - left)
        right = left + n + side - 1
        ring = np.empty((8, side, n))
        window = np.empty((8, n))
        cs_a, ssim_a = sums[0, left : left + n], sums[1, left : left + n]
        cs_b, ssim_b = sums[2, left : left + n], sums[3, left : left + n]
        for i in range(a.shape[0]):
            slot = i % side
            push_row(
                a[i, left:right], b[i, left:right], f[i, left:right], taps, product, ring, slot
            )
            if i >= side - 1:
                pull_row(ring, slot, taps, window)
                _add(window[0], window[3], window[6], window[2], window[5], c1, c2, unbias,
                     cs_a, ssim_a)  # fmt: skip
                _add(window[1], window[4], window[7], window[2], window[5], c1, c2, unbias,
                     cs_b, ssim_b)  # fmt: skip
    total = np.empty(4)
    for k in range(4):
        total[k] = sums[k].sum()
    return total


@kernel
def _add(mx, sxx, sxy, my, syy, c1, c2, unbias, cs, ssim):  # type: ignore[no-untyped-def]
    for j in range(cs.size):
        mxx, myy, mxy = mx[j] * mx[j], my[j] * my[j], mx[j] * my[j]
        variances = unbias * ((sxx[j] - mxx) + (syy[j] - myy))
        ratio = (2.0 * (unbias * (sxy[j] - mxy)) + c2) / (variances + c2)
        cs[j] += ratio
        ssim[j] += ratio * ((2.0 * mxy + c1) / (mxx + myy + c1))


@kernel
def _halve(plane):  # type: ignore[no-untyped-def]
    rows, columns = plane.shape
    top, left = rows % 2, columns % 2
    out = np.zeros(((rows + 1) // 2, (columns + 1) // 2))
    for i in range(rows):
        row, target = plane[i], out[(i + top) // 2]
        if left:
            target[0] += 0.25 * row[0]
        for j in range(left, out.shape[1]):
            k = 2 * j - left
            target[j] += 0.25 * (row[k] + row[k + 1])
    return out
