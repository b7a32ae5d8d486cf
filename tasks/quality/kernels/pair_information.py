"""Mutual information of two of the three images, and the sources' joint histogram for it."""

from __future__ import annotations

import numpy as np

from ivif_bench.tasks.quality.kernels.histograms import entropy_bits
from ivif_bench.tasks.quality.shared import Shared


def source_histogram(shared: Shared) -> np.ndarray:
    """Part: pixel counts [256, 256], infrared level by visible level."""
    cells = shared.infrared.ravel() * np.intp(256) + shared.visible.ravel()
    return np.bincount(cells, minlength=256 * 256).reshape(256, 256)


def mutual_bits(counts: np.ndarray) -> float:
    """I(X;Y) = H(X) + H(Y) − H(X,Y) of a joint histogram; never below 0."""
    separate = entropy_bits(counts.sum(axis=1)) + entropy_bits(counts.sum(axis=0))
    return max(separate - entropy_bits(counts), 0.0)
