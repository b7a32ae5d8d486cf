"""A training of the original YOLOv5 that takes seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ivif_bench.tasks.detection.detectors.yolov5_original import OriginalYolov5
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.types import Boxes

CLASSES = ("People", "Car")
SMALL = {"epochs": 3, "batch": 4, "nominal_batch": 8, "warmup_epochs": 0.0}


def protocol(training: dict | None = None, **changes: object) -> DetectionProtocol:
    inference = {"image_size": 64, "conf": 0.001, "nms_iou": 0.6, "max_det": 300}
    recipe = {"inference": inference, "training": {**SMALL, **(training or {})}}
    values = {
        "format": 2,
        "name": "small.v1",
        "layout": "m3fd",
        "classes": CLASSES,
        "split": "official",
        "mode": "retrain",
        "network": "yolov5n-original",
        "initial": "scratch",
        "recipe": {"yolov5-original": recipe},
        "seeds": [0],
        "scorer": "coco+yolov5",
        "chroma": "visible",
    }
    return DetectionProtocol.from_file({**values, **changes})


def made() -> list[Sample]:
    """Ten noisy images with one car each."""
    rng = np.random.default_rng(0)
    samples = []
    for index in range(10):
        image = rng.integers(0, 80, (48, 64, 3), dtype=np.uint8)
        image[10:40, 12:44] = (220, 60, 40)
        boxes = Boxes(np.array([[12, 10, 44, 40.0]]), ("Car",))
        samples.append(Sample(f"{index:05d}", image, boxes))
    return samples


def fit(folder: Path, train: list[Sample], seed: int = 0, **kwargs) -> Path:
    folder.mkdir(exist_ok=True)
    detector = OriginalYolov5(
        "yolov5n-original",
        kwargs.get("recipe", protocol()),
        threads=1,
        workers=kwargs.get("workers", 0),
    )
    progress = kwargs.get("progress", lambda *_: None)
    return detector.fit(
        train, seed, folder, folder.parent / "log.txt", kwargs.get("initial"), progress
    )
