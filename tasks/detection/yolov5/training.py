"""A training of the original YOLOv5 from its samples to its weights, on one or several GPUs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ivif_bench.device import deterministic_kernels, strict_float32
from ivif_bench.errors import UserError
from ivif_bench.processes import Processes, in_processes, join
from ivif_bench.tasks.detection.yolov5.anchors import box_sizes, checked
from ivif_bench.tasks.detection.yolov5.building import SIZES, STRIDES, build
from ivif_bench.tasks.detection.yolov5.images import TrainingImages
from ivif_bench.tasks.detection.yolov5.network import Model
from ivif_bench.tasks.detection.yolov5.recipe import Yolov5Training
from ivif_bench.tasks.detection.yolov5.rules import RULES
from ivif_bench.tasks.detection.yolov5.samples import ResizedImages
from ivif_bench.tasks.detection.yolov5.trainer import Setting, Trainer
from ivif_bench.tasks.detection.yolov5.transfer import Weights, read_weights, transfer
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.network.training_state import STATE, read_state
from ivif_bench.types import Progress


@dataclass(frozen=True)
class Job:
    """A training, as a process is told of it.

    Attributes:
        name: registered name of the detector.
        size: letter of its size.
        classes: names of the classes, in their order.
        image_size: side of training images in pixels.
        transfer: ``full`` or ``backbone``, as in protocols.
        select: ``last`` or ``best`` epoch.
        initial: weights to start from; None for random ones.
        folder: takes state and curves.
        log: file that takes a few lines.
        device: ``cpu`` or ``cuda``.
        threads: CPU threads of each process.
        workers: processes that prepare images, for each process of the training.
    """

    name: str
    size: str
    classes: tuple[str, ...]
    image_size: int
    recipe: Yolov5Training
    transfer: Literal["full", "backbone"]
    select: Literal["last", "best"]
    seed: int
    initial: Path | None
    folder: Path
    log: Path
    device: str
    threads: int
    workers: int = 0

    def note(self, line: str) -> None:
        """Add a line to the log."""
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def train(job: Job, samples: Sequence[Sample], progress: Progress) -> Mapping[str, Tensor]:
    """Train as this process of those that torch's launcher started, or alone.

    Returns:
        The averaged weights by name; complete in the first process only.

    Raises:
        UserError: the recipe needs a GPU, or the initial weights or the images do not fit.
    """
    recipe = job.recipe
    device = torch.device(job.device)
    if recipe.precision != "fp32" and device.type == "cpu":
        raise UserError(f"precision {recipe.precision} needs a GPU; none is in use")
    processes = join(device)
    training, kept = _divided(job, samples)
    _check_batches(job, len(training), processes)
    torch.set_num_threads(job.threads)
    with strict_float32(), deterministic_kernels(device.type == "cuda"):
        network = new_network(job)
        images = TrainingImages(
            training,
            job.classes,
            job.image_size,
            recipe.augmentation,
            job.seed,
            recipe.rules,
        )
        validation = None
        if kept and processes.rank == 0:
            validation = ResizedImages(kept, job.classes, job.image_size, augment=False)
        trainer = Trainer(
            network.to(device),
            images,
            validation,
            Setting(recipe, job.image_size, job.seed, job.select, _identity(job, samples)),
            job.folder,
            _fitted_anchors(job, network, images.images),
            job.workers,
            processes,
        )
        return trainer.run(progress)


def new_network(job: Job) -> Model:
    """A network with the initial weights of a training, drawn from its seed where there are none.

    Raises:
        UserError: the initial weights do not fit.
    """
    recipe = job.recipe
    anchors = None
    if recipe.anchors is not None:
        count = round(recipe.anchors)
        # Placeholders, as in the reference: they fit nothing, so that anchors are always searched.
        anchors = torch.arange(2.0 * count).view(1, count, 2).repeat(len(STRIDES), 1, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        network = build(*SIZES[job.size], len(job.classes), RULES[recipe.rules], anchors)
    if job.initial is not None:
        weights: Weights = read_weights(job.initial, job.name)
        whole = job.transfer == "full"
        try:
            line = transfer(
                network, weights, job.classes, whole=whole, with_anchors=anchors is None
            )
        except UserError as problem:
            raise UserError(f"weights {job.initial}: {problem}") from problem
        job.note(line)
    return network


def _divided(job: Job, samples: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """Training part and validation part, which is the last one: neighbours stay together."""
    kept = round(len(samples) * job.recipe.validation)
    if job.recipe.validation and not 0 < kept < len(samples):
        raise UserError(
            f"'validation' {job.recipe.validation:g} of {len(samples)} training images leaves no "
            "image on one side"
        )
    edge = len(samples) - kept
    return _Part(samples, 0, edge), _Part(samples, edge, len(samples))


@dataclass(frozen=True)
class _Part(Sequence[Sample]):
    """Some neighbouring samples, read when they are indexed."""

    samples: Sequence[Sample]
    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.samples[self.first + index]


def _check_batches(job: Job, images: int, processes: Processes) -> None:
    batch = job.recipe.batch
    last = images % batch or batch
    if min(last, batch) < processes.count:
        raise UserError(
            f"{images} training images in batches of {batch} leave a batch of {last}, fewer than "
            f"the {processes.count} GPUs; use fewer GPUs or another batch"
        )


def _fitted_anchors(job: Job, network: Model, images: ResizedImages) -> Tensor | None:
    """Anchors in pixels that fit the boxes better than the network's own; None where those do."""
    if not job.recipe.autoanchor:
        return None
    head = network.detect
    own = (head.anchors.cpu() * torch.tensor(STRIDES).view(-1, 1, 1)).view(-1, 2).numpy()
    boxes = box_sizes(images.sizes, images.rows, job.image_size)
    found = checked(boxes, own, job.recipe.anchor_t, job.image_size, job.seed)
    job.note(
        f"anchors match {found.before.best_possible_recall:.4f} of the boxes"
        + (f", new ones {found.after.best_possible_recall:.4f}" if found.searched else "")
    )
    if np.array_equal(found.anchors, own):
        return None
    return torch.from_numpy(found.anchors).view(len(STRIDES), -1, 2)


def _identity(job: Job, samples: Sequence[Sample]) -> dict[str, Any]:
    """What must be equal for a saved training to be continued."""
    initial = None if job.initial is None else hashlib.sha256(job.initial.read_bytes()).hexdigest()
    values = {
        "detector": job.name,
        "classes": job.classes,
        "image_size": job.image_size,
        "recipe": job.recipe.model_dump(mode="json"),
        "transfer": job.transfer,
        "checkpoint": job.select,
        "seed": job.seed,
        "initial weights": initial,
        "images": len(samples),
    }
    found: dict[str, Any] = json.loads(json.dumps(values))
    return found


def launch(job: Job, samples: Sequence[Sample], processes: int) -> Mapping[str, Tensor]:
    """Train by several processes of torch's launcher; as ``train`` otherwise.

    Raises:
        UserError: from the first process that failed with one.
    """
    in_processes(_one_process, (job, samples), processes, job.folder)
    state = read_state(job.folder, _identity(job, samples))
    assert state is not None
    found: Mapping[str, Tensor] = (
        state["best"]["state"] if job.select == "best" else state["average"]
    )
    return found


def remove_state(folder: Path) -> None:
    """Remove what only an interrupted training needs; the curves stay."""
    (folder / STATE).unlink(missing_ok=True)


def _one_process(job: Job, samples: Sequence[Sample]) -> None:
    train(job, samples, lambda *_: None)
