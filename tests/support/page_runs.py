"""Run directories with everything that a page shows: images, numbers, boxes and masks, all drawn here."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from kept_detections import kept_unit
from synthetic_run import RunBuilder

from ivif_bench.data.demo import render_scene
from ivif_bench.data.demo.scene import DETECTION_CLASSES, SEGMENTATION_CLASSES
from ivif_bench.data.images import encode_png
from ivif_bench.types import Boxes, Pair

MARKUP = "<img src=x onerror=alert(1)>"
ODD = {
    "visible": "Visible",
    "infrared": "Infrared",
    "average": "Average",
    "odd-markup": MARKUP,
    "odd-arabic": "دمج الصور",
    "odd-emoji": "🔥 fusion \u202e reversed",
    "odd-long": "long " * 40,
}
METRICS = {"EN": "up", "Qabf": "up", "Nabf": "down"}


def page_run(
    folder: Path,
    images: int = 12,
    titles: Mapping[str, str] = ODD,
    boxes: bool = True,
    masks: bool = True,
) -> Path:
    """A run over ``images`` drawn scenes; returns its directory.

    The run is called m3fd as a dataset; its scenes have boxes and labels. One value is undefined, and one
    method's detections are right only by its boxes, so that methods differ.
    """
    builder = RunBuilder(folder, titles=dict(titles), sources=("visible", "infrared"))
    scenes = {f"{at:05d}": render_scene(at, (96, 128), "detection") for at in range(images)}
    places: dict[str, str] = {}
    truth: dict[str, Boxes] = {}
    for stem, scene in scenes.items():
        shown = {
            "visible": scene.visible,
            "infrared": np.repeat(scene.infrared[..., None], 3, axis=2),
        }
        mean = (shown["visible"].astype(int) + shown["infrared"]) // 2
        for at, name in enumerate(titles):
            image = shown.get(name, np.clip(mean + 8 * (at - 2), 0, 255).astype(np.uint8))
            path = _place(folder, name, stem)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(image))
            places[name] = f"fused/m3fd/{name}/{{stem}}.png"
        corners = np.array([box for _, box in scene.boxes], float).reshape(-1, 4)
        truth[stem] = Boxes(corners, tuple(name for name, _ in scene.boxes))
    pairs = [
        Pair(
            "m3fd",
            stem,
            *2 * [_place(folder, next(iter(titles)), stem)],
            tags=("night" if int(stem) % 3 == 0 else "day",),
        )
        for stem in scenes
    ]
    for at, name in enumerate(titles):
        rng = np.random.default_rng(at)
        values = {
            metric: {stem: float(rng.normal(5 + at / 10, 1)) for stem in scenes}
            for metric in METRICS
        }
        if name == "average":
            values["Qabf"]["00001"] = math.nan
        builder.quality(name, values, METRICS, dataset="m3fd")
        if boxes:
            found = {stem: _detections(each, rng, at) for stem, each in truth.items()}
            kept_unit(builder, name, truth, found, DETECTION_CLASSES, pairs=pairs)
        if masks:
            _labels(builder, folder, name, scenes, at)
    return builder.write(images={"m3fd": places})


def _place(folder: Path, method: str, stem: str) -> Path:
    return folder / "fused" / "m3fd" / method / f"{stem}.png"


def _detections(truth: Boxes, rng: np.random.Generator, at: int) -> Boxes:
    """Most objects with a little error, some missed, and one box beside everything."""
    kept = [i for i in range(len(truth.classes)) if rng.random() > 0.1 * at]
    corners = truth.xyxy[kept] + rng.uniform(-1, 1, (len(kept), 4))
    wrong = np.array([[2.0, 2.0, 14.0, 16.0]])
    return Boxes(
        np.vstack([corners, wrong]),
        (*(truth.classes[i] for i in kept), "Bus"),
        np.append(rng.uniform(0.3, 1, len(kept)), rng.uniform(0.1, 0.7)),
    )


def _labels(builder: RunBuilder, folder: Path, name: str, scenes: Mapping, at: int) -> None:
    """Label images as the task leaves them: the truth, moved by some pixels for each method."""
    key = f"{len(builder.units):016x}"
    place = folder / "checkpoints" / f"segmentation-{key}"
    (place / "truth").mkdir(parents=True)
    about = {}
    for stem, scene in scenes.items():
        truth = scene.mask
        moved = np.roll(truth, at, axis=1)
        (place / "truth" / f"{stem}.png").write_bytes(encode_png(truth))
        (place / f"{stem}.png").write_bytes(encode_png(moved))
        sources = {source: str(_place(folder, source, stem)) for source in ("infrared", "visible")}
        about[stem] = {**sources, "wrong": float((truth != moved).mean()), "tags": []}
        about[stem]["shows"] = np.unique(truth).tolist()
    content = {
        "classes": list(SEGMENTATION_CLASSES),
        "background": [0],
        "ignore_index": 255,
        "palette": [[40 * at % 256, 90 * at % 256, 200 - 20 * at] for at in range(9)],
        "images": about,
    }
    (place / "pictures.json").write_text(json.dumps(content))
    iou = dict.fromkeys(SEGMENTATION_CLASSES, 0.9 - 0.01 * at)
    builder.segmentation(
        name,
        iou,
        {"mIoU9": 0.9 - 0.01 * at},
        dataset="m3fd",
        key=key,
        warnings=["PSEUDO LABELS: drawn"],
    )
