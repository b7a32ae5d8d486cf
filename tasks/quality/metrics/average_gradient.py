"""AG, average gradient of the fused image."""

from __future__ import annotations

from typing import Literal

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="AG",
        entry="average_gradient",
        title="Average gradient",
        direction="up",
        range=(0.0, 4.0 * 255.0),  # a 2x2 checkerboard divided by one; below 256 from 64x64 on
        unit="levels",
        reference="Cui et al., Detail preserved fusion of visible and infrared images, Opt. Commun. 2015",
    ),
)


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
