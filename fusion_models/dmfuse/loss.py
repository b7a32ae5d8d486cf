"""The loss of DMFuse's head: structure, gradient and intensity.

10 (1 - S) + 16 T + 14 P with A infrared, B visible, F fused, G = |Sobel_x| + |Sobel_y|:

    S = w_A SSIM(A, F) + w_B SSIM(B, F),  w_A = mean G(A) / (mean G(A) + mean G(B)),  w_B = 1 - w_A
    T = mean |G(F) - max(G(A), G(B))|
    P = mean |F - max(A, B)|

Sobel and SSIM take zeros outside the image.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ivif_bench.fusion_models.training.measures import sobel, ssim

STRUCTURE, GRADIENT, INTENSITY = 10.0, 16.0, 14.0


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
    structure = share * ssim(infrared, fused, padding=True)
    structure = structure + (1 - share) * ssim(visible, fused, padding=True)
    gradient = (sobel(fused) - torch.maximum(edges_a, edges_b)).abs().mean()
    intensity = (fused - torch.maximum(infrared, visible)).abs().mean()
    total = STRUCTURE * (1 - structure) + GRADIENT * gradient + INTENSITY * intensity
    return FusionLoss(total, structure, gradient, intensity)
