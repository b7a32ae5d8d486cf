"""Qabf, edges of the sources kept in the fused image."""

from __future__ import annotations

import numpy as np

from ivif_bench.tasks.quality.plain import ratio, sobel
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="Qabf",
        entry="edge_preservation",
        plain="plain",
        title="Gradient-based edge preservation",
        direction="up",
        range=(0.0, 0.9754),
        unit="",
        reference="Xydeas and Petrović, Objective image fusion performance measure, Electron. Lett. 2000",
        unrounded=True,
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """Qabf in plain numpy.

    >>> a = np.full((5, 5), 7, np.uint8)  # at the border, G = gF ≥ 21 and α = 1
    >>> round(plain(a, a, a), 6)  # Tg · Ta/(1+exp(−22·0.2))
    0.975333
    """
    gf, tf = _edges(fused)
    kept = present = np.float64(0.0)
    for source in (infrared, visible):
        g, t = _edges(source)
        strength = np.where(g == gf, gf, ratio(np.minimum(g, gf), np.maximum(g, gf), 0.0))
        direction = 1 - np.abs(t - tf) / (np.pi / 2)
        q_strength = 0.9994 / (1 + np.exp(-15 * (strength - 0.5)))
        q_direction = 0.9879 / (1 + np.exp(-22 * (direction - 0.8)))
        kept += (q_strength * q_direction * g).sum()
        present += g.sum()
    return float(kept / present)


def _edges(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """g and θ; the vertical gradient is upper minus lower."""
    x, y = sobel(image, "constant")
    return np.hypot(x, y), np.arctan(ratio(-y, x, np.inf))


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
