"""The hook of a training with mmengine: seeds, progress, curves, and the state it goes on from.

Imported only after ``import_mmseg``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ivif_bench.errors import UserError
from ivif_bench.origins import sign
from ivif_bench.tasks.network.curves import Curves
from ivif_bench.tasks.network.training_state import (
    STATE,
    peak_memory_mb,
    read_state,
    write_state,
)
from ivif_bench.tasks.segmentation.segmenters._mmseg_processes import Together
from ivif_bench.tasks.segmentation.segmenters._mmseg_validation import Validation
from ivif_bench.types import Progress


class StopTraining(Exception):
    """The training has saved its state, since its process is asked to end."""


class Restartable(Hook):  # type: ignore[misc]
    """Seeds every iteration, reports progress, writes curves, writes and restores the state.

    Args:
        folder: of the training.
        identity: what must be equal for a state to be used; see ``write_state``.
        seconds: between two states.
        images: number of training images, which a row of the curves is a pass over.
        batch: images of a step, in all processes.
        stop_requested: whether the process is asked to end.
        validation: what a row of the curves measures beside the losses.
        together: the processes of the training; the first one writes.
    """

    priority = "VERY_LOW"  # after the schedulers, so that a state holds their step too

    def __init__(
        self,
        folder: Path,
        seed: int,
        identity: Mapping[str, Any],
        progress: Progress,
        seconds: float,
        images: int,
        batch: int,
        stop_requested: Callable[[], bool],
        validation: Validation,
        together: Together,
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.identity = identity
        self.progress = progress
        self.seconds = seconds
        self.images = images
        self.batch = batch
        self.validation = validation
        self.together = together
        self.first = together.processes.rank == 0
        self.due = False  # whether the state is saved after this step
        self.stop_requested = stop_requested
        self.curves = Curves(folder)
        self.sums: dict[str, Any] = {}  # of the losses of an epoch, over the steps so far
        self.steps = 0
        self.spent = 0.0  # seconds of the epoch, before the last start
        self.saved = self.started = time.monotonic()
        self.state = read_state(folder, identity)

    @property
    def done(self) -> int:
        """Iterations that an earlier process has done."""
        try:
            return 0 if self.state is None else int(self.state["iteration"])
        except (KeyError, TypeError, ValueError) as problem:
            raise self._no_state(problem) from problem

    def before_train(self, runner: Runner) -> None:
        self.started = time.monotonic()
        self.together.join(runner)
        if self.state is not None:
            try:
                self._restore(runner, self.state)
            except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as problem:
                raise self._no_state(problem) from problem
        if self.first:
            self.curves.keep(self.done * self.batch // self.images)

    def _restore(self, runner: Runner, state: Mapping[str, Any]) -> None:
        runner.model.load_state_dict(state["model"])
        runner.optim_wrapper.load_state_dict(state["optimizer"])
        for scheduler, content in zip(runner.param_schedulers, state["schedule"], strict=True):
            scheduler.load_state_dict(content)
        runner.train_loop._iter = self.done  # what Runner.resume does; there is no setter
        self.sums = dict(state["sums"]) if self.first else {}  # those of all processes
        self.steps, self.spent = state["steps"], state["spent"]
        self.validation.restore(state)

    def _no_state(self, problem: Exception) -> UserError:
        return UserError(
            f"{self.folder / STATE}: not a state of this network ({type(problem).__name__}); delete it "
            "to start this training again"
        )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        rank = self.together.processes.rank
        parts = (self.seed, batch_idx, rank) if rank else (self.seed, batch_idx)
        torch.manual_seed(int(np.random.SeedSequence(parts).generate_state(1)[0]))
        wish = self.first and time.monotonic() - self.saved >= self.seconds
        self.due = self.together.begin(runner, data_batch, wish)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        done = batch_idx + 1
        self._note(runner, done, outputs or {})
        stop = self.stop_requested()
        if done < runner.max_iters and (stop or self.due):
            self._save(runner, done)
            self.saved = time.monotonic()
        self.progress(done, runner.max_iters, "training")
        if stop:
            raise StopTraining

    def _note(self, runner: Runner, done: int, losses: Mapping[str, Any]) -> None:
        """Add up the losses of a step; where it ends a pass over the images, write a row."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach() * self.together.weight
        self.steps += 1
        epoch = done * self.batch // self.images
        last = done == runner.max_iters and bool(self.validation)  # the weights that are judged
        ended = epoch > (done - 1) * self.batch // self.images
        if not ended and not last:
            return
        epoch += not ended
        row = {name: total / self.steps for name, total in self.together.totals(self.sums).items()}
        row["lr"] = float(runner.optim_wrapper.optimizer.param_groups[0]["lr"])
        if self.first and self.validation and (last or epoch % self.validation.every == 0):
            row |= self.validation.measure(runner.model, epoch)
        now = time.monotonic()
        row["seconds"] = round(self.spent + now - self.started, 3)
        row["memory_mb"] = round(peak_memory_mb(next(runner.model.parameters()).device), 1)
        if self.first:
            self.curves.append(epoch, row)
        self.sums, self.steps, self.spent, self.started = {}, 0, 0.0, now

    def _save(self, runner: Runner, done: int) -> None:
        sums = self.together.totals(self.sums)
        self.sums = dict(sums) if self.first else {}
        if not self.first:
            return
        state = {
            "iteration": done,
            "model": dict(runner.model.state_dict()),
            "optimizer": runner.optim_wrapper.state_dict(),
            "schedule": [_plain(each.state_dict()) for each in runner.param_schedulers],
            "sums": sums,
            "steps": self.steps,
            "spent": self.spent + time.monotonic() - self.started,
            **({} if self.validation.best is None else {"best": self.validation.best}),
        }
        sign(self.folder)
        write_state(self.folder, state, self.identity)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a schedule without numpy's types, which a state does not hold."""
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in values.items()
    }
