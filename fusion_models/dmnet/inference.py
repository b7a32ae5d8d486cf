"""Fuses images of any size: padding, and tiles to save memory."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ivif_bench.fusion_models.dmnet.network import DMNet


@torch.inference_mode()
def fuse_image(
    network: DMNet, infrared: Tensor, luma: Tensor, seed: int, tile: int = 0, overlap: int = 64
) -> Tensor:
    """Fuse one pair.

    The image is padded to multiples of 16 by repeating its border and cut back. The noise of the
    three passes is drawn for the whole padded image from the seed, on the CPU.

    Args:
        network: in evaluation mode.
        infrared: [1, 1, H, W] in [0, 1], on the network's device.
        luma: the visible image, likewise.
        tile: side of square tiles, a multiple of 16; 0 fuses the image in one piece. Tiles are an
            approximation: attention, pooling and normalisation then see a tile, not the image.
        overlap: rows and columns that neighbouring tiles share at least; they are blended there.

    Returns:
        [1, 1, H, W] in [0, 1].
    """
    options = network.options
    height, width = infrared.shape[2:]
    stride = options.stride
    border = (0, -width % stride, 0, -height % stride)
    padded = [functional.pad(image, border, mode="replicate") for image in (infrared, luma)]
    generator = torch.Generator().manual_seed(seed)
    size = padded[0].shape[2:]
    shape = (1, len(options.noise_steps), 2, *size)
    noise = torch.randn(shape, generator=generator).to(infrared.device)
    if tile and max(size) > tile:
        fused = _tiled(network, padded[0], padded[1], noise, tile, overlap)
    else:
        fused = network(padded[0], padded[1], noise).image
    fused = fused[:, :, :height, :width]
    if options.output_range == "minmax":
        low, high = fused.aminmax()
        return (fused - low) / (high - low).clamp_min(1e-6)
    return fused.clamp(0, 1)


def _tiled(
    network: DMNet, infrared: Tensor, luma: Tensor, noise: Tensor, tile: int, overlap: int
) -> Tensor:
    """Tiles of one size, blended by weights that fall off linearly towards a tile's edges."""
    height, width = infrared.shape[2:]
    total = torch.zeros_like(infrared)
    weight = torch.zeros_like(infrared)
    tall, wide = min(tile, height), min(tile, width)
    ramp = _ramp(tall, overlap)[:, None] * _ramp(wide, overlap)[None, :]
    ramp = ramp.to(infrared)
    for top in starts(height, tall, overlap):
        for left in starts(width, wide, overlap):
            place = (..., slice(top, top + tall), slice(left, left + wide))
            image = network(infrared[place], luma[place], noise[place]).image
            total[place] += ramp * image
            weight[place] += ramp
    return total / weight


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin, evenly, so that they cover a length and share at least ``overlap``."""
    if length <= tile:
        return [0]
    count = -(-(length - overlap) // (tile - overlap))
    return [(length - tile) * index // (count - 1) for index in range(count)]


def _ramp(length: int, overlap: int) -> Tensor:
    """Weights of a tile's rows: rising over the overlap, flat, falling; all positive."""
    distance = torch.arange(1, length + 1).minimum(torch.arange(length, 0, -1))
    return distance.clamp(max=max(1, overlap)).float()
