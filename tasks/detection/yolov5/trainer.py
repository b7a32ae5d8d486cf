"""The training loop of YOLOv5, which continues where it was killed and ends at equal weights.

Source: the fact sheet of YOLOv5 training, parts 4 and 8. Order and augmentation are functions of
(seed, epoch, index), so the state that is saved has no random numbers in it.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ivif_bench.errors import UserError
from ivif_bench.processes import Processes
from ivif_bench.tasks.detection.yolov5.building import STRIDES
from ivif_bench.tasks.detection.yolov5.images import TrainingImages
from ivif_bench.tasks.detection.yolov5.loader import Batch, shuffled_order, training_batches
from ivif_bench.tasks.detection.yolov5.loss import Loss
from ivif_bench.tasks.detection.yolov5.network import Model
from ivif_bench.tasks.detection.yolov5.optimization import (
    Average,
    Stepper,
    freeze,
    make_optimizer,
    round_to_half,
    set_rates,
)
from ivif_bench.tasks.detection.yolov5.recipe import Yolov5Training
from ivif_bench.tasks.detection.yolov5.rules import RULES
from ivif_bench.tasks.detection.yolov5.samples import ResizedImages
from ivif_bench.tasks.detection.yolov5.sampling import drawn_images
from ivif_bench.tasks.detection.yolov5.validation import Validation, validate
from ivif_bench.tasks.network.curves import Curves
from ivif_bench.tasks.network.training_state import (
    peak_memory_mb,
    read_state,
    stop_requests,
    write_state,
)
from ivif_bench.types import Progress

_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_LARGEST_STRIDE = int(max(STRIDES))


@dataclass(frozen=True)
class Setting:
    """What a training depends on besides its network and images.

    Attributes:
        recipe: of the protocol.
        image_size: side of training images.
        seed: of order and augmentation.
        select: ``best`` takes the weights of the epoch with the best validation.
        identity: JSON values that must be equal for a saved training to be continued.
    """

    recipe: Yolov5Training
    image_size: int
    seed: int
    select: Literal["last", "best"]
    identity: Mapping[str, Any]


class Trainer:
    """One training; ``run`` may be called once.

    Args:
        network: with initial weights, on the device of the training.
        images: to train on.
        validation: images for the curves and for ``select``; None for none.
        folder: takes the state and the curves.
        anchors: float [levels, anchors, 2] in pixels, fitted to the boxes; None keeps those of the
            network. The moving average takes them over by its updates, as in the reference.
        workers: processes that prepare images; they change no number.
        processes: the processes that train together, each on its part of every batch.
    """

    def __init__(
        self,
        network: Model,
        images: TrainingImages,
        validation: ResizedImages | None,
        setting: Setting,
        folder: Path,
        anchors: Tensor | None = None,
        workers: int = 0,
        processes: Processes | None = None,
    ) -> None:
        recipe = setting.recipe
        # Convolutions are a sixth faster in this order on a CPU, and faster still in half precision.
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.images = images
        self.validation = validation
        self.setting = setting
        self.recipe = recipe
        self.folder = folder
        self.workers = workers
        self.processes = Processes() if processes is None else processes
        self.curves = Curves(folder)
        self.device = next(network.parameters()).device
        self.rules = RULES[recipe.rules]
        self.schedule = recipe.schedule(len(images))
        self.optimizer = make_optimizer(
            network,
            recipe.optimizer,
            recipe.lr0,
            recipe.momentum,
            self.schedule.decay(recipe.weight_decay),
        )
        freeze(network, recipe.freeze)
        self.average = Average(network)
        if anchors is not None:
            own = network.detect.anchors
            own.copy_(anchors.to(own) / own.new_tensor(STRIDES).view(-1, 1, 1))
        round_to_half(network)
        # Only float16 has too small a range for gradients.
        scaler = torch.amp.GradScaler(self.device.type) if recipe.precision == "fp16" else None
        self.stepper = Stepper(network, self.optimizer, self.average, self.rules.clip, scaler)
        self.loss = self._loss(network, self.processes)
        self.parts = torch.zeros(3, dtype=torch.float64)
        self.ap = torch.zeros(network.detect.no - 5, dtype=torch.float64)  # by class, so far
        self.best: dict[str, Any] = {"fitness": -1.0, "epoch": -1, "state": {}}

    def run(self, progress: Progress) -> Mapping[str, Tensor]:
        """Train to the end; returns the averaged weights by name, float32.

        Raises:
            UserError: the loss is not finite.
        """
        epochs, batches = self.recipe.epochs, self.schedule.batches
        epoch, skip = self._restore()
        ended = skip == 0 and self._patience_ended(epoch - 1)  # before it was interrupted
        given = self._batches(range(epoch, epoch if ended else epochs), skip)
        began = time.monotonic()
        self.network.train()
        stopped = False
        # Several processes would have to stop at the same batch; theirs end at once.
        several = self.processes.count > 1
        requests: contextlib.AbstractContextManager[Callable[[], bool]] = (
            contextlib.nullcontext(lambda: False) if several else stop_requests()
        )
        with requests as stop_requested, contextlib.closing(given):
            for epoch, position, pictures, targets in given:
                if position == 0:
                    self.optimizer.zero_grad(set_to_none=True)
                    self.parts.zero_()
                self._iterate(epoch, position, pictures, targets)
                if position == batches - 1:
                    self._end_epoch(epoch, time.monotonic() - began)
                    began = time.monotonic()
                    progress(epoch + 1, epochs, "training")
                    if self._patience_ended(epoch):
                        break
                if stop_requested():
                    stopped = True
                    if position < batches - 1:
                        self._save(epoch, position + 1)
                    break
        if stopped:
            raise KeyboardInterrupt  # in case nobody else ends the process
        if self.setting.select == "best":
            state: Mapping[str, Tensor] = self.best["state"]
            return state
        return self.average.network.state_dict()

    def _batches(self, epochs: range, skip: int) -> Generator[Batch, None, None]:
        # An order by the last validation is known when that has ended, so nothing runs ahead.
        spans = [range(e, e + 1) for e in epochs] if self.recipe.image_weights else [epochs]
        for number, span in enumerate(spans):
            yield from training_batches(
                self.images,
                self.recipe.batch,
                span,
                self._order,
                self.workers,
                0 if number else skip,
                (self.processes.rank, self.processes.count),
            )

    def _order(self, epoch: int) -> list[int]:
        if self.recipe.image_weights:
            numbers = [rows[:, 0] for rows in self.images.images.rows]
            generator = np.random.default_rng((self.setting.seed, epoch))
            return drawn_images(numbers, self.ap.numpy(), generator)
        return shuffled_order(len(self.images), epoch, self.setting.seed, self.rules.shuffled)

    def _iterate(self, epoch: int, position: int, pictures: Tensor, targets: Tensor) -> None:
        iteration = epoch * self.schedule.batches + position
        rates = self.schedule.rates(epoch, position)
        set_rates(self.optimizer, rates)
        dtype = next(self.network.parameters()).dtype
        inputs = pictures.to(self.device, non_blocking=True).to(
            dtype, memory_format=torch.channels_last
        )
        inputs /= 255
        if self.recipe.multi_scale:
            inputs = self._scaled(inputs, iteration)
        with self._precision():
            levels = self.network(inputs)
        levels = [level.to(dtype) for level in levels]
        loss, parts = self.loss(levels, targets.to(self.device))
        scaler = self.stepper.scaler
        total = loss if scaler is None else scaler.scale(loss)
        torch.autograd.backward(total)
        self._count(position, parts, len(pictures))
        if not torch.isfinite(self.parts).all():
            raise UserError(
                f"the loss is not finite in epoch {epoch + 1}; use a lower 'lr0' or another seed"
            )
        if self.stepper.due(iteration, rates):
            self.processes.sum_gradients(self.network.parameters())
            self.stepper.step(iteration, rates)

    def _count(self, position: int, parts: Tensor, images: int) -> None:
        """Add to the mean over the batches of this epoch."""
        weighted = torch.cat((parts * images, parts.new_tensor([float(images)])))
        total = self.processes.total(weighted).double().cpu()
        self.parts = (self.parts * position + total[:3] / total[3]) / (position + 1)

    def _end_epoch(self, epoch: int, seconds: float) -> None:
        checked = self._validate(epoch) if self.processes.rank == 0 else None
        if self.processes.rank == 0:
            rates = self.schedule.rates(epoch, self.schedule.batches - 1)
            row = dict(zip(("box", "objectness", "class"), self.parts.tolist(), strict=True))
            row |= {"learning rate": rates.other}
            if checked is not None:
                names = ("validation box", "validation objectness", "validation class")
                row |= dict(zip(names, checked.loss, strict=True))
                row |= {"precision": checked.precision, "recall": checked.recall}
                row |= {"mAP50": checked.map50, "mAP50_95": checked.map50_95}
            row |= {"seconds": seconds, "memory_mb": peak_memory_mb(self.device)}
            self.curves.append(epoch + 1, row)
            self._save(epoch + 1, 0)  # last: a row without its state is dropped, and made again
        if self.recipe.validation:  # the others must end in the same epoch
            first = self.processes.rank == 0
            best = torch.tensor(float(self.best["epoch"]) * first, device=self.device)
            self.best["epoch"] = int(self.processes.total(best))
            self.ap = self.processes.total((self.ap * first).to(self.device)).cpu()

    def _validate(self, epoch: int) -> Validation | None:
        if self.validation is None:
            return None
        network, once = self.average.network, self.rules.match_once
        loss = self._loss(network, Processes())
        found = validate(network, self.validation, 2 * self.recipe.batch, loss, once)
        if found.fitness >= self.best["fitness"]:
            kept = network.state_dict() if self.setting.select == "best" else {}
            state = {key: value.clone() for key, value in kept.items()}
            self.best = {"fitness": found.fitness, "epoch": epoch, "state": state}
        self.ap = torch.from_numpy(found.ap)
        return found

    def _patience_ended(self, epoch: int) -> bool:
        patience = self.recipe.patience
        return patience > 0 and epoch - self.best["epoch"] >= patience

    def _loss(self, network: Model, processes: Processes) -> Loss:
        return Loss(
            self.recipe.loss,
            network.detect.anchors,
            STRIDES,
            network.detect.no - 5,
            self.setting.image_size,
            self.rules,
            processes.total,
        )

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        if self.recipe.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, _TYPES[self.recipe.precision])

    def _scaled(self, inputs: Tensor, iteration: int) -> Tensor:
        """A batch at a random size of 50 to 150 %, the same in all processes."""
        side, step = self.setting.image_size, _LARGEST_STRIDE
        random = np.random.default_rng((self.setting.seed, iteration))
        wanted = int(random.integers(side // 2, side * 3 // 2 + step)) // step * step
        factor = wanted / max(inputs.shape[2:])
        if factor == 1:
            return inputs
        shape = [math.ceil(length * factor / step) * step for length in inputs.shape[2:]]
        return interpolate(inputs, size=shape, mode="bilinear", align_corners=False)

    def _save(self, epoch: int, position: int) -> None:
        scaler = self.stepper.scaler
        gradients = {
            name: parameter.grad
            for name, parameter in self.network.named_parameters()
            if position and parameter.grad is not None
        }
        state = {
            "epoch": epoch,
            "position": position,
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "updates": self.average.updates,
            "optimizer": self.optimizer.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "last": self.stepper.last,
            "gradients": gradients,
            "parts": self.parts,
            "balance": self.loss.balance,
            "best": self.best,
            "ap": self.ap,
        }
        write_state(self.folder, state, self.setting.identity)

    def _restore(self) -> tuple[int, int]:
        """The epoch and the batch to continue with."""
        state = read_state(self.folder, self.setting.identity)
        if state is None:
            self.curves.keep(0)
            return 0, 0
        self.network.load_state_dict(state["network"])
        self.average.load(state["average"], state["updates"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.stepper.scaler is not None:
            self.stepper.scaler.load_state_dict(state["scaler"])
        self.stepper.last = state["last"]
        for name, parameter in self.network.named_parameters():
            gradient = state["gradients"].get(name)
            parameter.grad = None if gradient is None else gradient.to(parameter)
        self.parts = state["parts"]
        self.loss.balance = list(state["balance"])
        self.best = state["best"]
        self.ap = state["ap"]
        if self.processes.rank == 0:
            self.curves.keep(state["epoch"])
        return state["epoch"], state["position"]
