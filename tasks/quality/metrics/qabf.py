"""Qabf, edges of the sources kept in the fused image."""

from __future__ import annotations

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="Qabf",
        entry="edge_preservation",
        title="Gradient-based edge preservation",
        direction="up",
        range=(0.0, 0.9754),
        unit="",
        reference="Xydeas and Petrović, Objective image fusion performance measure, Electron. Lett. 2000",
    ),
)


def edge_preservation(shared: Shared) -> float:
    """Qabf = Σ(Q_A gA + Q_B gB) / Σ(gA + gB), Sobel gradients with a border of zeros.

    Q_X = Tg/(1+exp(−15(G−0.5))) · Ta/(1+exp(−22(α−0.8))), Tg = 0.9994, Ta = 0.9879, with
    G = the smaller gradient over the larger (the fused gradient itself where they are equal) and
    α = 1 − |θX−θF|/(π/2), θ = atan(Sy/Sx), π/2 where Sx = 0. Undefined where both sources are
    black: other constants have an edge at the border.
    """
    from ivif_bench.tasks.quality.kernels.edges import edges

    kept, present = shared.part(edges)
    if present == 0.0:
        raise Undefined("constant_source")
    return kept / present
