"""DMFuse's fusion head: encoders of the diffusion features, criss-cross fusion, decoder.

Module names are those of the published file ``models/model.model``, so it loads unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ivif_bench.fusion_models.dmfuse.crisscross import CrissCrossFusion


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """Shape of the head.

    Attributes:
        features: channels of the features of the five scales, finest first, all time steps of one
            modality together. The two coarsest share an encoder, so they must be equal.
        width: channels that each modality is encoded to.
        spare: also create the layers that the published file has but no computation uses.
    """

    features: tuple[int, int, int, int, int] = (96, 192, 384, 768, 768)
    width: int = 32
    spare: bool = True


class FusionHead(nn.Module):
    """Fused image of the diffusion features of an infrared and a visible image."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        both = 2 * width
        self.conv_in1 = ReflectConv(both, both)
        if config.spare:
            self.conv_in2, self.conv_in3 = ReflectConv(32, 16, 1), ReflectConv(64, 32, 1)
            self.conv_in4, self.conv_in5 = ReflectConv(128, 64, 1), ReflectConv(128, 128, 1)
            self.conv_t3, self.conv_t2 = ReflectConv(128, 64), ReflectConv(64, 32)
        self.conv_t4 = ReflectConv(2 * both, both)
        self.conv_t1 = OutputConv(both)
        self.en0, self.en1, self.en2, self.en3 = (
            Encoder(channels, width) for channels in config.features[:4]
        )
        self.crossatten = CrissCrossFusion(width)

    def encode(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Features of one modality by scale, finest first, to ``width`` channels each."""
        encoders = (self.en0, self.en1, self.en2, self.en3, self.en3)
        return [encoder(x) for encoder, x in zip(encoders, features, strict=True)]

    def fuse(self, infrared: Sequence[Tensor], visible: Sequence[Tensor]) -> list[Tensor]:
        """Encoded scales of both modalities to joint scales of twice the channels."""
        return [
            torch.cat(self.crossatten(ir, vi), dim=1)
            for ir, vi in zip(infrared, visible, strict=True)
        ]

    def decode(self, fused: Sequence[Tensor]) -> list[Tensor]:
        """Decoder levels from the second coarsest to the finest; all steps share their weights."""
        current, levels = fused[-1], []
        for scale in reversed(fused[:-1]):
            raised = functional.interpolate(current, scale_factor=2, mode="nearest")
            raised = functional.leaky_relu(self.conv_in1(raised), 0.2)
            current = torch.cat((raised, scale), dim=1)
            current = functional.leaky_relu(self.conv_t4(current), 0.2)
            levels.append(current)
        return levels

    def forward(self, infrared: Sequence[Tensor], visible: Sequence[Tensor]) -> Tensor:
        """The fused image in (-1, 1), [N, 1, H, W].

        Args:
            infrared: five tensors [N, C, H / 2^k, W / 2^k], k = 0..4, C as ``config.features``:
                the features at the three time steps in order, concatenated.
            visible: likewise.
        """
        return self.joined(self.encode(infrared), self.encode(visible))

    def joined(self, infrared: Sequence[Tensor], visible: Sequence[Tensor]) -> Tensor:
        """The fused image of what ``encode`` gave for both modalities."""
        out: Tensor = self.conv_t1(self.decode(self.fuse(infrared, visible))[-1])
        return out


class ReflectConv(nn.Module):
    """A convolution with mirrored borders, so the size stays."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(
            inputs, outputs, kernel, padding=kernel // 2, padding_mode="reflect"
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, H, W]."""
        out: Tensor = self.conv2d(x)
        return out


class OutputConv(nn.Module):
    """1x1 convolution to one channel, then tanh."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv1 = ReflectConv(inputs, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, 1, H, W] in (-1, 1)."""
        return torch.tanh(self.conv1(x))


class Encoder(nn.Module):
    """3x3 convolution, ReLU, and scSE (Roy et al. 2018) with its two branches summed."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.conv1 = ReflectConv(inputs, width)
        self.ChannelSpatialSELayer = ChannelSpatialGate(width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, width, H, W]."""
        out: Tensor = self.ChannelSpatialSELayer(functional.relu(self.conv1(x)))
        return out


class ChannelSpatialGate(nn.Module):
    """The input weighted per channel plus the input weighted per pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cSE = ChannelGate(width)
        self.sSE = PixelGate(width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, width, H, W] -> the same."""
        out: Tensor = x * (self.cSE(x) + self.sSE(x))
        return out


class ChannelGate(nn.Module):
    """A weight in (0, 1) per channel from the channel means."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, width // 2)
        self.fc2 = nn.Linear(width // 2, width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, width, H, W] -> [N, width, 1, 1]."""
        weights: Tensor = self.fc2(functional.relu(self.fc1(x.mean(dim=(2, 3)))))
        return weights.sigmoid()[:, :, None, None]


class PixelGate(nn.Module):
    """A weight in (0, 1) per pixel from its channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, width, H, W] -> [N, 1, H, W]."""
        weights: Tensor = self.conv(x)
        return weights.sigmoid()
