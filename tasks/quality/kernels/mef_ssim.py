"""MEF-SSIM: the structure that both sources ask for in each window, against the fused image's."""

from __future__ import annotations

import math

import cv2
import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.kernels.window_means import (
    Images,
    Triple,
    filter_inside,
    gaussian,
    originals,
    product_bands,
)
from ivif_bench.tasks.quality.shared import Shared

_SIDE = 11
_PIXELS = float(_SIDE * _SIDE)
_EPSILON = float(np.finfo(np.float64).eps)
_ROUNDING = 1e-14
_FLAT = 0.001  # added to the strength of every window
_FULL_AGREEMENT = 2.0 / math.pi * math.atan(10.0)  # from here on the power is 10
_C = (0.03 * 255) ** 2


def wanted_structure(shared: Shared) -> tuple[float, float, float]:
    """Part: mean similarity to the wanted structure, full, half and quarter size; needs sides of 41."""
    full, half, quarter = (_mean(shared, images) for images in (originals, halved, quartered))
    return full, half, quarter


def halved(shared: Shared) -> Triple:
    """Part: the three images at half size."""
    a, b, f = (_halve(plane) for plane in shared.part(originals))
    return a, b, f


def quartered(shared: Shared) -> Triple:
    """Part: the three images at a quarter of their size."""
    a, b, f = (_halve(plane) for plane in shared.part(halved))
    return a, b, f


def _halve(plane: np.ndarray) -> np.ndarray:
    """2x2 means, exact; the last line of an odd side is its own neighbour."""
    rows, columns = plane.shape
    even = np.pad(plane, ((0, rows % 2), (0, columns % 2)), mode="edge")
    pairs = np.add(even[0::2], even[1::2], dtype=np.float64)
    return (pairs[:, 0::2] + pairs[:, 1::2]) / 4.0


def _mean(shared: Shared, images: Images) -> float:
    taps = gaussian(_SIDE, 1.5)
    planes = shared.part(images)
    total = 0.0
    for products in product_bands(planes, _SIDE):
        a, b, _, aa, bb, _, _, _, ab = products
        # Of whole numbers, quarters or sixteenths: exact, so flat windows are found as such.
        sums = (_window_sum(product) for product in (a, b, aa, bb, ab))
        total += _similarity(*sums, *(filter_inside(product, taps) for product in products))
    rows, columns = planes[0].shape
    return float(total / ((rows - _SIDE + 1) * (columns - _SIDE + 1)))


def _window_sum(plane: np.ndarray) -> np.ndarray:
    reach, size = _SIDE // 2, (_SIDE, _SIDE)
    whole = cv2.boxFilter(plane, cv2.CV_64F, size, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.ascontiguousarray(whole[reach:-reach, reach:-reach])


@kernel
def _similarity(sa, sb, saa, sbb, sab, ma, mb, mf, aa, bb, ff, af, bf, ab):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(sa.shape[0]):
        row = 0.0
        for j in range(sa.shape[1]):
            ca, cb = _mixture(sa[i, j], sb[i, j], saa[i, j], sbb[i, j], sab[i, j])
            va = aa[i, j] - ma[i, j] * ma[i, j]
            vb = bb[i, j] - mb[i, j] * mb[i, j]
            vf = ff[i, j] - mf[i, j] * mf[i, j]
            cov_ab = ab[i, j] - ma[i, j] * mb[i, j]
            cov_af = af[i, j] - ma[i, j] * mf[i, j]
            cov_bf = bf[i, j] - mb[i, j] * mf[i, j]
            wanted = ca * ca * va + cb * cb * vb + 2.0 * (ca * cb) * cov_ab
            shared = ca * cov_af + cb * cov_bf
            row += (2.0 * shared + _C) / (wanted + vf + _C)
        total += row
    return total


@kernel
def _mixture(sa, sb, saa, sbb, sab):  # type: ignore[no-untyped-def]
    """Factors of the two sources in the wanted structure of one window, from its plain sums."""
    square_a = max((_PIXELS * saa - sa * sa) / _PIXELS, 0.0)  # |d_A|², d = window minus its mean
    square_b = max((_PIXELS * sbb - sb * sb) / _PIXELS, 0.0)
    product = (_PIXELS * sab - sa * sb) / _PIXELS
    length_a, length_b = math.sqrt(square_a), math.sqrt(square_b)
    both = math.sqrt(max(square_a + square_b + 2.0 * product, 0.0))
    agreement = min((both + _EPSILON) / (length_a + length_b + _EPSILON), 1.0)
    strength_a, strength_b = length_a + _FLAT, length_b + _FLAT
    weight_a = _power(strength_a / _SIDE, agreement) + _EPSILON
    weight_b = _power(strength_b / _SIDE, agreement) + _EPSILON
    ca = weight_a / (weight_a + weight_b) / strength_a
    cb = weight_b / (weight_a + weight_b) / strength_b
    squares = ca * ca * square_a + cb * cb * square_b
    square = squares + 2.0 * (ca * cb) * product
    # Sources that cancel out, such as an image and its negative, want no structure at all.
    if square <= _ROUNDING * squares:
        return 0.0, 0.0
    scale = max(strength_a, strength_b) / math.sqrt(square)
    return ca * scale, cb * scale


@kernel
def _power(strength, agreement):  # type: ignore[no-untyped-def]
    """strength^p, p = tan(π agreement/2), at most 10: sources that agree leave it to the stronger."""
    if agreement < _FULL_AGREEMENT:
        return strength ** math.tan(0.5 * math.pi * agreement)
    square = strength * strength
    return (square * square) * (square * square) * square
