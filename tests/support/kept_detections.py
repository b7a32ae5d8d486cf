"""Run directories with the detections of their units, as the detection task leaves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from synthetic_run import RunBuilder

from ivif_bench.tasks.detection.adapter import write_detections
from ivif_bench.tasks.detection.scoring import score
from ivif_bench.types import Boxes, Pair


def kept_unit(
    builder: RunBuilder,
    method: str,
    truth: Mapping[str, Boxes],
    found: Mapping[str, Boxes],
    classes: Sequence[str],
    seed: int = 0,
    pairs: Sequence[Pair] = (),
    scored: Sequence[str] | None = None,
) -> Path:
    """Plan a detection unit, with its scores and its boxes. Returns the file of the boxes."""
    key = f"{len(builder.units):016x}"
    scores = score(truth, found, classes, scored)
    rows = [("", each.class_name, each.metric, each.value, each.reason) for each in scores]
    about: dict[str, Any] = {
        "classes": list(classes),
        "images": len(truth),
        "split": "test",
        "network": "yolov5n",
        "protocol_sha256": "0" * 64,
    }
    builder.unit("detection", method, rows, about, dataset="m3fd", seed=seed, key=key)
    path = builder.folder / "checkpoints" / f"detections-{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_detections(path, truth, found, classes, pairs)
    return path


def without_some(found: Mapping[str, Boxes], share: float, seed: int = 0) -> dict[str, Boxes]:
    """Detections, a share of which is gone."""
    rng = np.random.default_rng(seed)
    return {
        stem: boxes.take(np.flatnonzero(rng.random(len(boxes.classes)) >= share).tolist())
        for stem, boxes in found.items()
    }


def perfect(truth: Mapping[str, Boxes], seed: int = 0) -> dict[str, Boxes]:
    """Every object found, by its own box."""
    rng = np.random.default_rng(seed)
    return {
        stem: replace(boxes, scores=rng.random(len(boxes.classes))) for stem, boxes in truth.items()
    }
