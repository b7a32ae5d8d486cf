"""SF, spatial frequency of the fused image."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="SF",
        entry="spatial_frequency",
        plain="plain",
        title="Spatial frequency",
        direction="up",
        range=(0.0, 255.0 * math.sqrt(2.0)),
        unit="levels",
        reference="Eskicioglu and Fisher, Image quality measures and their performance, "
        "IEEE Trans. Commun. 1995",
        needs_sources=False,
        unrounded=True,
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """SF in plain numpy.

    >>> stripes = np.array([[0, 3], [4, 7]], np.uint8)
    >>> plain(stripes, stripes, stripes)  # √(3² + 4²)
    5.0
    """
    f = fused.astype(np.float64)
    return float(np.sqrt((np.diff(f, axis=1) ** 2).mean() + (np.diff(f, axis=0) ** 2).mean()))


def spatial_frequency(
    shared: Shared,
    divisor: Literal["differences", "pixels"] = "differences",
    scale: float = 1.0,
) -> float:
    """SF = √(mean (F[i,j]−F[i,j−1])² + mean (F[i,j]−F[i−1,j])²). Needs two rows and columns.

    Args:
        divisor: of the means: the differences that exist, M(N−1) and (M−1)N; or M·N of both.
        scale: factor on the values 0..255, such as 1/255.

    >>> import numpy as np
    >>> stripes = np.array([[0, 3], [4, 7]], np.uint8)
    >>> spatial_frequency(Shared(stripes, stripes, stripes))
    5.0
    """
    from ivif_bench.tasks.quality.kernels.differences import differences

    rows, columns = shared.shape
    found = shared.part(differences)
    if divisor == "pixels":
        return scale * math.sqrt((found.horizontal + found.vertical) / (rows * columns))
    across = found.horizontal / (rows * (columns - 1))
    down = found.vertical / ((rows - 1) * columns)
    return scale * math.sqrt(across + down)
