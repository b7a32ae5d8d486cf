"""Q_CV, visible differences from the sources, where the sources have edges."""

from __future__ import annotations

import math

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="Q_CV",
        entry="perceived_difference",
        title="Chen and Varshney's perceived difference",
        direction="down",
        range=(0.0, math.inf),
        unit="levels²",
        reference="Chen and Varshney, A human perception inspired quality metric for image fusion "
        "based on regional information, Information Fusion 2007",
    ),
)


def perceived_difference(shared: Shared) -> float:
    """Q_CV = Σ(λ_A D_A + λ_B D_B)/Σ(λ_A + λ_B) over blocks of 16x16 pixels; 0 for F = A = B.

    All images are stretched to 0..255 (halves away from zero). λ_X = Σ g⁵, g the Sobel strength
    with zeros outside the image. D_X = mean square of X−F after the filter
    2.6 (0.0192 + 0.144 r) exp(−(0.144 r)^1.1), r the frequency, N/8 at Nyquist for N pixels.

    VIFB's published values agree to half a unit of their fifth digit. Undefined where an image is
    constant.
    """
    from ivif_bench.tasks.quality.kernels.perception import weighted_differences

    different, present = shared.part(weighted_differences)
    return different / present
