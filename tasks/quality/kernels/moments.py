"""First and second moments of the three images as exact whole numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.shared import Shared

_BLOCK = 4096  # pixels whose products fit a 32-bit sum: 4096 * 255^2 < 2^32


@dataclass(frozen=True, slots=True)
class Moments:
    """N²-fold variances and covariances, N Σxy − Σx Σy.

    Of uint8 images Python integers, without any rounding; floats of levels that are not rounded.

    ``a`` is infrared, ``b`` visible, ``f`` fused; ``ab`` is N² times the covariance of a and b.
    """

    pixels: int
    aa: float
    bb: float
    ff: float
    ab: float
    af: float
    bf: float


def moments(shared: Shared) -> Moments:
    """Part: all moments from one pass over the pixels."""
    n = shared.fused.size
    sums = _sums(shared.infrared.ravel(), shared.visible.ravel(), shared.fused.ravel())
    a, b, f, aa, bb, ff, ab, af, bf = (int(value) for value in sums)
    return Moments(
        pixels=n,
        aa=n * aa - a * a,
        bb=n * bb - b * b,
        ff=n * ff - f * f,
        ab=n * ab - a * b,
        af=n * af - a * f,
        bf=n * bf - b * f,
    )


def correlation(covariance: float, variance_x: float, variance_y: float) -> float:
    """Pearson's r of N²-fold moments, which must have positive variances."""
    return covariance / math.sqrt(float(variance_x) * float(variance_y))


@kernel
def _sums(a, b, f):  # type: ignore[no-untyped-def]
    total = np.zeros(9, np.int64)
    for start in range(0, f.size, _BLOCK):
        stop = start + _BLOCK
        xs, ys, zs = a[start:stop], b[start:stop], f[start:stop]
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = np.uint32(0)
        for i in range(zs.size):
            x, y, z = np.uint32(xs[i]), np.uint32(ys[i]), np.uint32(zs[i])
            s0 += x
            s1 += y
            s2 += z
            s3 += x * x
            s4 += y * y
            s5 += z * z
            s6 += x * y
            s7 += x * z
            s8 += y * z
        total[0] += s0
        total[1] += s1
        total[2] += s2
        total[3] += s3
        total[4] += s4
        total[5] += s5
        total[6] += s6
        total[7] += s7
        total[8] += s8
    return total
