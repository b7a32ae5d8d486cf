"""Q_S, Q_W and Q_E: SSIM with whichever source is livelier in each window."""

from __future__ import annotations

import numpy as np

from ivif_bench.tasks.quality.plain import floats, gaussian, ratio, window_moments
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

_REFERENCE = (
    "Piella and Heijmans, A new quality metric for image fusion, ICIP 2003; SSIM as Liu et al."
)

SPECS = (
    MetricSpec(
        name="Q_S",
        entry="fusion_quality",
        plain="plain_q_s",
        title="Piella's fusion quality",
        direction="up",
        range=(-1.0, 1.0),
        unit="",
        reference=_REFERENCE,
    ),
    MetricSpec(
        name="Q_W",
        entry="weighted_fusion_quality",
        plain="plain_q_w",
        title="Piella's weighted fusion quality",
        direction="up",
        range=(-1.0, 1.0),
        unit="",
        reference=_REFERENCE,
    ),
    MetricSpec(
        name="Q_E",
        entry="edge_dependent_fusion_quality",
        plain="plain_q_e",
        title="Piella's edge-dependent fusion quality",
        direction="up",
        range=(-1.0, 1.0),
        unit="",
        reference=_REFERENCE,
    ),
)

_SMALLEST_SIDE = 11
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def plain_q_s(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """Q_S in plain numpy.

    >>> flat = np.full((11, 11), 7, np.uint8)
    >>> plain_q_s(flat, flat, flat)
    1.0
    """
    quality, _ = _qualities(*floats(infrared, visible, fused))
    return float(quality.mean())


def plain_q_w(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """Q_W in plain numpy.

    >>> flat = np.full((11, 11), 7, np.uint8)
    >>> plain_q_w(flat, flat, flat)
    1.0
    """
    return _weighted(*floats(infrared, visible, fused))


def plain_q_e(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """Q_E in plain numpy.

    >>> flat = np.full((11, 11), 7, np.uint8)
    >>> round(plain_q_e(flat, flat, flat), 12)
    1.0
    """
    planes = floats(infrared, visible, fused)
    return _weighted(*planes) * _weighted(*(_prewitt(plane) for plane in planes))


def _weighted(a: np.ndarray, b: np.ndarray, f: np.ndarray) -> float:
    quality, weight = _qualities(a, b, f)
    return float((weight * quality).sum() / weight.sum())


def _qualities(a: np.ndarray, b: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """q and w of every window."""
    flat = 2e-14 * max(a.max(), b.max(), f.max()) ** 2  # 1e-9 for levels up to 255
    similar_a, va = _similarity(a, f, flat)
    similar_b, vb = _similarity(b, f, flat)
    share = ratio(va, va + vb, 0.5)
    weight = np.where(va + vb == 0, 0.5, np.maximum(va, vb))
    return share * similar_a + (1 - share) * similar_b, weight


def _similarity(x: np.ndarray, y: np.ndarray, flat: float) -> tuple[np.ndarray, np.ndarray]:
    """SSIM and the variance of x in every window; variances below ``flat`` are 0."""
    mx, my, vx, vy, c = window_moments(x, y, gaussian(11, 1.5), flat)
    means = (2 * mx * my + _C1) / (mx**2 + my**2 + _C1)
    return means * (2 * c + _C2) / (vx + vy + _C2), vx


def _prewitt(plane: np.ndarray) -> np.ndarray:
    x = np.pad(plane, 1)
    columns, rows = x[:-2] + x[1:-1] + x[2:], x[:, :-2] + x[:, 1:-1] + x[:, 2:]
    return np.hypot(columns[:, 2:] - columns[:, :-2], rows[2:] - rows[:-2])


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
