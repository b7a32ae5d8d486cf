"""CC, correlation of the fused image with the sources."""

from __future__ import annotations

import numpy as np

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="CC",
        entry="correlation_coefficient",
        plain="plain",
        title="Correlation coefficient",
        direction="up",
        range=(-1.0, 1.0),
        unit="",
        reference="Deshmukh and Bhosale, Image fusion and image quality assessment of "
        "fused images, IJIP 2010",
        unrounded=True,
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """CC in plain numpy.

    >>> a = np.array([[1, 2], [3, 4]], np.uint8)
    >>> b = np.array([[1, 2], [1, 2]], np.uint8)
    >>> round(plain(a, b, b), 6)  # (1/√5 + 1)/2
    0.723607
    """
    r = np.corrcoef([infrared.ravel(), visible.ravel(), fused.ravel()])
    return float((r[0, 2] + r[1, 2]) / 2)


def correlation_coefficient(shared: Shared) -> float:
    """CC = (r(A,F) + r(B,F)) / 2 with Pearson's r, −1..1.

    Undefined (0/0) where the fused image or a source is constant.

    >>> import numpy as np
    >>> a = np.array([[1, 2], [3, 4]], np.uint8)
    >>> correlation_coefficient(Shared(a, 255 - a, a))
    0.0
    """
    from ivif_bench.tasks.quality.kernels.moments import correlation, moments

    m = shared.part(moments)
    if m.ff == 0:
        raise Undefined("constant_fused")
    if m.aa == 0 or m.bb == 0:
        raise Undefined("constant_source")
    return (correlation(m.af, m.aa, m.ff) + correlation(m.bf, m.bb, m.ff)) / 2
