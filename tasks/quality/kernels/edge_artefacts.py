"""Edges that the fused image has and no source, and edges of the sources that it lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.shared import Shared

# Gain, slope and centre of the sigmoids for strength (g) and direction (a).
GAIN_G, SLOPE_G, CENTRE_G = 0.9999, 19.0, 0.5
GAIN_A, SLOPE_A, CENTRE_A = 0.9995, 22.0, 0.5
STRONG = 2.0  # strength from which an edge has its full weight, its power of 1.5

_HALF_PI = math.pi / 2


@dataclass(frozen=True, slots=True)
class EdgeSums:
    """Σ (1−Q_A) w_A + (1−Q_B) w_B over the pixels where the judged image's edge is ...

    Attributes:
        added: stronger than those of both sources.
        below_either, below_both: not stronger than that of at least one source, of both.
        weights: Σ (w_A + w_B) over all pixels.
    """

    added: float
    below_either: float
    below_both: float
    weights: float


def edge_sums(
    shared: Shared, weak_weight: float, judged: Literal["fused", "infrared"] = "fused"
) -> EdgeSums:
    """Part: sums over all pixels; both sides of the image are at least 2.

    Args:
        weak_weight: of edges weaker than 2.
        judged: the image whose edges are compared with those of the other two.
    """
    a, b, f = shared.infrared, shared.visible, shared.fused
    if judged == "infrared":
        a, b, f = b, f, a
    sums = np.zeros((4, f.shape[0]))
    _edge_sums(a, b, f, weak_weight, sums)
    added, either, both, weights = (float(total) for total in sums.sum(axis=1))
    return EdgeSums(added, either, both, weights)


@kernel
def _edge_sums(a, b, f, weak_weight, sums):  # type: ignore[no-untyped-def]
    rows, columns = f.shape
    g, angle = np.empty((3, columns)), np.empty((3, columns))
    for i in range(rows):
        _sobel_line(a, i, g[0], angle[0])
        _sobel_line(b, i, g[1], angle[1])
        _sobel_line(f, i, g[2], angle[2])
        for j in range(columns):
            w_a = g[0, j] * math.sqrt(g[0, j]) if g[0, j] >= STRONG else weak_weight
            w_b = g[1, j] * math.sqrt(g[1, j]) if g[1, j] >= STRONG else weak_weight
            lost = w_a * (1.0 - _kept(g[0, j], angle[0, j], g[2, j], angle[2, j]))
            lost += w_b * (1.0 - _kept(g[1, j], angle[1, j], g[2, j], angle[2, j]))
            above_a, above_b = g[2, j] > g[0, j], g[2, j] > g[1, j]
            if above_a and above_b:
                sums[0, i] += lost
            else:
                sums[1, i] += lost
            if not above_a and not above_b:
                sums[2, i] += lost
            sums[3, i] += w_a + w_b


@kernel
def _kept(g_x, angle_x, g_f, angle_f):  # type: ignore[no-untyped-def]
    """Q, how much of an edge's strength and direction is preserved."""
    low, high = min(g_x, g_f), max(g_x, g_f)
    strength = low / high if high > 0.0 else 0.0
    direction = abs(abs(angle_x - angle_f) - _HALF_PI) / _HALF_PI
    q_g = GAIN_G / (1.0 + math.exp(-SLOPE_G * (strength - CENTRE_G)))
    q_a = GAIN_A / (1.0 + math.exp(-SLOPE_A * (direction - CENTRE_A)))
    return math.sqrt(q_g * q_a)


@kernel
def _sobel_line(image, i, g, angle):  # type: ignore[no-untyped-def]
    """Sobel/8 strength and direction of one row; the border is mirrored about its pixels."""
    rows, columns = image.shape
    above = image[i - 1 if i > 0 else 1]
    here = image[i]
    below = image[i + 1 if i < rows - 1 else rows - 2]
    for j in range(columns):
        left = j - 1 if j > 0 else 1
        right = j + 1 if j < columns - 1 else columns - 2
        x = (float(above[right]) + 2.0 * here[right] + below[right]) - (
            float(above[left]) + 2.0 * here[left] + below[left]
        )
        y = (float(below[left]) + 2.0 * below[j] + below[right]) - (
            float(above[left]) + 2.0 * above[j] + above[right]
        )
        g[j] = math.sqrt(x * x + y * y) / 8.0
        angle[j] = math.atan(x / y) if y != 0.0 else (0.0 if x == 0.0 else _HALF_PI)
