"""Sums over windows of the similarity of the fused image to the locally livelier source."""

from __future__ import annotations

from dataclasses import dataclass

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
    variance,
)
from ivif_bench.tasks.quality.shared import Shared

# Of the largest value squared: what rounding can leave of the variance of a flat window. Whole
# numbers 0..255 have no variance between this, 1.3e-9, and 1e-6 (11x11, one corner off by one).
_ROUNDING = 2e-14

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_C = 2e-16  # Yang's and Cvejic's C1 and C2


@dataclass(frozen=True, slots=True)
class Saliency:
    """Sums over all windows, with q = λ ssim(A,F) + (1−λ) ssim(B,F).

    Attributes:
        similarity: Σ q.
        weighted: Σ w q.
        weight: Σ w.
        windows: how many there are.
    """

    similarity: float
    weighted: float
    weight: float
    windows: int


def saliency(shared: Shared, images: Images, flat_weight: float) -> Saliency:
    """Part: Piella's sums with Gaussian windows 11x11, σ 1.5; needs sides of 11 pixels.

    λ = v_A/(v_A+v_B) and w = max(v_A, v_B), v the variances. Where both are 0, λ = 1/2 and
    w = ``flat_weight``.
    """
    planes, taps = shared.part(images), gaussian(11, 1.5)
    rounding, sums = _bound(planes), np.zeros(3)
    for products in product_bands(planes, taps.size):
        means = (filter_inside(product, taps) for product in products[:-1])
        sums += _saliency(*means, flat_weight, rounding)
    rows, columns = shared.shape
    windows = (rows - taps.size + 1) * (columns - taps.size + 1)
    return Saliency(float(sums[0]), float(sums[1]), float(sums[2]), windows)


def strengths(shared: Shared) -> Triple:
    """Part: Prewitt gradient strength of the three images, float64; zeros outside the image."""
    a, b, f = (_prewitt(image) for image in (shared.infrared, shared.visible, shared.fused))
    return a, b, f


def agreement(shared: Shared) -> tuple[float, float]:
    """Part: means over all windows of Yang's and of Cvejic's local quality; needs sides of 7.

    Gaussian windows 7x7, σ 1.5. Where neither source varies λ is 1/2, and likewise where neither
    varies together with the fused image.
    """
    planes, taps = shared.part(originals), gaussian(7, 1.5)
    rounding, sums = _bound(planes), np.zeros(2)
    for products in product_bands(planes, taps.size):
        means = (filter_inside(product, taps) for product in products)
        sums += _agreement(*means, rounding)
    rows, columns = shared.shape
    yang, cvejic = sums / ((rows - taps.size + 1) * (columns - taps.size + 1))
    return float(yang), float(cvejic)


def _bound(planes: Triple) -> float:
    return _ROUNDING * max(float(plane.max()) for plane in planes) ** 2


def _prewitt(image: np.ndarray) -> np.ndarray:
    smooth, step = np.ones(3), np.array([-1.0, 0.0, 1.0])
    across = cv2.sepFilter2D(image, cv2.CV_64F, step, smooth, borderType=cv2.BORDER_CONSTANT)
    down = cv2.sepFilter2D(image, cv2.CV_64F, smooth, step, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(np.sqrt(across * across + down * down))


@kernel
def _saliency(ma, mb, mf, aa, bb, ff, af, bf, flat_weight, rounding):  # type: ignore[no-untyped-def]
    similarity = weighted = weight = 0.0
    for i in range(ma.shape[0]):
        row_similarity = row_weighted = row_weight = 0.0
        for j in range(ma.shape[1]):
            va = variance(aa[i, j], ma[i, j], rounding)
            vb = variance(bb[i, j], mb[i, j], rounding)
            vf = variance(ff[i, j], mf[i, j], rounding)
            ssim_a = _ssim(ma[i, j], mf[i, j], va, vf, af[i, j], _C1, _C2)
            ssim_b = _ssim(mb[i, j], mf[i, j], vb, vf, bf[i, j], _C1, _C2)
            share = va / (va + vb) if va + vb > 0.0 else 0.5
            w = max(va, vb) if va + vb > 0.0 else flat_weight
            q = share * ssim_a + (1.0 - share) * ssim_b
            row_similarity += q
            row_weighted += w * q
            row_weight += w
        similarity += row_similarity
        weighted += row_weighted
        weight += row_weight
    return similarity, weighted, weight


@kernel
def _agreement(ma, mb, mf, aa, bb, ff, af, bf, ab, rounding):  # type: ignore[no-untyped-def]
    yang = cvejic = 0.0
    for i in range(ma.shape[0]):
        row_yang = row_cvejic = 0.0
        for j in range(ma.shape[1]):
            va = variance(aa[i, j], ma[i, j], rounding)
            vb = variance(bb[i, j], mb[i, j], rounding)
            vf = variance(ff[i, j], mf[i, j], rounding)
            ssim_a = _ssim(ma[i, j], mf[i, j], va, vf, af[i, j], _C, _C)
            ssim_b = _ssim(mb[i, j], mf[i, j], vb, vf, bf[i, j], _C, _C)
            if _ssim(ma[i, j], mb[i, j], va, vb, ab[i, j], _C, _C) >= 0.75:
                share = va / (va + vb) if va + vb > 0.0 else 0.5
                row_yang += share * ssim_a + (1.0 - share) * ssim_b
            else:
                row_yang += max(ssim_a, ssim_b)
            ca = _covariance(af[i, j], ma[i, j], mf[i, j], va, vf, rounding)
            cb = _covariance(bf[i, j], mb[i, j], mf[i, j], vb, vf, rounding)
            share = _share_of_covariance(ca, cb, rounding)
            row_cvejic += share * ssim_a + (1.0 - share) * ssim_b
        yang += row_yang
        cvejic += row_cvejic
    return yang, cvejic


@kernel
def _ssim(mx, my, vx, vy, mean_product, c1, c2):  # type: ignore[no-untyped-def]
    covariance = mean_product - mx * my if vx > 0.0 and vy > 0.0 else 0.0
    means = (2.0 * (mx * my) + c1) / (mx * mx + my * my + c1)
    return means * ((2.0 * covariance + c2) / (vx + vy + c2))


@kernel
def _covariance(mean_product, mx, my, vx, vy, rounding):  # type: ignore[no-untyped-def]
    found = mean_product - mx * my if vx > 0.0 and vy > 0.0 else 0.0
    return found if abs(found) > rounding else 0.0


@kernel
def _share_of_covariance(ca, cb, rounding):  # type: ignore[no-untyped-def]
    """ca/(ca+cb) within 0..1, with its limit where the sum is 0."""
    if abs(ca + cb) > rounding:
        return min(max(ca / (ca + cb), 0.0), 1.0)
    if ca == cb:
        return 0.5
    return 1.0 if ca > cb else 0.0
