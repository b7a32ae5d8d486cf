"""Visual information of each source that is found in the fused image (pixel-domain VIF)."""

from __future__ import annotations

import math

import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.kernels.windows import (
    LINE,
    ROWS,
    WIDTH,
    cut,
    flattest_level,
    gaussian_taps,
    mean_level,
    tile_width,
    typed,
    widened,
    window_sums,
    workspace,
)
from ivif_bench.tasks.quality.shared import Shared

EPSILON = 1e-10
_SINGLE_EPSILON = 1e-6  # in float32: powers of ε must not underflow, and rounding is larger
NOISE = 2.0  # variance of the visual noise, on values 0..255
SIDES = (17, 9, 5, 3)

# Window sums of A, B, F, A², B², F², AF, BF, each plane by its number here.
_A, _B, _F, _AA, _BB, _FF, _AF, _BF = range(8)
_PAIRS = np.array([[0, -1], [1, -1], [2, -1], [0, 0], [1, 1], [2, 2], [0, 2], [1, 2]])

# A window whose variance is less than this part of its squared mean (both less the level of the
# tile) loses digits in "mean of squares less squared mean": it is summed anew around its own mean.
_LOSS = 1e-6
_ROUNDING = 24 * 2.0**-53  # of a squared mean: what rounding can make of a variance of 0
# By how much the sums of the published program's windows, run in Octave, exceed 1 in effect. It takes
# this times the product of the means off variances and covariances: 1.4e-11 in white areas, which
# shows where they are almost flat (variance near ε). With it VIF of the recorded picture that has
# such areas is 1.1e-11 from that program, without it 1.3e-10; others in float64 are 2.7e-10 from it.
EXCESS = {17: -(2.0**-52), 9: 2.0**-52, 5: 2.0**-52, 3: 0.0}

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
        epsilon, excess = (_SINGLE_EPSILON, 0.0) if shared.fast else (EPSILON, EXCESS[side])
        loss = 0.0 if shared.fast else _LOSS
        numbers = typed((0.0, 1.0, epsilon, NOISE, 1 / NOISE, excess, loss, _ROUNDING), dtype)
        logs += _information(*framed, typed(window, dtype), numbers, shared.fast, *workspace(dtype))
    return (float(logs[0]), float(logs[1])), (float(logs[2]), float(logs[3]))


@kernel
def _information(a, b, f, taps, numbers, single, tiles, short, sums):  # type: ignore[no-untyped-def]
    """Σ log(1 + g² v/(q+σ²)) and Σ log(1 + v/σ²) of A with F, then of B with F."""
    reach = len(taps) - 1
    rows, columns = a.shape[0] - 2 * reach, a.shape[1] - 2 * reach
    # Sums of logarithms are logarithms of products: per column, mantissa and exponent apart.
    product, exponent = np.ones(4 * WIDTH), np.zeros(4 * WIDTH, np.int64)
    factors, lossy = np.empty(4 * WIDTH, sums.dtype), np.empty(WIDTH, np.uint8)
    levels = np.empty(3, sums.dtype)
    width = tile_width(columns)
    for left in range(0, columns, width):
        n = min(width, columns - left)
        for top in range(0, rows, ROWS):
            m = min(ROWS, rows - top)
            for image, tile, k in ((a, tiles[0], 0), (b, tiles[1], 1), (f, tiles[2], 2)):
                if single:
                    levels[k] = mean_level(image, top, left, m + 2 * reach, n + 2 * reach)
                else:
                    levels[k] = flattest_level(image, top + reach, left + reach, m, n)
                cut(image, top, left, m + 2 * reach, n + 2 * reach, levels[k], tile)
            window_sums(tiles, _PAIRS, m, n, taps, short, sums)
            for first in range(0, m, _FACTORS):
                block = min(_FACTORS, m - first)
                _multiply(sums, first, levels, numbers, block, n, factors, lossy)
                found = np.uint8(0)
                for j in range(n):
                    found |= lossy[j]
                if found:
                    _sum_anew(tiles, sums, first, levels, numbers, block, n, taps, lossy)
                    _multiply(sums, first, levels, numbers, block, n, factors, lossy)
                for j in range(factors.size):
                    product[j] *= factors[j]
            _normalise(product.view(np.int64), exponent)
    logs = np.zeros(4)
    for k in range(4):
        for j in range(k * WIDTH, (k + 1) * WIDTH):
            logs[k] += math.log(product[j]) + exponent[j] * math.log(2.0)
    return logs


@kernel
def _multiply(sums, first, levels, numbers, rows, columns, factors, lossy):  # type: ignore[no-untyped-def]
    """Products over some rows of 1 + g² v_x/(q+σ²) and 1 + v_x/σ², and which columns lost digits.

    The first is 1 + over / under, both multiplied by (v_x + ε)²; both sources share a division.
    The sums are of values less ``levels``, while the excess acts on products of the means themselves.
    """
    zero, one, epsilon, noise, per_noise, excess, loss, rounding = numbers
    at = first * WIDTH
    mean_a, mean_b, mean_f = sums[_A][at:], sums[_B][at:], sums[_F][at:]
    aa, bb, ff = sums[_AA][at:], sums[_BB][at:], sums[_FF][at:]
    af, bf = sums[_AF][at:], sums[_BF][at:]
    level_a, level_b, level_f = levels
    for j in range(factors.size):
        factors[j] = 1
    for j in range(columns):
        lossy[j] = 0
    for i in range(rows):
        for j in range(columns):
            k = i * WIDTH + j
            ma, mb, mf = mean_a[k], mean_b[k], mean_f[k]
            va, vb, vf = aa[k] - ma * ma, bb[k] - mb * mb, ff[k] - mf * mf
            lossy[j] |= (
                _lossy(va, ma, epsilon, loss, rounding)
                | _lossy(vb, mb, epsilon, loss, rounding)
                | _lossy(vf, mf, epsilon, loss, rounding)
            )
            xa, xb, xf = ma + level_a, mb + level_b, mf + level_f
            lost = excess * xf
            va, vb, vf = va - excess * xa * xa, vb - excess * xb * xb, vf - lost * xf
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
def _lossy(variance, mean, epsilon, loss, rounding):  # type: ignore[no-untyped-def]
    """Whether a variance lacks digits. One that is below ε whatever its rounding needs none."""
    return (variance < loss * mean * mean) & (variance + rounding * mean * mean >= epsilon)


@kernel
def _sum_anew(tiles, sums, first, levels, numbers, rows, columns, taps, lossy):  # type: ignore[no-untyped-def]
    """Sums around their own means of windows that lost digits, in place of those in ``sums``.

    Their means become 0; the products are such that ``_multiply`` finds the excess of the true ones.
    """
    zero, _, epsilon, _, _, excess, loss, rounding = numbers
    reach = len(taps) - 1
    level_a, level_b, level_f = levels
    for j in range(columns):
        if not lossy[j]:
            continue
        for i in range(first, first + rows):
            at = i * WIDTH + j
            ma, mb, mf = sums[_A][at], sums[_B][at], sums[_F][at]
            if not (
                _lossy(sums[_AA][at] - ma * ma, ma, epsilon, loss, rounding)
                | _lossy(sums[_BB][at] - mb * mb, mb, epsilon, loss, rounding)
                | _lossy(sums[_FF][at] - mf * mf, mf, epsilon, loss, rounding)
            ):
                continue
            aa, bb, ff, af, bf = zero, zero, zero, zero, zero
            for y in range(-reach, reach + 1):
                start = (i + reach + y) * LINE + j + reach
                for x in range(-reach, reach + 1):
                    weight = taps[abs(y)] * taps[abs(x)]
                    a, b = tiles[0][start + x] - ma, tiles[1][start + x] - mb
                    f = tiles[2][start + x] - mf
                    aa += weight * (a * a)
                    bb += weight * (b * b)
                    ff += weight * (f * f)
                    af += weight * (a * f)
                    bf += weight * (b * f)
            xa, xb, xf = ma + level_a, mb + level_b, mf + level_f
            sums[_A][at], sums[_B][at], sums[_F][at] = zero, zero, zero
            sums[_AA][at] = aa - excess * (xa * xa - level_a * level_a)
            sums[_BB][at] = bb - excess * (xb * xb - level_b * level_b)
            sums[_FF][at] = ff - excess * (xf * xf - level_f * level_f)
            sums[_AF][at] = af - excess * (xa * xf - level_a * level_f)
            sums[_BF][at] = bf - excess * (xb * xf - level_b * level_f)


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
