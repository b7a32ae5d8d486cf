"""CSAB: channel and spatial attention with mixed pooling, Phi^A = A(Phi) of Eq. 10.

The form is CBAM's (Woo et al., ECCV 2018) with its average pooling replaced by mixed pooling,
s max + (1 - s) mean; at s = 0 it is CBAM.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ivif_bench.fusion_models.dmnet.architecture import Architecture


class MixedPooling(nn.Module):
    """s max + (1 - s) mean over pixels or over channels, s in [0, 1].

    Args:
        share: s at the start.
        learned: number of learned values of s (1, or one per channel); 0 keeps s as it is.
    """

    share_logit: Tensor

    def __init__(self, share: float, learned: int) -> None:
        super().__init__()
        self.fixed = share
        if learned:
            logit = math.log(share / (1 - share)) if 0 < share < 1 else math.copysign(30, share - 1)
            self.share_logit = nn.Parameter(torch.full((learned, 1, 1), logit))
        self.learned = bool(learned)

    def forward(self, largest: Tensor, mean: Tensor) -> Tensor:
        """Mix two pooled maps of one shape [N, C, H, W]."""
        share = self.share_logit.sigmoid() if self.learned else self.fixed
        return share * largest + (1 - share) * mean


class ChannelGate(nn.Module):
    """Channel attention: global mixed and max pooling, one shared MLP, added, sigmoid."""

    def __init__(self, channels: int, ratio: int, pooling: MixedPooling) -> None:
        super().__init__()
        self.pooling = pooling
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, channels // ratio, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(channels // ratio, channels, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same, each channel scaled."""
        largest = x.amax(dim=(2, 3), keepdim=True)
        mixed = self.pooling(largest, x.mean(dim=(2, 3), keepdim=True))
        return x * (self.mlp(mixed) + self.mlp(largest)).sigmoid()


class SpatialGate(nn.Module):
    """Spatial attention: mixed and max pooling over the channels, one convolution, sigmoid."""

    def __init__(self, kernel: int, pooling: MixedPooling) -> None:
        super().__init__()
        self.pooling = pooling
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same, each pixel scaled."""
        largest = x.amax(dim=1, keepdim=True)
        mixed = self.pooling(largest, x.mean(dim=1, keepdim=True))
        return x * self.conv(torch.cat((mixed, largest), dim=1)).sigmoid()


class CSAB(nn.Module):
    """The two gates in a row; 1,124 parameters at 64 channels."""

    def __init__(self, options: Architecture) -> None:
        super().__init__()
        mix, share = options.pooling_mix, options.pooling_share
        per_channel = options.width if mix == "per_channel" else 1
        # Over channels the pooled map has one channel: s is one number there in every case.
        over_pixels = MixedPooling(share, 0 if mix == "fixed" else per_channel)
        over_channels = MixedPooling(share, 0 if mix == "fixed" else 1)
        self.channel = ChannelGate(options.width, options.attention_ratio, over_pixels)
        self.spatial = SpatialGate(options.attention_kernel, over_channels)
        self.channel_first = options.attention_order == "channel_first"

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same."""
        first, second = (self.channel, self.spatial)
        gated: Tensor = second(first(x)) if self.channel_first else first(second(x))
        return gated
