"""CE, cross entropy of the sources' histograms and that of the fused image."""

from __future__ import annotations

import math

import numpy as np

from ivif_bench.tasks.quality.plain import level_shares
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="CE",
        entry="cross_entropy",
        plain="plain",
        title="Cross entropy",
        direction="down",
        range=(-0.531, math.inf),
        unit="bits",
        reference="as in Zhang, Ye and Xiao, VIFB: a visible and infrared image fusion benchmark, "
        "CVPR Workshops 2020",
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """CE in plain numpy.

    >>> a = np.array([[0, 0, 0, 1]], np.uint8)
    >>> f = np.array([[0, 0, 1, 1]], np.uint8)
    >>> value = (3 / 4 * math.log2(3 / 2) + 1 / 4 * math.log2(1 / 2)) / 2
    >>> math.isclose(plain(a, f, f), value)
    True
    """
    q, total = level_shares(fused), 0.0
    for p in (level_shares(infrared), level_shares(visible)):
        common = (p > 0) & (q > 0)
        if q.max() == 1 or not common.any():
            return math.nan
        total += (p[common] * np.log2(p[common] / q[common])).sum()
    return float(total / 2)


def cross_entropy(shared: Shared) -> float:
    """CE = (D(A,F) + D(B,F)) / 2, D(X,F) = Σ p log2(p/q) over the levels that both images have.

    p and q are the shares of a level in the source and in the fused image. 0 for equal histograms.
    Levels that one image lacks are left out (the full divergence would mostly be infinite), so a
    value can fall below 0, to no less than −log2(e)/e. VIFB's published values agree to half a
    unit of their fifth digit. Undefined where the fused image has no level in common with a source,
    or only one level at all: the sum then has one term, near 0, the value of a perfect image.

    >>> import numpy as np
    >>> a = np.array([[0, 0, 0, 1]], np.uint8)
    >>> f = np.array([[0, 0, 1, 1]], np.uint8)
    >>> round(cross_entropy(Shared(a, f, f)), 6)  # half of 3/4 log2(3/2) + 1/4 log2(1/2)
    0.094361
    """
    from ivif_bench.tasks.quality.kernels.histograms import histograms

    counts = shared.part(histograms)
    fused = counts.fused
    if np.count_nonzero(fused) == 1:
        raise Undefined("constant_fused")
    return (_divergence(counts.infrared, fused) + _divergence(counts.visible, fused)) / 2


def _divergence(source: np.ndarray, fused: np.ndarray) -> float:
    common = (source > 0) & (fused > 0)
    if not common.any():
        raise Undefined("no_common_levels")
    p, q = source[common] / source.sum(), fused[common] / fused.sum()
    return float((p * np.log2(p / q)).sum())
