"""How much of the sources' edges the fused image keeps: Qabf's sums."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ivif_bench.tasks.quality.batched import FormSpec

if TYPE_CHECKING:
    from torch import Tensor

    from ivif_bench.tasks.quality.batched._batch import Batch

SPECS = (
    FormSpec(
        "ivif_bench.tasks.quality.kernels.edges:edges",
        "edges",
    ),
)


def edges(batch: Batch) -> list[tuple[float, float]]:
    """Σ(Q_A gA + Q_B gB) and Σ(gA + gB), pixel by pixel."""
    import torch

    squared_fused, angle_fused = _sobel(batch.fused)
    kept, present = torch.zeros(2, len(batch.fused), dtype=torch.float64, device=batch.fused.device)
    for source in (batch.infrared, batch.visible):
        squared, angle = _sobel(source)
        strength = squared.double().sqrt()
        quality = _preserved(squared, angle, squared_fused, angle_fused)
        kept += (quality * strength).sum(dim=(1, 2))
        present += strength.sum(dim=(1, 2))
    return list(zip(kept.tolist(), present.tolist(), strict=True))


def _sobel(image: Tensor) -> tuple[Tensor, Tensor]:
    """Squared strength (whole numbers) and direction; outside the image there are zeros."""
    import torch

    from ivif_bench.tasks.quality.batched.sobel import sobel

    sx, down = sobel(torch.nn.functional.pad(image.int(), (1, 1, 1, 1)))
    sy = -down  # above minus below
    angle = torch.where(sx == 0, math.pi / 2, torch.atan(sy.double() / sx.double()))
    return sx * sx + sy * sy, angle


def _preserved(squared: Tensor, angle: Tensor, squared_f: Tensor, angle_f: Tensor) -> Tensor:
    """Q of one source in every pixel."""
    import torch

    from ivif_bench.tasks.quality.kernels.edges import DA, DG, KA, KG, TA, TG

    low, high = torch.minimum(squared, squared_f), torch.maximum(squared, squared_f)
    ratio = (low.double() / high.clamp(min=1).double()).sqrt()
    # For equal strengths the published code compares with gF itself, not with 1.
    strength = torch.where(squared == squared_f, squared_f.double().sqrt(), ratio)
    direction = 1.0 - (angle - angle_f).abs() / (math.pi / 2)
    sigmoids = (1.0 + torch.exp(KG * (strength - DG))) * (1.0 + torch.exp(KA * (direction - DA)))
    return TG * TA / sigmoids
