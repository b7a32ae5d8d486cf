"""Q_CB, contrast of the sources kept in the fused image, as the eye sees it."""

from __future__ import annotations

import numpy as np

from ivif_bench.tasks.quality.plain import ratio, seen, stretched, window_means
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="Q_CB",
        entry="perceived_contrast_quality",
        plain="plain",
        title="Chen and Blum's perceived contrast",
        direction="up",
        range=(0.0, 1.0),
        unit="",
        reference="Chen and Blum, A new automated quality assessment algorithm for image fusion, "
        "Image and Vision Computing 2009",
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """Q_CB in plain numpy.

    >>> image = np.array([[0, 255], [80, 90]], np.uint8)
    >>> plain(image, image, image)
    1.0
    """
    ca, cb, cf = (_contrast(image) for image in (infrared, visible, fused))
    share = ratio(ca**2, ca**2 + cb**2, 0.5)
    kept_a, kept_b = (ratio(np.minimum(c, cf), np.maximum(c, cf), 1.0) for c in (ca, cb))
    return float((share * kept_a + (1 - share) * kept_b).mean())


def _contrast(image: np.ndarray) -> np.ndarray:
    """C of every pixel."""
    visible = np.pad(seen(stretched(image), _sensitivity, 30), 15)  # zeros outside the image
    t = np.arange(-15, 16)
    near, far = (
        window_means(visible, np.exp(-(t**2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma))
        for sigma in (2, 4)
    )
    c = np.where(np.abs(far) < 1e-9, 0.0, np.abs(ratio(near, far, 1.0) - 1))
    return c**3 / (c**2 + 1e-4)


def _sensitivity(r: np.ndarray) -> np.ndarray:
    return np.exp(-((r / 15.3870) ** 2)) - 0.7622 * np.exp(-((r / 1.3456) ** 2))


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
