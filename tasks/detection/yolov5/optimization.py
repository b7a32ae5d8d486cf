"""The optimizer of YOLOv5, one update of the weights, and their moving average.

Source: the fact sheet of YOLOv5 training, part 4.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from ivif_bench.tasks.detection.yolov5.schedule import Rates
from ivif_bench.tasks.detection.yolov5.settings import OptimizerName

NetworkT = TypeVar("NetworkT", bound=nn.Module)
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


def make_optimizer(
    network: nn.Module, name: OptimizerName, rate: float, momentum: float, decay: float
) -> torch.optim.Optimizer:
    """An optimizer with three groups: biases, weights (with decay), weights of normalisations.

    Args:
        momentum: of SGD (Nesterov); the first beta of Adam and AdamW, whose second is 0.999.
    """
    biases, weights, norms = [], [], []
    for module in network.modules():
        for key, parameter in module.named_parameters(recurse=False):
            if key == "bias":
                biases.append(parameter)
            elif isinstance(module, _NORMS):
                norms.append(parameter)
            else:
                weights.append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": biases, "weight_decay": 0.0},
        {"params": weights, "weight_decay": decay},
        {"params": norms, "weight_decay": 0.0},
    ]
    if name == "SGD":
        return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=True)
    kind = {"Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW}[name]
    return kind(groups, lr=rate, betas=(momentum, 0.999))


def set_rates(optimizer: torch.optim.Optimizer, rates: Rates) -> None:
    """Set learning rates, and the momentum of SGD."""
    for index, group in enumerate(optimizer.param_groups):
        group["lr"] = rates.other if index else rates.bias
        if "momentum" in group:
            group["momentum"] = rates.momentum


def freeze(network: nn.Module, layers: Iterable[int]) -> None:
    """Keep the weights of layers as they are; their normalisations still follow the images."""
    prefixes = tuple(f"model.{number}." for number in layers)
    for key, parameter in network.named_parameters():
        parameter.requires_grad_(not key.startswith(prefixes) if prefixes else True)


def round_to_half(network: nn.Module) -> None:
    """Round all weights, averages and anchors to half precision; their type stays."""
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half())


class Average(Generic[NetworkT]):
    """Moving average of a network's weights and running statistics; integers stay as they were.

    Attributes:
        network: the averaged network, in evaluation mode.
        updates: number of updates so far.
    """

    def __init__(self, network: NetworkT) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.updates = 0
        self._own = _floats(self.network)

    def decay(self, updates: int) -> float:
        """Weight of the average in an update, counted from 1: small at first, then 0.9999."""
        return 0.9999 * (1 - math.exp(-updates / 2000))

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take a network's present state into the average."""
        self.updates += 1
        decay = self.decay(self.updates)
        torch._foreach_mul_(self._own, decay)
        torch._foreach_add_(self._own, _floats(network), alpha=1 - decay)

    def load(self, state: dict[str, Tensor], updates: int) -> None:
        """Continue from a saved average."""
        self.network.load_state_dict(state)
        self.updates = updates


def _floats(network: nn.Module) -> list[Tensor]:
    return [value for value in network.state_dict().values() if value.is_floating_point()]


class Stepper:
    """Updates the weights after enough batches, counted over epochs as in the reference.

    Args:
        clip: largest norm of the gradient; None does not clip.
        scaler: of the loss, for training in half precision; None elsewhere.

    Attributes:
        last: iteration of the last update.
        norm: of the gradient at the last update, before it was clipped.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        average: Average[Any],
        clip: float | None,
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.average = average
        self.clip = clip
        self.scaler = scaler
        self.last = -1
        self.norm = 0.0

    def due(self, iteration: int, rates: Rates) -> bool:
        """Whether the weights are updated after this iteration."""
        return iteration - self.last >= rates.accumulate

    def step(self, iteration: int, rates: Rates) -> bool:
        """Update weights and average if it is time; gradients are zero afterwards.

        Returns:
            Whether there was an update.
        """
        if not self.due(iteration, rates):
            return False
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        if self.clip is not None:
            self.norm = float(nn.utils.clip_grad_norm_(self.network.parameters(), self.clip))
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update(self.network)
        self.last = iteration
        return True
