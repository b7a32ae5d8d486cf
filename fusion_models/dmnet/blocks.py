"""Layers of the two encoders: the Restormer block and the invertible node.

Both are the forms that CDDFuse uses (Zhao et al., CVPR 2023), which the DMNet paper cites for them;
the first comes from Restormer (Zamir et al., CVPR 2022).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel, with weight and bias; eps 1e-5."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same."""
        last = x.permute(0, 2, 3, 1)
        normed = functional.layer_norm(last, last.shape[-1:], self.weight, self.bias, 1e-5)
        return normed.permute(0, 3, 1, 2)  # channels last in memory, which suits what follows


class PixelSums(NamedTuple):
    """The sums over an image's pixels that transposed attention needs.

    Attributes:
        products: q k^T, [N, heads, C/heads, C/heads].
        queries: squared length of each query channel, [N, heads, C/heads].
        keys: the same of the keys.
    """

    products: Tensor
    queries: Tensor
    keys: Tensor

    def __add__(self, other: object) -> PixelSums:  # of two disjoint sets of pixels
        if not isinstance(other, PixelSums):
            return NotImplemented
        return PixelSums(*(a + b for a, b in zip(self, other, strict=True)))


class TransposedAttention(nn.Module):
    """MDTA: attention between channels, by correlation over all pixels.

    The pixels enter the attention weights only through sums, so an image may be read in parts.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.qkv_dwconv = nn.Conv2d(
            3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=False
        )
        self.project_out = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same."""
        return self.mix(x, self.weights(self.sums(x)))

    def sums(self, x: Tensor, rows: slice = slice(None)) -> PixelSums:
        """Sums over the pixels of some rows of x; the other rows only serve as their neighbours."""
        q, k = self._project(x, 0, 2)[:, :, rows].chunk(2, dim=1)
        # In float32 also under mixed precision: sums over many pixels leave float16's range.
        with torch.autocast(autocast_device(x), enabled=False):
            q, k = self._split(q.float()), self._split(k.float())
            return PixelSums(q @ k.transpose(-2, -1), q.square().sum(-1), k.square().sum(-1))

    def weights(self, sums: PixelSums) -> Tensor:
        """Attention weights, float32 [N, heads, C/heads, C/heads]; lengths are floored at 1e-12."""
        with torch.autocast(autocast_device(sums.products), enabled=False):
            # Floored before the root, whose derivative at 0 is infinite.
            query = sums.queries.clamp_min(1e-24).sqrt()[..., :, None]
            key = sums.keys.clamp_min(1e-24).sqrt()[..., None, :]
            return (sums.products / query / key * self.temperature).softmax(dim=-1)

    def mix(self, x: Tensor, weights: Tensor) -> Tensor:
        """The values of x mixed by the weights, and projected; [N, C, H, W]."""
        values = self._project(x, 2, 3)
        mixed = weights.to(values.dtype) @ self._split(values)
        out: Tensor = self.project_out(mixed.reshape(values.shape))
        return out

    def _project(self, x: Tensor, first: int, last: int) -> Tensor:
        """Some of the three thirds q, k, v."""
        third = x.shape[1]
        part = slice(first * third, last * third)
        count = (last - first) * third
        wide = functional.conv2d(x, self.qkv.weight[part])
        return functional.conv2d(wide, self.qkv_dwconv.weight[part], padding=1, groups=count)

    def _split(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, heads, C/heads, H W]."""
        return x.reshape(x.shape[0], self.heads, x.shape[1] // self.heads, -1)


class GatedFeedForward(nn.Module):
    """Gated feed-forward: GELU of one half of the widened channels times the other half."""

    def __init__(self, channels: int, expansion: int = 2) -> None:
        super().__init__()
        hidden = channels * expansion
        self.project_in = nn.Conv2d(channels, 2 * hidden, 1, bias=False)
        self.dwconv = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False)
        self.project_out = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same."""
        gate, value = self.dwconv(self.project_in(x)).chunk(2, dim=1)
        out: Tensor = self.project_out(functional.gelu(gate) * value)
        return out


class RestormerBlock(nn.Module):
    """x + MDTA(norm(x)), then x + FFN(norm(x)); 45,256 parameters at 64 channels and 8 heads."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.attn = TransposedAttention(channels, heads)
        self.norm2 = ChannelNorm(channels)
        self.ffn = GatedFeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same."""
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.ffn(self.norm2(x))
        return out


class Subnet(nn.Module):
    """Learned function inside an invertible node: it need not be invertible itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = 2 * channels
        self.layers = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.ReLU6(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(hidden, hidden, 3, groups=hidden, bias=False),
            nn.ReLU6(),
            nn.Conv2d(hidden, channels, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same; H and W at least 2."""
        out: Tensor = self.layers(x)
        return out


class InvertibleNode(nn.Module):
    """Affine coupling with a mixing of the channels before it; 18,176 parameters at 64 channels.

    (z1, z2) = halves of mix(z);  z2 <- z2 + phi(z1);  z1 <- z1 exp(rho(z2)) + eta(z2).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1)
        # torch's default is badly conditioned (hundreds), which would cost the inverse its digits.
        nn.init.orthogonal_(self.mix.weight)
        self.phi = Subnet(channels // 2)
        self.rho = Subnet(channels // 2)
        self.eta = Subnet(channels // 2)

    def forward(self, z: Tensor) -> Tensor:
        """[N, C, H, W] -> the same; H and W at least 2."""
        z1, z2 = self.mix(z).chunk(2, dim=1)
        z2 = z2 + self.phi(z1)
        z1 = z1 * self.rho(z2).exp() + self.eta(z2)
        return torch.cat((z1, z2), dim=1)

    def inverse(self, y: Tensor) -> Tensor:
        """The z that ``forward`` turns into y, as exactly as the mixing matrix can be solved.

        Raises:
            torch.linalg.LinAlgError: the mixing matrix is singular, so there is no inverse.
        """
        z1, z2 = y.chunk(2, dim=1)
        z1 = (z1 - self.eta(z2)) * (-self.rho(z2)).exp()
        z2 = z2 - self.phi(z1)
        bias = self.mix.bias
        assert bias is not None
        mixed = (torch.cat((z1, z2), dim=1) - bias[:, None, None]).flatten(2)
        matrix = self.mix.weight[:, :, 0, 0].double()
        solved = torch.linalg.solve(matrix, mixed.double())
        return solved.to(y.dtype).reshape(y.shape)


def autocast_device(x: Tensor) -> str:
    """Device type for ``torch.autocast``, which knows no meta device."""
    return "cuda" if x.is_cuda else "cpu"


def run(layer: nn.Module, x: Tensor, checkpointing: bool) -> Tensor:
    """layer(x); with checkpointing its activations are computed again in the backward pass."""
    if checkpointing and torch.is_grad_enabled():
        recomputed: Tensor = checkpoint(layer, x, use_reentrant=False)
        return recomputed
    out: Tensor = layer(x)
    return out
