"""SR3's UNet, conditioned on the noise level, with taps on its decoder.

Source of the form: Saharia et al., "Image Super-Resolution via Iterative Refinement", 2021, in the
public PyTorch port's layout. Module names follow that port (``downs.0.res_block.block1.block.0``
and so on), so its checkpoints load unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """Shape of the network.

    Attributes:
        channels: channels of the input and of the output.
        width: channels of the first level.
        multipliers: channels of each level as multiples of ``width``, finest level first.
        blocks: residual blocks per level on the way down; one more on the way up.
        attention_levels: levels (0 is the finest) whose blocks attend over all pixels.
        middle_attention: whether the first middle block attends.
        norm_groups: groups of every normalisation; must divide every channel count.
        dropout: rate inside the residual blocks while training.
    """

    channels: int
    width: int
    multipliers: tuple[int, ...] = (1, 2, 4, 8, 8)
    blocks: int = 2
    attention_levels: tuple[int, ...] = ()
    middle_attention: bool = True
    norm_groups: int = 32
    dropout: float = 0.2

    @property
    def levels(self) -> int:
        """Number of resolutions."""
        return len(self.multipliers)

    @property
    def stride(self) -> int:
        """Height and width of an input must be multiples of this."""
        return int(2 ** (self.levels - 1))

    @property
    def first_taps(self) -> tuple[int, ...]:
        """Taps of the first block of every decoder level, finest level first.

        These are the features the fusion methods read: 2, 5, 8, 11, 14 for five levels of two
        blocks.
        """
        each = self.blocks + 1
        return tuple(level * each + self.blocks for level in range(self.levels))

    def tap_channels(self, tap: int) -> int:
        """Channels of a decoder feature; see ``UNet.features`` for how taps are numbered."""
        return self.width * self.multipliers[tap // (self.blocks + 1)]


class UNet(nn.Module):
    """Predicts the noise in an image from the noisy image and its noise level.

    Attributes:
        checkpointing: trade time for memory in training; off unless set.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpointing = False
        width = config.width
        self.noise_level_mlp = nn.Sequential(
            NoiseLevelCode(width),
            nn.Linear(width, 4 * width),
            nn.SiLU(),
            nn.Linear(4 * width, width),
        )
        self.init_conv = nn.Conv2d(config.channels, width, 3, padding=1)
        sizes = [width * multiplier for multiplier in config.multipliers]
        skips = [width]
        self.downs = nn.ModuleList()
        for level, size in enumerate(sizes):
            for _ in range(config.blocks):
                attends = level in config.attention_levels
                self.downs.append(Stage(skips[-1], size, config, attends))
                skips.append(size)
            if level + 1 < len(sizes):
                self.downs.append(Down(size))
                skips.append(size)
        deepest = sizes[-1]
        self.mid = nn.ModuleList(
            [
                Stage(deepest, deepest, config, config.middle_attention),
                Stage(deepest, deepest, config, False),
            ]
        )
        self.ups = nn.ModuleList()
        current = deepest
        for level in reversed(range(len(sizes))):
            for _ in range(config.blocks + 1):
                attends = level in config.attention_levels
                self.ups.append(Stage(current + skips.pop(), sizes[level], config, attends))
                current = sizes[level]
            if level > 0:
                self.ups.append(Up(current))
        self.final_conv = Block(current, config.channels, config.norm_groups)

    def forward(self, noisy: Tensor, level: Tensor) -> Tensor:
        """Noise in the image.

        Args:
            noisy: [N, channels, H, W]; H and W multiples of ``config.stride``.
            level: [N, 1], the square root of the share of signal left (1 is a clean image).

        Returns:
            [N, channels, H, W].
        """
        decoded, _ = self._decode(noisy, level, ())
        predicted: Tensor = self.final_conv(decoded)
        return predicted

    def features(self, noisy: Tensor, level: Tensor, taps: Sequence[int]) -> list[Tensor]:
        """Outputs of decoder blocks, after their attention; nothing beyond the last one is computed.

        Args:
            noisy, level: as for ``forward``.
            taps: which blocks. They are numbered from the output backwards: 0 is the last block
                computed; a level has ``blocks + 1`` of them.

        Returns:
            One tensor [N, C, H / 2^k, W / 2^k] per tap, k the level of the tap.
        """
        count = self.config.levels * (self.config.blocks + 1)
        if not taps or not all(0 <= tap < count for tap in taps):
            raise ValueError(f"taps must lie in 0..{count - 1} and not be empty, got {list(taps)}")
        _, found = self._decode(noisy, level, tuple(taps))
        return [found[tap] for tap in taps]

    def denoise_with_features(
        self, noisy: Tensor, level: Tensor, taps: Sequence[int]
    ) -> tuple[Tensor, list[Tensor]]:
        """What ``forward`` and ``features`` give, of one pass."""
        # A tap of -1 is never reached, so the decoder runs to its end.
        decoded, found = self._decode(noisy, level, (*taps, -1))
        return self.final_conv(decoded), [found[tap] for tap in taps]

    def _decode(
        self, noisy: Tensor, level: Tensor, taps: tuple[int, ...]
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """The decoder's last output and the tapped features; stops early when all are there."""
        self._check(noisy, level)
        code = self.noise_level_mlp(level)
        h = self.init_conv(noisy)
        skips = [h]
        for module in self.downs:
            h = self._run(module, h, code)
            skips.append(h)
        for module in self.mid:
            h = self._run(module, h, code)
        found: dict[int, Tensor] = {}
        tap = self.config.levels * (self.config.blocks + 1)
        for module in self.ups:
            if isinstance(module, Up):
                h = self._run(module, h, code)
                continue
            h = self._run(module, torch.cat((h, skips.pop()), dim=1), code)
            tap -= 1
            if tap in taps:
                found[tap] = h
                if len(found) == len(set(taps)):
                    break
        return h, found

    def _run(self, module: nn.Module, x: Tensor, code: Tensor) -> Tensor:
        """One module; with ``checkpointing`` its inside is computed again for the gradient."""
        out: Tensor
        if self.checkpointing and torch.is_grad_enabled():
            out = checkpoint(module, x, code, use_reentrant=False)
        else:
            out = module(x, code)
        return out

    def _check(self, noisy: Tensor, level: Tensor) -> None:
        stride, channels = self.config.stride, self.config.channels
        if noisy.ndim != 4 or noisy.shape[1] != channels:
            raise ValueError(f"expected [N, {channels}, H, W], got {tuple(noisy.shape)}")
        if noisy.shape[2] % stride or noisy.shape[3] % stride:
            raise ValueError(
                f"height and width must be multiples of {stride}: {tuple(noisy.shape)}"
            )
        if level.shape != (noisy.shape[0], 1):
            raise ValueError(
                f"expected noise levels [{noisy.shape[0]}, 1], got {tuple(level.shape)}"
            )


class NoiseLevelCode(nn.Module):
    """Sines and cosines of the noise level at ``width / 2`` frequencies from 1 down to 1e-4."""

    frequencies: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        # On the CPU always: exp on the meta device costs seconds of imports the first time.
        at = torch.arange(half, dtype=torch.float32, device="cpu")
        frequencies = torch.exp(-math.log(1e4) * at / half)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, level: Tensor) -> Tensor:
        """[N, 1] -> [N, width]."""
        phase = level * self.frequencies
        return torch.cat((phase.sin(), phase.cos()), dim=1)


class Block(nn.Module):
    """Normalisation, Swish, dropout, 3x3 convolution."""

    def __init__(self, inputs: int, outputs: int, groups: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.GroupNorm(groups, inputs),
            nn.SiLU(),
            nn.Dropout(dropout) if dropout else nn.Identity(),
            nn.Conv2d(inputs, outputs, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, H, W]."""
        out: Tensor = self.block(x)
        return out


class NoiseBias(nn.Module):
    """Adds a bias per channel that depends on the noise level."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.noise_func = nn.Sequential(nn.Linear(width, channels))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """x [N, channels, H, W] + bias of code [N, width]."""
        bias: Tensor = self.noise_func(code)
        return x + bias[:, :, None, None]


class ResidualBlock(nn.Module):
    """Two blocks with the noise bias between them, plus the input."""

    def __init__(self, inputs: int, outputs: int, config: UNetConfig) -> None:
        super().__init__()
        self.noise_func = NoiseBias(config.width, outputs)
        self.block1 = Block(inputs, outputs, config.norm_groups)
        self.block2 = Block(outputs, outputs, config.norm_groups, config.dropout)
        self.res_conv = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, H, W]."""
        h = self.noise_func(self.block1(x), code)
        out: Tensor = self.block2(h) + self.res_conv(x)
        return out


class SelfAttention(nn.Module):
    """Single-head attention over all pixels, plus the input."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, channels, H, W] -> the same; softmax(q.k / sqrt(channels)) over H * W pixels."""
        q, k, v = self.qkv(self.norm(x)).flatten(2).transpose(1, 2)[:, None].chunk(3, dim=3)
        mixed = functional.scaled_dot_product_attention(q, k, v)[:, 0].transpose(1, 2)
        out: Tensor = self.out(mixed.reshape(x.shape)) + x
        return out


class Stage(nn.Module):
    """A residual block, followed by attention where the level has it."""

    def __init__(self, inputs: int, outputs: int, config: UNetConfig, attends: bool) -> None:
        super().__init__()
        self.res_block = ResidualBlock(inputs, outputs, config)
        self.attn = SelfAttention(outputs, config.norm_groups) if attends else nn.Identity()

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, H, W]."""
        out: Tensor = self.attn(self.res_block(x, code))
        return out


class Down(nn.Module):
    """Half the resolution by a 3x3 convolution of stride 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H/2, W/2]; the noise level plays no part."""
        out: Tensor = self.conv(x)
        return out


class Up(nn.Module):
    """Twice the resolution: nearest neighbour, then a 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, 2H, 2W]; the noise level plays no part."""
        out: Tensor = self.conv(functional.interpolate(x, scale_factor=2, mode="nearest"))
        return out
