"""Nabf and LABF: edges that fusion added, and edges that it lost."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ivif_bench.tasks.quality.plain import ratio, sobel
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="Nabf",
        entry="added_edges",
        plain="plain_nabf",
        title="Fusion artefacts",
        direction="down",
        range=(0.0, 1.0),
        unit="",
        reference="Petrović and Xydeas, Objective image fusion performance characterisation, ICCV "
        "2005; as modified by Shreyamsha Kumar, Signal, Image and Video Processing 2013",
    ),
    MetricSpec(
        name="LABF",
        entry="lost_edges",
        plain="plain_labf",
        title="Loss of edge information",
        direction="down",
        range=(0.0, 1.0),
        unit="",
        reference="Petrović and Xydeas, Objective image fusion performance characterisation, ICCV "
        "2005; as modified by Shreyamsha Kumar, Signal, Image and Video Processing 2013",
    ),
)

_WEAK_WEIGHT = 0.001


def plain_nabf(
    infrared: np.ndarray,
    visible: np.ndarray,
    fused: np.ndarray,
    weak_weight: float = _WEAK_WEIGHT,
) -> float:
    """Nabf in plain numpy.

    >>> flat = np.full((3, 3), 10, np.uint8)
    >>> dot = np.array([[10, 10, 10], [10, 90, 10], [10, 10, 10]], np.uint8)
    >>> plain_nabf(dot, flat, dot)  # no edge is stronger than both sources'
    0.0
    """
    loss, weight, above_a, above_b = losses(infrared, visible, fused, weak_weight)
    return float(loss[above_a & above_b].sum() / weight)


def plain_labf(
    infrared: np.ndarray,
    visible: np.ndarray,
    fused: np.ndarray,
    weak_weight: float = _WEAK_WEIGHT,
    lost: Literal["either", "both"] = "either",
) -> float:
    """LABF in plain numpy.

    >>> flat = np.full((3, 3), 10, np.uint8)
    >>> step = np.array([[10, 90, 90], [10, 90, 90], [10, 90, 90]], np.uint8)
    >>> round(plain_labf(step, step, flat), 4)  # all that there was
    1.0
    """
    loss, weight, above_a, above_b = losses(infrared, visible, fused, weak_weight)
    below = ~(above_a & above_b) if lost == "either" else ~(above_a | above_b)
    return float(loss[below].sum() / weight)


def losses(
    infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray, weak_weight: float
) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    """Per pixel (1−Q_A) w_A + (1−Q_B) w_B; Σ (w_A + w_B); where gF > gA, and where gF > gB."""
    gf, tf = _edges(fused)
    loss, weight, above = np.zeros(fused.shape), 0.0, []
    for source in (infrared, visible):
        g, t = _edges(source)
        strength = ratio(np.minimum(g, gf), np.maximum(g, gf), 0.0)
        direction = np.abs(np.abs(t - tf) - np.pi / 2) / (np.pi / 2)
        q_strength = 0.9999 / (1 + np.exp(-19 * (strength - 0.5)))
        q_direction = 0.9995 / (1 + np.exp(-22 * (direction - 0.5)))
        w = np.where(g >= 2, g**1.5, weak_weight)
        loss += (1 - np.sqrt(q_strength * q_direction)) * w
        weight += w.sum()
        above.append(gf > g)
    if np.ptp(infrared) == np.ptp(visible) == 0:
        weight = math.nan
    return loss, weight, above[0], above[1]


def _edges(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """g and θ."""
    x, y = sobel(image, "reflect")
    return np.hypot(x, y) / 8, np.arctan(ratio(x, y, np.where(x == 0, 0.0, np.inf)))


def added_edges(
    shared: Shared,
    weak_weight: float = _WEAK_WEIGHT,
    judged: Literal["fused", "infrared"] = "fused",
) -> float:
    """Nabf = Σ [(1−Q_A) w_A + (1−Q_B) w_B] / Σ (w_A + w_B), 0..1, 0 for F = A = B.

    The upper sum is over pixels where gF > gA and gF > gB. g is the strength of Sobel/8 with the
    border mirrored about its pixels, θ = atan(gx/gy), w = g^1.5 where g ≥ 2, else 0.001,
    Q = √(0.9999/(1+exp(−19(G−0.5))) · 0.9995/(1+exp(−22(α−0.5)))), G the smaller strength over the
    larger (0 if it is 0), α = | |θX−θF| − π/2 | / (π/2). Undefined where both sources are constant.
    Defined in papers only: tested on a transcription and properties. With LABF, and Q in place of
    1−Q over all pixels, it adds up to 1.

    Args:
        weak_weight: w where g < 2; the Python port of Tang's metrics has 0 there.
        judged: ``infrared`` gives what Tang's MATLAB script prints, whose call has its arguments
            in the wrong order: artefacts of the infrared image beside visible and fused image.
    """
    from ivif_bench.tasks.quality.kernels.edge_artefacts import edge_sums

    _check(shared)
    sums = shared.part(edge_sums, weak_weight, judged)
    return _share(sums.added, sums.weights)


def lost_edges(
    shared: Shared,
    weak_weight: float = _WEAK_WEIGHT,
    lost: Literal["either", "both"] = "either",
) -> float:
    """LABF, the same share as Nabf over pixels where gF ≤ gA or gF ≤ gB, 0..1.

    3e-4 for F = A = B with strong edges, since Q stays just below 1; 1 where all edges are lost.
    Defined in papers only: tested on a transcription and properties.

    Args:
        weak_weight: w where g < 2; the Python port of Tang's metrics has 0 there.
        lost: ``both`` takes pixels where gF ≤ gA and gF ≤ gB, as that port does.
    """
    from ivif_bench.tasks.quality.kernels.edge_artefacts import edge_sums

    _check(shared)
    sums = shared.part(edge_sums, weak_weight, "fused")
    return _share(sums.below_either if lost == "either" else sums.below_both, sums.weights)


def _check(shared: Shared) -> None:
    shared.need_side(2)
    if all(image.min() == image.max() for image in (shared.infrared, shared.visible)):
        raise Undefined("constant_source")


def _share(part: float, whole: float) -> float:
    if whole == 0.0:
        raise Undefined("no_features")
    return part / whole
