"""MS-SSIM of the fused image with both sources."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ivif_bench.tasks.quality.plain import floats, gaussian, window_moments
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="MS-SSIM",
        entry="multiscale_structural_similarity",
        plain="plain",
        title="Multiscale structural similarity",
        direction="up",
        range=(0.0, 2.0),
        unit="",
        reference="Wang et al., Multiscale structural similarity for image quality assessment, Asilomar 2003",
        version=2,
        unrounded=True,
    ),
)

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_SMALLEST_SIDE = 161  # below it no 11x11 window is left at the fifth scale


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """MS-SSIM in plain numpy.

    >>> black, white = np.zeros((176, 176), np.uint8), np.full((176, 176), 255, np.uint8)
    >>> value = 1 + (6.5025 / (255**2 + 6.5025)) ** 0.1333  # C1/(255² + C1) at the last scale
    >>> abs(plain(black, white, black) - value) < 1e-12
    True
    """
    a, b, f = floats(infrared, visible, fused)
    return _similarity(a, f) + _similarity(b, f)


def _similarity(x: np.ndarray, y: np.ndarray) -> float:
    product = 1.0
    for scale, weight in enumerate(_WEIGHTS, start=1):
        mx, my, vx, vy, c = window_moments(x, y, gaussian(11, 1.5))
        found = (2 * c + _C2) / (vx + vy + _C2)
        if scale == len(_WEIGHTS):
            found *= (2 * mx * my + _C1) / (mx**2 + my**2 + _C1)
        product *= max(float(found.mean()), 0.0) ** weight
        x, y = _halved(x), _halved(y)
    return product


def _halved(plane: np.ndarray) -> np.ndarray:
    """2x2 means; zeros before the first line of an odd side."""
    even = np.pad(plane, [(side % 2, 0) for side in plane.shape])
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def multiscale_structural_similarity(
    shared: Shared, window: Literal["exact", "float32"] = "exact", data_range: float = 255.0
) -> float:
    """MS-SSIM = ms(A,F) + ms(B,F), ms = Π cs_s^w_s (s = 1..4) · ssim_5^w_5, 0..2.

    cs is the mean of (2c+C2)/(vx+vy+C2); negative means count as 0. Gaussian 11x11, σ 1.5; scales
    are halved by 2x2 means as in pytorch-msssim (zeros before the first line of an odd side).

    Args:
        window: ``exact`` sums to one; ``float32`` has the taps of pytorch-msssim, normalised in
            single precision.
        data_range: L in C1 = (0.01 L)² and C2 = (0.03 L)². Images multiplied by k with range L are
            these images with range L/k: 1 for a toolkit that multiplies 0..255 by 255.
    """
    from ivif_bench.tasks.quality.kernels.structure import structure
    from ivif_bench.tasks.quality.kernels.windows import similarity_taps

    shared.need_side(_SMALLEST_SIDE)
    taps = similarity_taps("gaussian" if window == "exact" else window)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    product = np.ones(2)
    for scale, weight in enumerate(_WEIGHTS):
        means = shared.part(structure, taps, scale, c1, c2, 1.0)
        last = scale == len(_WEIGHTS) - 1
        product *= np.maximum(means.whole if last else means.contrast, 0.0) ** weight
    return float(product.sum())
