"""Separable windows over batches of planes, as sums of shifted planes."""

from __future__ import annotations

import math
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


def window_moments(
    x: Tensor, y: Tensor, taps: Sequence[float], limit: float = math.inf
) -> tuple[Tensor, Tensor, Tensor]:
    """Variance of x, variance of y and covariance in the windows inside the images.

    From differences to means, so that no digits are lost in flat areas: the variance in a window is
    the mean of its columns' variances plus the variance of their means.

    Args:
        x, y: [..., H, W].
        taps: all of a separable window's, n of them; their sum is 1.
        limit: above it the squares and the product of two values count as this much.

    Returns:
        [..., H − n + 1, W − n + 1] each.
    """
    n = len(taps)
    rows, columns = (side - n + 1 for side in x.shape[-2:])
    down = [plane.narrow(-2, k, rows) for plane in (x, y) for k in range(n)]
    mean_x, mean_y = (_weighted(planes, taps) for planes in (down[:n], down[n:]))
    within = _added(down[:n], down[n:], mean_x, mean_y, taps)
    if limit < math.inf:
        for total, one, other in zip(within, (x, y, x), (x, y, y), strict=True):
            above = (one * other - limit).clamp(min=0.0)
            total.sub_(_weighted([above.narrow(-2, k, rows) for k in range(n)], taps))
    across = [plane.narrow(-1, k, columns) for plane in (mean_x, mean_y) for k in range(n)]
    mean_x, mean_y = (_weighted(planes, taps) for planes in (across[:n], across[n:]))
    between = _added(across[:n], across[n:], mean_x, mean_y, taps)
    vx, vy, c = (
        _weighted([plane.narrow(-1, k, columns) for k in range(n)], taps).add_(more)
        for plane, more in zip(within, between, strict=True)
    )
    return vx, vy, c


def _weighted(planes: Sequence[Tensor], taps: Sequence[float]) -> Tensor:
    total = taps[0] * planes[0]
    for plane, tap in zip(planes[1:], taps[1:], strict=True):
        total.add_(plane, alpha=tap)
    return total


def _added(
    xs: Sequence[Tensor],
    ys: Sequence[Tensor],
    mean_x: Tensor,
    mean_y: Tensor,
    taps: Sequence[float],
) -> tuple[Tensor, Tensor, Tensor]:
    """Weighted sums of the squares and products of differences to means."""
    import torch

    sums = torch.zeros_like(mean_x), torch.zeros_like(mean_x), torch.zeros_like(mean_x)
    for x, y, tap in zip(xs, ys, taps, strict=True):
        dx, dy = x - mean_x, y - mean_y
        for total, one, other in zip(sums, (dx, dy, dx), (dx, dy, dy), strict=True):
            total.addcmul_(one, other, value=tap)
    return sums
