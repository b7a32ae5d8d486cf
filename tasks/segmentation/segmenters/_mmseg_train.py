"""Training with mmengine's runner: deterministic, restartable, silent.

Imported only after ``import_mmseg``. All randomness is a function of (seed, iteration) or (seed,
position of the sample), never of what happened before. That is why a killed training goes on to
the very weights it would have had.

mmengine's own checkpoints are not used: its loader falls back to unpickling anything. The restart
point holds plain tensors and numbers, and is read with torch's weights-only loader.
"""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import shutil
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import InfiniteSampler, pseudo_collate
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ivif_bench.device import deterministic_kernels, strict_float32
from ivif_bench.files import write_bytes
from ivif_bench.origins import sign
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.network.curves import Curves
from ivif_bench.tasks.network.training_state import peak_memory_mb
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.segmenters._mmseg_data import TrainingData
from ivif_bench.tasks.segmentation.segmenters._mmseg_recipe import MmsegTraining, training_of
from ivif_bench.types import Progress

_RESTART = "restart.pt"


def train(
    model: Any,
    samples: Sequence[Sample],
    protocol: SegmentationProtocol,
    seed: int,
    folder: Path,
    log: Path,
    progress: Progress,
    restart_seconds: float,
) -> None:
    """Train a model in place, going on from a restart point if the folder has one."""
    recipe = training_of(protocol)
    data = TrainingData(samples, protocol, seed)
    loader = DataLoader(
        data,
        batch_size=recipe.batch,
        sampler=InfiniteSampler(data, shuffle=False, seed=seed),
        collate_fn=pseudo_collate,
        num_workers=0,
    )
    work = folder / "work"
    gpu = torch.cuda.is_available()
    with _silent(log), _same_threads(), deterministic_kernels(gpu), strict_float32():
        runner = _Runner(
            model=model,
            work_dir=str(work),
            train_dataloader=loader,
            train_cfg={"type": "IterBasedTrainLoop", "max_iters": recipe.iterations},
            optim_wrapper=_optimizer(recipe),
            param_scheduler=_schedule(recipe),
            default_hooks={"checkpoint": None, "logger": {"type": "LoggerHook", "interval": 50}},
            custom_hooks=[
                _Restartable(folder / _RESTART, seed, progress, restart_seconds, len(samples))
            ],
            env_cfg={"mp_cfg": {"mp_start_method": multiprocessing.get_start_method()}},
            log_processor={"by_epoch": False},
            randomness={"seed": seed},
            default_scope="mmseg",
            # mmengine keeps global instances under this name, so it must never repeat
            experiment_name=f"segmentation-{uuid.uuid4().hex}",
            log_file=log,
        )
        runner.train()
    shutil.rmtree(work, ignore_errors=True)


def remove_restart(folder: Path) -> None:
    """Remove the restart point of a finished training."""
    (folder / _RESTART).unlink(missing_ok=True)


def _optimizer(recipe: MmsegTraining) -> dict[str, Any]:
    return {
        "type": "OptimWrapper",
        "optimizer": {
            "type": "AdamW",
            "lr": recipe.lr,
            "betas": (0.9, 0.999),
            "weight_decay": recipe.weight_decay,
        },
        # SegFormer's recipe: no decay on normalisation layers, a faster head
        "paramwise_cfg": {
            "custom_keys": {
                "norm": {"decay_mult": 0.0},
                "head": {"lr_mult": recipe.head_multiplier},
            },
            "norm_decay_mult": 0.0,
        },
    }


def _schedule(recipe: MmsegTraining) -> list[dict[str, Any]]:
    poly = {
        "type": "PolyLR",
        "eta_min": 0.0,
        "power": recipe.poly_power,
        "begin": recipe.warmup,
        "end": recipe.iterations,
        "by_epoch": False,
    }
    if not recipe.warmup:
        return [poly]
    rise = {
        "type": "LinearLR",
        "start_factor": 1e-6,
        "begin": 0,
        "end": recipe.warmup,
        "by_epoch": False,
    }
    return [rise, poly]


class _NoVisualizer:
    """In place of mmengine's, which imports matplotlib (two seconds) to draw nothing."""

    dataset_meta: Any = None

    def add_config(self, *_: Any, **__: Any) -> None: ...

    def add_scalars(self, *_: Any, **__: Any) -> None: ...

    def close(self) -> None: ...


class _Unprinted(Config):  # type: ignore[misc]
    """An empty configuration that is not printed: for that, mmengine imports yapf (0.2 s), which
    writes into the user's cache."""

    pretty_text = ""


class _Runner(Runner):  # type: ignore[misc]
    """mmengine's runner, with messages to one file and with weights that are already there."""

    def __init__(self, log_file: Path, **config: Any) -> None:
        self._messages = log_file
        super().__init__(**config)

    def build_logger(self, log_level: str = "INFO", **_: Any) -> MMLogger:
        logger = MMLogger.get_instance(
            self.experiment_name, log_file=str(self._messages), log_level=log_level, file_mode="a"
        )
        logger.handlers[:] = [
            each for each in logger.handlers if isinstance(each, logging.FileHandler)
        ]
        return logger

    def build_visualizer(self, visualizer: Any = None) -> _NoVisualizer:
        return _NoVisualizer()

    def _init_model_weights(self) -> None:
        """Nothing: initial weights were set before training."""

    def dump_config(self) -> None:
        """Nothing: the configuration is the protocol."""
        self.cfg = _Unprinted()

    def _log_env(self, env_cfg: Any) -> None:
        """Nothing: results carry their own provenance, and asking compilers takes a second."""


class _Restartable(Hook):  # type: ignore[misc]
    """Seeds every iteration, reports progress, writes and reads restart points."""

    priority = "VERY_LOW"  # after the schedulers, so that a restart point holds their step too

    def __init__(
        self, path: Path, seed: int, progress: Progress, seconds: float, images: int
    ) -> None:
        self.path = path
        self.seed = seed
        self.progress = progress
        self.seconds = seconds
        self.images = images
        self.curves = Curves(path.parent)
        self.sums: dict[str, Any] = {}  # of the losses of an epoch, over the steps so far
        self.steps = 0
        self.spent = 0.0  # seconds of the epoch, before the last start
        self.saved = self.started = time.monotonic()

    def before_train(self, runner: Runner) -> None:
        self.started = time.monotonic()
        if not self.path.is_file():
            self.curves.keep(0)
            return
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        runner.model.load_state_dict(state["model"])
        runner.optim_wrapper.load_state_dict(state["optimizer"])
        for scheduler, content in zip(runner.param_schedulers, state["schedule"], strict=True):
            scheduler.load_state_dict(content)
        runner.train_loop._iter = state["iteration"]  # what Runner.resume does; there is no setter
        if "sums" in state:  # else of a version without curves
            self.sums, self.steps, self.spent = state["sums"], state["steps"], state["spent"]
        self.curves.keep(state["iteration"] * runner.train_dataloader.batch_size // self.images)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        mark = np.random.SeedSequence((self.seed, batch_idx)).generate_state(1)[0]
        torch.manual_seed(int(mark))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        done = batch_idx + 1
        self._note(runner, done, outputs or {})
        if time.monotonic() - self.saved >= self.seconds and done < runner.max_iters:
            self._save(runner, done)
            self.saved = time.monotonic()
        self.progress(done, runner.max_iters, "training")

    def _note(self, runner: Runner, done: int, losses: Mapping[str, Any]) -> None:
        """Add up the losses of a step; where it ends a pass over the images, write a row."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach()
        self.steps += 1
        batch = runner.train_dataloader.batch_size
        epoch = done * batch // self.images
        if epoch == (done - 1) * batch // self.images:
            return
        now = time.monotonic()
        row = {name: float(total) / self.steps for name, total in self.sums.items()}
        row["lr"] = float(runner.optim_wrapper.optimizer.param_groups[0]["lr"])
        row["seconds"] = round(self.spent + now - self.started, 3)
        row["memory_mb"] = round(peak_memory_mb(next(runner.model.parameters()).device), 1)
        self.curves.append(epoch, row)
        self.sums, self.steps, self.spent, self.started = {}, 0, 0.0, now

    def _save(self, runner: Runner, done: int) -> None:
        buffer = io.BytesIO()
        torch.save(
            {
                "iteration": done,
                "model": runner.model.state_dict(),
                "optimizer": runner.optim_wrapper.state_dict(),
                "schedule": [each.state_dict() for each in runner.param_schedulers],
                "sums": {name: float(total) for name, total in self.sums.items()},
                "steps": self.steps,
                "spent": self.spent + time.monotonic() - self.started,
            },
            buffer,
        )
        sign(self.path.parent)
        write_bytes(self.path, buffer.getvalue())


@contextlib.contextmanager
def _silent(log: Path) -> Iterator[None]:
    """Send what mmengine prints to the log file, and forget its loggers afterwards."""
    before = set(MMLogger._instance_dict)
    with (
        log.open("a", encoding="utf-8") as file,
        contextlib.redirect_stdout(file),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for name in set(MMLogger._instance_dict) - before:
                for handler in MMLogger._instance_dict.pop(name).handlers:
                    handler.close()


@contextlib.contextmanager
def _same_threads() -> Iterator[None]:
    """OpenCV keeps its number of threads, which mmengine sets to one."""
    threads = cv2.getNumThreads()
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
