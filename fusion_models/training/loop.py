"""The training loop: steps, averages, log, checkpoints; killed and resumed it gives the same weights.

All random numbers of step n come from generators seeded by (seed, n), never from a running state.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ivif_bench.curves import draw_curves
from ivif_bench.device import strict_float32
from ivif_bench.errors import UserError
from ivif_bench.fusion_models.training.checkpoint import (
    NAME,
    State,
    read_checkpoint,
    write_checkpoint,
)
from ivif_bench.fusion_models.training.record import LOG, Log
from ivif_bench.processes import Processes, join
from ivif_bench.types import Progress


@dataclass(frozen=True)
class LoopSettings:
    """Length of a training and its intervals.

    Attributes:
        steps: optimiser steps in all.
        seed: of data order and noise.
        average: decay of the moving average of the weights, 0 for none.
        precision: ``bf16`` runs networks in mixed precision.
        clip: largest norm of the gradient.
        log_every, check_every, save_every: steps between rows of the log, validations with
            samples, and checkpoints.
    """

    steps: int
    seed: int = 0
    average: float = 0.999
    precision: Literal["fp32", "bf16"] = "fp32"
    clip: float = 1.0
    log_every: int = 50
    check_every: int = 1000
    save_every: int = 500

    def __post_init__(self) -> None:
        if self.save_every % self.log_every or self.check_every % self.log_every:
            raise ValueError("save_every and check_every must be multiples of log_every")


@dataclass(frozen=True)
class Step:
    """One step: its number from 0 and the generators of all its random numbers."""

    index: int
    rng: np.random.Generator
    noise: torch.Generator


class Recipe(ABC):
    """The parts that a method provides: networks, optimiser, losses; optionally validation and samples.

    Attributes:
        networks: the trained networks by name; they are averaged and saved.
        device: where they are.
        identity: settings and data that must be equal for a training to be resumed.
    """

    networks: Mapping[str, nn.Module]
    device: torch.device
    identity: Mapping[str, Any]

    @abstractmethod
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimiser over the networks' parameters; asked for once."""

    @abstractmethod
    def losses(self, step: Step) -> dict[str, Tensor]:
        """Losses of one batch as scalars; ``total`` is minimised, the others are logged."""

    def learning_rate(self, step: int, steps: int) -> float | None:
        """Learning rate of a step, or None to leave the optimiser's."""
        return None

    def validate(self) -> dict[str, float]:
        """Numbers on held-out data, always the same data; averaged weights are in place."""
        return {}

    def write_samples(self, folder: Path, step: int) -> None:  # noqa: B027 - optional
        """Sample images; averaged weights are in place."""


def warmup_cosine(step: int, steps: int, peak: float, warmup: int, floor: float = 0.02) -> float:
    """Linear rise over ``warmup`` steps, then half a cosine down to ``floor`` x peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def run_loop(
    recipe: Recipe, settings: LoopSettings, out: Path, resume: bool, progress: Progress
) -> dict[str, dict[str, Tensor]]:
    """Train to the end.

    Args:
        out: folder for ``checkpoint.safetensors``, ``log.jsonl``, ``curves.png`` and ``samples``.
        resume: continue from the checkpoint in ``out``, if there is one.

    Returns:
        State dicts of the averaged networks by name, float32 on the CPU.

    Raises:
        UserError: ``out`` holds a training and ``resume`` is off, or it is another training's;
            or the loss is not finite.
    """
    with strict_float32():  # with bf16, what is left outside of autocast
        return _Run(recipe, settings, out, progress, join(recipe.device)).go(resume)


@dataclass
class _Run:
    recipe: Recipe
    settings: LoopSettings
    out: Path
    progress: Progress
    processes: Processes
    averages: dict[str, dict[str, Tensor]] = field(default_factory=dict)

    def go(self, resume: bool) -> dict[str, dict[str, Tensor]]:
        optimizer = self.recipe.optimizer()
        kept = ("steps", "seed", "average", "precision", "clip")
        identity = {**self.recipe.identity, **{n: getattr(self.settings, n) for n in kept}}
        if self.processes.count > 1:
            identity["processes"] = self.processes.count
        first = self._restore(optimizer, identity, resume)
        self.processes.wait()  # all have read before the first one writes
        log = Log(self.out) if self.processes.rank == 0 else None
        if log:
            log.rewind(first)
        self._train(first, optimizer, identity, log)
        final = self.averages if self.settings.average else self._networks()
        return {name: {k: v.cpu() for k, v in values.items()} for name, values in final.items()}

    def _train(
        self,
        first: int,
        optimizer: torch.optim.Optimizer,
        identity: Mapping[str, Any],
        log: Log | None,
    ) -> None:
        settings = self.settings
        before = max((row.get("seconds", 0.0) for row in log.rows()), default=0.0) if log else 0.0
        started = time.monotonic() - before
        sums: dict[str, float] = {}
        for done in range(first + 1, settings.steps + 1):
            for name, value in self._step(done - 1, optimizer).items():
                sums[name] = sums.get(name, 0.0) + value
            if log is None:
                continue
            last = done == settings.steps
            if done % settings.log_every == 0:
                row = {name: total / settings.log_every for name, total in sums.items()}
                log.add({"step": done, "seconds": round(time.monotonic() - started, 1), **row})
                self.progress(done, settings.steps, f"loss {row['total']:.4f}")
                sums = {}
            if done % settings.check_every == 0 or last:
                log.add({"step": done, **self._check(done)})
                draw_curves(log.rows(), self.out / "curves.png")
            if done % settings.save_every == 0 or last:
                state = State(
                    done, self._networks(), self.averages, optimizer.state_dict(), identity
                )
                write_checkpoint(self.out, state)

    def _restore(
        self, optimizer: torch.optim.Optimizer, identity: Mapping[str, Any], resume: bool
    ) -> int:
        found = read_checkpoint(self.out, identity) if resume else None
        if not resume and any((self.out / name).exists() for name in (LOG, NAME)):
            raise UserError(
                f"{self.out} contains a training already; add --resume to continue it, or choose "
                "another --out"
            )
        if found is None:
            if self.settings.average:
                self.averages = {
                    name: {key: value.clone() for key, value in values.items()}
                    for name, values in self._networks().items()
                }
            return 0
        for name, network in self.recipe.networks.items():
            network.load_state_dict(dict(found.networks[name]))
        self.averages = {
            name: {key: value.to(self.recipe.device) for key, value in values.items()}
            for name, values in found.averages.items()
        }
        optimizer.load_state_dict(dict(found.optimizer))
        return found.step

    def _step(self, index: int, optimizer: torch.optim.Optimizer) -> dict[str, float]:
        recipe, settings = self.recipe, self.settings
        rate = recipe.learning_rate(index, settings.steps)
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] if rate is None else rate
        for network in recipe.networks.values():
            network.train()
        with self._autocast():
            losses = recipe.losses(
                step_of(settings.seed, index, recipe.device, self.processes.rank)
            )
        if not bool(losses["total"].isfinite()):
            raise UserError(
                f"train: the loss is not finite at step {index}; lower the learning rate"
            )
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(losses["total"])
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.processes.average_gradients(parameters)
        nn.utils.clip_grad_norm_(parameters, settings.clip)
        optimizer.step()
        self._average(index)
        return {name: float(value.detach()) for name, value in losses.items()}

    def _average(self, index: int) -> None:
        if not self.settings.average:
            return
        decay = min(self.settings.average, (1 + index) / (10 + index))
        for name, values in self._networks().items():
            for key, value in values.items():
                average = self.averages[name][key]
                if average.is_floating_point():
                    average.lerp_(value, 1 - decay)
                else:
                    average.copy_(value)

    def _networks(self) -> dict[str, dict[str, Tensor]]:
        return {
            name: {key: value.detach() for key, value in network.state_dict().items()}
            for name, network in self.recipe.networks.items()
        }

    def _check(self, done: int) -> dict[str, float]:
        with torch.no_grad(), self._averaged(), self._autocast():
            self.recipe.write_samples(self.out / "samples", done)
            return {f"validation {k}": v for k, v in self.recipe.validate().items()}

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Within this context the networks have the averaged weights, if any, and evaluation mode."""
        kept = {
            name: {key: value.clone() for key, value in self._networks()[name].items()}
            for name in self.averages
        }
        for name, network in self.recipe.networks.items():
            if name in self.averages:
                network.load_state_dict(self.averages[name])
            network.eval()
        try:
            yield
        finally:
            for name, values in kept.items():
                self.recipe.networks[name].load_state_dict(values)

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.settings.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.recipe.device.type, torch.bfloat16)


def step_of(seed: int, index: int, device: torch.device, rank: int = 0) -> Step:
    """The generators of a step, from (seed, index) and the process alone."""
    rng = np.random.default_rng([seed, index] if rank == 0 else [seed, index, rank])
    noise = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    torch.manual_seed(int(rng.integers(2**62)))  # dropout reads the global generator
    return Step(index, rng, noise)
