"""Q_Y and Q_C: per window, the similarity to one source or a mixture of both."""

from __future__ import annotations

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="Q_Y",
        entry="yang_similarity",
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
        title="Cvejic's similarity",
        direction="up",
        range=(-1.0, 1.0),
        unit="",
        reference="Cvejic, Loza, Bull and Canagarajah, A similarity metric for assessment of image "
        "fusion algorithms, Int. J. Signal Processing 2005",
    ),
)

_SMALLEST_SIDE = 7


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
