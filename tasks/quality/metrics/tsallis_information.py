"""Q_TE, Tsallis' mutual information of the fused image and the sources."""

from __future__ import annotations

import numpy as np

from ivif_bench.tasks.quality.plain import joint_shares
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

_ORDER = 1.85

SPECS = (
    MetricSpec(
        name="Q_TE",
        entry="tsallis_information",
        plain="plain",
        title="Tsallis mutual information",
        direction="up",
        range=(0.0, 2.0 * (256.0 ** (_ORDER - 1.0) - 1.0) / (_ORDER - 1.0)),
        unit="",
        reference="Cvejic, Canagarajah, Bull, Image fusion metric based on mutual information and "
        "Tsallis entropy, Electron. Lett. 2006",
    ),
)


def plain(
    infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray, order: float = _ORDER
) -> float:
    """Q_TE in plain numpy.

    >>> a = np.array([[0, 0], [9, 9]], np.uint8)
    >>> plain(a, a.T, a, order=2.0)  # A: Σ h²/(p p) = 2 · (1/2)²/(1/4), less 1; B shares nothing
    1.0
    """
    total = 0.0
    for source in (infrared, visible):
        h = joint_shares(source, fused)
        independent = np.outer(h.sum(axis=1), h.sum(axis=0))[h > 0]
        total += (1 - (h[h > 0] ** order / independent ** (order - 1)).sum()) / (1 - order)
    return float(total)


def tsallis_information(shared: Shared, order: float = _ORDER) -> float:
    """Q_TE = I_q(A;F) + I_q(B;F), I_q(X;F) = (1 − Σ h^q / (p_X p_F)^(q−1)) / (1 − q), q = 1.85.

    h is the joint histogram of a source and the fused image, p_X and p_F are its marginals. Near
    q = 1 it is MI in nats. 0 for a constant fused image, 0..259.9. Defined in papers only: tested
    on closed forms and properties.

    Args:
        order: Tsallis' q, above 0 and not 1.

    >>> halves = np.array([[0, 1]], np.uint8)
    >>> tsallis_information(Shared(halves, halves, halves), order=2.0)
    2.0
    """
    from ivif_bench.tasks.quality.kernels.histograms import histograms

    h = shared.part(histograms)
    return _information(h.infrared_fused, order) + _information(h.visible_fused, order)


def _information(counts: np.ndarray, order: float) -> float:
    rows, columns = np.nonzero(counts)
    joint = counts[rows, columns] / counts.sum()
    # Rows and columns with a pixel have counts of their own, so nothing is divided by 0.
    independent = (counts.sum(axis=1)[rows] / counts.sum()) * (
        counts.sum(axis=0)[columns] / counts.sum()
    )
    # h^q / (p_X p_F)^(q−1), so written that independent images give 1 exactly or nearly.
    ratio = float((joint * (joint / independent) ** (order - 1.0)).sum())
    return max((1.0 - ratio) / (1.0 - order), 0.0)
