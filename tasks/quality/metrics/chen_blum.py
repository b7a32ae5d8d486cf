"""Q_CB, contrast of the sources kept in the fused image, as the eye sees it."""

from __future__ import annotations

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="Q_CB",
        entry="perceived_contrast_quality",
        title="Chen and Blum's perceived contrast",
        direction="up",
        range=(0.0, 1.0),
        unit="",
        reference="Chen and Blum, A new automated quality assessment algorithm for image fusion, "
        "Image and Vision Computing 2009",
    ),
)


def perceived_contrast_quality(shared: Shared) -> float:
    """Q_CB = mean of (C_A² min(C_A,C_F)/max(C_A,C_F) + C_B² …)/(C_A²+C_B²), 0..1; 1 for F = A = B.

    Each image is stretched to 0..255 (halves away from zero) and filtered in the Fourier domain by
    exp(−(r/15.3870)²) − 0.7622 exp(−(r/1.3456)²), r the frequency, N/30 at Nyquist for N pixels.
    With c = |G2∗x/G4∗x − 1|, Gaussians of σ 2 and 4 and zeros outside the image, C = c³/(c²+1e-4).
    Far inside a black area both means are rounding errors: c is 0 there, and equal contrasts of 0
    are kept, where published programs print what the errors give.

    VIFB's published values agree to half a unit of their fifth digit. Undefined where an image is
    constant.
    """
    from ivif_bench.tasks.quality.kernels.perception import contrast_kept

    return shared.part(contrast_kept)
