"""The detections that a run keeps, resampled for the numbers of its detection tables."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ivif_bench.detections.stored import Stored, name_of, read_stored
from ivif_bench.parallel import in_threads

if TYPE_CHECKING:
    from ivif_bench.reports.comparison import Comparison
    from ivif_bench.reports.table import Column, Table

# AP50:Car, mAP75, mAP50_95[all]; not those of yolov5, whose matching is another.
_AP = re.compile(r"(?P<mean>m?)AP(?P<iou>50_95|50|75)(?P<all>\[all\])?(:(?P<name>.+))?")
_SAME = 0.002  # AP is stored with rounded boxes and scores, so that equal scores may change places


def stored_of(comparison: Comparison) -> dict[str, list[Stored]]:
    """The detections of each method, one per seed, of methods that have all of them."""
    found: dict[str, list[Stored]] = {}
    for method in comparison.methods:
        results = comparison.of(method)
        if comparison.folder is None or not results:
            continue
        folder = comparison.folder / "checkpoints"
        paths = [folder / name_of(result.unit.key) for result in results]
        if all(path.is_file() for path in paths):
            found[method] = [read_stored(path) for path in paths]
    return found


def samples_of(
    table: Table, comparison: Comparison, stored: Mapping[str, Sequence[Stored]]
) -> dict[str, dict[str, np.ndarray]]:
    """Resamples by method and column, of methods whose detections give the numbers of the table.

    Methods with other images than most are left out; the table does not compare them either.
    """
    kept = _of_one_set(table, stored)

    def of(method: str) -> dict[str, np.ndarray]:
        row = next(row for row in table.rows if row.name == method)
        found = _samples(method, kept[method], table.columns, _unnamed(comparison, method))
        values = {
            column.key: cell.estimate.value
            for column, cell in zip(table.columns, row.cells, strict=True)
        }
        return {
            key: samples[1:]
            for key, samples in found.items()
            if (value := values[key]) is not None and abs(samples[0] - value) < _SAME
        }

    methods = list(kept)
    found = dict(zip(methods, in_threads(of, methods), strict=True))
    return {method: samples for method, samples in found.items() if samples}


def _of_one_set(
    table: Table, stored: Mapping[str, Sequence[Stored]]
) -> dict[str, Sequence[Stored]]:
    shown = {row.name for row in table.rows if any(c.estimate.value is not None for c in row.cells)}
    images: dict[tuple[str, ...], list[str]] = {}
    for method, seeds in stored.items():
        sets = {each.boxes.stems for each in seeds}
        if method in shown and len(sets) == 1:
            images.setdefault(sets.pop(), []).append(method)
    usual = max(images.values(), key=len, default=[])
    return {method: stored[method] for method in usual}


def _unnamed(comparison: Comparison, method: str) -> set[str]:
    """Classes that the detector cannot name: means leave them out."""
    return {
        subject.class_name
        for result in comparison.of(method)
        for subject, score in result.scores.items()
        if score.reason == "no_counterpart"
    }


def _samples(
    method: str, seeds: Sequence[Stored], columns: Sequence[Column], unnamed: set[str]
) -> dict[str, np.ndarray]:
    """By column: the number of the images as they are, then its resamples."""
    from ivif_bench.detections.ap import mean_over
    from ivif_bench.detections.intervals import ap_samples
    from ivif_bench.detections.matches import THRESHOLDS

    asked = {
        column.key: match for column in columns if (match := _AP.fullmatch(column.key)) is not None
    }
    levels = [0] if all(match["iou"] == "50" for match in asked.values()) else list(range(10))
    boxes = [each.boxes for each in seeds]
    classes = boxes[0].classes
    value, samples = ap_samples(boxes, method, THRESHOLDS[levels])
    values = np.concatenate([value[None], samples])
    named = [index for index, name in enumerate(classes) if name not in unnamed]
    found = {}
    for key, match in asked.items():
        part = slice(None) if match["iou"] == "50_95" else {"50": [0], "75": [5]}[match["iou"]]
        if match["mean"]:
            of_classes = mean_over(values, slice(None) if match["all"] else named)
        elif match["name"] in classes:
            of_classes = values[:, classes.index(match["name"])]
        else:
            of_classes = np.full((len(values), len(levels)), math.nan)
        found[key] = of_classes[:, part].mean(axis=1)
    return found
