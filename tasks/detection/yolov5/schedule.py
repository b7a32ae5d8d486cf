"""Learning rates, momentum, accumulation and warm-up of YOLOv5.

Source: the fact sheet of YOLOv5 training, part 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ivif_bench.tasks.detection.yolov5.rules import RULES, Rules


class Rates(NamedTuple):
    """What one iteration is done with.

    Attributes:
        bias: learning rate of biases.
        other: learning rate of all other parameters.
        momentum: of SGD.
        accumulate: batches per update of the weights.
    """

    bias: float
    other: float
    momentum: float
    accumulate: float


@dataclass(frozen=True)
class Schedule:
    """The rates of every iteration of a training.

    Attributes:
        batches: iterations per epoch.
        batch: images per iteration.
        nominal_batch: images per update that the weight decay is meant for.
        lrf: fraction of ``lr0`` at the end.
        cosine: the rate falls as a half cosine instead of a line.
        warmup_epochs: its length; at least ``rules.warmup_floor`` iterations, unless it is 0.
    """

    epochs: int
    batches: int
    batch: int
    nominal_batch: int = 64
    lr0: float = 0.01
    lrf: float = 0.01
    cosine: bool = False
    momentum: float = 0.937
    warmup_epochs: float = 3.0
    warmup_momentum: float = 0.8
    warmup_bias_lr: float = 0.1
    rules: Rules = RULES["v7.0"]

    @property
    def warmup(self) -> int:
        """Last iteration of the warm-up, counted over all epochs."""
        return max(round(self.warmup_epochs * self.batches), self.rules.warmup_floor)

    @property
    def accumulate(self) -> int:
        """Batches per update after the warm-up."""
        return max(round(self.nominal_batch / self.batch), 1)

    def decay(self, weight_decay: float) -> float:
        """The weight decay of an update, which may hold more or less than the nominal batch."""
        return weight_decay * self.batch * self.accumulate / self.nominal_batch

    def factor(self, epoch: int) -> float:
        """Fraction of ``lr0`` in an epoch, counted from 0."""
        if self.cosine:
            return (1 - math.cos(epoch * math.pi / self.epochs)) / 2 * (self.lrf - 1) + 1
        length = max(self.epochs - self.rules.linear_over, 1)
        return (1 - epoch / length) * (1.0 - self.lrf) + self.lrf

    def rates(self, epoch: int, position: int) -> Rates:
        """Rates of batch ``position`` of an epoch, both counted from 0.

        Two habits of the reference are kept: after the warm-up ``accumulate`` has the value of its
        last iteration, and every epoch behind it has the learning rate of the epoch before.
        """
        iteration = epoch * self.batches + position
        until = min(iteration, self.warmup)
        accumulate = max(
            1.0,
            float(np.interp(until, (0, self.warmup), (1, self.nominal_batch / self.batch)).round()),
        )
        if iteration > self.warmup:
            ended = epoch == self.warmup // self.batches
            rate = self.lr0 * self.factor(epoch if ended else epoch - 1)
            return Rates(rate, rate, self.momentum, accumulate)
        rate = self.lr0 * self.factor(epoch)
        span = (0, self.warmup)
        return Rates(
            bias=float(np.interp(iteration, span, (self.warmup_bias_lr, rate))),
            other=float(np.interp(iteration, span, (0.0, rate))),
            momentum=float(np.interp(iteration, span, (self.warmup_momentum, self.momentum))),
            accumulate=accumulate,
        )
