"""YOLOv5 networks of the ``ultralytics`` package: anchor-free, trained by its own trainer.

They are not the papers' YOLOv5: ``yolov5x.yaml`` of that package is the network it calls
yolov5xu. Titles say so. Checkpoints are ours: safetensors, with class names in the header.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.data.images import encode_png
from ivif_bench.device import strict_float32
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.fingerprints import hash_file
from ivif_bench.origins import sign
from ivif_bench.tasks.detection.checkpoint import read_checkpoint, write_checkpoint
from ivif_bench.tasks.detection.detectors._boxes import BoxInference
from ivif_bench.tasks.detection.detectors._hermetic import engine
from ivif_bench.tasks.detection.detectors._ultralytics_recipe import UltralyticsTraining
from ivif_bench.tasks.detection.geometry import letterbox, select_boxes, to_tensor
from ivif_bench.tasks.detection.registry import Detector
from ivif_bench.tasks.network.contract import NetworkSpec, Sample
from ivif_bench.tasks.network.training_state import STATE
from ivif_bench.types import Boxes, Progress

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ivif_bench.tasks.detection.detectors._ultralytics_trainer import Weights

_PARAMETERS = {
    "n": (2_654_816, "1.9"),
    "s": (9_153_152, "7.2"),
    "m": (25_111_456, "21.2"),
    "l": (53_225_024, "46.6"),
    "x": (97_276_448, "86.7"),
}

SPECS = tuple(
    NetworkSpec(
        name=f"yolov5{size}",
        entry="UltralyticsYolo",
        title=(
            f"YOLOv5{size}u (ultralytics anchor-free, {count / 1e6:.1f} M; "
            f"the papers' YOLOv5{size} has {papers} M)"
        ),
        family="ultralytics",
        parameters=count,
        licence="AGPL-3.0 (the ultralytics package and its weights)",
        modes=("retrain", "frozen", "zeroshot-coco", "released"),
        inference=BoxInference,
        training=UltralyticsTraining,
        version=2,
        training_version=2,
        packages=("ultralytics", "torchvision"),
        warm=(
            "ivif_bench.tasks.detection.detectors._hermetic:engine",
            "torch._inductor.config",  # torch's switch for determinism imports it: 1.9 CPU-s
            "torchvision",
        ),
    )
    for size, (count, papers) in _PARAMETERS.items()
)


class UltralyticsYolo(Detector):
    """A yolov5u network; its names are the sizes of ``yolov5.yaml``."""

    _network: nn.Module
    _names: tuple[str, ...] = ()

    def fit(
        self,
        train: Sequence[Sample],
        seed: int,
        folder: Path,
        log: Path,
        initial: Path | None,
        progress: Progress,
    ) -> Path:
        checkpoint = folder / "detector.safetensors"
        if not checkpoint.is_file():  # else finished in an attempt that was stopped right after
            self._train(checkpoint, train, seed, log, initial, progress)
        (folder / STATE).unlink(missing_ok=True)
        shutil.rmtree(folder / "work", ignore_errors=True)
        return checkpoint

    def _train(
        self,
        checkpoint: Path,
        train: Sequence[Sample],
        seed: int,
        log: Path,
        initial: Path | None,
        progress: Progress,
    ) -> None:
        folder = checkpoint.parent
        weights = None if initial is None else self._initial(initial)
        work = folder / "work"
        shutil.rmtree(work, ignore_errors=True)  # left by a crash
        layout = write_yolo_layout(train, self.protocol.classes, work / "data")
        sign(folder)
        network = engine().train(
            architecture=f"{self.name}.yaml",
            layout=layout,
            protocol=self.protocol,
            seed=seed,
            weights=weights,
            place=engine().Place(folder, self._identity(train, seed, initial)),
            log=log,
            device=self.device,
            threads=self.threads,
            progress=progress,
        )
        write_checkpoint(checkpoint, network.state_dict(), self.name, self.protocol.classes)

    def _identity(self, train: Sequence[Sample], seed: int, initial: Path | None) -> dict[str, Any]:
        """What decides the weights, besides the content of images, which their owner answers for."""
        assert self.protocol.training is not None
        recipe = self.protocol.training.model_dump(mode="json", exclude={"workers"})
        return {
            "network": self.name,
            "classes": list(self.protocol.classes),
            "recipe": recipe,
            "image_size": self.protocol.inference.image_size,
            "seed": seed,
            "images": len(train),
            "initial": None if initial is None else hash_file(str(initial)),
            "transfer": self.protocol.transfer,
        }

    def check_initial(self, weights: Path | None) -> None:
        if weights is not None:
            self._initial(weights)

    def _initial(self, path: Path) -> Weights:
        """Initial weights that fit the network and the protocol."""
        found = read_weights(path, self.name)
        engine().check_transfer(f"{self.name}.yaml", found, self.protocol, path, self.threads)
        return found

    def load(self, checkpoint: Path) -> tuple[str, ...]:
        state, self._names = read_weights(checkpoint, self.name)
        network = engine().build(f"{self.name}.yaml", len(self._names), self.threads)
        engine().fill(network, state, checkpoint)
        self._network = network.eval().to(self.device)
        return self._names

    def predict(self, image: np.ndarray) -> Boxes:
        import torch

        options = self.protocol.inference
        square, place = letterbox(image, options.image_size)
        with torch.inference_mode(), strict_float32():
            # [1, 4 + classes, N]: decoded boxes in square pixels, then class scores
            out: Tensor = self._network(to_tensor(square).to(self.device))[0][0]
        return select_boxes(
            out[:4].T,
            out[4:].T,
            place,
            self._names,
            options.conf,
            options.nms_iou,
            options.max_det,
            options.multi_label,
        )


def read_weights(path: Path, architecture: str) -> Weights:
    """Weights (float32) and class names of our safetensors or of an ultralytics ``.pt``.

    Raises:
        UserError: unreadable, another architecture, or a ``.pt`` that holds more than a network.
    """
    if path.suffix == ".safetensors":
        return read_checkpoint(path, architecture)
    found: Weights = engine().read_pickled(path)
    return found


def write_yolo_layout(train: Sequence[Sample], classes: Sequence[str], folder: Path) -> Path:
    """Write images (PNG) and labels as ultralytics wants them, and return the data file.

    Its label cache falls into this folder.

    Raises:
        UserError: no images, a stem twice, or no object of any class.
    """
    ids = {name: index for index, name in enumerate(classes)}
    images, labels = folder / "images" / "train", folder / "labels" / "train"
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    objects = 0
    for sample in train:
        stem, image, boxes = sample
        path = images / f"{stem}.png"
        if path.exists():
            raise UserError(f"training images: stem {stem!r} twice")
        _place_image(path, image, sample.path)
        lines = _yolo_lines(boxes, ids, image.shape[:2])
        (labels / f"{stem}.txt").write_text("".join(lines), encoding="ascii")
        objects += sum(name in ids for name in boxes.classes)
    if not objects:
        raise UserError(f"none of the {len(train)} training images has an object of any class")
    data = folder / "data.yaml"
    # JSON is YAML; ultralytics wants a validation part even where it never runs.
    content: dict[str, Any] = {
        "path": str(folder.absolute()),
        "train": "images/train",
        "val": "images/train",
        "names": dict(enumerate(classes)),
    }
    data.write_text(json.dumps(content), encoding="utf-8")
    return data


def _place_image(path: Path, image: np.ndarray, prepared: Path | None) -> None:
    """Write an image as PNG: a link to the file that has it, or else a file of its own."""
    if prepared is not None:
        with contextlib.suppress(OSError):  # another file system, or one without links
            os.link(prepared, path)
            return
    write_bytes(path, encode_png(image))


def _yolo_lines(boxes: Boxes, ids: Mapping[str, int], size: tuple[int, int]) -> list[str]:
    """Label lines: class, centre, width and height relative to the image, cut at its border."""
    height, width = size
    lines = []
    for (x1, y1, x2, y2), name in zip(boxes.xyxy.tolist(), boxes.classes, strict=True):
        left, right = max(x1, 0) / width, min(x2, width) / width
        top, bottom = max(y1, 0) / height, min(y2, height) / height
        if name in ids and right > left and bottom > top:
            values = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
            lines.append(f"{ids[name]} {' '.join(f'{value:.9f}' for value in values)}\n")
    return lines
