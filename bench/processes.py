"""Several processes that train one network, as started by torch's launcher."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn

from ivif_bench.errors import UserError


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
        own = int(os.environ["LOCAL_RANK"]) if device.index is None else device.index
        torch.cuda.set_device(own)
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Processes(distributed.get_rank(), count)


def in_processes(
    run: Callable[..., None], arguments: tuple[Any, ...], count: int, folder: Path
) -> None:
    """Call a function in several processes of torch's launcher, on this machine, until all have ended.

    Args:
        run: a function of a module; it calls ``join``.
        arguments: what it is called with; they are pickled.
        count: of processes.
        folder: takes the message of a process that fails, until this one has read it.

    Raises:
        UserError: from the first process that failed with one.
    """
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=folder.name,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.5,
    )
    message = folder / "error.txt"
    message.unlink(missing_ok=True)
    start: Callable[..., Any] = elastic_launch(config, _leaving_a_message)
    try:
        start(run, arguments, message)
    except ChildFailedError as problem:
        if message.is_file():
            raise UserError(message.read_text(encoding="utf-8")) from problem
        raise


def _leaving_a_message(run: Callable[..., None], arguments: tuple[Any, ...], message: Path) -> None:
    try:
        run(*arguments)
    except UserError as problem:
        message.write_text(str(problem), encoding="utf-8")
        raise
