"""Variances and covariances in windows, from differences to means: no digits are lost in flat areas."""

from __future__ import annotations

import numpy as np

from ivif_bench.compiled.jit import kernel


@kernel
def window_moments(x, y, taps, limit):  # type: ignore[no-untyped-def]
    """Variance of x, variance of y and covariance in each window inside the images, float64.

    Windows are separable. The variance in one is the mean of its columns' variances plus the
    variance of their means.

    Args:
        x, y: float64 [H, W].
        taps: float64 [n], all of a window's; their sum is 1.
        limit: above it the squares and the product of two values count as this much.

    Returns:
        [3, H − n + 1, W − n + 1].
    """
    n, columns = taps.size, x.shape[1]
    found = np.empty((3, x.shape[0] - n + 1, columns - n + 1))
    means, within = np.empty((2, columns)), np.empty((3, columns))
    for i in range(found.shape[1]):
        means[:], within[:] = 0.0, 0.0
        for k in range(n):
            for j in range(columns):
                means[0, j] += taps[k] * x[i + k, j]
                means[1, j] += taps[k] * y[i + k, j]
        for k in range(n):
            for j in range(columns):
                value, other = x[i + k, j], y[i + k, j]
                dx, dy = value - means[0, j], other - means[1, j]
                within[0, j] += taps[k] * (dx * dx - max(value * value - limit, 0.0))
                within[1, j] += taps[k] * (dy * dy - max(other * other - limit, 0.0))
                within[2, j] += taps[k] * (dx * dy - max(value * other - limit, 0.0))
        for j in range(found.shape[2]):
            mean_x = mean_y = 0.0
            for k in range(n):
                mean_x += taps[k] * means[0, j + k]
                mean_y += taps[k] * means[1, j + k]
            variance_x = variance_y = covariance = 0.0
            for k in range(n):
                dx, dy = means[0, j + k] - mean_x, means[1, j + k] - mean_y
                variance_x += taps[k] * (within[0, j + k] + dx * dx)
                variance_y += taps[k] * (within[1, j + k] + dy * dy)
                covariance += taps[k] * (within[2, j + k] + dx * dy)
            found[0, i, j], found[1, i, j], found[2, i, j] = variance_x, variance_y, covariance
    return found
