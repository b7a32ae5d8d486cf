"""The loss of DMFuse's head: structure, gradient and intensity.

10 (1 - S) + 16 T + 14 P with A infrared, B visible, F fused, G = |Sobel_x| + |Sobel_y|:

    S = w_A SSIM(A, F) + w_B SSIM(B, F),  w_A = mean G(A) / (mean G(A) + mean G(B)),  w_B = 1 - w_A
    T = mean |G(F) - max(G(A), G(B))|
    P = mean |F - max(A, B)|
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

STRUCTURE, GRADIENT, INTENSITY = 10.0, 16.0, 14.0
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


class FusionLoss(NamedTuple):
    """The total and its parts, scalars."""

    total: Tensor
    structure: Tensor
    gradient: Tensor
    intensity: Tensor


def fusion_loss(infrared: Tensor, visible: Tensor, fused: Tensor) -> FusionLoss:
    """The loss of a batch.

    Args:
        infrared: [N, 1, H, W] in [0, 1].
        visible: [N, 1, H, W] in [0, 1].
        fused: [N, 1, H, W], the head's output as it is.
    """
    edges_a, edges_b = sobel(infrared), sobel(visible)
    mean_a, mean_b = edges_a.mean(), edges_b.mean()
    # Flat patches have no edges; then both modalities count alike.
    share = torch.where(mean_a + mean_b > 0, mean_a / (mean_a + mean_b), 0.5)
    structure = share * ssim(infrared, fused) + (1 - share) * ssim(visible, fused)
    gradient = (sobel(fused) - torch.maximum(edges_a, edges_b)).abs().mean()
    intensity = (fused - torch.maximum(infrared, visible)).abs().mean()
    total = STRUCTURE * (1 - structure) + GRADIENT * gradient + INTENSITY * intensity
    return FusionLoss(total, structure, gradient, intensity)


def sobel(image: Tensor) -> Tensor:
    """|horizontal| + |vertical| Sobel response, zeros outside; [N, 1, H, W] -> the same."""
    across = image.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    kernels = torch.stack((across, across.t()))[:, None]
    return functional.conv2d(image, kernels, padding=1).abs().sum(dim=1, keepdim=True)


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Mean structural similarity of [N, 1, H, W]: 11x11 Gaussian of sigma 1.5, zeros outside."""
    mean_a, mean_b = _blur(first), _blur(second)
    var_a = _blur(first * first) - mean_a**2
    var_b = _blur(second * second) - mean_b**2
    covariance = _blur(first * second) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
    return (likeness / ((mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2))).mean()


def _blur(image: Tensor) -> Tensor:
    """Weighted mean around each pixel; [N, 1, H, W] -> the same."""
    offset = torch.arange(_WINDOW, dtype=torch.float32, device=image.device) - _WINDOW // 2
    line = (-(offset**2) / (2 * _SIGMA**2)).exp()
    line = (line / line.sum()).to(image.dtype)
    across = functional.conv2d(image, line[None, None, None], padding=(0, _WINDOW // 2))
    return functional.conv2d(across, line[None, None, :, None], padding=(_WINDOW // 2, 0))
