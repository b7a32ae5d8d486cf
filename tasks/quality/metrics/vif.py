"""VIF, visual information fidelity of the fused image to the sources."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ivif_bench.tasks.quality.plain import floats, gaussian, window_means, window_moments
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="VIF",
        entry="visual_information_fidelity",
        plain="plain",
        title="Visual information fidelity",
        direction="up",
        range=(0.0, math.inf),
        unit="",
        reference="Sheikh and Bovik, Image information and visual quality, IEEE TIP 2006 (pixel domain)",
        version=2,
        unrounded=True,
    ),
)

_SMALLEST_SIDE = 41  # below it no 3x3 window is left at the fourth scale


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """VIF in plain numpy.

    >>> image = np.full((41, 41), 90, np.uint8)
    >>> image[20, 20] = 100
    >>> round(plain(image, image, image), 6)
    2.0
    """
    a, b, f = floats(infrared, visible, fused)
    return _fidelity(a, f) + _fidelity(b, f)


def _fidelity(x: np.ndarray, y: np.ndarray) -> float:
    """Information of x that y has, over all that x has."""
    kept = present = np.float64(0.0)
    for side in (17, 9, 5, 3):
        window = gaussian(side, side / 5)
        if side < 17:
            x, y = (window_means(plane, window)[::2, ::2] for plane in (x, y))
        _, _, vx, vy, c = window_moments(x, y, window, flat=1e-10)
        g = c / (vx + 1e-10)
        rest = np.where(g < 0, vy, vy - g * c)
        g = np.maximum(g, 0)
        kept += np.log(1 + g**2 * vx / (np.maximum(rest, 1e-10) + 2)).sum()
        present += np.log(1 + vx / 2).sum()
    return float(kept / present)


def visual_information_fidelity(
    shared: Shared,
    flat_source: float = math.nan,
    saturate: bool = False,
    window: Literal["gaussian", "zoo"] = "gaussian",
) -> float:
    """VIF = vif(A,F) + vif(B,F), pixel domain, four scales, valid windows only, values 0..255.

    Per scale with Gaussian windows of 17, 9, 5, 3 pixels (σ = side/5): g = cov/(v_x+1e-10),
    q = v_y − g·cov, vif = Σ log(1 + g² v_x/(q+2)) / Σ log(1 + v_x/2) over all scales.
    2 for F = A = B; a fused image of higher contrast may exceed 1 per source.

    Variances are exact to at least nine digits at any level. As in the published MATLAB program, run
    in Octave, the taps of the windows sum to 1 + e, e = −2⁻⁵², 2⁻⁵², 2⁻⁵², 0, so that each variance
    and covariance is e times the product of the means less; ``saturate`` and ``zoo`` have e = 0.

    Args:
        flat_source: vif of a constant source, which is 0/0; NaN leaves the metric undefined.
        saturate: at the first scale X², Y² and XY stop at 255, as products of 8-bit images do in
            MATLAB; the value is then too high.
        window: ``zoo`` is the window of IVIF_ZOO, half a pixel off the centre and a little wider,
            with zeros around the image in every filtering.
    """
    from ivif_bench.tasks.quality.kernels.information import information
    from ivif_bench.tasks.quality.kernels.information_variants import information_variant

    if window == "gaussian":
        shared.need_side(_SMALLEST_SIDE)
    if window == "gaussian" and not saturate:
        parts = shared.part(information)
    else:
        parts = shared.part(information_variant, saturate, window)
    total = 0.0
    for found, present in parts:
        one = found / present if present > 0.0 else flat_source
        if math.isnan(one):
            raise Undefined("constant_source")
        total += one
    return total
