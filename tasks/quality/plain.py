"""Steps that the plain formulas of several metrics share: numpy alone, in double precision.

A plain formula is written to be read and checked; kernels are written to be fast, and are tested
against it. In formulas A is the infrared image, B the visible and F the fused one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

PlainMetric = Callable[[np.ndarray, np.ndarray, np.ndarray], float]
"""Infrared, visible and fused image, uint8 [H, W] each, to the value under ``reference``.

NaN or infinite where the metric is undefined, and numpy may warn of it; images are never smaller
than the metric's windows.
"""


def floats(*images: np.ndarray) -> list[np.ndarray]:
    """The images as float64 [H, W]."""
    return [image.astype(np.float64) for image in images]


def any_constant(*images: np.ndarray) -> bool:
    """Whether all pixels of one of the images are equal."""
    return any(bool(image.min() == image.max()) for image in images)


def ratio(x: np.ndarray, y: np.ndarray, otherwise: np.ndarray | float) -> np.ndarray:
    """x / y, and ``otherwise`` where y is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y == 0, otherwise, x / y)


def level_shares(image: np.ndarray) -> np.ndarray:
    """The share of the pixels at each level, [256]."""
    return np.bincount(image.ravel(), minlength=256) / image.size


def joint_shares(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The share of the pixels at each pair of levels, [256, 256]."""
    pairs = 256 * x.ravel().astype(np.int64) + y.ravel()
    return np.bincount(pairs, minlength=256 * 256).reshape(256, 256) / x.size


def bits(shares: np.ndarray) -> np.float64:
    """Entropy H = −Σ p log2 p over the shares that are not 0."""
    p = shares[shares > 0]
    return -(p * np.log2(p)).sum()


def shared_bits(x: np.ndarray, y: np.ndarray) -> np.float64:
    """Mutual information I = H(X) + H(Y) − H(X,Y) of the levels of two images, in bits."""
    return bits(level_shares(x)) + bits(level_shares(y)) - bits(joint_shares(x, y))


def sobel(image: np.ndarray, border: str) -> tuple[np.ndarray, np.ndarray]:
    """Gradients by weights 1, 2, 1: right minus left, and lower minus upper neighbours, [H, W] each.

    Args:
        border: what is outside the image, as a mode of ``numpy.pad``.
    """
    x = np.pad(np.asarray(image, np.float64), 1, mode=border)  # type: ignore[call-overload]
    columns = x[:-2] + 2 * x[1:-1] + x[2:]
    rows = x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]
    return columns[:, 2:] - columns[:, :-2], rows[2:] - rows[:-2]


def gaussian(side: int, sigma: float) -> np.ndarray:
    """Gaussian of an odd number of taps that sum to 1."""
    taps = np.exp(-((np.arange(side) - side // 2) ** 2) / (2 * sigma**2))
    return taps / taps.sum()


def window_means(plane: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Weighted mean of every window inside the image; weights are the products of two taps."""
    means = sliding_window_view(plane, taps.size, axis=0) @ taps
    return sliding_window_view(means, taps.size, axis=1) @ taps


def window_moments(
    x: np.ndarray, y: np.ndarray, taps: np.ndarray, flat: float = 0.0
) -> tuple[np.ndarray, ...]:
    """Mean of x, mean of y, variance of x, variance of y and covariance in every window.

    Args:
        flat: variances up to it are 0, and so is the covariance then: what rounding leaves of
            windows in which all pixels are equal.
    """
    mx, my = window_means(x, taps), window_means(y, taps)
    vx, vy = window_means(x * x, taps) - mx**2, window_means(y * y, taps) - my**2
    vx, vy = np.where(vx > flat, vx, 0.0), np.where(vy > flat, vy, 0.0)
    covariance = window_means(x * y, taps) - mx * my
    return mx, my, vx, vy, np.where((vx > 0) & (vy > 0), covariance, 0.0)


def stretched(image: np.ndarray) -> np.ndarray:
    """Levels stretched to 0..255 and rounded, halves away from zero; NaN for a constant image."""
    low, high = image.min(), image.max()
    return np.floor(255 * (image.astype(np.float64) - low) / (high - low) + 0.5)


def seen(
    plane: np.ndarray, sensitivity: Callable[[np.ndarray], np.ndarray], divisor: float
) -> np.ndarray:
    """The plane filtered in the Fourier domain by a function of the frequency r.

    Args:
        divisor: a side of N pixels has r = N/divisor at the Nyquist frequency.
    """
    v, u = (2 * np.fft.fftfreq(side, 1 / side) / divisor for side in plane.shape)
    spectrum = np.fft.fft2(plane) * sensitivity(np.hypot(v[:, None], u))
    return np.fft.ifft2(spectrum).real
