"""Time of an augmented training image of the original YOLOv5, ours against ultralytics' pipeline.

Run with ``python benchmarks/augmentation.py [--repeat N]``; it needs the extra ``detection``. Both get
the same 64 drawn images of 1024x768 with ten boxes each, in memory, and the augmentation of
``scratch-low`` (a mosaic of four images, scale, shift, colour, mirroring). Times are processor time on
one core, medians over rounds in which the two take turns.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ivif_bench.tasks.detection.detectors._hermetic import engine
from ivif_bench.tasks.detection.detectors.ultralytics_yolo import write_yolo_layout
from ivif_bench.tasks.detection.yolov5.augmentation import Augmentation
from ivif_bench.tasks.detection.yolov5.images import TrainingImages
from ivif_bench.tasks.detection.yolov5.presets import preset_values
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.types import Boxes

IMAGES = 64
CLASSES = ("one", "two")


def main() -> None:
    """Print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=7, help="rounds; the median counts")
    repeat = parser.parse_args().repeat
    options = preset_values("scratch-low", "v7.0")["augmentation"]
    samples = [_sample(seed) for seed in range(IMAGES)]
    print("| image | ours, ms | ultralytics, ms | ratio |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        layout = write_yolo_layout(samples, CLASSES, Path(folder) / "data")
        for side in (320, 640):
            images = TrainingImages(samples, CLASSES, side, Augmentation(**options), 0)
            theirs = _ultralytics(layout, side, options)
            cv2.setNumThreads(1)
            rounds = [
                (_ours(images, number), _time(theirs.__getitem__)) for number in range(repeat + 1)
            ]
            ours, other = zip(*rounds[1:], strict=True)  # the first warms up
            ratio = statistics.median(a / b for a, b in rounds[1:])
            mine, its = statistics.median(ours), statistics.median(other)
            print(f"| {side} | {mine:.2f} | {its:.2f} | {ratio:.2f} |", flush=True)


def _ours(images: TrainingImages, epoch: int) -> float:
    return _time(lambda index: images.item(epoch, index))


def _time(make: Callable[[int], object]) -> float:
    """Milliseconds of processor time per image."""
    started = time.process_time()
    for index in range(IMAGES):
        make(index)
    return (time.process_time() - started) / IMAGES * 1000


def _sample(seed: int) -> Sample:
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (24, 32, 3), np.uint8)
    image = cv2.resize(coarse, (1024, 768), interpolation=cv2.INTER_CUBIC)
    first = generator.uniform((0, 0), (900, 650), (10, 2))
    boxes = np.concatenate((first, first + generator.uniform(20, 110, (10, 2))), axis=1)
    return Sample(f"{seed:03d}", image, Boxes(boxes, CLASSES * 5))


def _ultralytics(layout: Path, side: int, options: dict[str, float]) -> Any:
    engine()
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.utils import LOGGER

    LOGGER.setLevel("ERROR")
    data = json.loads(layout.read_text())
    names = {int(number): name for number, name in data["names"].items()}
    with contextlib.redirect_stdout(io.StringIO()):  # bars of progress
        return YOLODataset(
            img_path=str(Path(data["path"]) / data["train"]),
            imgsz=side,
            cache="ram",
            augment=True,
            hyp=get_cfg(overrides={**options, "imgsz": side, "cutmix": 0.0, "bgr": 0.0}),
            batch_size=16,
            data={**data, "names": names, "nc": len(names), "channels": 3},
            task="detect",
        )


if __name__ == "__main__":
    main()
