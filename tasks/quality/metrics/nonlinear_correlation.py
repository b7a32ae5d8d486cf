"""NCIE, nonlinear correlation information entropy of the three images."""

from __future__ import annotations

import itertools
import math

import numpy as np

from ivif_bench.tasks.quality.plain import bits, shared_bits
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="NCIE",
        entry="nonlinear_correlation",
        plain="plain",
        title="Nonlinear correlation information entropy",
        direction="up",
        range=(1.0 - math.log2(3.0) / 8.0, 1.0),
        unit="",
        reference="Wang, Shen, Zhang, A nonlinear correlation measure for multivariable data set, "
        "Physica D 2005",
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """NCIE in plain numpy.

    >>> flat = np.zeros((2, 2), np.uint8)
    >>> plain(flat, flat, flat) == 1 - math.log2(3) / 8  # three eigenvalues of 1
    True
    """
    matrix = np.eye(3)
    for (i, x), (j, y) in itertools.combinations(enumerate((infrared, visible, fused)), 2):
        matrix[i, j] = matrix[j, i] = shared_bits(x, y) / 8
    shares = np.linalg.eigvalsh(matrix) / 3
    return float(1 - bits(shares) / 8)


def nonlinear_correlation(shared: Shared) -> float:
    """NCIE = 1 + Σ (λ/3) log256(λ/3), 0.8019..1, λ the eigenvalues of the correlation matrix.

    The matrix has ones on its diagonal and I(X;Y)/8 bits for each two of infrared, visible and
    fused image. 0.8019 = 1 − log256 3 where no two share information, as where all are constant.
    Published programs stretch each image to 0..255 before, which changes no entropy. Defined in
    papers only: tested against scikit-learn's mutual information and on properties.

    >>> every_level = np.arange(256, dtype=np.uint8).reshape(16, 16)
    >>> round(nonlinear_correlation(Shared(every_level, every_level, every_level)), 12)
    1.0
    """
    from ivif_bench.tasks.quality.kernels.histograms import histograms
    from ivif_bench.tasks.quality.kernels.pair_information import mutual_bits, source_histogram

    h = shared.part(histograms)
    infrared_visible = mutual_bits(shared.part(source_histogram)) / 8.0
    infrared_fused = mutual_bits(h.infrared_fused) / 8.0
    visible_fused = mutual_bits(h.visible_fused) / 8.0
    matrix = [
        [1.0, infrared_visible, infrared_fused],
        [infrared_visible, 1.0, visible_fused],
        [infrared_fused, visible_fused, 1.0],
    ]
    shares = np.linalg.eigvalsh(matrix) / 3.0
    present = shares[shares > 0.0]  # never below 0 but for rounding
    return 1.0 + float((present * np.log2(present)).sum()) / 8.0
