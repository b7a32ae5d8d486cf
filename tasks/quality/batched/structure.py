"""SSIM of the fused image with both sources: one scale, or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivif_bench.tasks.quality.batched import FormSpec

if TYPE_CHECKING:
    from torch import Tensor

    from ivif_bench.tasks.quality.batched._batch import Batch
    from ivif_bench.tasks.quality.kernels.structure import Structure

SPECS = (
    FormSpec(
        "ivif_bench.tasks.quality.kernels.structure:structure",
        "structure",
    ),
)


def structure(
    batch: Batch, taps: tuple[float, ...], scale: int, c1: float, c2: float, unbias: float
) -> list[Structure]:
    """SSIM means at a scale; arguments as those of the part."""
    import torch

    from ivif_bench.tasks.quality.batched._filters import window_mean
    from ivif_bench.tasks.quality.kernels.structure import Structure
    from ivif_bench.tasks.quality.kernels.windows import sums_to_one

    images = batch.part(pyramid, scale)
    levels = [image.mean(dim=(1, 2), keepdim=True).round() for image in images]
    if not sums_to_one(taps):
        levels = [torch.zeros_like(level) for level in levels]
    # Without their levels images have small numbers, which lose few digits.
    a, b, f = (image - level for image, level in zip(images, levels, strict=True))
    flat_f = window_mean(f, taps)
    mean_f, variance_f = flat_f + levels[2], window_mean(f * f, taps) - flat_f * flat_f
    contrasts, wholes = [], []
    for source, level in ((a, levels[0]), (b, levels[1])):
        flat = window_mean(source, taps)
        mean, variance = flat + level, window_mean(source * source, taps) - flat * flat
        covariance = window_mean(source * f, taps) - flat * flat_f
        contrast = (2 * unbias * covariance + c2) / (unbias * (variance + variance_f) + c2)
        light = (2 * mean * mean_f + c1) / (mean * mean + mean_f * mean_f + c1)
        contrasts.append(contrast.mean(dim=(1, 2)).tolist())
        wholes.append((contrast * light).mean(dim=(1, 2)).tolist())
    return [
        Structure(contrast, whole)
        for contrast, whole in zip(
            zip(*contrasts, strict=True), zip(*wholes, strict=True), strict=True
        )
    ]


def pyramid(batch: Batch, scale: int) -> tuple[Tensor, Tensor, Tensor]:
    """The three images, float64 [N, h, w], halved ``scale`` times by 2x2 means.

    At an odd side a row (column) of zeros goes before the first and counts in the mean.
    """
    from ivif_bench.tasks.quality.batched._batch import planes

    if scale == 0:
        found: tuple[Tensor, Tensor, Tensor] = batch.part(planes)
        return found
    a, b, f = batch.part(pyramid, scale - 1)
    return _halve(a), _halve(b), _halve(f)


def _halve(image: Tensor) -> Tensor:
    import torch

    rows, columns = image.shape[1:]
    padded = torch.nn.functional.pad(image, (columns % 2, 0, rows % 2, 0))
    upper, lower = padded[:, ::2], padded[:, 1::2]
    return 0.25 * ((upper[:, :, ::2] + upper[:, :, 1::2]) + (lower[:, :, ::2] + lower[:, :, 1::2]))
