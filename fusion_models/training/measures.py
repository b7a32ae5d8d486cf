"""Differentiable image measures that the losses of several methods are made of."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_SOBEL = (
    ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0)),
    ((1.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -2.0, -1.0)),
)
_RADIUS, _SIGMA = 5, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def sobel(image: Tensor) -> Tensor:
    """|gx| + |gy| with the 3x3 Sobel kernels, zeros outside; [N, 1, H, W] -> the same."""
    gx, gy = sobel_pair(functional.pad(image, (1, 1, 1, 1)))
    return gx.abs() + gy.abs()


def sobel_pair(padded: Tensor) -> tuple[Tensor, Tensor]:
    """gx and gy (upwards) inside an image, [N, 1, H, W] -> two of [N, 1, H - 2, W - 2]."""
    kernels = torch.tensor(_SOBEL, dtype=padded.dtype, device=padded.device)[:, None]
    gx, gy = functional.conv2d(padded, kernels).chunk(2, dim=1)
    return gx, gy


def ssim(first: Tensor, second: Tensor, padding: bool = False) -> Tensor:
    """Mean SSIM of images in [0, 1] (Wang et al., 2004): Gaussian window 11x11, sigma 1.5.

    K1 = 0.01, K2 = 0.03.

    Args:
        first, second: [N, 1, H, W].
        padding: windows at every pixel, zeros outside the image; else only those that lie inside
            (then H and W at least 11).
    """
    at = torch.arange(-_RADIUS, _RADIUS + 1, dtype=torch.float32)  # as DMFuse's program
    line = (-(at**2) / (2 * _SIGMA**2)).exp()
    line = (line / line.sum()).to(first)
    maps = torch.cat((first, second, first**2, second**2, first * second), dim=1)
    channels, size, border = maps.shape[1], len(line), _RADIUS * padding
    across = line.expand(channels, 1, 1, size)
    rows = functional.conv2d(maps, across, padding=(0, border), groups=channels)
    down = line[:, None].expand(channels, 1, size, 1)
    mean = functional.conv2d(rows, down, padding=(border, 0), groups=channels)
    mu1, mu2, square1, square2, product = mean.chunk(5, dim=1)
    covariance = product - mu1 * mu2
    variances = square1 - mu1**2 + square2 - mu2**2
    likeness = (2 * mu1 * mu2 + _C1) * (2 * covariance + _C2)
    return (likeness / ((mu1**2 + mu2**2 + _C1) * (variances + _C2))).mean()
