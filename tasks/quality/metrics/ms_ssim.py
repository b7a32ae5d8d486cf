"""MS-SSIM of the fused image with both sources."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tasks.quality.registry import MetricSpec
from tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="MS-SSIM",
        entry="tasks.quality.metrics.ms_ssim:multiscale_structural_similarity",
        title="Multiscale structural similarity",
        direction="up",
        range=(0.0, 2.0),
        unit="",
        reference="Wang et al., Multiscale structural similarity for image quality assessment, Asilomar 2003",
    ),
)

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_SMALLEST_SIDE = 161  # below it no 11x11 window is left at the fifth scale
# pytorch-msssim's window: normalised in float32, so it sums to 0.99999996927. Centre first.
_FLOAT32_TAPS = (
    0.26601171493530273,
    0.21300552785396576,
    0.10936068743467331,
    0.036000773310661316,
    0.0075987582094967365,
    0.0010283803567290306,
)
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def multiscale_structural_similarity(
    shared: Shared, window: Literal["exact", "float32"] = "exact"
) -> float:
    """MS-SSIM = ms(A,F) + ms(B,F), ms = Π cs_s^w_s (s = 1..4) · ssim_5^w_5, 0..2.

    cs is the mean of (2c+C2)/(vx+vy+C2); negative means count as 0. Gaussian 11x11, σ 1.5; scales
    are halved by 2x2 means as in pytorch-msssim (zeros before the first line of an odd side).

    Args:
        window: ``exact`` sums to one; ``float32`` has the taps of pytorch-msssim, normalised in
            single precision.
    """
    from tasks.quality.kernels.structure import structure
    from tasks.quality.kernels.windows import gaussian_taps

    shared.need_side(_SMALLEST_SIDE)
    taps = _FLOAT32_TAPS if window == "float32" else tuple(gaussian_taps(11, 1.5).tolist())
    product = np.ones(2)
    for scale, weight in enumerate(_WEIGHTS):
        means = shared.part(structure, taps, scale, _C1, _C2, 1.0)
        last = scale == len(_WEIGHTS) - 1
        product *= np.maximum(means.whole if last else means.contrast, 0.0) ** weight
    return float(product.sum())
