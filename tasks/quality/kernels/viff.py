"""Visual information of both sources at once: Han's choice of a source per pixel."""

from __future__ import annotations

import math

import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.kernels.window_means import (
    filter_inside,
    gaussian,
    originals,
    product_bands,
    row_bands,
)
from ivif_bench.tasks.quality.shared import Shared

_NOISE = 0.005 * 255.0**2  # variance of the visual noise
_EPSILON = 1e-10
_SMALL = 1e-7  # added to the information of every pixel
_SIDES = (17, 9, 5, 3)
_LARGE = 1e200  # products are logged before they overflow; no factor exceeds 52
_UNUSED = 1  # the second scale has weight 0: it is only passed through


def visual_information(shared: Shared) -> dict[int, tuple[float, float]]:
    """Part: Σ(num + 1e-7) and Σ(den + 1e-7) by scale 0, 2 and 3; needs sides of 41 pixels."""
    images = shared.part(originals)
    found = {}
    for scale, side in enumerate(_SIDES):
        taps = gaussian(side, side / 5)
        if scale:
            a, b, f = (_halve(image, taps) for image in images)
            images = a, b, f
        if scale == _UNUSED:
            continue
        sums = np.zeros(2)
        for products in product_bands(images, side, levelled=True):
            sums += _information(*(filter_inside(product, taps) for product in products[:-1]))
        windows = (images[0].shape[0] - side + 1) * (images[0].shape[1] - side + 1)
        kept, present = sums / math.log(10.0) + _SMALL * windows
        found[scale] = float(kept), float(present)
    return found


def _halve(image: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Every second row and column of the filtered image."""
    bands = []
    for band in row_bands(image.shape[0] - taps.size + 1):
        rows = image[band.start : band.stop + taps.size - 1]
        bands.append(filter_inside(rows, taps)[::2, ::2])
    return np.concatenate(bands)


@kernel
def _information(ma, mb, mf, aa, bb, ff, af, bf):  # type: ignore[no-untyped-def]
    """Natural logarithms of all pixels, summed as the logarithm of products."""
    kept = present = 0.0
    for i in range(ma.shape[0]):
        product_kept = product_present = 1.0
        for j in range(ma.shape[1]):
            vf = max(ff[i, j] - mf[i, j] * mf[i, j], 0.0)
            gain_a, rest_a, va = _channel(ma[i, j], mf[i, j], aa[i, j], vf, af[i, j])
            gain_b, rest_b, vb = _channel(mb[i, j], mf[i, j], bb[i, j], vf, bf[i, j])
            gain, rest, v = gain_a, rest_a, va
            if gain_b <= gain_a:
                gain, rest, v = gain_b, rest_b, vb
            product_kept *= 1.0 + gain * gain * v / (rest + _NOISE)
            product_present *= 1.0 + v / _NOISE
            if max(product_kept, product_present) > _LARGE:
                kept += math.log(product_kept)
                present += math.log(product_present)
                product_kept = product_present = 1.0
        kept += math.log(product_kept)
        present += math.log(product_present)
    return kept, present


@kernel
def _channel(mx, my, mean_square, vy, mean_product):  # type: ignore[no-untyped-def]
    """Gain, variance of the rest, and variance of the source, as in VIF."""
    vx = max(mean_square - mx * mx, 0.0)
    covariance = mean_product - mx * my
    gain = covariance / (vx + _EPSILON)
    rest = vy - gain * covariance
    if vx < _EPSILON:
        gain, rest, vx = 0.0, vy, 0.0
    if vy < _EPSILON:
        gain, rest = 0.0, 0.0
    if gain < 0.0:
        gain, rest = 0.0, vy
    return gain, max(rest, _EPSILON), vx
