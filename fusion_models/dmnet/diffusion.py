"""The diffusion module DM: noise, SR3's UNet, and the projection of its features.

The UNet's input is a two-channel image (infrared, visible), and it does not sample images: one pass
per noise step, whose decoder features are the latent features.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ivif_bench.fusion_models.dmnet.architecture import Architecture
from ivif_bench.fusion_models.sr3.schedule import add_noise, levels
from ivif_bench.fusion_models.sr3.unet import UNet, UNetConfig

# Option -> (levels whose blocks attend, whether the middle does); level 3 is 1/8, level 4 is 1/16.
_ATTENTION = {
    "middle": ((), True),
    "eighth": ((3,), True),
    "sixteenth": ((4,), True),
    "eighth_only": ((3,), False),
}


def unet_config(options: Architecture) -> UNetConfig:
    """The UNet of these options: two channels in and out, five levels, two blocks each."""
    attends, middle = _ATTENTION[options.unet_attention]
    return UNetConfig(
        channels=2,
        width=options.unet_width,
        attention_levels=attends,
        middle_attention=middle,
        norm_groups=options.unet_groups,
        dropout=options.unet_dropout,
    )


class Latent(NamedTuple):
    """The output of the diffusion module for a batch.

    Attributes:
        features: Phi^L, [N, C, H, W].
        predicted: the noise it saw in each pass, [N, steps, 2, H, W]; None unless asked for.
    """

    features: Tensor
    predicted: Tensor | None


class DiffusionModule(nn.Module):
    """Two-channel image to latent features, by one UNet pass per noise step."""

    def __init__(self, options: Architecture) -> None:
        super().__init__()
        config = unet_config(options)
        self.steps = options.noise_steps
        self.levels = levels(options.schedule)
        self.concatenate = options.steps_combined == "concatenate"
        self.taps = config.first_taps
        self.unet = UNet(config)
        channels = [config.tap_channels(tap) for tap in self.taps]
        count = len(self.steps) if self.concatenate else 1
        self.projection = build_projection(options, channels, count)

    def end_levels(self, count: int) -> Tensor:
        """Noise levels at the fixed end points of the steps, float32 [count, steps]."""
        return torch.tensor([self.levels[step] for step in self.steps]).float().expand(count, -1)

    def noisy(self, clean: Tensor, noise: Tensor, level: Tensor) -> Tensor:
        """Eqs. 3-6: I_t = sqrt(alpha-bar) I_0 + sqrt(1 - alpha-bar) epsilon.

        Args:
            clean, noise: [N, 2, H, W].
            level: the square roots of alpha-bar, [N, 1].
        """
        return add_noise(clean, level, noise)

    def predict(self, clean: Tensor, noise: Tensor, level: Tensor) -> Tensor:
        """The noise that the UNet sees in ``noisy`` of the same arguments, [N, 2, H, W]."""
        predicted: Tensor = self.unet(self.noisy(clean, noise, level), level)
        return predicted

    def forward(self, clean: Tensor, noise: Tensor, level: Tensor, predict: bool = False) -> Latent:
        """Latent features, Eq. 9: Phi^L = L(clean).

        Args:
            clean: [N, 2, H, W]; H and W multiples of 16.
            noise: standard normal, [N, steps, 2, H, W].
            level: noise levels, [N, steps].
            predict: also finish the passes and return the predicted noise.
        """
        count = len(self.steps)
        # One pass per step needs the least memory. In training all of it is kept anyway.
        at_once = count if self.training and not self.unet.checkpointing else 1
        pyramids: list[list[Tensor]] = []
        predicted: list[Tensor] = []
        for first in range(0, count, at_once):
            part = slice(first, first + at_once)
            guess, pyramid = self._pass(clean, noise[:, part], level[:, part], predict)
            pyramids = self._collect(pyramids, pyramid)
            predicted.append(guess)
        features = self.projection(self._combine(pyramids))
        return Latent(features, torch.cat(predicted, dim=1) if predict else None)

    def _pass(
        self, clean: Tensor, noise: Tensor, level: Tensor, predict: bool
    ) -> tuple[Tensor, list[Tensor]]:
        """One UNet pass over some steps: predicted noise (noise itself if not wanted), features.

        Features come step by step: [N, steps, C, H, W].
        """
        shape = noise.shape[:2]
        c = level.reshape(-1, 1)
        noisy = self.noisy(clean.repeat_interleave(shape[1], dim=0), noise.flatten(0, 1), c)
        if predict:
            guess, features = self.unet.denoise_with_features(noisy, c, self.taps)
        else:
            guess, features = noise, self.unet.features(noisy, c, self.taps)
        return guess.reshape(noise.shape), [torch.unflatten(f, 0, shape) for f in features]

    def _collect(self, so_far: list[list[Tensor]], pyramid: list[Tensor]) -> list[list[Tensor]]:
        """Keep what the combination needs: the steps of every pass, or only their sum."""
        if self.concatenate:
            return [*so_far, pyramid]
        sums = [steps.sum(dim=1) for steps in pyramid]
        return [[a + b for a, b in zip(so_far[0], sums, strict=True)] if so_far else sums]

    def _combine(self, pyramids: list[list[Tensor]]) -> list[Tensor]:
        """One map [N, C, H, W] per scale, finest first."""
        if self.concatenate:
            maps = [torch.cat(steps, dim=1) for steps in zip(*pyramids, strict=True)]
            return [steps.flatten(1, 2) for steps in maps]
        return [total / len(self.steps) for total in pyramids[0]]


def posterior(clean: Tensor, noisy: Tensor, step: int, table: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of the image one step less noisy, Eqs. 7 and 8.

    Args:
        clean: estimate of the clean image, any shape.
        noisy: the image after ``step`` steps of noise.
        step: 1..T.
        table: square roots of alpha-bar, float64 [T + 1], index 0 is the clean image.

    Returns:
        The mean, shaped as ``clean``, and the variance, a scalar (0 at step 1).
    """
    now, before = table[step] ** 2, table[step - 1] ** 2
    beta = 1 - now / before
    left = 1 - now
    mean = (beta * before.sqrt() / left) * clean + ((1 - before) * (1 - beta).sqrt() / left) * noisy
    return mean.to(clean.dtype), beta * (1 - before) / left


@torch.no_grad()
def denoise(
    unet: UNet, noisy: Tensor, step: int, table: Tensor, generator: torch.Generator
) -> Tensor:
    """Walk an image of noise step ``step`` back to a clean one, one UNet pass per step.

    DMNet's fusion does not need this; sample images show with it what the module has learned.

    Args:
        noisy: [N, 2, H, W].
        table: as for ``posterior``.
        generator: draws the noise of each step, on its own device.
    """
    for at in range(step, 0, -1):
        c = table[at].float().to(noisy.device)
        guess = unet(noisy, c.expand(len(noisy), 1))
        clean = (noisy - (1 - c**2).sqrt() * guess) / c
        mean, variance = posterior(clean, noisy, at, table)
        fresh = torch.randn(noisy.shape, generator=generator, device=generator.device)
        fresh = fresh.to(noisy.device)
        noisy = mean + float(variance) ** 0.5 * fresh
    return noisy


class TopDown(nn.Module):
    """One 3x3 convolution per scale, coarsest first: each result is enlarged and added to the next.

    Linear throughout, like the single convolution that it replaces. With concatenated steps a scale has
    as many times the channels.
    """

    def __init__(self, channels: list[int], outputs: int, mode: str) -> None:
        super().__init__()
        self.mode = mode
        finer = [outputs, *channels[:-1]]
        self.convs = nn.ModuleList(
            nn.Conv2d(inputs, out, 3, padding=1)
            for inputs, out in zip(reversed(channels), reversed(finer), strict=True)
        )

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """Maps of every scale, finest first -> [N, outputs, H, W]."""
        scales = list(reversed(pyramid))
        h: Tensor = self.convs[0](scales[0])
        for conv, scale in zip(self.convs[1:], scales[1:], strict=True):
            h = conv(enlarge(h, 2, self.mode) + scale)
        return h


class SingleConvolution(nn.Module):
    """All scales enlarged to the finest, concatenated, and one convolution over them."""

    def __init__(self, channels: list[int], outputs: int, kernel: int, mode: str) -> None:
        super().__init__()
        self.mode = mode
        self.conv = nn.Conv2d(sum(channels), outputs, kernel, padding=kernel // 2)

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """Maps of every scale, finest first -> [N, outputs, H, W]."""
        maps = [enlarge(scale, 2**level, self.mode) for level, scale in enumerate(pyramid)]
        out: Tensor = self.conv(torch.cat(maps, dim=1))
        return out


def build_projection(options: Architecture, channels: list[int], count: int) -> nn.Module:
    """The projection these options name, for maps of ``count`` steps concatenated."""
    wide = [count * size for size in channels]
    if options.projection == "top_down":
        return TopDown(wide, options.width, options.upsampling)
    kernel = 1 if options.projection == "single_1x1" else 3
    return SingleConvolution(wide, options.width, kernel, options.upsampling)


def enlarge(x: Tensor, factor: int, mode: str) -> Tensor:
    """x at ``factor`` times its size, nearest or bilinear."""
    if factor == 1:
        return x
    if mode == "nearest":
        return functional.interpolate(x, scale_factor=factor, mode="nearest")
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


class PlainLatent(nn.Module):
    """Two convolutions in the diffusion module's place, for ablations without it."""

    def __init__(self, options: Architecture) -> None:
        super().__init__()
        width = options.width
        self.layers = nn.Sequential(
            nn.Conv2d(2, width, 3, padding=1),
            nn.LeakyReLU(options.decoder_slope),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, clean: Tensor) -> Tensor:
        """[N, 2, H, W] -> [N, C, H, W]."""
        out: Tensor = self.layers(clean)
        return out
