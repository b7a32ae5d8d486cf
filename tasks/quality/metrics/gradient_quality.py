"""Q_G, gradients kept, as a mean over pixels."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ivif_bench.tasks.quality.plain import sobel
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="Q_G",
        entry="gradient_quality",
        plain="plain",
        title="Gradient quality, mean over pixels",
        direction="up",
        range=(0.0, 0.98666),
        unit="",
        reference="Xydeas and Petrović, Objective image fusion performance measure, Electron. "
        "Lett. 2000, as in Liu et al., IEEE TPAMI 2012",
    ),
)

_SMALL = 1e-5  # in place of 0


def plain(
    infrared: np.ndarray,
    visible: np.ndarray,
    fused: np.ndarray,
    zeros: Literal["liu", "symmetric"] = "liu",
) -> float:
    """Q_G in plain numpy.

    >>> a = np.full((5, 5), 7, np.uint8)
    >>> top = 1 / (1 + math.exp(-10 * 0.5)) / (1 + math.exp(-20 * 0.25))  # G = 1, α = 1
    >>> math.isclose(plain(a, a, a), top)
    True
    """
    (ga, ta), (gb, tb), (gf, tf) = (_gradient(image) for image in (infrared, visible, fused))
    if not (ga.any() or gb.any()):
        return math.nan
    a, b, f = (np.where(g == 0, _SMALL, g) for g in (ga, gb, gf))
    like_a, like_b = (np.minimum(g, f) / np.maximum(g, f) for g in (a, b))
    if zeros == "liu":
        like_a[(gf == 0) & (ga > 0)] = 0
    q_a, q_b = _preserved(like_a, ta - tf), _preserved(like_b, tb - tf)
    return float(((q_a * a + q_b * b) / (a + b)).mean())


def _gradient(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """g and θ."""
    x, y = sobel(image, "constant")
    return np.hypot(x, y), np.arctan(y / np.where(x == 0, _SMALL, x))


def _preserved(strength: np.ndarray, turn: np.ndarray) -> np.ndarray:
    alpha = np.abs(np.abs(turn) - np.pi / 2) / (np.pi / 2)
    sigmoids = (1 + np.exp(-10 * (strength - 0.5))) * (1 + np.exp(-20 * (alpha - 0.75)))
    return np.asarray(1 / sigmoids)


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
