"""Nabf and LABF: edges that fusion added, and edges that it lost."""

from __future__ import annotations

from typing import Literal

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="Nabf",
        entry="added_edges",
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
        title="Loss of edge information",
        direction="down",
        range=(0.0, 1.0),
        unit="",
        reference="Petrović and Xydeas, Objective image fusion performance characterisation, ICCV "
        "2005; as modified by Shreyamsha Kumar, Signal, Image and Video Processing 2013",
    ),
)

_WEAK_WEIGHT = 0.001


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
