"""EI, edge intensity of the fused image."""

from __future__ import annotations

import numpy as np

from ivif_bench.tasks.quality.plain import sobel
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="EI",
        entry="edge_intensity",
        plain="plain",
        title="Edge intensity",
        direction="up",
        range=(0.0, 1140.4),
        unit="",
        reference="as in Zhang, Ye and Xiao, VIFB: a visible and infrared image fusion benchmark, "
        "CVPR Workshops 2020",
        needs_sources=False,
        unrounded=True,
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """EI in plain numpy.

    >>> ramp = np.array([[0, 1, 2, 3]], np.uint8)
    >>> plain(ramp, ramp, ramp)  # 4, 8, 8, 4
    6.0
    """
    return float(np.hypot(*sobel(fused, "edge")).mean())


def edge_intensity(shared: Shared) -> float:
    """EI = mean √(Sx²+Sy²) of the fused image, Sobel weights 1, 2, 1, border pixels repeated.

    0 for a constant image, at most 255·√20. VIFB's published values agree to half a unit of
    their fifth digit.

    >>> import numpy as np
    >>> ramp = np.tile(np.arange(4, dtype=np.uint8), (3, 1))
    >>> edge_intensity(Shared(ramp, ramp, ramp))  # 8 inside, half of it at the two borders
    6.0
    """
    from ivif_bench.tasks.quality.kernels.sobel import mean_strength

    return shared.part(mean_strength)
