"""MEF-SSIM, structural similarity for exposure fusion, used for infrared and visible images too."""

from __future__ import annotations

import math

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="MEF-SSIM",
        entry="mef_structural_similarity",
        title="Multi-exposure fusion structural similarity",
        direction="up",
        range=(0.0, 1.0),
        unit="",
        reference="Ma, Zeng and Wang, Perceptual quality assessment for multi-exposure image "
        "fusion, IEEE TIP 2015",
    ),
)

_SMALLEST_SIDE = 41  # below it no 11x11 window is left at quarter size
_WEIGHTS = (0.0448, 0.2856, 0.3001)


def mef_structural_similarity(shared: Shared) -> float:
    """MEF-SSIM = Π q_s^(w_s/Σw) over full, half and quarter size, w = .0448, .2856, .3001; 0..1.

    Per 11x11 window, d_k = source k minus its mean, e_k = ‖d_k‖ + 0.001, R = ‖Σd_k‖/Σ‖d_k‖ and
    p = min(tan(πR/2), 10): the wanted structure r = Σ e_k^p d_k/e_k, scaled to the norm max e_k.
    q_s is the mean of (2σ_rf+C)/(σ_r²+σ_f²+C), C = (0.03·255)², with Gaussian weights, σ 1.5.

    Ill-conditioned where the sources cancel out, Σd_k = 0, as a checkerboard of 0 and 255 and its
    negative do: r has no direction there, and one pixel that differs by one level gives it one. Sums
    are exact, so that such windows are found; they want no structure, r = 0. Programs that round
    scale what is left of the rounding to the norm max e_k instead.

    Agrees with the public MATLAB code (in Linfeng-Tang/Evaluation-for-Image-Fusion, where it is
    called MS_SSIM) to 1e-13. Undefined where the mean q_s of a scale is negative: its power is a
    complex number, of which MATLAB prints the real part.
    """
    from ivif_bench.tasks.quality.kernels.mef_ssim import wanted_structure

    shared.need_side(_SMALLEST_SIDE)
    means = shared.part(wanted_structure)
    if min(means) < 0.0:
        raise Undefined("negative_scale")
    powers = (weight / sum(_WEIGHTS) for weight in _WEIGHTS)
    return math.prod(mean**power for mean, power in zip(means, powers, strict=True))
