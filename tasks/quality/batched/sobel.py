"""Sobel gradients in whole numbers, and the mean strength of the fused image's edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivif_bench.tasks.quality.batched import FormSpec

if TYPE_CHECKING:
    from torch import Tensor

    from ivif_bench.tasks.quality.batched._batch import Batch

SPECS = (
    FormSpec(
        "ivif_bench.tasks.quality.kernels.sobel:mean_strength",
        "mean_strength",
    ),
)


def mean_strength(batch: Batch) -> list[float]:
    """Mean Sobel strength of the fused image, whose border is repeated outside."""
    import torch

    repeated = torch.nn.functional.pad(batch.fused[:, None].float(), (1, 1, 1, 1), mode="replicate")
    across, down = sobel(repeated[:, 0].int())
    strength = (across * across + down * down).double().sqrt()
    found: list[float] = strength.mean(dim=(1, 2)).tolist()
    return found


def sobel(padded: Tensor) -> tuple[Tensor, Tensor]:
    """Right minus left and below minus above with weights 1, 2, 1.

    Args:
        padded: int32 [N, H+2, W+2], with what is taken to be around the images.

    Returns:
        int32 [N, H, W] each.
    """
    smooth = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    step = padded[:, 2:] - padded[:, :-2]
    across = smooth[:, :, 2:] - smooth[:, :, :-2]
    down = step[:, :, :-2] + 2 * step[:, :, 1:-1] + step[:, :, 2:]
    return across, down
