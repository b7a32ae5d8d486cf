"""Differences between neighbouring pixels of the fused image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivif_bench.tasks.quality.batched import FormSpec

if TYPE_CHECKING:
    from torch import Tensor

    from ivif_bench.tasks.quality.batched._batch import Batch
    from ivif_bench.tasks.quality.kernels.differences import Differences

SPECS = (
    FormSpec(
        "ivif_bench.tasks.quality.kernels.differences:differences",
        "differences",
    ),
)


def differences(batch: Batch) -> list[Differences]:
    """Sums of squares in whole numbers; gradients as in ``numpy.gradient``."""
    from ivif_bench.tasks.quality.kernels.differences import Differences

    batch.need_side(2)
    fused = batch.fused.int()
    squares = [fused.diff(dim=dim).square().sum(dim=(1, 2)).tolist() for dim in (2, 1)]
    doubled = _doubled_gradient(fused, 2).square() + _doubled_gradient(fused, 1).square()
    gradient = (doubled.double() * 0.125).sqrt().sum(dim=(1, 2)).tolist()
    return [Differences(*row) for row in zip(*squares, gradient, strict=True)]


def _doubled_gradient(planes: Tensor, dim: int) -> Tensor:
    """Twice the central difference; at the ends of a line, where it is one-sided, the same."""
    import torch

    n = planes.shape[dim]
    inner = planes.narrow(dim, 2, n - 2) - planes.narrow(dim, 0, n - 2)
    ends = [2 * (planes.narrow(dim, at + 1, 1) - planes.narrow(dim, at, 1)) for at in (0, n - 2)]
    return torch.cat([ends[0], inner, ends[1]], dim=dim)
