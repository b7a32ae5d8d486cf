"""MSE, RMSE and PSNR: how far the fused image's levels are from those of the sources."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ivif_bench.tasks.quality.plain import floats
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

_REFERENCE = "textbook error of one image, as mean over both sources"

SPECS = (
    MetricSpec(
        name="MSE",
        entry="mean_squared_error",
        plain="plain_mse",
        title="Mean squared error",
        direction="down",
        range=(0.0, 65025.0),
        unit="levels²",
        reference=_REFERENCE,
        unrounded=True,
    ),
    MetricSpec(
        name="RMSE",
        entry="root_mean_squared_error",
        plain="plain_rmse",
        title="Root mean squared error",
        direction="down",
        range=(0.0, 255.0),
        unit="levels",
        reference=_REFERENCE,
        unrounded=True,
    ),
    MetricSpec(
        name="PSNR",
        entry="peak_signal_to_noise",
        plain="plain_psnr",
        title="Peak signal-to-noise ratio",
        direction="up",
        range=(0.0, math.inf),
        unit="dB",
        reference="textbook ratio, with the mean squared error over both sources",
        unrounded=True,
    ),
)


def plain_mse(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """MSE in plain numpy.

    >>> black, gray = np.zeros((2, 2), np.uint8), np.full((2, 2), 4, np.uint8)
    >>> plain_mse(black, gray, gray)  # (16 + 0) / 2
    8.0
    """
    a, b, f = floats(infrared, visible, fused)
    return float((((a - f) ** 2).mean() + ((b - f) ** 2).mean()) / 2)


def mean_squared_error(shared: Shared, white: float = 255.0) -> float:
    """MSE = (mean (A−F)² + mean (B−F)²) / 2, 0..65025; exact to the last bit.

    Args:
        white: what level 255 is read as; 1 gives the error of images on 0..1.

    >>> import numpy as np
    >>> black, white = np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)
    >>> mean_squared_error(Shared(black, white, white))
    32512.5
    """
    from ivif_bench.tasks.quality.kernels.squares import squared_differences

    total = sum(shared.part(squared_differences))
    return total / (2 * math.prod(shared.shape)) * (white / 255.0) ** 2


def plain_rmse(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """RMSE in plain numpy.

    >>> black, gray = np.zeros((2, 2), np.uint8), np.full((2, 2), 4, np.uint8)
    >>> plain_rmse(black, gray, gray)  # (4 + 0) / 2
    2.0
    """
    a, b, f = floats(infrared, visible, fused)
    return float((np.sqrt(((a - f) ** 2).mean()) + np.sqrt(((b - f) ** 2).mean())) / 2)


def root_mean_squared_error(shared: Shared, form: Literal["mean", "vifb"] = "mean") -> float:
    """RMSE = (e(A) + e(B)) / 2, e(X) = √(mean (X−F)²), 0..255.

    Args:
        form: ``vifb``: e(X) = √(Σ(X−F)²)/(MN), which is not a root mean square: it shrinks as the
            image grows. It is what VIFB prints under this name; its published numbers agree.

    >>> import numpy as np
    >>> black, gray = np.zeros((4, 4), np.uint8), np.full((4, 4), 10, np.uint8)
    >>> root_mean_squared_error(Shared(black, gray, gray))
    5.0
    >>> root_mean_squared_error(Shared(black, gray, gray), form="vifb")
    1.25
    """
    from ivif_bench.tasks.quality.kernels.squares import squared_differences

    pixels = math.prod(shared.shape)
    # Only VIFB leaves the number of pixels outside the root.
    inside, outside = (1, pixels) if form == "vifb" else (pixels, 1)
    one, other = shared.part(squared_differences)
    return (math.sqrt(one / inside) + math.sqrt(other / inside)) / (2 * outside)


def plain_psnr(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """PSNR in plain numpy.

    >>> black, white = np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)
    >>> plain_psnr(black, black, white)
    0.0
    """
    return float(10 * np.log10(255**2 / np.float64(plain_mse(infrared, visible, fused))))


def peak_signal_to_noise(
    shared: Shared,
    white: float = 255.0,
    peak: float | Literal["fused"] = 255.0,
    form: Literal["mean", "vifb"] = "mean",
) -> float:
    """PSNR = 10 log10(peak² / MSE), MSE the mean over both sources.

    Undefined where F = A = B: it would be infinite.

    Args:
        white: what level 255 is read as; 1 with the peak left at 255 adds 48.13 dB, as Tang's
            programs do (a published bug: their sheet's values agree).
        peak: of the signal; ``fused``: the largest level of the fused image, as CDDFuse does.
        form: ``vifb``: 20 log10(255/√RMSE) with the RMSE of that form (a published bug: VIFB's
            numbers agree).

    >>> import numpy as np
    >>> black, gray = np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)
    >>> peak_signal_to_noise(Shared(black, black, gray))
    0.0
    """
    if form == "vifb":
        error = root_mean_squared_error(shared, form="vifb")
    else:
        error = mean_squared_error(shared, white)
    if error == 0.0:
        raise Undefined("identical")
    top = float(shared.fused.max()) * white / 255.0 if peak == "fused" else peak
    if top == 0.0:
        raise Undefined("constant_fused")
    return 10.0 * math.log10(top * top / error)
