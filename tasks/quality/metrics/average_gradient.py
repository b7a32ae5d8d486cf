"""AG, average gradient of the fused image."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="AG",
        entry="average_gradient",
        plain="plain",
        title="Average gradient",
        direction="up",
        range=(0.0, 4.0 * 255.0),  # a 2x2 checkerboard divided by one; below 256 from 64x64 on
        unit="levels",
        reference="Cui et al., Detail preserved fusion of visible and infrared images, Opt. Commun. 2015",
        needs_sources=False,
        unrounded=True,
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """AG in plain numpy.

    >>> slope = np.array([[0, 4, 8], [4, 8, 12], [8, 12, 16]], np.uint8)
    >>> plain(slope, slope, slope)  # gx = gy = 4 in 9 pixels, divided by 2·2
    9.0
    """
    down, across = np.gradient(fused.astype(np.float64))
    rows, columns = fused.shape
    return float(np.sqrt((across**2 + down**2) / 2).sum() / ((rows - 1) * (columns - 1)))


def average_gradient(shared: Shared, divisor: Literal["inner", "pixels"] = "inner") -> float:
    """AG = Σ √((gx²+gy²)/2) / D, gradients as in ``numpy.gradient``: central, one-sided at ends.

    Args:
        divisor: D = (M−1)(N−1) for ``inner``, M·N for ``pixels``. Needs two rows and columns.

    >>> import numpy as np
    >>> ramp = np.tile(np.arange(5, dtype=np.uint8) * 8, (5, 1))
    >>> round(average_gradient(Shared(ramp, ramp, ramp), divisor="pixels") * 2**0.5, 12)
    8.0
    """
    from ivif_bench.tasks.quality.kernels.differences import differences

    rows, columns = shared.shape
    total = shared.part(differences).gradient
    return total / ((rows - 1) * (columns - 1) if divisor == "inner" else rows * columns)
