"""VIF's sums as some toolkits compute them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from ivif_bench.tasks.quality.batched import FormSpec

if TYPE_CHECKING:
    from torch import Tensor

    from ivif_bench.tasks.quality.batched._batch import Batch

SPECS = (
    FormSpec(
        "ivif_bench.tasks.quality.kernels.information_variants:information_variant",
        "information_variant",
    ),
)


def information_variant(
    batch: Batch, saturate: bool, window: Literal["gaussian", "zoo"]
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """(numerator, denominator) for infrared and for visible; arguments as those of the part."""
    from ivif_bench.tasks.quality.batched._batch import planes

    a, b, f = batch.part(planes)
    sums = (_pair(source, f, saturate, window).T.tolist() for source in (a, b))
    return [
        ((found_a, present_a), (found_b, present_b))
        for (found_a, present_a), (found_b, present_b) in zip(*sums, strict=True)
    ]


def _pair(x: Tensor, y: Tensor, saturate: bool, window: str) -> Tensor:
    """Numerators and denominators over all scales: [N, H, W] each -> [2, N]."""
    import torch

    from ivif_bench.tasks.quality.batched._filters import window_moments
    from ivif_bench.tasks.quality.batched.information import information_sums
    from ivif_bench.tasks.quality.kernels.information import SIDES

    total = torch.zeros(2, len(x), dtype=x.dtype, device=x.device)
    for scale, side in enumerate(SIDES):
        if scale > 0:
            x, y = (_filtered(plane, side, window)[:, ::2, ::2] for plane in (x, y))
        limit = 255.0 if saturate and scale == 0 else torch.inf
        r = side // 2 if window == "zoo" else 0
        px, py = (torch.nn.functional.pad(plane, (r, r, r, r)) for plane in (x, y))
        total += information_sums(*window_moments(px, py, _taps(side, window), limit))
    return total


def _filtered(planes: Tensor, side: int, window: str) -> Tensor:
    """Centred and inside the image, or ``zoo``'s: half a pixel off, with zeros around the image."""
    import torch

    from ivif_bench.tasks.quality.batched._filters import window_mean, window_sum
    from ivif_bench.tasks.quality.kernels.windows import gaussian_taps

    if window == "gaussian":
        return window_mean(planes, gaussian_taps(side, side / 5).tolist())
    r = side // 2
    padded = torch.nn.functional.pad(planes, (r, r, r, r))
    return window_sum(padded, _taps(side, window))


def _taps(side: int, window: str) -> list[float]:
    """All of a window's."""
    from ivif_bench.tasks.quality.kernels.windows import gaussian_taps

    if window == "gaussian":
        half: list[float] = gaussian_taps(side, side / 5).tolist()
        return half[:0:-1] + half
    at = [k * side / (side - 1) - (side + 1) / 2 for k in range(side)]
    taps = [math.exp(-(t * t) / (2 * (side / 5) ** 2)) for t in at]
    total = math.fsum(taps)
    return [tap / total for tap in taps]
