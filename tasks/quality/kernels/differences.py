"""Differences between neighbouring pixels of the fused image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.shared import Shared


@dataclass(frozen=True, slots=True)
class Differences:
    """Sums over the fused image.

    Attributes:
        horizontal: Σ (F[i,j] − F[i,j−1])² over the M(N−1) differences.
        vertical: Σ (F[i,j] − F[i−1,j])² over the (M−1)N differences.
        gradient: Σ √((gx²+gy²)/2) over all pixels; central differences inside, one-sided at the
            ends of each line.
    """

    horizontal: float
    vertical: float
    gradient: float


def differences(shared: Shared) -> Differences:
    """Part: all sums in one pass; needs two rows and two columns."""
    shared.need_side(2)
    squares, magnitudes = _differences(shared.fused)
    return Differences(int(squares[0]), int(squares[1]), float(magnitudes.sum()))


@kernel
def _differences(f):  # type: ignore[no-untyped-def]
    rows, columns = f.shape
    squares = np.zeros(2, np.int64)
    magnitudes = np.zeros(columns)  # per column, so that the loop over columns vectorises
    gx = np.empty(columns, np.int32)  # twice the central difference, a whole number
    for i in range(rows):
        above, row, below = f[max(i - 1, 0)], f[i], f[min(i + 1, rows - 1)]
        scale = 1 if 0 < i < rows - 1 else 2
        horizontal = vertical = np.int64(0)
        for j in range(1, columns):
            d = np.int32(row[j]) - np.int32(row[j - 1])
            horizontal += d * d
        if i > 0:
            for j in range(columns):
                d = np.int32(row[j]) - np.int32(above[j])
                vertical += d * d
        squares[0] += horizontal
        squares[1] += vertical
        gx[0] = 2 * (np.int32(row[1]) - np.int32(row[0]))
        gx[columns - 1] = 2 * (np.int32(row[columns - 1]) - np.int32(row[columns - 2]))
        for j in range(1, columns - 1):
            gx[j] = np.int32(row[j + 1]) - np.int32(row[j - 1])
        for j in range(columns):
            gy = np.float64(scale * (np.int32(below[j]) - np.int32(above[j])))
            x = np.float64(gx[j])
            magnitudes[j] += np.sqrt((x * x + gy * gy) * 0.125)
    return squares, magnitudes
