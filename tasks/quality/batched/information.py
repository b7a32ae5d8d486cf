"""Visual information of each source that is found in the fused image (pixel-domain VIF)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivif_bench.tasks.quality.batched import FormSpec

if TYPE_CHECKING:
    from torch import Tensor

    from ivif_bench.tasks.quality.batched._batch import Batch

SPECS = (
    FormSpec(
        "ivif_bench.tasks.quality.kernels.information:information",
        "information",
    ),
)


def information(batch: Batch) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """(numerator, denominator) for infrared and for visible, over all four scales."""
    import torch

    from ivif_bench.tasks.quality.batched._batch import planes
    from ivif_bench.tasks.quality.batched._filters import window_mean, window_moments
    from ivif_bench.tasks.quality.kernels.information import EXCESS, SIDES
    from ivif_bench.tasks.quality.kernels.windows import gaussian_taps

    a, b, f = batch.part(planes)
    total = torch.zeros(4, len(f), dtype=torch.float64, device=f.device)
    for scale, side in enumerate(SIDES):
        taps = gaussian_taps(side, side / 5).tolist()
        if scale > 0:
            a, b, f = (window_mean(plane, taps)[:, ::2, ::2] for plane in (a, b, f))
        mean_f = window_mean(f, taps)
        for at, source in enumerate((a, b)):
            mean = window_mean(source, taps)
            if scale > 0:
                moments = window_moments(source, f, taps[:0:-1] + taps)
            else:
                moments = _moments_of_levels(source, f, mean, mean_f, taps)
            products = mean * mean, mean_f * mean_f, mean * mean_f
            for moment, product in zip(moments, products, strict=True):
                moment.sub_(product, alpha=EXCESS[side])
            total[2 * at : 2 * at + 2] += information_sums(*moments)
    return [((na, da), (nb, db)) for na, da, nb, db in total.T.tolist()]


def _moments_of_levels(
    x: Tensor, y: Tensor, mean_x: Tensor, mean_y: Tensor, taps: Sequence[float]
) -> tuple[Tensor, Tensor, Tensor]:
    """Variances and covariance from means of products, in half the time of ``window_moments``.

    No variance of whole numbers is between 0 and 5e-5, so that less 128 none is lost in rounding.
    """
    from ivif_bench.tasks.quality.batched._filters import window_mean

    x, y, mean_x, mean_y = (plane - 128.0 for plane in (x, y, mean_x, mean_y))
    vx, vy, c = (
        window_mean(one * other, taps) - mean_one * mean_other
        for one, other, mean_one, mean_other in (
            (x, x, mean_x, mean_x), (y, y, mean_y, mean_y), (x, y, mean_x, mean_y)
        )
    )  # fmt: skip
    return vx, vy, c


def information_sums(vx: Tensor, vy: Tensor, c: Tensor) -> Tensor:
    """Σ log(1 + g² v_x/(q+σ²)) and Σ log(1 + v_x/σ²) of each image: [N, H, W] each -> [2, N]."""
    import torch

    from ivif_bench.tasks.quality.kernels.information import EPSILON, NOISE

    vx, vy = vx.clamp(min=0.0), vy.clamp(min=0.0)
    g = c / (vx + EPSILON)
    q = vy - g * c
    # The order of these three corrections is part of the definition.
    flat_x, flat_y = vx < EPSILON, vy < EPSILON
    g = torch.where(flat_x | flat_y, 0.0, g)
    q = torch.where(flat_y, 0.0, torch.where(flat_x, vy, q))
    vx = torch.where(flat_x, 0.0, vx)
    q = torch.where(g < 0.0, vy, q).clamp(min=EPSILON)
    g = g.clamp(min=0.0)
    found, present = torch.log1p(g * g * vx / (q + NOISE)), torch.log1p(vx / NOISE)
    return torch.stack([found.sum(dim=(1, 2)), present.sum(dim=(1, 2))])
