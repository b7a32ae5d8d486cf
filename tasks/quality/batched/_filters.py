"""Separable windows over batches of planes, as sums of shifted planes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def window_mean(planes: Tensor, taps: Sequence[float]) -> Tensor:
    """Weighted sums over the windows inside the image: [..., H, W] -> [..., H−2r, W−2r].

    Args:
        taps: right half of a symmetric window, centre first, r + 1 of them.
    """
    r = len(taps) - 1
    for dim in (-1, -2):
        n = planes.shape[dim] - 2 * r
        total = taps[0] * planes.narrow(dim, r, n)
        for k in range(1, r + 1):
            both = planes.narrow(dim, r - k, n) + planes.narrow(dim, r + k, n)
            total.add_(both, alpha=taps[k])
        planes = total
    return planes


def window_sum(planes: Tensor, taps: Sequence[float]) -> Tensor:
    """The same for a window of any shape, given by all its taps."""
    for dim in (-1, -2):
        n = planes.shape[dim] - len(taps) + 1
        total = taps[0] * planes.narrow(dim, 0, n)
        for k in range(1, len(taps)):
            total.add_(planes.narrow(dim, k, n), alpha=taps[k])
        planes = total
    return planes
