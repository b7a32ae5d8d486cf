"""Original ultralytics/yolov5 checkpoints (v6, v7), inference only, without their code.

These are the anchor networks that papers call YOLOv5; the ``ultralytics`` package builds others
under the same name. To train one, use a clone of ultralytics/yolov5 and give its ``best.pt`` here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ivif_bench.device import strict_float32
from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.detectors._boxes import BoxInference
from ivif_bench.tasks.detection.geometry import letterbox, select_boxes, to_tensor
from ivif_bench.tasks.detection.registry import Detector
from ivif_bench.tasks.network.contract import NetworkSpec
from ivif_bench.types import Boxes

if TYPE_CHECKING:
    from ivif_bench.tasks.detection.yolov5.network import Model

_LICENCE = "weights of ultralytics/yolov5: AGPL-3.0 (GPL-3.0 up to v7.0); stand-in code Apache-2.0"
_PARAMETERS = {
    "n": 1_872_157,
    "s": 7_235_389,
    "m": 21_190_557,
    "l": 46_563_709,
    "x": 86_749_405,
}

SPECS = tuple(
    NetworkSpec(
        name=f"yolov5{size}-original",
        entry="OriginalYolov5",
        title=f"YOLOv5{size} (original, anchor-based, {count / 1e6:.1f} M)",
        family="yolov5-original",
        parameters=count,
        licence=_LICENCE,
        modes=("zeroshot-coco", "released"),
        inference=BoxInference,
        training=None,
        version=2,
        packages=("torchvision",),
        warm=("torchvision",),
    )
    for size, count in _PARAMETERS.items()
)


class OriginalYolov5(Detector):
    """A pickled network of ultralytics/yolov5 on stand-in classes, float32."""

    _network: Model
    _names: tuple[str, ...] = ()

    def fit(self, *_: Any, **__: Any) -> NoReturn:
        raise UserError(
            f"detector {self.name!r} is inference only; train it in a clone of ultralytics/yolov5 "
            "and give its checkpoint with mode 'released', or use yolov5n ... yolov5x"
        )

    def load(self, checkpoint: Path) -> tuple[str, ...]:
        import torch

        from ivif_bench.tasks.detection.detectors._safe_pickle import (
            class_names,
            load_pickled_network,
            network_of,
        )
        from ivif_bench.tasks.detection.yolov5.network import STAND_INS, Model

        torch.set_num_threads(self.threads)
        content = load_pickled_network(checkpoint, STAND_INS)
        network = network_of(content, checkpoint, Model)
        assert isinstance(network, Model)
        for module in network.modules():
            if isinstance(module, torch.nn.Upsample):
                module.recompute_scale_factor = None  # files from before torch 1.11 lack it
        self._names = class_names(network, checkpoint)
        count = sum(parameter.numel() for parameter in network.parameters())
        self._check(checkpoint, count)
        self._network = network.eval().to(self.device)
        return self._names

    def _check(self, checkpoint: Path, count: int) -> None:
        """Refuse a checkpoint of another size: the table would name the wrong network."""
        nearest = min(SPECS, key=lambda spec: abs(spec.parameters - count))
        if nearest.name != self.name:
            raise UserError(
                f"weights {checkpoint}: {count:,} parameters are those of {nearest.name}, "
                f"but the protocol's detector is {self.name}"
            )

    def predict(self, image: np.ndarray) -> Boxes:
        import torch

        options = self.protocol.inference
        square, place = letterbox(image, options.image_size)
        with torch.inference_mode(), strict_float32():
            boxes, scores = self._network.candidates(to_tensor(square).to(self.device))
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
