"""DDFM's sampler: DDIM steps with a rectification between estimate and next image.

The chain's kept steps are up to 11 trained steps apart (see ``schedule``), which a scheduler that
assumes equal strides cannot express.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ivif_bench.fusion_models.ddfm.em import Rectifier
from ivif_bench.fusion_models.ddfm.schedule import Schedule

Denoiser = Callable[[Tensor, int], Tensor]
"""(x [N, 3, H, W], trained step) -> the noise in x, [N, 3, H, W]."""


@dataclass(frozen=True)
class Luma:
    """How the luma of an RGB image in [-1, 1] is read and replaced.

    Replacing Y and keeping both colour differences adds ``gain`` times the change of Y to each
    channel: the conversion to YCbCr and back cancels except for that.

    Attributes:
        weights: of R, G and B.
        offset: added to the weighted sum.
        gain: change of each channel per change of luma.
    """

    weights: tuple[float, float, float]
    offset: float
    gain: float

    def read(self, rgb: Tensor) -> Tensor:
        """Luma [N, 1, H, W]."""
        red, green, blue = self.weights
        y = (red * rgb[:, 0:1]).add_(rgb[:, 1:2], alpha=green)
        return y.add_(rgb[:, 2:3], alpha=blue).add_(self.offset)


STUDIO = Luma((65.481 / 255, 128.553 / 255, 24.966 / 255), 16 / 255, 255 / 219)
"""BT.601 studio range applied to [-1, 1], as released: gray g becomes (16 + 219 g) / 255."""

FULL = Luma((0.299, 0.587, 0.114), 0.0, 1.0)
"""BT.601 full range: gray stays as it is, so estimate and sources share one scale."""


@dataclass(frozen=True)
class Moment:
    """The intermediate values of one step, for tests and sample images; tensors are not copied.

    Attributes:
        position: in the chain, N-1 first and 0 last.
        noise: what the network returned.
        clean: the clamped estimate.
        luma: its luma.
        rectified: the luma after rectification.
        x: the next image.
    """

    position: int
    noise: Tensor
    clean: Tensor
    luma: Tensor
    rectified: Tensor
    x: Tensor


def sample(
    denoise: Denoiser,
    rectifier: Rectifier,
    start: Tensor,
    schedule: Schedule,
    luma: Luma = STUDIO,
    eta: float = 0.0,
    generators: Sequence[torch.Generator] = (),
    observe: Callable[[Moment], None] | None = None,
) -> Tensor:
    """Run the chain from noise to the fused luma.

    With eta = 1 a step is the posterior of DDPM, mean and standard deviation (line 16 of the
    paper's Algorithm 1): DDIM's family contains it.

    Args:
        denoise: the prior.
        rectifier: fresh, for the sources of this batch.
        start: float32 [N, 3, H, W] standard normal noise; not changed.
        luma: colour conversion.
        eta: share of fresh noise, 0 (DDIM) to 1 (DDPM).
        generators: one per image on the CPU; read only if eta > 0.
        observe: called after every step.

    Returns:
        The last rectified luma, float32 [N, 1, H, W]. The luma of the last image is
        (255 F - 16) / 219 of it in the studio range, so both give one image once stretched.
    """
    x = start
    rectified = start[:, :1]
    for position in reversed(range(len(schedule.index))):
        product = float(schedule.alphas_cumprod[position])
        previous = float(schedule.alphas_cumprod_prev[position])
        noise = denoise(x, int(schedule.index[position]))
        from_x, from_noise = math.sqrt(1 / product), math.sqrt(1 / product - 1)
        clean = (from_x * x).sub_(noise, alpha=from_noise).clamp_(-1, 1)
        y = luma.read(clean)
        rectified = rectifier.step(y)
        spread = eta * math.sqrt((1 - previous) / (1 - product) * (1 - product / previous))
        direction = math.sqrt(max(0.0, 1 - previous - spread * spread)) / from_noise
        # x' = sqrt(previous) c + sqrt(1 - previous - spread^2) (from_x x - c) / from_noise,
        # where c is the estimate with its luma replaced.
        replaced = clean + luma.gain * (rectified - y)
        x = (direction * from_x * x).add_(replaced, alpha=math.sqrt(previous) - direction)
        if spread > 0:
            x.add_(normal(start.shape, generators).to(x.device), alpha=spread)
        if observe is not None:
            observe(Moment(position, noise, clean, y, rectified, x))
    return rectified


def normal(shape: Sequence[int], generators: Sequence[torch.Generator]) -> Tensor:
    """Standard normal noise [N, ...] on the CPU, image n from its own generator."""
    return torch.cat([torch.randn((1, *shape[1:]), generator=g) for g in generators])
