"""The AP that yolov5's ``val.py`` prints, so that tables can be compared with papers.

It is up to nine points higher than COCO's: behind the last recall that was reached, the curve
falls in a straight line to (1, 0) instead of dropping to 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.types import Boxes

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)


def iou_matrix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Overlap of every box with every other: [N, 4] and [M, 4] corners -> [N, M] in 0..1."""
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (bottom_right - top_left).clip(min=0).prod(axis=2)
    area_first = (first[:, 2:] - first[:, :2]).prod(axis=1)
    area_second = (second[:, 2:] - second[:, :2]).prod(axis=1)
    union = area_first[:, None] + area_second[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def match(iou: np.ndarray, thresholds: np.ndarray = IOU_THRESHOLDS) -> np.ndarray:
    """Which detections hit: one-to-one by falling IoU, for each threshold on its own.

    Args:
        iou: [truths, detections] of one image and one class.

    Returns:
        bool [detections, thresholds].
    """
    hits = np.zeros((iou.shape[1], len(thresholds)), bool)
    truths, detections = np.nonzero(iou >= thresholds.min())
    order = np.argsort(-iou[truths, detections], kind="stable")
    pairs = list(zip(truths[order].tolist(), detections[order].tolist(), strict=True))
    for column, threshold in enumerate(thresholds):
        taken: set[int] = set()
        for truth, detection in pairs:
            if iou[truth, detection] < threshold:
                break
            if truth not in taken and not hits[detection, column]:
                taken.add(truth)
                hits[detection, column] = True
    return hits


def average_precision(hits: np.ndarray, truths: int) -> float:
    """Area below the curve of one class at one threshold.

    The curve gets (0, 1) in front and (1, 0) at the end, precision is made non-increasing from
    the right, read at 101 recalls and integrated by the trapezoid rule.

    Args:
        hits: bool [detections], best score first.
        truths: number of objects, at least 1.
    """
    found = np.cumsum(hits)
    recall = np.concatenate(([0.0], found / truths, [1.0]))
    precision = np.concatenate(([1.0], found / np.arange(1, len(hits) + 1), [0.0]))
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    grid = np.linspace(0, 1, 101)
    return float(np.trapezoid(np.interp(grid, recall, precision), grid))


def yolov5_ap(truth: Sequence[Boxes], found: Sequence[Boxes], name: str) -> np.ndarray | None:
    """AP of one class at IoU 0.50, 0.55, ... 0.95.

    Args:
        truth, found: objects and scored detections, image by image.

    Returns:
        float [10]; None if the class has no object.
    """
    hits: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    objects = 0
    for real, boxes in zip(truth, found, strict=True):
        real_xyxy = real.xyxy[[each == name for each in real.classes]]
        mine = [each == name for each in boxes.classes]
        objects += len(real_xyxy)
        assert boxes.scores is not None
        hits.append(match(iou_matrix(real_xyxy, boxes.xyxy[mine])))
        scores.append(boxes.scores[mine])
    if objects == 0:
        return None
    all_hits, all_scores = np.concatenate(hits), np.concatenate(scores)
    if len(all_scores) == 0:
        return np.zeros(len(IOU_THRESHOLDS))
    ordered = all_hits[np.argsort(-all_scores, kind="stable")]
    return np.array([average_precision(column, objects) for column in ordered.T])
