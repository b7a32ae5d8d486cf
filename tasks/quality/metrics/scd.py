"""SCD, sum of the correlations of differences."""

from __future__ import annotations

import numpy as np

from ivif_bench.tasks.quality.plain import floats
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="SCD",
        entry="sum_of_correlations",
        plain="plain",
        title="Sum of the correlations of differences",
        direction="up",
        range=(-2.0, 2.0),
        unit="",
        reference="Aslantas and Bendes, A new image quality metric for image fusion, AEU 2015",
        unrounded=True,
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """SCD in plain numpy.

    >>> a, b = np.array([[0, 9], [0, 9]], np.uint8), np.array([[0, 0], [5, 5]], np.uint8)
    >>> plain(a, b, a + b)  # F − B = A, F − A = B
    2.0
    """
    a, b, f = (plane.ravel() for plane in floats(infrared, visible, fused))
    return float(np.corrcoef(f - b, a)[0, 1] + np.corrcoef(f - a, b)[0, 1])


def sum_of_correlations(shared: Shared) -> float:
    """SCD = r(F−B, A) + r(F−A, B), signed differences, −2..2.

    What the fused image has beyond one source should resemble the other. Undefined where a source
    is constant, or where the fused image equals a source up to a constant. A constant fused image
    gives the finite −2 r(A,B).

    >>> import numpy as np
    >>> a, b = np.array([[0, 9], [0, 9]], np.uint8), np.array([[0, 0], [5, 5]], np.uint8)
    >>> sum_of_correlations(Shared(a, b, a + b))
    2.0
    """
    from ivif_bench.tasks.quality.kernels.moments import correlation, moments

    m = shared.part(moments)
    if m.aa == 0 or m.bb == 0:
        raise Undefined("constant_source")
    # Moments of the differences follow from those of the images: no further pass, no rounding.
    without_visible = m.ff - 2 * m.bf + m.bb
    without_infrared = m.ff - 2 * m.af + m.aa
    if without_visible == 0 or without_infrared == 0:
        raise Undefined("fused_equals_source")
    return correlation(m.af - m.ab, without_visible, m.aa) + correlation(
        m.bf - m.ab, without_infrared, m.bb
    )
