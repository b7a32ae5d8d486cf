"""FMI, mutual information of features in the small windows of fused image and sources."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ivif_bench.tasks.quality.plain import any_constant, ratio
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, planes

_HAGHIGHAT = (
    "Haghighat, Aghagolzadeh, Seyedarabi, A non-reference image fusion metric based on mutual "
    "information of image features, Computers & Electrical Engineering 2011; windows: Haghighat "
    "and Razian, Fast-FMI, AICT 2014"
)

SPECS = tuple(
    MetricSpec(
        name=f"FMI-{feature}",
        entry=f"feature_mutual_information_{feature}",
        plain=f"plain_{feature}",
        title=f"Feature mutual information of {what}",
        direction="up",
        range=(0.0, 1.0),
        unit="",
        reference=_HAGHIGHAT,
    )
    for feature, what in (
        ("pixel", "pixels"),
        ("gradient", "gradients"),
        ("edge", "edges"),
        ("dct", "DCT coefficients"),
        ("wavelet", "wavelet coefficients"),
    )
)

_SMALLEST_SIDE = 3  # of the window


def plain_pixel(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """FMI-pixel in plain numpy.

    >>> a = np.array([[0, 1, 4], [0, 2, 8], [0, 3, 9]], np.uint8)
    >>> dot = np.array([[0, 0, 0], [0, 9, 0], [0, 0, 0]], np.uint8)
    >>> plain_pixel(a, dot, a)  # 1 for equal windows, 0 for one that has a single share
    0.5
    """
    return _plain((infrared, visible, fused), lambda image: image)


def plain_gradient(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """FMI-gradient in plain numpy.

    >>> a = np.array([[0, 1, 4], [0, 2, 8], [0, 3, 9]], np.uint8)
    >>> plain_gradient(a, a, a + np.uint8(100))  # brightness has no gradient
    1.0
    """
    return _plain((infrared, visible, fused), lambda image: np.gradient(image, axis=1))


def plain_edge(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """FMI-edge in plain numpy.

    >>> a = np.array([6 * [0] + 6 * [9]] * 3, np.uint8)
    >>> plain_edge(a, a, 3 * a)  # the same edge
    1.0
    """
    from ivif_bench.tasks.quality.kernels.feature_images import edge_map

    return _plain((infrared, visible, fused), edge_map)


def plain_dct(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """FMI-dct in plain numpy.

    >>> a = np.array([[0, 1, 4], [0, 2, 8], [0, 3, 9]], np.uint8)
    >>> plain_dct(a, a, a)
    1.0
    """
    return _plain((infrared, visible, fused), cosine_transform)


def plain_wavelet(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """FMI-wavelet in plain numpy.

    >>> a = np.array([[0, 1, 4], [0, 2, 8], [0, 3, 9]], np.uint8)
    >>> plain_wavelet(a, a, a)
    1.0
    """
    return _plain((infrared, visible, fused), _wavelet_bands)


def _plain(
    images: tuple[np.ndarray, np.ndarray, np.ndarray],
    feature: Callable[[np.ndarray], np.ndarray],
) -> float:
    if any_constant(*images):
        return math.nan
    a, b, f = (feature(image.astype(np.float64)) for image in images)
    return (plain_information(a, f) + plain_information(b, f)) / 2


def plain_information(x: np.ndarray, y: np.ndarray) -> float:
    """Mean over 3x3 windows of 2·I/(H_x+H_y), of two feature images [H, W]."""
    x, y = (sliding_window_view(z, (3, 3)).swapaxes(2, 3).reshape(-1, 9) for z in (x, y))
    p, q = _distributions(x), _distributions(y)
    below_p, below_q = p.cumsum(axis=1)[:, :, None], q.cumsum(axis=1)[:, None, :]
    spread = _deviation_of_position(p) * _deviation_of_position(q)
    p_off, q_off = p - p.mean(axis=1, keepdims=True), q - q.mean(axis=1, keepdims=True)
    norms = np.sqrt((p_off**2).sum(axis=1) * (q_off**2).sum(axis=1))
    correlation = ratio((p_off * q_off).sum(axis=1), norms, 0.0)
    closest = np.where(
        correlation[:, None, None] >= 0,
        np.minimum(below_p, below_q),
        np.maximum(below_p + below_q - 1, 0),
    )
    attainable = ratio((closest - below_p * below_q).sum(axis=(1, 2)), spread, 0.0)
    phi = np.minimum(ratio(correlation, attainable, 0.0), 1)[:, None, None]
    coupling = np.diff(np.diff(closest, axis=1, prepend=0), axis=2, prepend=0)
    joint = phi * coupling + (1 - phi) * p[:, :, None] * q[:, None, :]
    entropies = _entropies(p) + _entropies(q)
    information = entropies - _entropies(joint.reshape(-1, 81))
    varied = (norms > 1e-12) & (spread > 1e-12)  # neither is flat or has a single share
    found = np.where(varied, ratio(2 * information, entropies, 0.0), 0.0)
    return float(np.where((x == y).all(axis=1), 1.0, found).mean())


def _distributions(windows: np.ndarray) -> np.ndarray:
    low, high = windows.min(axis=1, keepdims=True), windows.max(axis=1, keepdims=True)
    scaled = ratio(windows - low, high - low, 1.0)
    return scaled / scaled.sum(axis=1, keepdims=True)


def _deviation_of_position(p: np.ndarray) -> np.ndarray:
    position = np.arange(9)
    mean = (p @ position)[:, None]
    return np.sqrt((p * (position - mean) ** 2).sum(axis=1))


def _entropies(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1)


def cosine_transform(image: np.ndarray) -> np.ndarray:
    """Orthonormal DCT-II of the whole image."""
    rows, columns = (
        np.cos(np.pi * np.outer(np.arange(n), np.arange(n) + 0.5) / n) * np.sqrt(2 / n)
        for n in image.shape
    )
    rows[0] /= np.sqrt(2)
    columns[0] /= np.sqrt(2)
    return (rows @ image @ columns.T).round(8)


def _wavelet_bands(image: np.ndarray) -> np.ndarray:
    return bands_of_columns(bands_of_columns(image).T).T.round(8)


def bands_of_columns(plane: np.ndarray) -> np.ndarray:
    """Low above high band of each column: mirrored, filtered, and every second value kept."""
    from ivif_bench.tasks.quality.kernels.feature_images import meyer_filter

    taps, count = meyer_filter(), (plane.shape[0] + 101) // 2
    mirrored = np.pad(plane, [(101, 101), (0, 0)], mode="symmetric")
    windows = sliding_window_view(mirrored, 102, axis=0)[1::2][:count]
    alternating = taps * (-1.0) ** np.arange(101)
    return np.concatenate([windows @ [*taps, 0], windows @ [0, *alternating]])


def feature_mutual_information_pixel(shared: Shared) -> float:
    """FMI of the images as they are: mean of A and B, mean over 3x3 windows, of 2·I/(H_X+H_F), 0..1.

    A window, read column by column, is scaled to 0..1 and divided by its sum; its nine shares are
    a distribution of the position, and I is the mutual information of two under the joint
    distribution φ·J + (1−φ)·p·q that has their correlation: J is their closest coupling, in the
    same order or, for negative correlation, the opposite one. Windows that are equal give 1; flat
    ones, and those with one share only, give 0. φ is at most 1: beyond it there is no such
    distribution, and the publications do not say what then.

    Agrees with Octave's value of the program in Linfeng-Tang/Evaluation-for-Image-Fusion, without a
    feature, to 1e-15 (one recorded triple of 64x65). What Tang's and thfylsty's scripts print as
    ``FMI_pixel`` is ``FMI-edge``. Undefined where an image is constant.
    """
    return _mean_information(shared, planes)


def feature_mutual_information_gradient(shared: Shared) -> float:
    """FMI, as in ``FMI-pixel``, of the gradient along rows: central differences, one-sided at ends.

    Agrees with the same program to 1e-15 (one recorded triple). Undefined where an image is constant.
    """
    from ivif_bench.tasks.quality.kernels.feature_images import gradients

    return _mean_information(shared, gradients)


def feature_mutual_information_edge(shared: Shared) -> float:
    """FMI, as in ``FMI-pixel``, of edges: the default feature of the published program.

    Edges are those of MATLAB's ``edge``: Sobel with repeated border, squared strength above four
    times its mean, thinned across the edge. Not compared with MATLAB; tested on properties. Most
    windows have no edge in either image and count as equal, so values are near 1. Undefined where
    an image is constant.
    """
    from ivif_bench.tasks.quality.kernels.feature_images import edge_maps

    return _mean_information(shared, edge_maps)


def feature_mutual_information_dct(shared: Shared) -> float:
    """FMI, as in ``FMI-pixel``, of the orthonormal DCT-II of each whole image.

    No recorded value exists: tested on properties. Coefficients are rounded to 1e-8, so that noise
    of rounding is never scaled up to 0..1. Undefined where an image is constant.
    """
    from ivif_bench.tasks.quality.kernels.feature_images import cosine_transforms

    return _mean_information(shared, cosine_transforms)


def feature_mutual_information_wavelet(shared: Shared) -> float:
    """FMI, as in ``FMI-pixel``, of one level of the Meyer wavelet transform, four bands as tiles.

    MATLAB's ``dmey``: 101 taps, borders mirrored, bands of (side + 101)/2. No recorded value
    exists: tested on properties, filter against its published table. Coefficients are rounded to
    1e-8, so that noise of rounding is never scaled up to 0..1. Undefined where an image is constant.
    """
    from ivif_bench.tasks.quality.kernels.feature_images import wavelet_bands

    return _mean_information(shared, wavelet_bands)


def _mean_information(
    shared: Shared, features: Callable[[Shared], tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> float:
    from ivif_bench.tasks.quality.kernels.feature_windows import window_information

    shared.need_side(_SMALLEST_SIDE)
    shared.need_contrast()
    infrared, visible = window_information(*shared.part(features))
    return (infrared + visible) / 2.0
