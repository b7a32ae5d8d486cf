"""Training with mmengine's runner: deterministic, restartable, silent.

Imported only after ``import_mmseg``. All randomness is a function of (seed, iteration) or (seed,
position of the sample), never of what happened before. That is why a killed training goes on to
the very weights it would have had.

mmengine's own checkpoints are not used: its loader falls back to unpickling anything. The state is the
file of every training here (``ivif_bench.tasks.network.training_state``): tensors and plain values.
"""

from __future__ import annotations

import multiprocessing
import shutil
import uuid
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.dataset import InfiniteSampler, pseudo_collate
from torch.utils.data import DataLoader

from ivif_bench.device import deterministic_kernels, strict_float32
from ivif_bench.errors import UserError
from ivif_bench.processes import Processes
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.network.training_state import STATE, stop_requests
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.segmenters._mmseg_data import SamplesInMemory, TrainingData
from ivif_bench.tasks.segmentation.segmenters._mmseg_processes import (
    Parts,
    Together,
    share_statistics,
)
from ivif_bench.tasks.segmentation.segmenters._mmseg_recipe import MmsegTraining, training_of
from ivif_bench.tasks.segmentation.segmenters._mmseg_resume import Restartable, StopTraining
from ivif_bench.tasks.segmentation.segmenters._mmseg_runner import (
    SilentRunner,
    same_threads,
    silent,
)
from ivif_bench.tasks.segmentation.segmenters._mmseg_statistics import Statistics, of_images
from ivif_bench.tasks.segmentation.segmenters._mmseg_validation import Validation, kept_apart
from ivif_bench.types import Progress

_OLD_STATE = "restart.pt"  # of versions that kept a state of their own
_ALONE = Processes()


def train(
    model: Any,
    samples: Sequence[Sample],
    protocol: SegmentationProtocol,
    seed: int,
    folder: Path,
    log: Path,
    progress: Progress,
    restart_seconds: float,
    predict: Callable[[Any, np.ndarray, Statistics], np.ndarray],
    workers: int = 0,
    processes: Processes = _ALONE,
) -> Statistics:
    """Train a model in place, going on from the state in the folder if there is one.

    Args:
        predict: from a model, an image (RGB uint8 [H, W, 3]) and statistics to class ids, for the
            validation.
        workers: processes that prepare batches; the order of samples does not depend on it.
        processes: those that train together, each on its part of every batch.

    Returns:
        What the images were normalised by.

    Raises:
        UserError: labels that are no class, or a state that is damaged or of another training.
        KeyboardInterrupt: the process was asked to end; the state is saved.
    """
    recipe = training_of(protocol)
    if recipe.batch < processes.count:
        raise UserError(
            f"protocol {protocol.name!r}: batch {recipe.batch} is smaller than the number of GPUs, "
            f"{processes.count}; use fewer 'gpus'"
        )
    (folder / _OLD_STATE).unlink(missing_ok=True)
    work = folder / "work"
    gpu = torch.cuda.is_available()
    stopped = False
    with (
        silent(log),
        same_threads(),
        deterministic_kernels(gpu),
        strict_float32(),
        # Several processes would have to stop at the same step; theirs end at once.
        stop_requests() if processes.count == 1 else nullcontext(lambda: False) as stop_requested,
    ):
        identity = {"training": protocol.training_part, "seed": seed, "images": len(samples)}
        images = SamplesInMemory(samples, protocol)
        kept = kept_apart(images.stems, recipe.validation)
        chosen = [at for at in range(len(images)) if at not in set(kept)]
        training = images.only(chosen) if kept else images
        statistics = Statistics()
        if protocol.inference.normalisation == "training-images":
            statistics = of_images(sample.image for sample in training)
        statistics.put_into(model)
        share_statistics(model, processes)
        together = Together(processes)
        validation = Validation(
            images.only(kept),
            protocol,
            recipe.validation_every,
            protocol.checkpoint == "best",
            lambda model, image: predict(model, image, statistics),
        )
        hook = Restartable(
            folder,
            seed,
            identity,
            progress,
            restart_seconds,
            len(training),
            recipe.batch,
            stop_requested,
            validation,
            together,
        )
        data = TrainingData(training, protocol, seed, start=hook.done * recipe.batch)
        runner = SilentRunner(
            model=model,
            work_dir=str(work),
            train_dataloader=_loader(data, recipe, seed, workers, processes),
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
    if validation.best is not None:
        model.load_state_dict(validation.best["state"])
        _note(log, f"validation: the best weights are those of epoch {validation.best['epoch']}")
    if processes.rank == 0:
        shutil.rmtree(work, ignore_errors=True)
    return statistics


def _note(log: Path, line: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def remove_restart(folder: Path) -> None:
    """Remove the state of a finished training."""
    for name in (STATE, _OLD_STATE):
        (folder / name).unlink(missing_ok=True)


def _loader(
    data: TrainingData, recipe: MmsegTraining, seed: int, workers: int, processes: Processes
) -> DataLoader[Any]:
    batches: dict[str, Any] = {
        "batch_size": recipe.batch,
        "sampler": InfiniteSampler(data, shuffle=False, seed=seed),
    }
    if processes.count > 1:
        batches = {"batch_sampler": Parts(recipe.iterations, recipe.batch, processes)}
    return DataLoader(
        data,
        **batches,
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
    if recipe.warmup < 2:  # a rise over one step would never leave its start
        return [poly]
    rise = {
        "type": "LinearLR",
        "start_factor": 1e-6,
        "begin": 0,
        "end": recipe.warmup,
        "by_epoch": False,
    }
    return [rise, poly]
