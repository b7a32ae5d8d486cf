"""Squared differences of the fused image and each source: exact, as on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivif_bench.tasks.quality.batched import FormSpec

if TYPE_CHECKING:
    from ivif_bench.tasks.quality.batched._batch import Batch

SPECS = (
    FormSpec(
        "ivif_bench.tasks.quality.kernels.squares:squared_differences",
        "squared_differences",
    ),
)


def squared_differences(batch: Batch) -> list[tuple[int, int]]:
    """Σ (A−F)² and Σ (B−F)² of each image, in int64."""
    fused = batch.fused.int()
    sums = [
        (source.int() - fused).square().sum(dim=(1, 2)).tolist()
        for source in (batch.infrared, batch.visible)
    ]
    return list(zip(*sums, strict=True))
