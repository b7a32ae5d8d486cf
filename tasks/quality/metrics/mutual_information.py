"""MI, mutual information of the fused image and the sources."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ivif_bench.tasks.quality.plain import bits, joint_shares
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="MI",
        entry="mutual_information",
        plain="plain",
        title="Mutual information",
        direction="up",
        range=(0.0, 16.0),
        unit="bits",
        reference="Qu et al., Information measure for performance of image fusion, Electron. Lett. 2002",
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """MI in plain numpy.

    >>> a = np.array([[0, 0], [9, 9]], np.uint8)
    >>> plain(a, a.T, a)  # one bit shared with A, none with B
    1.0
    """
    total = 0.0
    for source in (infrared, visible):
        both = joint_shares(source, fused)
        total += bits(both.sum(axis=1)) + bits(both.sum(axis=0)) - bits(both)
    return float(total)


def mutual_information(
    shared: Shared, unit: Literal["bits", "nats"] = "bits", joint_top_merged: bool = False
) -> float:
    """MI = I(A;F) + I(B;F) with I(X;F) = H(X) + H(F) − H(X,F), from exact 256-level histograms.

    Args:
        unit: ``bits`` (0..16) or ``nats`` (times ln 2).
        joint_top_merged: levels 254 and 255 are one in H(X,F), though not in H(X) and H(F): what
            8-bit arithmetic makes of "level + 1" in MATLAB.

    >>> import numpy as np
    >>> a = np.array([[0, 1], [2, 3]], np.uint8)
    >>> mutual_information(Shared(a, a, a))
    4.0
    """
    from ivif_bench.tasks.quality.kernels.histograms import entropy_bits, histograms, top_merged

    h = shared.part(histograms)
    with_infrared, with_visible = h.infrared_fused, h.visible_fused
    if joint_top_merged:
        with_infrared, with_visible = top_merged(with_infrared), top_merged(with_visible)
    fused = entropy_bits(h.fused)
    bits = (entropy_bits(h.infrared) + fused - entropy_bits(with_infrared)) + (
        entropy_bits(h.visible) + fused - entropy_bits(with_visible)
    )
    return bits * math.log(2.0) if unit == "nats" else bits
