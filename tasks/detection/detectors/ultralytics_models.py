"""The other detectors of the ``ultralytics`` package by their names: YOLOv3 to YOLO26, RT-DETR.

The YOLOs are built, trained and asked as its YOLOv5 is (``ultralytics_yolo``). YOLOv10 and YOLO26 have a
second head that needs no suppression; they are judged by the other one with the protocol's NMS, as the
package does by default, so that thresholds mean the same for all.

RT-DETR differs in what a protocol must say, so it is a family of its own: images are stretched to squares
instead of letterboxed, in training too; it emits 300 box and class pairs, and none is suppressed; the
weights of its loss are fixed in the package. On a GPU a step of its training (the gradient of a sampling
of images) is not repeatable to the last bit.

Weights are the package's ``.pt`` by path (read without running code in it), or our safetensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from ivif_bench.device import strict_float32
from ivif_bench.tasks.detection.detectors._boxes import BoxInference, QueryInference
from ivif_bench.tasks.detection.detectors._ultralytics_recipe import (
    UltralyticsSchedule,
    UltralyticsTraining,
)
from ivif_bench.tasks.detection.detectors.ultralytics_yolo import UltralyticsYolo
from ivif_bench.tasks.detection.geometry import refuse_non_finite, stretched, to_tensor
from ivif_bench.tasks.network.contract import NetworkSpec
from ivif_bench.types import Boxes

if TYPE_CHECKING:
    from torch import Tensor

_LICENCE = "AGPL-3.0 (the ultralytics package and its weights)"
_PACKAGES = ("ultralytics", "torchvision")
_WARM = (
    "ivif_bench.tasks.detection.detectors._hermetic:engine",
    "torch._inductor.config",  # torch's switch for determinism imports it
    "torchvision",
)

# Parameters with 80 classes, as ultralytics 8.4.190 builds them.
_YOLO = {
    "yolov3": 103_754_144, "yolov3-spp": 104_803_744, "yolov3-tiny": 12_173_248,
    "yolov6n": 4_500_080, "yolov6s": 16_452_192, "yolov6m": 52_020_496, "yolov6l": 110_926_464,
    "yolov6x": 173_061_616,
    "yolov8n": 3_157_200, "yolov8s": 11_166_560, "yolov8m": 25_902_640, "yolov8l": 43_691_520,
    "yolov8x": 68_229_648,
    "yolov9t": 2_128_720, "yolov9s": 7_318_368, "yolov9m": 20_216_160, "yolov9c": 25_590_912,
    "yolov9e": 58_206_592,
    "yolov10n": 2_775_520, "yolov10s": 8_128_272, "yolov10m": 16_576_768, "yolov10b": 20_574_384,
    "yolov10l": 25_888_688, "yolov10x": 31_808_960,
    "yolo11n": 2_624_080, "yolo11s": 9_458_752, "yolo11m": 20_114_688, "yolo11l": 25_372_160,
    "yolo11x": 56_966_176,
    "yolo12n": 2_602_288, "yolo12s": 9_284_096, "yolo12m": 20_199_168, "yolo12l": 26_450_784,
    "yolo12x": 59_210_784,
    "yolo26n": 2_572_280, "yolo26s": 10_009_784, "yolo26m": 21_896_248, "yolo26l": 26_299_704,
    "yolo26x": 58_993_368,
}  # fmt: skip
_RTDETR = {
    "rtdetr-l": 32_970_476,
    "rtdetr-x": 67_467_852,
    "rtdetr-resnet50": 42_925_132,
    "rtdetr-resnet101": 61_917_260,
}
_TWO_HEADS = ("yolov10", "yolo26")


def _yolo_title(name: str, count: int) -> str:
    head = "one-to-many head with NMS, " if name.startswith(_TWO_HEADS) else ""
    return f"{name.replace('yolo', 'YOLO')} (ultralytics, anchor-free, {head}{count / 1e6:.1f} M)"


class RtdetrTraining(UltralyticsSchedule):
    """How ultralytics trains RT-DETR; the weights of its loss are fixed in the package."""

    precision: Literal["fp32"] = Field(
        "fp32", description="arithmetic; the matching of boxes can fail in lower precision"
    )


SPECS = (
    *(
        NetworkSpec(
            name=name,
            entry="ivif_bench.tasks.detection.detectors.ultralytics_yolo:UltralyticsYolo",
            title=_yolo_title(name, count),
            family="ultralytics",
            parameters=count,
            licence=_LICENCE,
            modes=("retrain", "frozen", "zeroshot-coco", "released"),
            inference=BoxInference,
            training=UltralyticsTraining,
            packages=_PACKAGES,
            warm=_WARM,
        )
        for name, count in _YOLO.items()
    ),
    *(
        NetworkSpec(
            name=name,
            entry="UltralyticsRtdetr",
            title=(
                f"RT-DETR-{name.removeprefix('rtdetr-')} (ultralytics, transformer, "
                f"{count / 1e6:.1f} M; images stretched to squares, no NMS)"
            ),
            family="ultralytics-rtdetr",
            parameters=count,
            licence=_LICENCE,
            modes=("retrain", "frozen", "zeroshot-coco", "released"),
            inference=QueryInference,
            training=RtdetrTraining,
            packages=_PACKAGES,
            warm=_WARM,
        )
        for name, count in _RTDETR.items()
    ),
)


class UltralyticsRtdetr(UltralyticsYolo):
    """An RT-DETR; its names are those of the package's files."""

    def predict(self, image: np.ndarray) -> Boxes:
        import torch

        options = self.protocol.inference
        height, width = image.shape[:2]
        square = stretched(image, options.image_size)
        with torch.inference_mode(), strict_float32():
            # [300, 6]: centre, width and height as shares of the image, score, class
            out: Tensor = self._network(to_tensor(square).to(self.device))[0][0]
        refuse_non_finite(out[:, 4], out[:, :4])
        found = out.cpu().numpy().astype(np.float64)
        found = found[found[:, 4] > options.conf]
        found = found[np.argsort(-found[:, 4], kind="stable")][: options.max_det]
        centre, half = found[:, :2], found[:, 2:4] / 2
        corners = np.hstack([centre - half, centre + half]).clip(0, 1)
        names = tuple(self._names[int(number)] for number in found[:, 5])
        return Boxes(corners * (width, height, width, height), names, found[:, 4])
