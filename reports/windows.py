"""The window of an image in which methods differ most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Window = tuple[slice, slice]
"""Rows and columns of an image."""


def differing_window(wrong: np.ndarray) -> Window | None:
    """The third of height and width in which methods differ most; None if they are wrong alike.

    Differences are variances over methods, summed over pixels; of equal windows the first counts.

    Args:
        wrong: bool [methods, H, W], the pixels that a method has wrong.
    """
    methods, height, width = wrong.shape
    count = wrong.sum(axis=0, dtype=np.int64)
    spread = np.pad(count * (methods - count), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    tall, wide = max(height // 3, 1), max(width // 3, 1)
    sums = spread[tall:, wide:] - spread[:-tall, wide:] - spread[tall:, :-wide]
    sums += spread[:-tall, :-wide]
    if not sums.max():
        return None
    top, left = (int(each) for each in np.unravel_index(int(sums.argmax()), sums.shape))
    return slice(top, top + tall), slice(left, left + wide)


def draw_frame(axes: Axes, window: Window) -> None:
    """Draw the edge of a window into an image, white on black."""
    from matplotlib.patches import Rectangle

    rows, columns = window
    corner = columns.start - 0.5, rows.start - 0.5
    size = columns.stop - columns.start, rows.stop - rows.start
    for colour, width in (("black", 1.2), ("white", 0.5)):
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=width))
