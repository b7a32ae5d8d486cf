"""Q_G, gradients kept, as a mean over pixels."""

from __future__ import annotations

from typing import Literal

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="Q_G",
        entry="gradient_quality",
        title="Gradient quality, mean over pixels",
        direction="up",
        range=(0.0, 0.98666),
        unit="",
        reference="Xydeas and Petrović, Objective image fusion performance measure, Electron. "
        "Lett. 2000, as in Liu et al., IEEE TPAMI 2012",
    ),
)


def gradient_quality(shared: Shared, zeros: Literal["liu", "symmetric"] = "liu") -> float:
    """Q_G = mean over pixels of (Q_A gA + Q_B gB)/(gA + gB), 0..0.98666.

    Q_X = 1/(1+exp(−10(G−0.5))) · 1/(1+exp(−20(α−0.75))), G = the smaller gradient over the larger,
    α = ||θX−θF|−π/2|·2/π, θ = atan(Sy/Sx), Sobel with zeros outside the image; 1e-5 in place of a
    gradient, and of an Sx, of 0. Unlike Qabf, every pixel counts the same, flat ones included.

    Agrees with zhengliu6699/imageFusionMetrics to 1e-11. Undefined where both sources are black:
    other constants have an edge at the border.

    Args:
        zeros: ``liu`` fills in the fused image's zeros after it was compared with the first source,
            as that program does, so exchanging the sources moves the value, by 1e-10 on
            the recorded triples; ``symmetric`` fills them in before (4e-9 away at most there).
    """
    from ivif_bench.tasks.quality.kernels.gradient_match import gradient_match

    mean, any_gradient = shared.part(gradient_match, zeros == "symmetric")
    if not any_gradient:
        raise Undefined("constant_source")
    return mean
