"""Several processes that train one network, as started by torch's launcher."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True)
class Processes:
    """The rank of this process in the training.

    Attributes:
        rank: 0 for the first, which writes the files.
        count: 1 without a launcher.
    """

    rank: int = 0
    count: int = 1

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the processes."""
        if self.count == 1:
            return
        for parameter in parameters:
            if parameter.grad is not None:
                distributed.all_reduce(parameter.grad)
                parameter.grad /= self.count

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its sum over the processes, all in one exchange."""
        if self.count == 1:
            return
        given = [each for each in parameters if each.requires_grad]
        grads = [torch.zeros_like(each) if each.grad is None else each.grad for each in given]
        flat = torch.cat([grad.flatten() for grad in grads])
        distributed.all_reduce(flat)
        parts = torch.split(flat, [grad.numel() for grad in grads])
        for each, part in zip(given, parts, strict=True):
            each.grad = part.view_as(each)

    def total(self, value: Tensor) -> Tensor:
        """The sum of a tensor without gradient over the processes."""
        if self.count == 1:
            return value
        summed = value.detach().clone()
        distributed.all_reduce(summed)
        return summed

    def wait(self) -> None:
        """Wait until every process has reached this call."""
        if self.count > 1:
            distributed.barrier()


def join(device: torch.device) -> Processes:
    """Join the processes of ``torchrun``, if it started this one.

    Args:
        device: this process's own, see ``ivif_bench.device.device_of``.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Processes()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Processes(distributed.get_rank(), count)
