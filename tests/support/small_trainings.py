"""Trainings of seconds and one prediction each, for a process of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ivif_bench.data.images import encode_png
from ivif_bench.files import write_bytes
from ivif_bench.types import Boxes

if TYPE_CHECKING:
    from ivif_bench.tasks.detection.registry import Detector
    from ivif_bench.tasks.segmentation.registry import Segmenter


RGB = np.zeros((48, 64, 3), np.uint8)


def train_detector(folder: Path) -> tuple[Detector, Path]:
    """Train the smallest detector on four images; returns it and its checkpoint."""
    from ivif_bench.tasks.detection.protocol import load_protocol
    from ivif_bench.tasks.detection.registry import DETECTORS

    shipped = load_protocol("demo-det.v1")
    assert shipped.training is not None
    recipe = shipped.training.model_copy(update={"epochs": 2, "batch": 4})
    protocol = shipped.model_copy(
        update={"image_size": 64, "initial": "scratch", "training": recipe}
    )
    random = np.random.default_rng(0)
    train = []
    for index in range(4):
        image = random.integers(0, 80, (48, 64, 3), dtype=np.uint8)
        image[10:40, 12:44] = (220, 60, 40)
        path = folder / "images" / f"{index}.png"
        write_bytes(path, encode_png(image))
        train.append((path, Boxes(np.array([[12, 10, 44, 40.0]]), ("Car",))))
    network = DETECTORS.load(protocol.detector)(protocol.detector, protocol)
    return network, network.fit(train, 0, folder, folder / "log.txt")


def detector(folder: Path) -> int:
    """Train and judge one image; returns the number of images judged."""
    network, checkpoint = train_detector(folder)
    network.load(checkpoint)
    return len(network.predict([RGB]))


def original_yolov5(weights: Path) -> int:
    """Load an original checkpoint and judge one image; returns the number of images judged."""
    from ivif_bench.tasks.detection.protocol import load_protocol
    from ivif_bench.tasks.detection.registry import DETECTORS

    protocol = load_protocol("msrs-det-zeroshot.v1")
    network = DETECTORS.load(protocol.detector)(protocol.detector, protocol)
    network.load(weights)
    return len(network.predict([RGB]))


def train_segmenter(folder: Path) -> tuple[Segmenter, Path]:
    """Train the smallest segmenter on four images; returns it and its checkpoint."""
    from ivif_bench.tasks.segmentation.protocol import load_protocol
    from ivif_bench.tasks.segmentation.registry import SEGMENTERS

    protocol = load_protocol("demo-seg.v1").override(
        initial="scratch",
        image_size=(64, 96),
        crop_size=(64, 64),
        iterations=2,
        warmup=1,
        batch=2,
    )
    random = np.random.default_rng(0)
    masks = random.integers(0, 9, (4, 8, 12)).repeat(8, 1).repeat(8, 2).astype(np.uint8)
    train = [(np.repeat(25 * mask[:, :, None], 3, 2), mask) for mask in masks]
    network = SEGMENTERS.load(protocol.segmenter)(protocol)
    return network, network.fit(train, 0, folder, folder / "log.txt", lambda *_: None)


def segmenter(folder: Path) -> int:
    """Train and judge one image; returns the number of its labels."""
    network, checkpoint = train_segmenter(folder)
    network.load(checkpoint)
    return network.predict(RGB).size
