"""Visual information of each source that is found in the fused image (pixel-domain VIF)."""

from __future__ import annotations

import math

import numpy as np

from tasks.quality.kernels.jit import kernel
from tasks.quality.kernels.windows import (
    ROWS,
    WIDTH,
    cut,
    gaussian_taps,
    tile_width,
    typed,
    widened,
    window_sums,
    workspace,
)
from tasks.quality.shared import Shared

EPSILON = 1e-10
_SINGLE_EPSILON = 1e-6  # in float32: powers of ε must not underflow, and rounding is larger
NOISE = 2.0  # variance of the visual noise, on values 0..255
SIDES = (17, 9, 5, 3)

# Window sums of A, B, F, A², B², F², AF, BF, each plane by its number here.
_A, _B, _F, _AA, _BB, _FF, _AF, _BF = range(8)
_PAIRS = np.array([[0, -1], [1, -1], [2, -1], [0, 0], [1, 1], [2, 2], [0, 2], [1, 2]])

# Taken off all values: products of small numbers have small rounding errors.
_MIDDLE = 128.0
# By how much the taps of the published program, rounded to float64, sum to more than 1. It lowers
# variances by this times the squared mean, which shows where white areas are almost flat (variance
# near ε): up to 1.4e-10 of VIF.
_EXCESS = {17: -(2.0**-52), 9: 2.0**-52, 5: 2.0**-52, 3: 0.0}

_FACTORS = 8  # whose product is below 2^104: each is below 2^13
_MANTISSA = np.int64((1 << 52) - 1)
_EXPONENT_OF_ONE = np.int64(1023 << 52)


def information(shared: Shared) -> tuple[tuple[float, float], tuple[float, float]]:
    """Part: (numerator, denominator) for infrared and for visible, over all four scales.

    In the fast mode all but the logarithms is float32, of each tile minus its mean.
    """
    dtype = np.float32 if shared.fast else np.float64
    images = [shared.infrared, shared.visible, shared.fused]
    count = SIDES[1] // 2 + 1  # of the smaller windows, the widest is compiled
    logs = np.zeros(4)
    for scale, side in enumerate(SIDES):
        taps = tuple(gaussian_taps(side, side / 5).tolist())
        if scale > 0:
            window, framed = widened(taps, count, *images)
            images = [_reduce(image, window) for image in framed]
        window, framed = widened(taps, max(count, len(taps)), *images)
        epsilon, excess = (_SINGLE_EPSILON, 0.0) if shared.fast else (EPSILON, _EXCESS[side])
        numbers = typed((0.0, 1.0, epsilon, NOISE, 1 / NOISE, _MIDDLE, excess), dtype)
        levels = np.full(3, _MIDDLE)
        product, exponent = np.ones(4 * WIDTH), np.zeros(4 * WIDTH, np.int64)
        _information(
            tuple(framed),
            typed(window, dtype),
            numbers,
            shared.fast,
            levels,
            product,
            exponent,
            *workspace(dtype),
        )
        logs += (np.log(product) + exponent * math.log(2.0)).reshape(4, WIDTH).sum(axis=1)
    return (float(logs[0]), float(logs[1])), (float(logs[2]), float(logs[3]))


@kernel
def _information(  # type: ignore[no-untyped-def]
    images, taps, numbers, centred, levels, product, exponent, tiles, short, sums, factors
):
    """Multiply by 1 + g² v/(q+σ²) and 1 + v/σ² of A with F, then of B with F, per column of tiles.

    Sums of logarithms are logarithms of products, kept as mantissas and binary exponents.
    """
    halo = 2 * (len(taps) - 1)
    rows, columns = images[0].shape[0] - halo, images[0].shape[1] - halo
    width = tile_width(columns)
    for left in range(0, columns, width):
        n = min(width, columns - left)
        for top in range(0, rows, ROWS):
            m = min(ROWS, rows - top)
            cut(images, top, left, m + halo, n + halo, centred, levels, tiles)
            window_sums(tiles, _PAIRS, m, n, taps, short, sums)
            for first in range(0, m, _FACTORS):
                for j in range(factors.size):
                    factors[j] = 1
                _multiply(sums, first, numbers, min(_FACTORS, m - first), n, factors)
                for j in range(factors.size):
                    product[j] *= factors[j]
            _normalise(product.view(np.int64), exponent)


@kernel
def _multiply(sums, first, numbers, rows, columns, factors):  # type: ignore[no-untyped-def]
    """Multiply by 1 + g² v_x/(q+σ²) and 1 + v_x/σ² of some rows.

    The first is 1 + over / under, both multiplied by (v_x + ε)²; both sources share a division.
    The sums are of values less 128, while the excess acts on products of the means themselves.
    """
    zero, one, epsilon, noise, per_noise, middle, excess = numbers
    at = first * WIDTH
    mean_a, mean_b, mean_f = sums[_A][at:], sums[_B][at:], sums[_F][at:]
    aa, bb, ff = sums[_AA][at:], sums[_BB][at:], sums[_FF][at:]
    af, bf = sums[_AF][at:], sums[_BF][at:]
    for i in range(rows):
        for j in range(columns):
            k = i * WIDTH + j
            ma, mb, mf = mean_a[k], mean_b[k], mean_f[k]
            xa, xb, xf = ma + middle, mb + middle, mf + middle
            lost = excess * xf
            va = aa[k] - ma * ma - excess * xa * xa
            vb = bb[k] - mb * mb - excess * xb * xb
            vf = ff[k] - mf * mf - lost * xf
            ca = af[k] - ma * mf - lost * xa
            cb = bf[k] - mb * mf - lost * xb
            # The definition sets g and v_x to 0 where v_x < ε, g to 0 where v_y < ε or c < 0, and
            # q to at least ε. Where g is 0 the fraction is 0 whatever q.
            va, vb = zero if va < epsilon else va, zero if vb < epsilon else vb
            ca = zero if vf < epsilon else max(ca, zero)
            cb = zero if vf < epsilon else max(cb, zero)
            da, db = va + epsilon, vb + epsilon
            under_a = da * (max(vf * da - ca * ca, epsilon * da) + noise * da)
            under_b = db * (max(vf * db - cb * cb, epsilon * db) + noise * db)
            inverse = one / (under_a * under_b)
            factors[j] *= one + ca * ca * va * (under_b * inverse)
            factors[j + WIDTH] *= one + va * per_noise
            factors[j + 2 * WIDTH] *= one + cb * cb * vb * (under_a * inverse)
            factors[j + 3 * WIDTH] *= one + vb * per_noise


@kernel
def _normalise(bits, exponent):  # type: ignore[no-untyped-def]
    """Move the binary exponents of positive float64 numbers, given as bits, to ``exponent``."""
    for j in range(bits.size):
        exponent[j] += (bits[j] >> 52) - 1023
        bits[j] = (bits[j] & _MANTISSA) | _EXPONENT_OF_ONE


@kernel
def _reduce(plane, taps):  # type: ignore[no-untyped-def]
    """Window means (valid part), every second row and column starting with the first.

    Even and odd columns are kept apart, so that loops over columns run over neighbours; the window
    reaches an even number of pixels to each side.
    """
    r, side = len(taps) - 1, 2 * len(taps) - 1
    rows, columns = plane.shape
    out = np.empty(((rows - 2 * r + 1) // 2, (columns - 2 * r + 1) // 2))
    half = columns // 2
    even, odd = np.zeros(half + 1), np.zeros(half + 1)
    ring = np.empty((side, out.shape[1]))
    read = 0
    for i in range(out.shape[0]):
        while read < 2 * i + side:
            row, to = plane[read], ring[read % side]
            for j in range(half):
                even[j], odd[j] = row[2 * j], row[2 * j + 1]
            if columns > 2 * half:
                even[half] = row[columns - 1]
            for j in range(to.size):
                m = j + r // 2
                s = taps[0] * even[m]
                for k in range(1, len(taps), 2):
                    s += taps[k] * (odd[m - (k + 1) // 2] + odd[m + k // 2])
                    s += taps[k + 1] * (even[m - (k + 1) // 2] + even[m + (k + 1) // 2])
                to[j] = s
            read += 1
        middle, to = 2 * i + r, out[i]
        for j in range(to.size):
            s = taps[0] * ring[middle % side, j]
            for k in range(1, len(taps)):
                s += taps[k] * (ring[(middle - k) % side, j] + ring[(middle + k) % side, j])
            to[j] = s
    return out
