"""EN, entropy of the fused image."""

from __future__ import annotations

import numpy as np

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="EN",
        entry="entropy",
        plain="plain",
        title="Entropy",
        direction="up",
        range=(0.0, 8.0),
        unit="bits",
        reference="Roberts et al., Assessment of image fusion procedures, J. Appl. Remote Sens. 2008",
        needs_sources=False,
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """EN in plain numpy.

    >>> quarters = np.array([[1, 2], [3, 4]], np.uint8)
    >>> plain(quarters, quarters, quarters)
    2.0
    """
    p = np.bincount(fused.ravel()) / fused.size
    return float(-(p[p > 0] * np.log2(p[p > 0])).sum())


def entropy(shared: Shared, log_epsilon: float = 0.0) -> float:
    """EN = −Σ p_k log2 p_k over the 256 levels of the fused image, 0..8 bits.

    Args:
        log_epsilon: added to p_k inside the logarithm, as some toolkits do.

    >>> import numpy as np
    >>> halves = np.repeat(np.array([[10, 200]], np.uint8), 4, axis=0)
    >>> entropy(Shared(halves, halves, halves))
    1.0
    """
    from ivif_bench.tasks.quality.kernels.histograms import entropy_bits, histograms

    return entropy_bits(shared.part(histograms).fused, log_epsilon)
