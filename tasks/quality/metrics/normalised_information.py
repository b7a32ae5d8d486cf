"""Q_MI and NMI, mutual information as a share of the entropy there is."""

from __future__ import annotations

import numpy as np

from ivif_bench.tasks.quality.plain import bits, level_shares, shared_bits
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="Q_MI",
        entry="normalised_information",
        plain="plain_q_mi",
        title="Normalised mutual information (Hossny)",
        direction="up",
        range=(0.0, 2.0),
        unit="",
        reference="Hossny et al., Comments on 'Information measure for performance of image "
        "fusion', Electron. Lett. 2008",
    ),
    MetricSpec(
        name="NMI",
        entry="information_per_source_entropy",
        plain="plain_nmi",
        title="Mutual information over the sources' entropy",
        direction="up",
        range=(0.0, 2.0),
        unit="",
        reference="IVIF_ZOO's evaluator; no paper. Normalised mutual information is Q_MI",
    ),
)


def plain_q_mi(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """Q_MI in plain numpy.

    >>> a = np.array([[0, 0], [9, 9]], np.uint8)
    >>> plain_q_mi(a, a.T, a)  # 2 · 1/(1 + 1), and 2 · 0/(1 + 1)
    1.0
    """
    sources = (infrared, visible)
    entropies = [bits(level_shares(x)) + bits(level_shares(fused)) for x in sources]
    shared = [shared_bits(x, fused) for x in sources]
    return float(2 * (shared[0] / entropies[0] + shared[1] / entropies[1]))


def normalised_information(shared: Shared) -> float:
    """Q_MI = 2 [I(A;F)/(H_A+H_F) + I(B;F)/(H_B+H_F)], 0..2; 2 for F = A = B.

    Published programs stretch each image to 0..255 before. That maps levels one to one, so it
    changes no histogram's entropy: there is no setting for it. Undefined where the fused image and
    a source are constant. Defined in papers only: tested against scikit-learn and on properties.

    >>> import numpy as np
    >>> a = np.array([[0, 1], [2, 3]], np.uint8)
    >>> normalised_information(Shared(a, a, a))
    2.0
    """
    from ivif_bench.tasks.quality.kernels.histograms import entropy_bits, histograms
    from ivif_bench.tasks.quality.kernels.pair_information import mutual_bits

    h = shared.part(histograms)
    total = 0.0
    for source, joint in ((h.infrared, h.infrared_fused), (h.visible, h.visible_fused)):
        entropies = entropy_bits(source) + entropy_bits(h.fused)
        if entropies == 0.0:
            raise Undefined("constant_fused")
        total += 2.0 * mutual_bits(joint) / entropies
    return total


def plain_nmi(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """NMI in plain numpy.

    >>> a = np.array([[0, 0], [9, 9]], np.uint8)
    >>> plain_nmi(a, a.T, a)  # 2 · (1 + 0)/(1 + 1)
    1.0
    """
    shared = shared_bits(infrared, fused) + shared_bits(visible, fused)
    return float(2 * shared / (bits(level_shares(infrared)) + bits(level_shares(visible))))


def information_per_source_entropy(shared: Shared) -> float:
    """NMI = 2 [I(A;F) + I(B;F)] / (H_A + H_B), 0..2; 2 for F = A = B.

    For given sources it ranks as MI does. Undefined where both sources are constant. No recorded
    value exists; tested on properties.

    >>> import numpy as np
    >>> a, flat = np.array([[0, 1], [2, 3]], np.uint8), np.zeros((2, 2), np.uint8)
    >>> information_per_source_entropy(Shared(a, flat, a))
    2.0
    """
    from ivif_bench.tasks.quality.kernels.histograms import entropy_bits, histograms
    from ivif_bench.tasks.quality.kernels.pair_information import mutual_bits

    h = shared.part(histograms)
    entropies = entropy_bits(h.infrared) + entropy_bits(h.visible)
    if entropies == 0.0:
        raise Undefined("constant_source")
    return 2.0 * (mutual_bits(h.infrared_fused) + mutual_bits(h.visible_fused)) / entropies
