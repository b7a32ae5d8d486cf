"""SSIM of the fused image with both sources: one scale, or several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.kernels.windows import (
    LINE,
    ROWS,
    WIDTH,
    cut,
    flattest_level,
    mean_level,
    sums_to_one,
    tile_width,
    typed,
    widened,
    window_sums,
    workspace,
)
from ivif_bench.tasks.quality.shared import Shared

_ADDED = 8  # rows that are added up before they are added to float64 totals
_TAPS = 6  # of the widest window, 11 pixels, from its centre
# Window sums of A, B, F, A²+F², B²+F², AF, BF, from tiles of the first five.
_PAIRS = np.array([[0, -1], [1, -1], [2, -1], [3, -1], [4, -1], [0, 2], [1, 2]])


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

    In the fast mode the window sums are of float32 values, of each tile minus its mean.

    Args:
        taps: right half of the window, centre first.
        unbias: factor on variances and covariances, 1, or n/(n−1) for sample statistics.
    """
    reach = len(taps) - 1
    a, b, f = shared.part(pyramid, scale)
    rows, columns = a.shape[0] - 2 * reach, a.shape[1] - 2 * reach
    if min(rows, columns) < 1:
        raise ValueError(f"window of {2 * reach + 1} pixels on an image of {a.shape}")
    dtype = np.float32 if shared.fast else np.float64
    window, images = widened(taps, _TAPS, a, b, f)
    numbers = typed((c1, c2, unbias, 1.0, 2.0), dtype)
    sums = _structure(
        *images, typed(window, dtype), numbers, shared.fast, sums_to_one(taps), *workspace(dtype)
    )
    means = sums / (rows * columns)
    return Structure((float(means[0]), float(means[2])), (float(means[1]), float(means[3])))


def pyramid(shared: Shared, scale: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Part: the three images, uint8, or float64 halved ``scale`` times by 2x2 means.

    At an odd side a row (column) of zeros goes before the first and counts in the mean, as in
    pytorch-msssim.
    """
    if scale == 0:
        return shared.infrared, shared.visible, shared.fused
    a, b, f = shared.part(pyramid, scale - 1)
    return _halve(a), _halve(b), _halve(f)


@kernel
def _structure(a, b, f, taps, numbers, single, levelled, tiles, short, sums):  # type: ignore[no-untyped-def]
    """Sums of contrast and of SSIM of A with F, then of B with F."""
    reach = len(taps) - 1
    halo = 2 * reach
    rows, columns = a.shape[0] - halo, a.shape[1] - halo
    totals = np.zeros(4 * WIDTH)  # per column, so that loops over columns vectorise
    added = np.empty(4 * WIDTH, sums.dtype)
    width = tile_width(columns)
    for left in range(0, columns, width):
        n = min(width, columns - left)
        for top in range(0, rows, ROWS):
            m = min(ROWS, rows - top)
            level_a = level_b = level_f = 0.0
            if single:
                level_a = mean_level(a, top, left, m + halo, n + halo)
                level_b = mean_level(b, top, left, m + halo, n + halo)
                level_f = mean_level(f, top, left, m + halo, n + halo)
            elif levelled:  # small numbers lose few digits, which show beside small constants
                level_a = flattest_level(a, top + reach, left + reach, m, n)
                level_b = flattest_level(b, top + reach, left + reach, m, n)
                level_f = flattest_level(f, top + reach, left + reach, m, n)
            cut(a, top, left, m + halo, n + halo, level_a, tiles[0])
            cut(b, top, left, m + halo, n + halo, level_b, tiles[1])
            cut(f, top, left, m + halo, n + halo, level_f, tiles[2])
            _energy(tiles[0], tiles[2], m + halo, tiles[3])
            _energy(tiles[1], tiles[2], m + halo, tiles[4])
            window_sums(tiles, _PAIRS, m, n, taps, short, sums)
            levels = (
                sums.dtype.type(level_a),
                sums.dtype.type(level_b),
                sums.dtype.type(level_f),
            )
            for first in range(0, m, _ADDED):
                for j in range(added.size):
                    added[j] = 0
                _add(sums, first, levels, numbers, min(_ADDED, m - first), n, added)
                for j in range(added.size):
                    totals[j] += added[j]
    result = np.empty(4)
    for k in range(4):
        result[k] = totals[k * WIDTH : (k + 1) * WIDTH].sum()
    return result


@kernel
def _energy(x, y, rows, out):  # type: ignore[no-untyped-def]
    for k in range(rows * LINE):
        out[k] = x[k] * x[k] + y[k] * y[k]


@kernel
def _add(sums, first, levels, numbers, rows, columns, added):  # type: ignore[no-untyped-def]
    """Add contrast and SSIM of A, then of B, of some rows; their four ratios share one division.

    ``levels`` is what was taken off the three images.
    """
    at = first * WIDTH
    mean_a, mean_b, mean_f = sums[0][at:], sums[1][at:], sums[2][at:]
    aa_ff, bb_ff, af, bf = sums[3][at:], sums[4][at:], sums[5][at:], sums[6][at:]
    level_a, level_b, level_f = levels
    c1, c2, unbias, one, two = numbers
    for i in range(rows):
        for j in range(columns):
            k = i * WIDTH + j
            ma, mb, mf = mean_a[k], mean_b[k], mean_f[k]
            varied_a = unbias * (aa_ff[k] - (ma * ma + mf * mf)) + c2
            varied_b = unbias * (bb_ff[k] - (mb * mb + mf * mf)) + c2
            alike_a = two * unbias * (af[k] - ma * mf) + c2
            alike_b = two * unbias * (bf[k] - mb * mf) + c2
            ma, mb, mf = ma + level_a, mb + level_b, mf + level_f
            light_a, light_b = ma * ma + mf * mf + c1, mb * mb + mf * mf + c1
            under_a, under_b = varied_a * light_a, varied_b * light_b
            inverse = one / (under_a * under_b)
            alike_a, alike_b = alike_a * (under_b * inverse), alike_b * (under_a * inverse)
            added[j] += alike_a * light_a
            added[j + WIDTH] += alike_a * (two * (ma * mf) + c1)
            added[j + 2 * WIDTH] += alike_b * light_b
            added[j + 3 * WIDTH] += alike_b * (two * (mb * mf) + c1)


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
            target[j] += 0.25 * (np.float64(row[k]) + np.float64(row[k + 1]))
    return out
