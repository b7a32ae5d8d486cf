"""Training with mmengine's runner: deterministic, restartable, silent.

Imported only after ``import_mmseg``. All randomness is a function of (seed, iteration) or (seed,
position of the sample), never of what happened before. That is why a killed training goes on to
the very weights it would have had.

mmengine's own checkpoints are not used: its loader falls back to unpickling anything. The state is the
file of every training here (``ivif_bench.tasks.network.training_state``): tensors and plain values.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import shutil
import uuid
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import torch
from mmengine.config import Config
from mmengine.dataset import InfiniteSampler, pseudo_collate
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ivif_bench.device import deterministic_kernels, strict_float32
from ivif_bench.errors import UserError
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.network.training_state import STATE, stop_requests
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.segmenters._mmseg_data import SamplesInMemory, TrainingData
from ivif_bench.tasks.segmentation.segmenters._mmseg_recipe import MmsegTraining, training_of
from ivif_bench.tasks.segmentation.segmenters._mmseg_resume import Restartable, StopTraining
from ivif_bench.types import Progress

_OLD_STATE = "restart.pt"  # of versions that kept a state of their own


def train(
    model: Any,
    samples: Sequence[Sample],
    protocol: SegmentationProtocol,
    seed: int,
    folder: Path,
    log: Path,
    progress: Progress,
    restart_seconds: float,
    workers: int = 0,
) -> None:
    """Train a model in place, going on from the state in the folder if there is one.

    Args:
        workers: processes that prepare batches; the order of samples does not depend on it.

    Raises:
        UserError: labels that are no class, or a state that is damaged or of another training.
        KeyboardInterrupt: the process was asked to end; the state is saved.
    """
    recipe = training_of(protocol)
    (folder / _OLD_STATE).unlink(missing_ok=True)
    work = folder / "work"
    gpu = torch.cuda.is_available()
    stopped = False
    with (
        _silent(log),
        _same_threads(),
        deterministic_kernels(gpu),
        strict_float32(),
        stop_requests() as stop_requested,
    ):
        identity = {"training": protocol.training_part, "seed": seed, "images": len(samples)}
        hook = Restartable(
            folder, seed, identity, progress, restart_seconds, len(samples), stop_requested
        )
        images = SamplesInMemory(samples, protocol)
        data = TrainingData(images, protocol, seed, start=hook.done * recipe.batch)
        runner = _Runner(
            model=model,
            work_dir=str(work),
            train_dataloader=_loader(data, recipe.batch, seed, workers),
            train_cfg={"type": "IterBasedTrainLoop", "max_iters": recipe.iterations},
            optim_wrapper=_optimizer(recipe, gpu),
            param_scheduler=_schedule(recipe),
            default_hooks={"checkpoint": None, "logger": {"type": "LoggerHook", "interval": 50}},
            custom_hooks=[hook],
            env_cfg={"mp_cfg": {"mp_start_method": multiprocessing.get_start_method()}},
            log_processor={"by_epoch": False},
            randomness={"seed": seed},
            default_scope="mmseg",
            # mmengine keeps global instances under this name, so it must never repeat
            experiment_name=f"segmentation-{uuid.uuid4().hex}",
            log_file=log,
        )
        try:
            runner.train()
        except StopTraining:
            stopped = True
        except ValueError as problem:
            if "more than 1 value per channel" not in str(problem):
                raise
            raise UserError(
                f"protocol {protocol.name!r}: batch {recipe.batch} is too small for {protocol.network}, "
                "which normalises one pooled value per image; set batch: 2 or more"
            ) from problem
        except RuntimeError as problem:
            if "DataLoader worker (pid" not in str(problem):
                raise
            raise UserError(
                "a process that makes training images was ended, mostly for want of memory (each "
                "keeps 2 batches in /dev/shm): use fewer 'workers', or 0"
            ) from problem
    if stopped:
        raise KeyboardInterrupt  # in case nobody else ends the process
    shutil.rmtree(work, ignore_errors=True)


def remove_restart(folder: Path) -> None:
    """Remove the state of a finished training."""
    for name in (STATE, _OLD_STATE):
        (folder / name).unlink(missing_ok=True)


def _loader(data: TrainingData, batch: int, seed: int, workers: int) -> DataLoader[Any]:
    return DataLoader(
        data,
        batch_size=batch,
        sampler=InfiniteSampler(data, shuffle=False, seed=seed),
        collate_fn=pseudo_collate,
        num_workers=workers,
        generator=torch.Generator(),  # else a number is drawn from the training's
        worker_init_fn=_one_thread if workers else None,
        multiprocessing_context="fork" if workers else None,  # shares the images in memory
    )


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)  # in this thread; the parent's pool does not survive the fork


def _optimizer(recipe: MmsegTraining, gpu: bool) -> dict[str, Any]:
    mixed = recipe.precision != "fp32" and (gpu or recipe.precision == "bf16")
    dtype = {"bf16": "bfloat16", "fp16": "float16"}.get(recipe.precision)
    return {
        **({"type": "AmpOptimWrapper", "dtype": dtype} if mixed else {"type": "OptimWrapper"}),
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
