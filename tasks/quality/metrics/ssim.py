"""SSIM of the fused image with both sources."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ivif_bench.tasks.quality.plain import floats, gaussian, window_moments
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="SSIM",
        entry="structural_similarity",
        plain="plain",
        title="Structural similarity",
        direction="up",
        range=(-2.0, 2.0),
        unit="",
        reference="Wang et al., Image quality assessment: from error visibility to structural "
        "similarity, IEEE TIP 2004",
        version=2,
        unrounded=True,
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """SSIM in plain numpy.

    >>> black, white = np.zeros((11, 11), np.uint8), np.full((11, 11), 255, np.uint8)
    >>> round(plain(black, white, black), 6)  # 1, and C1/(255²+C1)
    1.0001
    """
    a, b, f = floats(infrared, visible, fused)
    return _mean_similarity(a, f) + _mean_similarity(b, f)


def _mean_similarity(x: np.ndarray, y: np.ndarray) -> float:
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mx, my, vx, vy, c = window_moments(x, y, gaussian(11, 1.5))
    means = (2 * mx * my + c1) / (mx**2 + my**2 + c1)
    return float((means * (2 * c + c2) / (vx + vy + c2)).mean())


def structural_similarity(
    shared: Shared,
    window: Literal["gaussian", "float32", "uniform"] = "gaussian",
    data_range: float = 255.0,
    sample: bool = False,
) -> float:
    """SSIM = ssim(A,F) + ssim(B,F), each the mean of the map over the windows inside the image.

    (2μxμy+C1)(2c+C2)/((μx²+μy²+C1)(vx+vy+C2)), C1 = (0.01 L)², C2 = (0.03 L)².

    Args:
        window: Gaussian 11x11, σ 1.5, exact or with pytorch-msssim's taps, normalised in single
            precision; or uniform 7x7.
        data_range: L. Images multiplied by k with range L are these images with range L/k: 1 for
            a toolkit that multiplies 0..255 by 255.
        sample: variances and covariance with n−1 instead of n.
    """
    from ivif_bench.tasks.quality.kernels.structure import structure
    from ivif_bench.tasks.quality.kernels.windows import similarity_taps

    taps = similarity_taps(window)
    side = 2 * len(taps) - 1
    shared.need_side(side)
    unbias = side * side / (side * side - 1) if sample else 1.0
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return sum(shared.part(structure, taps, 0, c1, c2, unbias).whole)
