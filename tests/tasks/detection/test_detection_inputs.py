"""What a detector is trained on: every object of the protocol's classes, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from ivif_bench.data.base import open_dataset
from ivif_bench.tasks.detection.adapter import DetectionAdapter
from ivif_bench.tasks.detection.protocol import load_protocol


def test_crowd_regions_are_not_trained_on_and_difficult_objects_are(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for side in ("ir", "vi"):
        (tmp_path / "train" / side).mkdir(parents=True)
        pixels = generator.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "train" / side / "1.png"), pixels)
    flags = [{}, {"iscrowd": 1}, {"difficult": 1}, {"iscrowd": 1, "difficult": 1}]
    content = {
        "images": [{"id": 1, "file_name": "1.png"}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "bbox": [at, 2, 10, 20], **flag}
            for at, flag in enumerate(flags)
        ],
    }
    (tmp_path / "train" / "instances.json").write_text(json.dumps(content))
    dataset = open_dataset("llvip", tmp_path)
    protocol = load_protocol("msrs-det-zeroshot.v1").override(classes=("person",), class_map=None)
    pair = dataset.pairs[0]
    boxes = DetectionAdapter().target(protocol, dataset, pair, np.zeros((40, 60, 3), np.uint8))
    assert boxes.xyxy[:, 0].tolist() == [0, 2]
    assert boxes.difficult.tolist() == [False, True]
