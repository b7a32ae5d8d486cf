"""Spatial frequency in four directions, of the fused image and of the sources' larger differences."""

from __future__ import annotations

import math

import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.shared import Shared

DIAGONAL = 1 / math.sqrt(2)  # weight of squared differences over the longer diagonal distance


def four_direction_frequencies(shared: Shared) -> tuple[float, float]:
    """Part: spatial frequency of the fused image, and the one that the sources call for.

    The root of the sum, over both axes and both diagonals, of squared differences of neighbours
    over H·W. For the sources the larger difference of the two counts, pixel by pixel.
    """
    sums = np.zeros((2, 2), np.int64)
    _squares(shared.infrared, shared.visible, shared.fused, sums)
    weighted = sums[:, 0] + DIAGONAL * sums[:, 1]
    fused, wanted = np.sqrt(weighted / shared.fused.size)
    return float(fused), float(wanted)


@kernel
def _squares(a, b, f, sums):  # type: ignore[no-untyped-def]
    """Rows fused, sources; columns straight, diagonal."""
    rows, columns = f.shape
    for i in range(rows):
        for j in range(columns):
            if j > 0:
                _add(a, b, f, i, j, i, j - 1, sums, 0)
            if i > 0:
                _add(a, b, f, i, j, i - 1, j, sums, 0)
            if i > 0 and j > 0:
                _add(a, b, f, i, j, i - 1, j - 1, sums, 1)
            if i > 0 and j < columns - 1:
                _add(a, b, f, i, j, i - 1, j + 1, sums, 1)


@kernel
def _add(a, b, f, i, j, k, n, sums, kind):  # type: ignore[no-untyped-def]
    difference = np.int64(f[i, j]) - np.int64(f[k, n])
    of_a = abs(np.int64(a[i, j]) - np.int64(a[k, n]))
    larger = max(of_a, abs(np.int64(b[i, j]) - np.int64(b[k, n])))
    sums[0, kind] += difference * difference
    sums[1, kind] += larger * larger
