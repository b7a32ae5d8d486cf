"""Precision and recall as YOLOv5's ``val.py`` prints them, at the confidence with the best mean F1.

Source: the fact sheet of YOLOv5 training, part 8.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ivif_bench.tasks.detection.yolov5_ap import average_precision

_GRID = np.linspace(0, 1, 1000)  # confidences
_SMOOTHED = 101  # of these points in a mean


class Curve(NamedTuple):
    """One class that has objects.

    Attributes:
        label: number of the class.
        objects: number of its objects.
        precision, recall, f1: at the confidence where the mean F1 over classes is best.
        ap: float [thresholds].
    """

    label: int
    objects: int
    precision: float
    recall: float
    f1: float
    ap: np.ndarray


def curves(
    hits: np.ndarray, scores: np.ndarray, labels: np.ndarray, wanted: np.ndarray
) -> list[Curve]:
    """Results by class, for every class that has an object.

    Args:
        hits: bool [N, thresholds] of all detections; precision and recall are those of the first.
        scores, labels: [N].
        wanted: int [M], classes of all objects.
    """
    order = np.argsort(-scores, kind="stable")
    hits, scores, labels = hits[order], scores[order], labels[order]
    classes, counts = np.unique(wanted, return_counts=True)
    precision, recall = np.zeros((2, len(classes), len(_GRID)))
    aps = []
    for index, (label, objects) in enumerate(zip(classes, counts, strict=True)):
        mine = labels == label
        own = hits[mine]
        aps.append(np.array([average_precision(column, int(objects)) for column in own.T]))
        if not mine.any() or not hits.any():
            continue
        found, below = np.cumsum(own[:, 0]), -scores[mine]
        recall[index] = np.interp(-_GRID, below, found / objects, left=0)
        precision[index] = np.interp(-_GRID, below, found / np.arange(1, len(own) + 1), left=1)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    best = int(_smooth(f1.mean(0)).argmax()) if len(classes) else 0
    return [
        Curve(
            int(label),
            int(counts[index]),
            float(precision[index, best]),
            float(recall[index, best]),
            float(f1[index, best]),
            aps[index],
        )
        for index, label in enumerate(classes)
    ]


def _smooth(values: np.ndarray) -> np.ndarray:
    """Moving mean; beyond its ends the curve is constant."""
    half = _SMOOTHED // 2
    padded = np.pad(values, half, mode="edge")
    smoothed: np.ndarray = np.convolve(padded, np.full(_SMOOTHED, 1 / _SMOOTHED), mode="valid")
    return smoothed
