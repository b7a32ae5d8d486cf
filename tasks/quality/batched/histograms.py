"""Joint histograms of each source with the fused image: exact counts, as on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivif_bench.tasks.quality.batched import FormSpec

if TYPE_CHECKING:
    from ivif_bench.tasks.quality.batched._batch import Batch
    from ivif_bench.tasks.quality.kernels.histograms import Histograms

SPECS = (
    FormSpec(
        "ivif_bench.tasks.quality.kernels.histograms:histograms",
        "histograms",
    ),
)

_CELLS = 256 * 256


def histograms(batch: Batch) -> list[Histograms]:
    """Counts of the joint index (image, level of the source, level of the fused image)."""
    import torch

    from ivif_bench.tasks.quality.kernels.histograms import Histograms

    images = len(batch.fused)
    start = torch.arange(images, device=batch.fused.device).view(-1, 1, 1) * _CELLS
    cell = start + batch.fused
    counts = [
        torch.bincount((cell + 256 * source.int()).flatten(), minlength=images * _CELLS)
        .view(images, 256, 256)
        .cpu()
        .numpy()
        for source in (batch.infrared, batch.visible)
    ]
    return [Histograms(*both) for both in zip(*counts, strict=True)]
