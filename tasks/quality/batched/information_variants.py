"""VIF's sums as some toolkits compute them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tasks.quality.batched import FormSpec

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.quality.batched._batch import Batch

SPECS = (
    FormSpec(
        "tasks.quality.kernels.information_variants:information_variant",
        "tasks.quality.batched.information_variants:information_variant",
    ),
)


def information_variant(
    batch: Batch, saturate: bool, window: Literal["gaussian", "zoo"]
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """(numerator, denominator) for infrared and for visible; arguments as those of the part."""
    from tasks.quality.batched._batch import planes

    a, b, f = batch.part(planes)
    sums = (_pair(source, f, saturate, window).T.tolist() for source in (a, b))
    return [
        ((found_a, present_a), (found_b, present_b))
        for (found_a, present_a), (found_b, present_b) in zip(*sums, strict=True)
    ]


def _pair(x: Tensor, y: Tensor, saturate: bool, window: str) -> Tensor:
    """Numerators and denominators over all scales: [N, H, W] each -> [2, N]."""
    import torch

    from tasks.quality.batched.information import information_sums
    from tasks.quality.kernels.information import SIDES

    total = torch.zeros(2, len(x), dtype=x.dtype, device=x.device)
    for scale, side in enumerate(SIDES):
        if scale > 0:
            x, y = (_filtered(plane, side, window)[:, ::2, ::2] for plane in (x, y))
        limit = 255.0 if saturate and scale == 0 else torch.inf
        mean_x, mean_y = _filtered(x, side, window), _filtered(y, side, window)
        xx, yy, xy = (
            _filtered(product.clamp(max=limit), side, window) for product in (x * x, y * y, x * y)
        )
        total += information_sums(xx - mean_x * mean_x, yy - mean_y * mean_y, xy - mean_x * mean_y)
    return total


def _filtered(planes: Tensor, side: int, window: str) -> Tensor:
    """Centred and inside the image, or ``zoo``'s: half a pixel off, with zeros around the image."""
    import torch

    from tasks.quality.batched._filters import window_mean, window_sum
    from tasks.quality.kernels.windows import gaussian_taps

    if window == "gaussian":
        return window_mean(planes, gaussian_taps(side, side / 5).tolist())
    at = torch.linspace(-(side + 1) / 2, (side - 1) / 2, side, dtype=torch.float64)
    taps = torch.exp(-(at**2) / (2 * (side / 5) ** 2))
    r = side // 2
    padded = torch.nn.functional.pad(planes, (r, r, r, r))
    return window_sum(padded, (taps / taps.sum()).tolist())
