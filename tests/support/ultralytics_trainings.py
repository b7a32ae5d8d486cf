"""Trainings of ultralytics that take seconds: ten images of 64 pixels, four epochs of three batches.

``python ultralytics_trainings.py FOLDER WORKERS`` trains in a process of its own, which may be killed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ivif_bench.tasks.detection.detectors.ultralytics_yolo import UltralyticsYolo
from ivif_bench.tasks.detection.protocol import SHIPPED_PROTOCOLS, DetectionProtocol
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.types import Boxes

COSTS = ("seconds", "memory_mb")


class Killed(BaseException):
    """Raised in the place of a signal."""


def protocol(epochs: int = 4, workers: int = 0, **changes: object) -> DetectionProtocol:
    """Mosaic in all epochs but the last two, mixup, and a step after every second batch."""
    content = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-det.v1.yaml").read_text())
    content["training"] |= {"epochs": epochs, "batch": 4, "workers": workers, "nominal_batch": 8}
    content["training"]["augmentation"] |= {"mosaic": 1.0, "close_mosaic": 2, "mixup": 0.5}
    content |= {"image_size": 64, "initial": "scratch", **changes}
    return DetectionProtocol.from_file(content)


def samples(count: int = 10) -> list[Sample]:
    """Images of noise with one bright car each."""
    rng = np.random.default_rng(0)
    made = []
    for index in range(count):
        image = rng.integers(0, 80, (48, 64, 3), dtype=np.uint8)
        image[10:40, 12:44] = (220, 60, 40)
        made.append(Sample(f"{index:05d}", image, Boxes(np.array([[12, 10, 44, 40.0]]), ("Car",))))
    return made


def fit(
    folder: Path,
    *,
    seed: int = 0,
    stop_after: int = 0,
    progress: Callable[..., Any] = lambda *_: None,
    **recipe: Any,
) -> Path:
    """Train in a folder; with ``stop_after``, raise ``Killed`` after so many epochs."""
    folder.mkdir(parents=True, exist_ok=True)

    def told(done: int, total: int, what: str) -> None:
        progress(done, total, what)
        if done == stop_after:
            raise Killed

    detector = UltralyticsYolo("yolov5n", protocol(**recipe))
    return detector.fit(samples(), seed, folder, folder.parent / "log.txt", None, told)


if __name__ == "__main__":
    fit(Path(sys.argv[1]), workers=int(sys.argv[2]))
