"""Weighted window sums of A, B, F, A², B², F², AF and BF, a row at a time.

One row of the image is turned into eight rows of products, filtered horizontally into a ring of as
many rows as the window is high, and the ring is filtered vertically. Tiles of columns keep the
ring in the cache. Windows are symmetric: equal taps share one multiplication.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from tasks.quality.kernels.jit import kernel

# Their sum over the window is 0.99999996927.
_FLOAT32_TAPS = (
    0.26601171493530273,
    0.21300552785396576,
    0.10936068743467331,
    0.036000773310661316,
    0.0075987582094967365,
    0.0010283803567290306,
)
TILE = 320  # output columns; a ring of 17 rows then takes 209 kB


def gaussian_taps(side: int, sigma: float) -> np.ndarray:
    """Right half of a Gaussian window, centre first, float64 [side // 2 + 1]; the whole sums to 1."""
    half = [math.exp(-t * t / (2 * sigma * sigma)) for t in range(side // 2 + 1)]
    total = half[0] + 2 * math.fsum(half[1:])
    return np.array([tap / total for tap in half])


def similarity_taps(window: Literal["gaussian", "float32", "uniform"]) -> tuple[float, ...]:
    """Right half, centre first, of SSIM's windows: 11 pixels with σ 1.5, or 7 equal ones.

    ``float32`` has the taps of pytorch-msssim, which are normalised in single precision.
    """
    if window == "uniform":
        return (1.0 / 7,) * 4
    return _FLOAT32_TAPS if window == "float32" else tuple(gaussian_taps(11, 1.5).tolist())


@kernel
def filter_line(line, taps, out):  # type: ignore[no-untyped-def]
    """out[j] = Σ taps[|k|] line[j + r + k] for k in −r..r; ``line`` is 2r longer than ``out``."""
    r = taps.size - 1
    n = out.size
    _scale(taps[0], line[r : r + n], out)
    k = 1
    while k + 3 <= r:
        _add_four(
            taps, k, line[r - k : r - k + n], line[r + k : r + k + n],
            line[r - k - 1 : r - k - 1 + n], line[r + k + 1 : r + k + 1 + n],
            line[r - k - 2 : r - k - 2 + n], line[r + k + 2 : r + k + 2 + n],
            line[r - k - 3 : r - k - 3 + n], line[r + k + 3 : r + k + 3 + n], out,
        )  # fmt: skip
        k += 4
    while k <= r:
        _add_one(taps[k], line[r - k : r - k + n], line[r + k : r + k + n], out)
        k += 1


@kernel
def filter_ring(ring, newest, taps, out):  # type: ignore[no-untyped-def]
    """Vertical window over a ring of 2r+1 rows [2r+1, n] whose newest row is at ``newest``."""
    side = ring.shape[0]
    r = taps.size - 1
    low = newest + side - r  # the middle row, before the modulo
    _scale(taps[0], ring[low % side], out)
    k = 1
    while k + 3 <= r:
        _add_four(
            taps, k, ring[(low - k) % side], ring[(low + k) % side],
            ring[(low - k - 1) % side], ring[(low + k + 1) % side],
            ring[(low - k - 2) % side], ring[(low + k + 2) % side],
            ring[(low - k - 3) % side], ring[(low + k + 3) % side], out,
        )  # fmt: skip
        k += 4
    while k <= r:
        _add_one(taps[k], ring[(low - k) % side], ring[(low + k) % side], out)
        k += 1


@kernel
def _scale(tap, line, out):  # type: ignore[no-untyped-def]
    for j in range(out.size):
        out[j] = tap * line[j]


@kernel
def _add_one(tap, a, b, out):  # type: ignore[no-untyped-def]
    for j in range(out.size):
        out[j] += tap * (a[j] + b[j])


@kernel
def _add_four(taps, k, a, b, c, d, e, f, g, h, out):  # type: ignore[no-untyped-def]
    t, u, v, w = taps[k], taps[k + 1], taps[k + 2], taps[k + 3]
    for j in range(out.size):
        out[j] += (t * (a[j] + b[j]) + u * (c[j] + d[j])) + (v * (e[j] + f[j]) + w * (g[j] + h[j]))


@kernel
def push_row(a, b, f, taps, product, ring, slot):  # type: ignore[no-untyped-def]
    """Filter the eight products of one row into ``ring`` [8, 2r+1, n] at ``slot``."""
    n = ring.shape[2]
    m = n + 2 * (taps.size - 1)
    line = product[:m]
    filter_line(a, taps, ring[0, slot])
    filter_line(b, taps, ring[1, slot])
    filter_line(f, taps, ring[2, slot])
    for j in range(m):
        line[j] = a[j] * a[j]
    filter_line(line, taps, ring[3, slot])
    for j in range(m):
        line[j] = b[j] * b[j]
    filter_line(line, taps, ring[4, slot])
    for j in range(m):
        line[j] = f[j] * f[j]
    filter_line(line, taps, ring[5, slot])
    for j in range(m):
        line[j] = a[j] * f[j]
    filter_line(line, taps, ring[6, slot])
    for j in range(m):
        line[j] = b[j] * f[j]
    filter_line(line, taps, ring[7, slot])


@kernel
def pull_row(ring, newest, taps, out):  # type: ignore[no-untyped-def]
    """Window sums [8, n] of the rows in the ring."""
    for plane in range(8):
        filter_ring(ring[plane], newest, taps, out[plane])
