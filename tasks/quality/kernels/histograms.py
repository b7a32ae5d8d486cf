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


def entropy_bits(counts: np.ndarray, epsilon: float = 0.0) -> float:
    """−Σ p log2(p + epsilon) over the levels that occur; 0 for a single level, never −0."""
    present = counts[counts > 0]
    p = present / present.sum()
    return float(-(p * np.log2(p + epsilon)).sum()) + 0.0


def top_merged(joint: np.ndarray) -> np.ndarray:
    """A joint histogram [256, 256] with levels 254 and 255 as one, of both images: [255, 255]."""
    rows = np.concatenate([joint[:254], joint[254:].sum(axis=0, keepdims=True)])
    return np.concatenate([rows[:, :254], rows[:, 254:].sum(axis=1, keepdims=True)], axis=1)


@kernel
def _count(a, b, f, counts):  # type: ignore[no-untyped-def]
    for i in range(f.size):
        counts[0, a[i], f[i]] += 1
        counts[1, b[i], f[i]] += 1
