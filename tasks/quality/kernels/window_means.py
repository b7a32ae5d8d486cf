"""Windows inside the image, a band of rows at a time: planes stay in the processor's cache.

Whole planes would be quicker to write down, but most of the time would go into fresh memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache

import cv2
import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.kernels.windows import flattest_level
from ivif_bench.tasks.quality.shared import Shared

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]
Images = Callable[[Shared], Triple]
"""A part with three [H, W] images, uint8 or float64: infrared, visible, fused."""

_ROWS = 64  # output rows of a band


def originals(shared: Shared) -> Triple:
    """Part: the three images as they are, uint8."""
    return shared.infrared, shared.visible, shared.fused


def row_bands(rows: int) -> Iterator[slice]:
    """Consecutive slices of at most 64 rows; each starts at an even row."""
    for start in range(0, rows, _ROWS):
        yield slice(start, min(start + _ROWS, rows))


def product_bands(
    images: Triple, side: int, levelled: bool = False
) -> Iterator[tuple[np.ndarray, ...]]:
    """A, B, F, AA, BB, FF, AF, BF and AB in bands of rows, float64.

    Neighbouring bands overlap by side − 1 rows, so that windows inside bands are those of the image.

    Args:
        levelled: of images less the level of each band's flattest parts. Variances are the same,
            and lose fewer digits there.
    """
    for band in row_bands(images[0].shape[0] - side + 1):
        rows = [image[band.start : band.stop + side - 1] for image in images]
        a, b, f = (plane.astype(np.float64, copy=False) for plane in rows)
        if levelled:
            a, b, f = (plane - flattest_level(plane, 0, 0, *plane.shape) for plane in (a, b, f))
        yield a, b, f, a * a, b * b, f * f, a * f, b * f, a * b


def filter_inside(plane: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Separable filter with these taps in both directions, windows inside the image only.

    Args:
        plane: uint8 or float64 [H, W].
        taps: float64 [n], symmetric, n odd.

    Returns:
        float64 [H − n + 1, W − n + 1].
    """
    reach = taps.size // 2
    whole = cv2.sepFilter2D(plane, cv2.CV_64F, taps, taps, borderType=cv2.BORDER_CONSTANT)
    rows, columns = plane.shape
    return np.ascontiguousarray(whole[reach : rows - reach, reach : columns - reach])


@cache
def gaussian(side: int, sigma: float) -> np.ndarray:
    """Gaussian window of odd side, float64 [side]; sums to 1."""
    weights = [math.exp(-((t - side // 2) ** 2) / (2 * sigma * sigma)) for t in range(side)]
    total = math.fsum(weights)
    return np.array([weight / total for weight in weights])


@kernel
def variance(mean_square, mean, rounding):  # type: ignore[no-untyped-def]
    """Variance from moments; exactly 0 where only their rounding is left."""
    found = mean_square - mean * mean
    return found if found > rounding else 0.0
