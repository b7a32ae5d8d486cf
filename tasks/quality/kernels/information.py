"""Visual information of each source that is found in the fused image (pixel-domain VIF)."""

from __future__ import annotations

import numpy as np

from tasks.quality.kernels.jit import kernel
from tasks.quality.kernels.windows import TILE, filter_line, gaussian_taps, pull_row, push_row
from tasks.quality.shared import Shared, planes

EPSILON = 1e-10
NOISE = 2.0  # variance of the visual noise, on values 0..255
SIDES = (17, 9, 5, 3)
_ROWS_PER_LOG = 48  # a factor is below 2^14, so a product over 48 rows stays below 2^672


def information(shared: Shared) -> tuple[tuple[float, float], tuple[float, float]]:
    """Part: (numerator, denominator) for infrared and for visible, over all four scales."""
    a, b, f = shared.part(planes)
    total = np.zeros(4)
    for scale, side in enumerate(SIDES):
        taps = gaussian_taps(side, side / 5)
        if scale > 0:
            a, b, f = _reduce(a, taps), _reduce(b, taps), _reduce(f, taps)
        total += _information(a, b, f, taps)
    return (float(total[0]), float(total[1])), (float(total[2]), float(total[3]))


@kernel
def _information(a, b, f, taps):  # type: ignore[no-untyped-def]
    """Σ log(1 + g² v/(q+σ²)) and Σ log(1 + v/σ²) of A with F, then of B with F."""
    side = 2 * taps.size - 1
    rows, columns = a.shape[0] - side + 1, a.shape[1] - side + 1
    total = np.zeros(4)
    # Sums of logarithms are logarithms of products, per column and a few rows at a time.
    factors = np.ones((4, columns))
    product = np.empty(TILE + side - 1)
    for left in range(0, columns, TILE):
        n = min(TILE, columns - left)
        right = left + n + side - 1
        ring = np.empty((8, side, n))
        window = np.empty((8, n))
        num_a, den_a = factors[0, left : left + n], factors[1, left : left + n]
        num_b, den_b = factors[2, left : left + n], factors[3, left : left + n]
        for i in range(a.shape[0]):
            slot = i % side
            push_row(
                a[i, left:right], b[i, left:right], f[i, left:right], taps, product, ring, slot
            )
            if i < side - 1:
                continue
            pull_row(ring, slot, taps, window)
            _multiply(window[0], window[3], window[6], window[2], window[5], num_a, den_a)
            _multiply(window[1], window[4], window[7], window[2], window[5], num_b, den_b)
            done = i - side + 2
            if done % _ROWS_PER_LOG == 0 or done == rows:
                for k in range(4):
                    for j in range(left, left + n):
                        total[k] += np.log(factors[k, j])
                        factors[k, j] = 1.0
    return total


@kernel
def _multiply(mx, sxx, sxy, my, syy, num, den):  # type: ignore[no-untyped-def]
    for j in range(num.size):
        vx = max(sxx[j] - mx[j] * mx[j], 0.0)
        vy = max(syy[j] - my[j] * my[j], 0.0)
        c = sxy[j] - mx[j] * my[j]
        g = c / (vx + EPSILON)
        q = vy - g * c
        # The order of these three corrections is part of the definition.
        flat_x = vx < EPSILON
        g = 0.0 if flat_x else g
        q = vy if flat_x else q
        vx = 0.0 if flat_x else vx
        flat_y = vy < EPSILON
        g = 0.0 if flat_y else g
        q = 0.0 if flat_y else q
        inverted = g < 0.0
        q = vy if inverted else q
        g = 0.0 if inverted else g
        q = max(q, EPSILON)
        num[j] *= 1.0 + g * g * vx / (q + NOISE)
        den[j] *= 1.0 + vx / NOISE


@kernel
def _reduce(plane, taps):  # type: ignore[no-untyped-def]
    """Window means (valid part), every second row and column starting with the first."""
    r = taps.size - 1
    rows, columns = plane.shape[0] - 2 * r, plane.shape[1] - 2 * r
    out = np.empty(((rows + 1) // 2, (columns + 1) // 2))
    line = np.empty(plane.shape[1])
    filtered = np.empty(columns)
    for i in range(out.shape[0]):
        middle = 2 * i + r
        line[:] = taps[0] * plane[middle]
        for k in range(1, r + 1):
            t, above, below = taps[k], plane[middle - k], plane[middle + k]
            for j in range(line.size):
                line[j] += t * (above[j] + below[j])
        filter_line(line, taps, filtered)
        for j in range(out.shape[1]):
            out[i, j] = filtered[2 * j]
    return out
