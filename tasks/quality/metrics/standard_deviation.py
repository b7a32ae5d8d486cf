"""SD, standard deviation of the fused image."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="SD",
        entry="standard_deviation",
        plain="plain",
        title="Standard deviation",
        direction="up",
        range=(0.0, 127.5),
        unit="levels",
        reference="textbook; for fusion: Ma, Ma and Li, Infrared and visible image fusion methods "
        "and applications: a survey, Information Fusion 2019",
        needs_sources=False,
        unrounded=True,
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """SD in plain numpy.

    >>> halves = np.array([[10, 20], [20, 10]], np.uint8)
    >>> plain(halves, halves, halves)
    5.0
    """
    f = fused.astype(np.float64)
    return float(np.sqrt(((f - f.mean()) ** 2).mean()))


def standard_deviation(shared: Shared, arithmetic: Literal["exact", "uint8"] = "exact") -> float:
    """SD = √(mean (F − F̄)²), of the population (divided by the number of pixels, not one less).

    Args:
        arithmetic: ``uint8`` rounds F − F̄ to 0..255 and cuts its square at 255, which is what
            8-bit images do in MATLAB; it is not a standard deviation, and at most √255.

    >>> import numpy as np
    >>> halves = np.array([[10, 20], [20, 10]], np.uint8)
    >>> standard_deviation(Shared(halves, halves, halves))
    5.0
    """
    from ivif_bench.tasks.quality.kernels.moments import moments

    if arithmetic == "uint8":
        return _saturated(shared)
    found = shared.part(moments)
    return math.sqrt(found.ff) / found.pixels


def _saturated(shared: Shared) -> float:
    from ivif_bench.tasks.quality.kernels.histograms import histograms

    counts = shared.part(histograms).fused
    pixels, levels = int(counts.sum()), np.arange(256)
    mean = int((counts * levels).sum()) / pixels
    above = np.floor(np.maximum(levels - mean, 0.0) + 0.5)  # halves up, as MATLAB rounds
    return math.sqrt(float((counts * np.minimum(above * above, 255.0)).sum()) / pixels)
