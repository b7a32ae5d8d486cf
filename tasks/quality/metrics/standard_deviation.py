"""SD, standard deviation of the fused image."""

from __future__ import annotations

import math

from tasks.quality.registry import MetricSpec
from tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="SD",
        entry="tasks.quality.metrics.standard_deviation:standard_deviation",
        title="Standard deviation",
        direction="up",
        range=(0.0, 127.5),
        unit="levels",
        reference="Rao, In-fibre Bragg grating sensors, Meas. Sci. Technol. 1997",
    ),
)


def standard_deviation(shared: Shared) -> float:
    """SD = √(mean (F − F̄)²), of the population (divided by the number of pixels, not one less).

    >>> import numpy as np
    >>> halves = np.array([[10, 20], [20, 10]], np.uint8)
    >>> standard_deviation(Shared(halves, halves, halves))
    5.0
    """
    from tasks.quality.kernels.moments import moments

    found = shared.part(moments)
    return math.sqrt(found.ff) / found.pixels
