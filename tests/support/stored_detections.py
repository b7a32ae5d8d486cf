"""The recorded detections of ``../shared/data/detections``, with their objects and images."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.tasks.detection.scoring import DetectionScore
from ivif_bench.types import Boxes

# Folder of the images, by recorded set and input.
IMAGES = {
    ("msrs_dev15", "vi"): "MSRS/detection/vi",
    ("msrs_dev15", "ir"): "MSRS/detection/ir",
    ("msrs_dev15", "seafusion"): "MSRS_fused/SeAFusion/detection",
    ("m3fd_dev12", "vi"): "M3FD_Detection/Vis",
    ("m3fd_dev12", "ir"): "M3FD_Detection/Ir",
    ("m3fd_dev6", "sage"): "M3FD_fused/SAGE",
    ("llvip_dev6", "vi"): "LLVIP/test/vi",
    ("llvip_dev6", "ir"): "LLVIP/test/ir",
}
# Sets that are a part of another one's images; they have no files of boxes of their own.
PARTS = {
    **{("msrs_dev12_published", source): "msrs_dev15" for source in ("vi", "ir", "seafusion")},
    **{("m3fd_dev6", source): "m3fd_dev12" for source in ("vi", "ir")},
}
_TRUTH = {
    "msrs_dev15": "detections/msrs_dev15_gt.json",
    "m3fd_dev12": "M3FD_meta/instances_dev12.json",
    "m3fd_dev6": "M3FD_meta/instances_dev12.json",
    "llvip_dev6": "LLVIP/test/instances.json",
}


@dataclass(frozen=True)
class StoredSet:
    """Images of one input by number, their objects and the detections recorded for them."""

    classes: tuple[str, ...]
    images: dict[str, Path]
    truth: dict[str, Boxes]
    found: dict[str, Boxes]


def stored_set(shared: Path, group: str, source: str) -> StoredSet:
    """One recorded set, such as ``("m3fd_dev12", "vi")``."""
    whole = PARTS.get((group, source), group)
    data = shared / "data"
    document = json.loads((data / _TRUTH[whole]).read_text())
    boxes = json.loads((data / f"detections/{whole}_yolov5n_{source}.json").read_text())
    names = {each["id"]: each["name"] for each in document["categories"]}
    folder = data / IMAGES[whole, source]
    images = {}
    for each in document["images"]:
        path = next(folder.glob(f"{Path(each['file_name']).stem}.*"), None)
        if path is not None and _belongs(data, group, path):
            images[str(each["id"])] = path
    truth = {key: _boxes(document["annotations"], key, names) for key in images}
    found = {key: _boxes(boxes, key, names, scored=True) for key in images}
    return StoredSet(tuple(names.values()), images, truth, found)


def oracle(shared: Path, group: str, source: str) -> dict[tuple[str, str], float]:
    """Recorded AP by our metric and class; NaN where a class has no object."""
    recorded = {}
    with (shared / "data/detections/oracle.csv").open() as file:
        for row in csv.DictReader(file):
            if (row["set"], row["input"]) == (group, source):
                whole = row["category"] == "all"
                name, mean = ("", "m") if whole else (row["category"], "")
                for ours, theirs in (("AP50", "AP50"), ("AP50_95", "AP")):
                    value = float(row[theirs])
                    recorded[f"{mean}{ours}", name] = math.nan if value == -1 else value
    return recorded


def values(rows: Sequence[DetectionScore]) -> dict[tuple[str, str], float]:
    """Scores by metric and class."""
    return {(row.metric, row.class_name): row.value for row in rows}


def _belongs(data: Path, group: str, path: Path) -> bool:
    if group == "msrs_dev12_published":
        return path.stem not in ("1", "3", "7")
    if group == "m3fd_dev6":
        return any((data / IMAGES["m3fd_dev6", "sage"]).glob(f"{path.stem}.*"))
    return True


def _boxes(
    items: Sequence[dict[str, Any]], image: str, names: dict[int, str], scored: bool = False
) -> Boxes:
    mine = [each for each in items if str(each["image_id"]) == image]
    xywh = np.array([each["bbox"] for each in mine], float).reshape(-1, 4)
    return Boxes(
        xyxy=np.hstack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]]),
        classes=tuple(names[each["category_id"]] for each in mine),
        scores=np.array([each["score"] for each in mine], float) if scored else None,
    )
