"""FMI, mutual information of features in the small windows of fused image and sources."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

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
