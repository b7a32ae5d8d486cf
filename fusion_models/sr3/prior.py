"""Training loss of the denoising UNet: squared error of the noise (Ho et al. 2020, SR3)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ivif_bench.fusion_models.sr3.schedule import add_noise
from ivif_bench.fusion_models.sr3.unet import UNet


def random_steps(count: int, levels: np.ndarray, generator: torch.Generator) -> Tensor:
    """Steps for a batch, int64 [count], uniform in 1..T for a schedule ``levels`` of T + 1."""
    return torch.randint(1, len(levels), (count,), generator=generator, device=generator.device)


def draw_levels(steps: Tensor, levels: np.ndarray, generator: torch.Generator) -> Tensor:
    """Noise levels of a batch, float32 [N, 1], uniform between the ends of each step [N], from 1."""
    table = torch.from_numpy(levels).to(steps.device)
    upper, lower = table[steps - 1], table[steps]
    share = torch.rand(len(steps), generator=generator, device=steps.device, dtype=torch.float64)
    return (upper + (lower - upper) * share).float()[:, None]


def denoising_loss(
    unet: UNet, clean: Tensor, levels: np.ndarray, generator: torch.Generator
) -> Tensor:
    """Mean squared error of the predicted noise at levels of random steps.

    Args:
        unet: the network.
        clean: [N, channels, H, W] in [-1, 1].
        levels: the schedule, see ``schedule.levels``.
        generator: of levels and noise; on the device of ``clean``.

    Returns:
        A scalar: the mean over all values.
    """
    level = draw_levels(random_steps(len(clean), levels, generator), levels, generator)
    noise = torch.randn(clean.shape, generator=generator, device=clean.device)
    predicted = unet(add_noise(clean, level, noise), level)
    return functional.mse_loss(predicted, noise)


def denoised(unet: UNet, noisy: Tensor, level: Tensor) -> Tensor:
    """The clean images that the network sees in noisy ones: [N, C, H, W], clamped to [-1, 1]."""
    c = level[:, :, None, None]
    return ((noisy - (1 - c**2).sqrt() * unet(noisy, level)) / c).clamp(-1, 1)
