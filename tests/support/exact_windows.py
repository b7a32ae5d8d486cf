"""VIF's and VIFF's windows in whole numbers of any length: nothing is rounded before a logarithm."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

SIDES = (17, 9, 5, 3)
_UNIT = 2**60


def moments(
    x: np.ndarray, y: np.ndarray, top: int | None = None
) -> Iterator[tuple[np.ndarray, ...]]:
    """Of each of VIF's four scales: mean of x and of y, variance of both, covariance; float64.

    Gaussian windows of 17, 9, 5 and 3 pixels, σ a fifth of the side, windows inside the image; the
    next scale is every second row and column of the means of its own window.

    Args:
        x, y: uint8 [H, W].
        top: at the first scale squares and products stop at it.
    """
    x, y = (image.astype(int).astype(object) for image in (x, y))
    unit = 1  # x and y are multiples of 1/unit
    for scale, side in enumerate(SIDES):
        taps = [round(_UNIT * math.exp(-(t * t) / (2 * (side / 5) ** 2)))
                for t in range(-(side // 2), side // 2 + 1)]  # fmt: skip
        whole = sum(taps) ** 2
        if scale:
            x, y = (_sums(plane, taps)[::2, ::2] for plane in (x, y))
            unit *= whole
        limit = math.inf if top is None or scale else top
        mx, my = _sums(x, taps), _sums(y, taps)
        products = (_sums(np.minimum(product, limit), taps) for product in (x * x, y * y, x * y))
        squares = mx * mx, my * my, mx * my
        yield (
            *((mean / (unit * whole)).astype(float) for mean in (mx, my)),
            *(
                ((product * whole - square) / (unit * whole) ** 2).astype(float)
                for product, square in zip(products, squares, strict=True)
            ),
        )


def _sums(plane: np.ndarray, taps: list[int]) -> np.ndarray:
    for axis in (0, 1):
        n, last = plane.shape[axis] - len(taps) + 1, len(taps) - 1
        at = [plane.take(range(k, k + n), axis=axis) for k in range(last + 1)]
        half = last // 2  # taps are symmetric, so pixels are added before they are multiplied
        plane = taps[half] * at[half]
        for k in range(half):
            plane = plane + taps[k] * (at[k] + at[last - k])
    return plane
