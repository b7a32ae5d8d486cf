"""One training of mmsegmentation by several processes, each on its part of every batch.

The gradient is that of the whole batch: the loss of each part counts by its labelled pixels, gradients
are summed, and batch normalisation takes its statistics over all parts. Random layers (dropout, stochastic
depth) draw for each process by itself.

Imported only after ``import_mmseg``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.runner import Runner
from torch import Tensor, distributed, nn
from torch.utils.data import Sampler

from ivif_bench.processes import Processes

_IGNORED = 255


class Together:
    """What the processes of a training exchange in a step.

    Attributes:
        weight: share of this process's part in the loss of the batch, by labelled pixels.
    """

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.weight: Tensor | float = 1.0

    @property
    def several(self) -> bool:
        """Whether there is more than this process."""
        return self.processes.count > 1

    def join(self, runner: Runner) -> None:
        """Let the optimiser of a runner step by the gradients of all processes."""
        if not self.several:
            return
        wrapper = runner.optim_wrapper
        alone = wrapper.backward

        def backward(loss: Tensor, **options: Any) -> None:
            alone(loss * self.weight, **options)
            self.processes.sum_gradients(runner.model.parameters())

        wrapper.backward = backward

    def begin(self, runner: Runner, batch: Any, wish: bool) -> bool:
        """Weigh the part of a batch; whether any process has a wish, such as to save the state.

        Args:
            batch: as the loader gives it to mmengine.
        """
        if not self.several:
            return wish
        labels = [sample.gt_sem_seg.data for sample in batch["data_samples"]]
        labelled = sum(int((each != _IGNORED).sum()) for each in labels)
        device = next(runner.model.parameters()).device
        mine = torch.tensor([labelled, wish], dtype=torch.float64, device=device)
        total = self.processes.total(mine)
        self.weight = (mine[0] / total[0].clamp(min=1)).float()
        return bool(total[1] > 0)

    def totals(self, values: dict[str, Any]) -> dict[str, float]:
        """The sums of named numbers over the processes."""
        if not self.several or not values:
            return {name: float(value) for name, value in values.items()}
        stacked = torch.stack([torch.as_tensor(each).float() for each in values.values()])
        return dict(zip(values, self.processes.total(stacked).tolist(), strict=True))


class Parts(Sampler[list[int]]):
    """Positions of one process's part of every batch, in their order."""

    sampler = None  # mmengine looks for one inside, to tell it the epoch

    def __init__(self, iterations: int, batch: int, processes: Processes) -> None:
        self.iterations, self.batch, self.processes = iterations, batch, processes

    def __iter__(self) -> Iterator[list[int]]:
        for first in range(0, self.iterations * self.batch, self.batch):
            mine = range(first + self.processes.rank, first + self.batch, self.processes.count)
            yield list(mine)

    def __len__(self) -> int:
        return self.iterations


def share_statistics(module: nn.Module, processes: Processes) -> None:
    """Let batch normalisation inside a network take its statistics over all processes, in place."""
    if processes.count == 1:
        return
    for name, child in list(module.named_children()):
        if type(child) is nn.BatchNorm2d:
            setattr(module, name, _SharedBatchNorm.like(child))
        else:
            share_statistics(child, processes)


class _SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the parts of all processes, on any device; the backward pass too."""

    @classmethod
    def like(cls, other: nn.BatchNorm2d) -> _SharedBatchNorm:
        made = cls(
            other.num_features,
            other.eps,
            other.momentum,
            other.affine,
            other.track_running_stats,
        )
        made._parameters, made._buffers = other._parameters, other._buffers
        made.training = other.training
        return made

    def forward(self, batch: Tensor) -> Tensor:
        if not self.training or self.running_mean is None or self.momentum is None:
            normal: Tensor = super().forward(batch)
            return normal
        with torch.autocast(batch.device.type, enabled=False):
            values = batch.to(torch.promote_types(batch.dtype, torch.float32))
            count = values.new_tensor([values.numel() / values.shape[1]])
            sums = _Summed.apply(torch.cat([values.sum((0, 2, 3)), count]))
            mean, pixels = sums[:-1] / sums[-1], sums[-1].detach()
            centred = values - mean.view(1, -1, 1, 1)
            variance = _Summed.apply((centred * centred).sum((0, 2, 3))) / pixels
            self._remember(mean.detach(), variance.detach(), pixels)
            scale = (variance + self.eps).rsqrt()
            normalised = centred * scale.view(1, -1, 1, 1)
            if self.affine:
                weight, bias = self.weight.view(1, -1, 1, 1), self.bias.view(1, -1, 1, 1)
                normalised = normalised * weight + bias
        return normalised.to(batch.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, pixels: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * pixels / (pixels - 1).clamp(min=1), self.momentum)


class _Summed(torch.autograd.Function):
    """The sum over all processes; so is its gradient, since the loss is a sum over them."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        summed = values.clone()
        distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        summed = gradients[0].contiguous().clone()
        distributed.all_reduce(summed)
        return summed
