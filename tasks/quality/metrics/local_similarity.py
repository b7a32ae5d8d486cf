"""Q_Y and Q_C: per window, the similarity to one source or a mixture of both."""

from __future__ import annotations

import numpy as np

from ivif_bench.tasks.quality.plain import floats, gaussian, ratio, window_moments
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="Q_Y",
        entry="yang_similarity",
        plain="plain_q_y",
        title="Yang's similarity",
        direction="up",
        range=(-1.0, 1.0),
        unit="",
        reference="Yang, Zhang, Wang and Liu, A novel similarity based quality metric for image "
        "fusion, Information Fusion 2008",
    ),
    MetricSpec(
        name="Q_C",
        entry="cvejic_similarity",
        plain="plain_q_c",
        title="Cvejic's similarity",
        direction="up",
        range=(-1.0, 1.0),
        unit="",
        reference="Cvejic, Loza, Bull and Canagarajah, A similarity metric for assessment of image "
        "fusion algorithms, Int. J. Signal Processing 2005",
    ),
)

_SMALLEST_SIDE = 7
_C = 2e-16  # C1 and C2


def plain_q_y(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """Q_Y in plain numpy.

    >>> a = np.arange(49, dtype=np.uint8).reshape(7, 7)
    >>> round(plain_q_y(a, 2 * a, a), 12)  # A is the more similar of the two
    1.0
    """
    a, b, f, flat = _planes(infrared, visible, fused)
    similar_a, va, _ = _similarity(a, f, flat)
    similar_b, vb, _ = _similarity(b, f, flat)
    share = ratio(va, va + vb, 0.5)
    mixture = share * similar_a + (1 - share) * similar_b
    alike = _similarity(a, b, flat)[0] >= 0.75
    return float(np.where(alike, mixture, np.maximum(similar_a, similar_b)).mean())


def plain_q_c(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """Q_C in plain numpy.

    >>> a = np.arange(49, dtype=np.uint8).reshape(7, 7)
    >>> round(plain_q_c(a, 255 - a, a), 12)  # λ = c/(c − c) is limited to 1: B does not count
    1.0
    """
    a, b, f, flat = _planes(infrared, visible, fused)
    similar_a, _, ca = _similarity(a, f, flat)
    similar_b, _, cb = _similarity(b, f, flat)
    ca, cb = (np.where(np.abs(c) > flat, c, 0) for c in (ca, cb))
    total = np.where(np.abs(ca + cb) > flat, ca + cb, 0)
    share = ratio(ca, total, np.where(ca == cb, 0.5, ca > cb)).clip(0, 1)
    return float((share * similar_a + (1 - share) * similar_b).mean())


def _planes(*images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    a, b, f = floats(*images)
    return a, b, f, 2e-14 * max(a.max(), b.max(), f.max()) ** 2


def _similarity(
    x: np.ndarray, y: np.ndarray, flat: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """SSIM, variance of x and covariance in every window; variances below ``flat`` are 0."""
    mx, my, vx, vy, c = window_moments(x, y, gaussian(7, 1.5), flat)
    means = (2 * mx * my + _C) / (mx**2 + my**2 + _C)
    return means * (2 * c + _C) / (vx + vy + _C), vx, c


def yang_similarity(shared: Shared) -> float:
    """Q_Y = mean of λ ssim(A,F) + (1−λ) ssim(B,F) where ssim(A,B) >= 0.75, else of the larger ssim.

    λ = v_A/(v_A+v_B), 1/2 where both are 0; 7x7 Gaussian windows, σ 1.5, C1 = C2 = 2e-16.
    −1..1, 1 for F = A = B. Variances and covariances of flat windows are exactly 0, as in Q_S.
    Formula after zhengliu6699/imageFusionMetrics, which has no guard for flat windows. No recorded
    values exist: tested on properties and against the formula written with SciPy.
    """
    from ivif_bench.tasks.quality.kernels.local_similarity import agreement

    shared.need_side(_SMALLEST_SIDE)
    return shared.part(agreement)[0]


def cvejic_similarity(shared: Shared) -> float:
    """Q_C = mean of λ ssim(A,F) + (1−λ) ssim(B,F), λ = c_A/(c_A+c_B) limited to 0..1.

    c_X = covariance of X and F; λ = 1/2 where both are 0. Windows, constants and provenance as in
    Q_Y. −1..1, 1 for F = A = B.
    """
    from ivif_bench.tasks.quality.kernels.local_similarity import agreement

    shared.need_side(_SMALLEST_SIDE)
    return shared.part(agreement)[1]
