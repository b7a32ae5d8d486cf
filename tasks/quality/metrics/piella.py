"""Q_S, Q_W and Q_E: SSIM with whichever source is livelier in each window."""

from __future__ import annotations

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

_REFERENCE = (
    "Piella and Heijmans, A new quality metric for image fusion, ICIP 2003; SSIM as Liu et al."
)

SPECS = (
    MetricSpec(
        name="Q_S",
        entry="fusion_quality",
        title="Piella's fusion quality",
        direction="up",
        range=(-1.0, 1.0),
        unit="",
        reference=_REFERENCE,
    ),
    MetricSpec(
        name="Q_W",
        entry="weighted_fusion_quality",
        title="Piella's weighted fusion quality",
        direction="up",
        range=(-1.0, 1.0),
        unit="",
        reference=_REFERENCE,
    ),
    MetricSpec(
        name="Q_E",
        entry="edge_dependent_fusion_quality",
        title="Piella's edge-dependent fusion quality",
        direction="up",
        range=(-1.0, 1.0),
        unit="",
        reference=_REFERENCE,
    ),
)

_SMALLEST_SIDE = 11


def fusion_quality(shared: Shared) -> float:
    """Q_S = mean of q = λ ssim(A,F) + (1−λ) ssim(B,F), λ = v_A/(v_A+v_B); −1..1, 1 for F = A = B.

    SSIM maps and variances v as in SSIM (11x11 Gaussian, σ 1.5, windows inside the image); the
    paper has SSIM's forerunner without constants. λ = 1/2 where both variances are 0. Variances
    below 1e-9 count as 0: windows of whole numbers have none so small, it is what rounding leaves
    of a flat one, and λ would be a ratio of rounding errors.

    Agrees with zhengliu6699/imageFusionMetrics to 1e-12 on every recorded triple. Where windows
    are flat in both sources that program's λ is arbitrary, so there it may differ.
    """
    from ivif_bench.tasks.quality.kernels.local_similarity import saliency
    from ivif_bench.tasks.quality.kernels.window_means import originals

    shared.need_side(_SMALLEST_SIDE)
    sums = shared.part(saliency, originals, 0.5)
    return sums.similarity / sums.windows


def weighted_fusion_quality(shared: Shared, flat_weight: float = 0.5) -> float:
    """Q_W = Σ w q / Σ w with q as in Q_S and w = max(v_A, v_B); −1..1, 1 for F = A = B.

    Args:
        flat_weight: w where both variances are 0. It is 1/2 in zhengliu6699/imageFusionMetrics,
            with which the values then agree to 1e-12, and so constant sources have a value; 0 is
            the paper's formula, undefined for constant sources. Elsewhere the weights are
            variances of tens to thousands, so flat windows hardly count either way.
    """
    from ivif_bench.tasks.quality.kernels.local_similarity import saliency
    from ivif_bench.tasks.quality.kernels.window_means import originals

    shared.need_side(_SMALLEST_SIDE)
    sums = shared.part(saliency, originals, flat_weight)
    if sums.weight == 0.0:
        raise Undefined("constant_source")
    return sums.weighted / sums.weight


def edge_dependent_fusion_quality(shared: Shared) -> float:
    """Q_E = Q_W(images) · Q_W(edge images), edge image = Prewitt strength, zeros outside; −1..1.

    The weight of the edges, the paper's α, is 1 as in zhengliu6699/imageFusionMetrics. No recorded
    values exist: tested on properties and against the formula written with SciPy.
    """
    from ivif_bench.tasks.quality.kernels.local_similarity import saliency, strengths

    images = weighted_fusion_quality(shared)
    edges = shared.part(saliency, strengths, 0.5)
    return images * edges.weighted / edges.weight
