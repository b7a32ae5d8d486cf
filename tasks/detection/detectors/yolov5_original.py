"""The original, anchor-based YOLOv5 (v6.0 to v7.0), trained and run by our own code.

These are the networks that papers call YOLOv5; the ``ultralytics`` package builds others under the
same name. Published checkpoints (``.pt``) are read without their code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ivif_bench.device import strict_float32
from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.checkpoint import read_checkpoint, write_checkpoint
from ivif_bench.tasks.detection.detectors._boxes import AugmentedInference
from ivif_bench.tasks.detection.geometry import letterbox, select_boxes, to_tensor
from ivif_bench.tasks.detection.registry import Detector
from ivif_bench.tasks.detection.yolov5.recipe import Yolov5Training
from ivif_bench.tasks.network.contract import NetworkSpec, Sample
from ivif_bench.types import Boxes, Progress

if TYPE_CHECKING:
    from ivif_bench.tasks.detection.yolov5.network import Model
    from ivif_bench.tasks.detection.yolov5.training import Job

_LICENCE = "weights of ultralytics/yolov5: AGPL-3.0 (GPL-3.0 up to v7.0); our code Apache-2.0"
_PARAMETERS = {
    "n": 1_872_157,
    "s": 7_235_389,
    "m": 21_190_557,
    "l": 46_563_709,
    "x": 86_749_405,
}
_CHECKPOINT = "detector.safetensors"

SPECS = tuple(
    NetworkSpec(
        name=f"yolov5{size}-original",
        entry="OriginalYolov5",
        title=f"YOLOv5{size} (original, anchor-based, {count / 1e6:.1f} M)",
        family="yolov5-original",
        parameters=count,
        licence=_LICENCE,
        modes=("retrain", "frozen", "zeroshot-coco", "released"),
        inference=AugmentedInference,
        training=Yolov5Training,
        checkpoints=("last", "best"),
        version=2,
        packages=("torchvision",),
        warm=("torchvision", "ivif_bench.tasks.detection.yolov5.network"),
    )
    for size, count in _PARAMETERS.items()
)


class OriginalYolov5(Detector):
    """An original YOLOv5; its names are its sizes. Predictions are in float32."""

    _network: Model
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
        from ivif_bench.tasks.detection.yolov5 import training

        checkpoint = folder / _CHECKPOINT
        if checkpoint.is_file():
            return checkpoint
        job = self._job(seed, folder, log, initial)
        count = self._processes()
        if count == 1:
            state = training.train(job, train, progress)
        else:
            progress(0, 1, f"training on {count} GPUs")
            state = training.launch(job, train, count)
        write_checkpoint(checkpoint, state, self.name, self.protocol.classes)
        training.remove_state(folder)
        return checkpoint

    def check_initial(self, weights: Path | None) -> None:
        if weights is not None:
            from ivif_bench.tasks.detection.yolov5.training import new_network

            new_network(self._job(0, Path(), Path("/dev/null"), weights))

    def load(self, checkpoint: Path) -> tuple[str, ...]:
        import torch

        from ivif_bench.tasks.detection.yolov5.transfer import fill, read_network

        torch.set_num_threads(self.threads)
        if checkpoint.suffix == ".safetensors":
            from ivif_bench.tasks.detection.yolov5.building import network_for

            found = read_checkpoint(checkpoint, self.name)
            self._names = found.names
            network = network_for(self._size, found.state, len(found.names), checkpoint)
            fill(network, found.state, checkpoint)
        else:
            network, self._names = read_network(checkpoint)
            self._check(checkpoint, sum(each.numel() for each in network.parameters()))
        self._network = network.eval().to(self.device)
        return self._names

    def predict(self, image: np.ndarray) -> Boxes:
        import torch

        options = self.protocol.inference
        square, place = letterbox(image, options.image_size)
        with torch.inference_mode(), strict_float32():
            given = to_tensor(square).to(self.device)
            boxes, scores = self._network.candidates(given, options.augment)
        return select_boxes(
            boxes[0],
            scores[0],
            place,
            self._names,
            options.conf,
            options.nms_iou,
            options.max_det,
            options.multi_label,
        )

    @property
    def _size(self) -> str:
        return self.name.removeprefix("yolov5")[0]

    def _job(self, seed: int, folder: Path, log: Path, initial: Path | None) -> Job:
        from ivif_bench.tasks.detection.yolov5.training import Job

        protocol = self.protocol
        return Job(
            name=self.name,
            size=self._size,
            classes=protocol.classes,
            image_size=protocol.inference.image_size,
            recipe=protocol.training,
            transfer=protocol.transfer,
            select=protocol.checkpoint,
            seed=seed,
            initial=initial,
            folder=folder,
            log=log,
            device=self.device,
            threads=self.threads,
            workers=self.workers,
        )

    def _processes(self) -> int:
        if self.device == "cpu":
            return 1
        import torch

        return max(torch.cuda.device_count(), 1)

    def _check(self, checkpoint: Path, count: int) -> None:
        """Refuse a checkpoint of another size: the table would name the wrong network."""
        nearest = min(SPECS, key=lambda spec: abs(spec.parameters - count))
        if nearest.name != self.name:
            raise UserError(
                f"weights {checkpoint}: {count:,} parameters are those of {nearest.name}, "
                f"but the protocol's detector is {self.name}"
            )
