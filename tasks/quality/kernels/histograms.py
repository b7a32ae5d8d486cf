"""Joint histograms of each source with the fused image; every marginal is a sum of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.quality.kernels.jit import kernel
from tasks.quality.shared import Shared


@dataclass(frozen=True, slots=True)
class Histograms:
    """Pixel counts, int64.

    Attributes:
        infrared_fused, visible_fused: [256, 256], level of the source by level of the fused image.
    """

    infrared_fused: np.ndarray
    visible_fused: np.ndarray

    @property
    def infrared(self) -> np.ndarray:
        """[256] counts of the infrared levels."""
        return np.asarray(self.infrared_fused.sum(axis=1))

    @property
    def visible(self) -> np.ndarray:
        """[256] counts of the visible levels."""
        return np.asarray(self.visible_fused.sum(axis=1))

    @property
    def fused(self) -> np.ndarray:
        """[256] counts of the fused levels."""
        return np.asarray(self.infrared_fused.sum(axis=0))


def histograms(shared: Shared) -> Histograms:
    """Part: both joint histograms, counted in one pass."""
    counts = np.zeros((2, 256, 256), np.int64)
    _count(shared.infrared.ravel(), shared.visible.ravel(), shared.fused.ravel(), counts)
    return Histograms(counts[0], counts[1])


def entropy_bits(counts: np.ndarray) -> float:
    """−Σ p log2 p over the levels that occur; 0 for a single level, never −0."""
    present = counts[counts > 0]
    p = present / present.sum()
    return float(-(p * np.log2(p)).sum()) + 0.0


@kernel
def _count(a, b, f, counts):  # type: ignore[no-untyped-def]
    for i in range(f.size):
        counts[0, a[i], f[i]] += 1
        counts[1, b[i], f[i]] += 1
