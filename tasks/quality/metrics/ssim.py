"""SSIM of the fused image with both sources."""

from __future__ import annotations

from typing import Literal

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="SSIM",
        entry="structural_similarity",
        title="Structural similarity",
        direction="up",
        range=(-2.0, 2.0),
        unit="",
        reference="Wang et al., Image quality assessment: from error visibility to structural "
        "similarity, IEEE TIP 2004",
        version=2,
    ),
)


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
