"""MEF-SSIM, structural similarity for exposure fusion, used for infrared and visible images too."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ivif_bench.tasks.quality.plain import floats, gaussian, ratio
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="MEF-SSIM",
        entry="mef_structural_similarity",
        plain="plain",
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
_C = (0.03 * 255) ** 2
_EPSILON = np.finfo(np.float64).eps  # the public code adds it to both weights


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """MEF-SSIM in plain numpy, patch by patch.

    >>> flat = np.full((41, 41), 90, np.uint8)
    >>> plain(flat, flat, flat)  # C/C
    1.0
    """
    planes, product = floats(infrared, visible, fused), 1.0
    for weight in np.array(_WEIGHTS) / sum(_WEIGHTS):
        product *= _mean_similarity(*planes) ** weight  # NaN for a negative mean
        planes = [_halved(plane) for plane in planes]
    return float(product)


def _mean_similarity(a: np.ndarray, b: np.ndarray, f: np.ndarray) -> np.float64:
    """Mean q_s over all windows of 11x11 pixels."""
    da, db, df = (_less_their_means(plane) for plane in (a, b, f))
    lengths = np.linalg.norm([da, db], axis=2)
    together = np.linalg.norm(da + db, axis=1)
    agreement = ratio(together, lengths.sum(axis=0), 1.0).clip(0, 1)
    strengths = lengths + 0.001
    weights = (strengths / 11) ** np.minimum(np.tan(np.pi / 2 * agreement), 10) + _EPSILON
    parts = weights / weights.sum(axis=0) / strengths
    wanted = parts[0][:, None] * da + parts[1][:, None] * db
    length = np.where(together > 1e-9, np.linalg.norm(wanted, axis=1), np.inf)
    wanted *= (strengths.max(axis=0) / length)[:, None]

    taps = gaussian(11, 1.5)
    mean = np.outer(taps, taps).ravel()
    mr, mf = wanted @ mean, df @ mean
    vr, vf = wanted**2 @ mean - mr**2, df**2 @ mean - mf**2
    c = (wanted * df) @ mean - mr * mf
    return np.float64(((2 * c + _C) / (vr + vf + _C)).mean())


def _less_their_means(plane: np.ndarray) -> np.ndarray:
    """d of every window, [n, 121]."""
    windows = sliding_window_view(plane, (11, 11)).reshape(-1, 121)
    return windows - windows.mean(axis=1, keepdims=True)


def _halved(plane: np.ndarray) -> np.ndarray:
    """2x2 means; the last line of an odd side is its own neighbour."""
    even = np.pad(plane, [(0, side % 2) for side in plane.shape], mode="edge")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


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
