"""Conversion of images before and after DMFuse's networks, exact to the gray level."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

PADDING = 32
# OpenCV's gray reading of a PNG: weights in 2^-15, cut off. It differs by one level in about half
# of all colours from the rounded luma that the rest of this project uses.
_RED, _GREEN, _BLUE, _BITS = 9797, 19234, 3737, 15


def gray_levels(visible: Tensor) -> Tensor:
    """The gray picture DMFuse reads from a colour file, in 0..255.

    Args:
        visible: RGB [N, 3, H, W] in [0, 1]; taken as the 8-bit picture it came from.

    Returns:
        float32 [N, 1, H, W] of whole numbers.
    """
    red, green, blue = torch.split((visible * 255).round().to(torch.int32), 1, dim=1)
    return ((_RED * red + _GREEN * green + _BLUE * blue) >> _BITS).float()


def prepare(levels: Tensor) -> Tensor:
    """The input of the diffusion network: levels / 255 * 2 - 1, three equal channels.

    Bottom and right are filled with white up to multiples of 32.

    Args:
        levels: whole numbers in 0..255, float32 [N, 1, H, W].

    Returns:
        [N, 3, H', W'] in [-1, 1].
    """
    height, width = levels.shape[2:]
    border = (0, -width % PADDING, 0, -height % PADDING)
    padded = functional.pad(levels, border, value=255.0)
    return (padded / 255 * 2 - 1).expand(-1, 3, -1, -1)


def finish(out: Tensor, size: tuple[int, int]) -> Tensor:
    """The picture in the head's output: cut to ``size``, negative values become 0.

    The published program writes 255 times this, rounded half to even.
    """
    height, width = size
    return out[:, :, :height, :width].clamp(min=0)
