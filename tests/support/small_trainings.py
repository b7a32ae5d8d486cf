"""Trainings of seconds and one prediction each, for a process of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from ivif_bench.types import Boxes

if TYPE_CHECKING:
    from ivif_bench.tasks.detection.registry import Detector
    from ivif_bench.tasks.segmentation.registry import Segmenter


RGB = np.zeros((48, 64, 3), np.uint8)


def train_detector(folder: Path) -> tuple[Detector, Path]:
    """Train the smallest detector on four images; returns it and its checkpoint."""
    from ivif_bench.tasks.detection.protocol import SHIPPED_PROTOCOLS, DetectionProtocol
    from ivif_bench.tasks.detection.registry import DETECTORS
    from ivif_bench.tasks.network.contract import Sample

    content = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-det.v1.yaml").read_text())
    content["training"] |= {"epochs": 2, "batch": 4}
    content |= {"image_size": 64, "initial": "scratch"}
    protocol = DetectionProtocol.from_file(content)
    random = np.random.default_rng(0)
    train = []
    for index in range(4):
        image = random.integers(0, 80, (48, 64, 3), dtype=np.uint8)
        image[10:40, 12:44] = (220, 60, 40)
        train.append(Sample(str(index), image, Boxes(np.array([[12, 10, 44, 40.0]]), ("Car",))))
    network = DETECTORS.load(protocol.network)(protocol.network, protocol)
    return network, network.fit(train, 0, folder, folder / "log.txt", None, lambda *_: None)


def detector(folder: Path) -> int:
    """Train and judge one image; returns the number of images judged."""
    network, checkpoint = train_detector(folder)
    network.load(checkpoint)
    network.predict(RGB)
    return 1


def original_yolov5(weights: Path) -> int:
    """Load an original checkpoint and judge one image; returns the number of images judged."""
    from ivif_bench.tasks.detection.protocol import load_protocol
    from ivif_bench.tasks.detection.registry import DETECTORS

    protocol = load_protocol("msrs-det-zeroshot.v1")
    network = DETECTORS.load(protocol.network)(protocol.network, protocol)
    network.load(weights)
    network.predict(RGB)
    return 1


def train_segmenter(folder: Path) -> tuple[Segmenter, Path]:
    """Train the smallest segmenter on four images; returns it and its checkpoint."""
    from ivif_bench.tasks.network.contract import Sample
    from ivif_bench.tasks.segmentation.protocol import SHIPPED_PROTOCOLS, SegmentationProtocol
    from ivif_bench.tasks.segmentation.registry import SEGMENTERS

    content = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-seg.v1.yaml").read_text()) | {
        "initial": "scratch",
        "image_size": (64, 96),
        "crop_size": (64, 64),
        "iterations": 2,
        "warmup": 1,
        "batch": 2,
    }
    protocol = SegmentationProtocol.from_file(content)
    random = np.random.default_rng(0)
    masks = random.integers(0, 9, (4, 8, 12)).repeat(8, 1).repeat(8, 2).astype(np.uint8)
    train = [
        Sample(str(index), np.repeat(25 * mask[:, :, None], 3, 2), mask)
        for index, mask in enumerate(masks)
    ]
    network = SEGMENTERS.load(protocol.network)(protocol.network, protocol)
    return network, network.fit(train, 0, folder, folder / "log.txt", None, lambda *_: None)


def segmenter(folder: Path) -> int:
    """Train and judge one image; returns the number of its labels."""
    network, checkpoint = train_segmenter(folder)
    network.load(checkpoint)
    return network.predict(RGB).size
