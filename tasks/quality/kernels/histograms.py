"""Joint histograms of each source with the fused image; every marginal is a sum of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.shared import Shared

# c log2 c of small counts, which most cells of a joint histogram have.
_WEIGHTED = np.array([c * math.log2(c) if c else 0.0 for c in range(1024)])


@dataclass(frozen=True, slots=True)
class Histograms:
    """Pixel counts, int32.

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
    counts = np.zeros((2, 256, 256), np.int32)
    _count(shared.infrared.ravel(), shared.visible.ravel(), shared.fused.ravel(), counts)
    return Histograms(counts[0], counts[1])


def entropy_bits(counts: np.ndarray, epsilon: float = 0.0) -> float:
    """−Σ p log2(p + epsilon) over the levels that occur; 0 for a single level, never −0.

    Args:
        counts: whole numbers, of any shape.
    """
    if epsilon != 0.0:
        p = counts[counts > 0] / counts.sum()
        return float(-(p * np.log2(p + epsilon)).sum())
    total, levels, weighted = _weigh(counts.astype(np.int32, copy=False).ravel(), _WEIGHTED)
    return math.log2(total) - weighted / total if levels > 1 else 0.0


def top_merged(joint: np.ndarray) -> np.ndarray:
    """A joint histogram [256, 256] with levels 254 and 255 as one, of both images: [255, 255]."""
    rows = np.concatenate([joint[:254], joint[254:].sum(axis=0, keepdims=True)])
    return np.concatenate([rows[:, :254], rows[:, 254:].sum(axis=1, keepdims=True)], axis=1)


@kernel
def _count(a, b, f, counts):  # type: ignore[no-untyped-def]
    for i in range(f.size):
        counts[0, a[i], f[i]] += 1
        counts[1, b[i], f[i]] += 1


@kernel
def _weigh(counts, weighted):  # type: ignore[no-untyped-def]
    """Σ c, how many c there are, and Σ c log2 c, over the counts c above 0."""
    total, levels, score = 0, 0, 0.0
    for c in counts:
        if c > 0:
            total += c
            levels += 1
            score += weighted[c] if c < weighted.size else c * math.log2(c)
    return total, levels, score
