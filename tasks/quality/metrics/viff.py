"""VIFF, visual information fidelity for fusion."""

from __future__ import annotations

import math

import numpy as np

from ivif_bench.tasks.quality.plain import (
    any_constant,
    floats,
    gaussian,
    window_means,
    window_moments,
)
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="VIFF",
        entry="fusion_information_fidelity",
        plain="plain",
        title="Visual information fidelity for fusion",
        direction="up",
        range=(0.0, math.inf),
        unit="",
        reference="Han, Cai, Cao and Xu, A new image fusion performance metric based on visual "
        "information fidelity, Information Fusion 2013",
        version=2,
    ),
)

_SMALLEST_SIDE = 41  # below it no 3x3 window is left at the fourth scale
_WEIGHTS = {0: 1.0, 2: 0.15, 3: 1.0}  # by scale; the second one counts nothing


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """VIFF in plain numpy.

    >>> image = np.full((41, 41), 90, np.uint8)
    >>> image[20, 20] = 100
    >>> round(plain(image, image, image), 6)
    1.0
    """
    if any_constant(infrared, visible):
        return math.nan
    (a, b, f), total = floats(infrared, visible, fused), np.float64(0.0)
    for scale, side in enumerate((17, 9, 5, 3)):
        window = gaussian(side, side / 5)
        if scale > 0:
            a, b, f = (window_means(plane, window)[::2, ::2] for plane in (a, b, f))
        gain_a, kept_a, present_a = _information(a, f, window)
        gain_b, kept_b, present_b = _information(b, f, window)
        kept = np.where(gain_b <= gain_a, kept_b, kept_a) + 1e-7
        present = np.where(gain_b <= gain_a, present_b, present_a) + 1e-7
        total += _WEIGHTS.get(scale, 0.0) * kept.sum() / present.sum()
    return float(total / sum(_WEIGHTS.values()))


def _information(
    x: np.ndarray, y: np.ndarray, window: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """g, num and den of every window."""
    noise = 0.005 * 255**2
    _, _, vx, vy, c = window_moments(x, y, window, flat=1e-10)
    g = c / (vx + 1e-10)
    rest = np.where(g < 0, vy, vy - g * c)
    g = np.maximum(g, 0)
    kept = np.log10(1 + g**2 * vx / (np.maximum(rest, 1e-10) + noise))
    return g, kept, np.log10(1 + vx / noise)


def fusion_information_fidelity(shared: Shared, flat_source: float = math.nan) -> float:
    """VIFF = Σ_s w_s Σ(num + 1e-7)/Σ(den + 1e-7) / Σ w_s, w = 1, 0, 0.15, 1; 1 for F = A = B.

    Windows, scales, g and q as in VIF, with both sources at once: in each window the source with
    the smaller g counts, for equal ones (such as both 0) the visible image.
    num = log10(1 + g² v/(q+σ²)), den = log10(1 + v/σ²), σ² = 0.005·255². A fused image of higher
    contrast may exceed 1. Exchanging the sources moved recorded real images by up to 1e-5.

    Agrees with Han's public MATLAB code (in thfylsty/Objective-evaluation-for-image-fusion) to
    1e-13. It is not the pixel-domain VIF that several toolkits call VIFF.

    Args:
        flat_source: value where a source is constant: its g is 0, so it would be chosen throughout
            and the formula give a ratio of the small constants, whatever the fused image is. NaN
            leaves the metric undefined. Han's code gives 1 where both sources are constant.
    """
    from ivif_bench.tasks.quality.kernels.viff import visual_information

    shared.need_side(_SMALLEST_SIDE)
    if any(image.min() == image.max() for image in (shared.infrared, shared.visible)):
        if math.isnan(flat_source):
            raise Undefined("constant_source")
        return flat_source
    sums = shared.part(visual_information)
    total = sum(weight * sums[scale][0] / sums[scale][1] for scale, weight in _WEIGHTS.items())
    return total / sum(_WEIGHTS.values())
