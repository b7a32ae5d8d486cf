"""Moments of the three images: exact whole numbers, as on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivif_bench.tasks.quality.batched import FormSpec

if TYPE_CHECKING:
    from ivif_bench.tasks.quality.batched._batch import Batch
    from ivif_bench.tasks.quality.kernels.moments import Moments

SPECS = (
    FormSpec(
        "ivif_bench.tasks.quality.kernels.moments:moments",
        "moments",
    ),
)


def moments(batch: Batch) -> list[Moments]:
    """Sums of pixels and of products in int64 on the device, the rest in Python's integers."""
    import torch

    from ivif_bench.tasks.quality.kernels.moments import Moments

    a, b, f = (plane.int() for plane in (batch.infrared, batch.visible, batch.fused))
    sums = [plane.sum(dim=(1, 2)) for plane in (a, b, f, a * a, b * b, f * f, a * b, a * f, b * f)]
    n = batch.shape[0] * batch.shape[1]
    found = []
    for row in torch.stack(sums, dim=1).tolist():
        sa, sb, sf, aa, bb, ff, ab, af, bf = row
        found.append(
            Moments(
                pixels=n,
                aa=n * aa - sa * sa,
                bb=n * bb - sb * sb,
                ff=n * ff - sf * sf,
                ab=n * ab - sa * sb,
                af=n * af - sa * sf,
                bf=n * bf - sb * sf,
            )
        )
    return found
