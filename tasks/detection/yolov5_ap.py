"""The AP that yolov5's ``val.py`` prints, so that tables can be compared with papers.

It differs from COCO's in two points. Objects and detections are paired by another rule (``match``),
and behind the last recall that was reached the curve falls in a straight line to (1, 0) instead of
dropping to 0. On real boxes with a confidence cut of .001 the two differ by about half a point of
mAP@0.5; where objects are missed and low confidences are cut off, the straight line adds more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ivif_bench.types import Boxes

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)


def iou_matrix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Overlap of every box with every other: [N, 4] and [M, 4] corners -> [N, M] in 0..1."""
    shared = _shared(first, second)
    union = _area(first)[:, None] + _area(second)[None, :] - shared
    return _share(shared, union)


def covered(regions: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Share of each box that lies in each region: [N, 4] and [M, 4] corners -> [N, M] in 0..1."""
    shared = _shared(regions, boxes)
    return _share(shared, np.broadcast_to(_area(boxes), shared.shape))


def _shared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    area: np.ndarray = (bottom_right - top_left).clip(min=0).prod(axis=2)
    return area


def _area(boxes: np.ndarray) -> np.ndarray:
    area: np.ndarray = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return area


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    share: np.ndarray = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return share


def match(
    iou: np.ndarray, thresholds: np.ndarray = IOU_THRESHOLDS, once: bool = False
) -> np.ndarray:
    """Which detections hit an object, by yolov5's rule.

    Among the pairs with IoU at or above the threshold each detection keeps the object that it
    overlaps most; then each object keeps its first detection, in order of confidence. A detection
    whose best object went to a more confident one does not get its second best.

    Args:
        iou: [objects, detections] of one image and one class, most confident detection first.
        thresholds: rising IoU thresholds.
        once: as before yolov5 v6.2: paired at the first threshold, and such a pair hits at every
            threshold that its IoU reaches. False pairs anew at each threshold.

    Returns:
        bool [detections, thresholds].
    """
    hits = np.zeros((iou.shape[1], len(thresholds)), bool)
    if iou.size == 0:
        return hits
    overlap, best = iou.max(axis=0), iou.argmax(axis=0)
    for column, threshold in enumerate(thresholds):
        paired = _paired(overlap, best, thresholds[0] if once else threshold)
        hits[paired, column] = overlap[paired] >= threshold
    return hits


def _paired(overlap: np.ndarray, best: np.ndarray, threshold: float) -> np.ndarray:
    """Indices of the detections that get an object.

    Args:
        overlap, best: largest IoU of each detection, and the index of the object that it is with.
    """
    near = np.flatnonzero(overlap >= threshold)[::-1]
    if near.size == 0:
        return near
    taken = np.full(best[near].max() + 1, -1)
    taken[best[near]] = near  # the last one that is written stays: the first detection
    return taken[taken >= 0]


def set_aside(
    hits: np.ndarray,
    in_difficult: np.ndarray,
    in_crowd: np.ndarray,
    thresholds: np.ndarray = IOU_THRESHOLDS,
    once: bool = False,
) -> np.ndarray:
    """Which detections are neither hits nor false positives.

    yolov5 knows no such objects; the rule is pycocotools', on pairs made as in ``match``. Required
    objects come first. A detection that got none of them is set aside if a crowd region covers at
    least the threshold of it (a region takes any number), else if it gets a difficult object, each
    of which takes one detection.

    Args:
        hits: what ``match`` says of the required objects.
        in_difficult: IoU, [difficult objects, detections].
        in_crowd: what ``covered`` says, [crowd regions, detections].
        thresholds, once: as for ``match``.

    Returns:
        bool [detections, thresholds].
    """
    aside = np.zeros_like(hits)
    if not len(in_difficult) and not len(in_crowd):
        return aside
    crowd, difficult = in_crowd.max(axis=0, initial=0), in_difficult.max(axis=0, initial=0)
    best = in_difficult.argmax(axis=0) if in_difficult.size else np.zeros(len(hits), np.intp)
    for column, threshold in enumerate(thresholds):
        level = 0 if once else column
        free = ~hits[:, level]
        covering = free & (crowd >= thresholds[level])
        rest = np.flatnonzero(free & ~covering)
        mine = rest[_paired(difficult[rest], best[rest], thresholds[level])]
        aside[:, column] = covering & (crowd >= threshold)
        aside[mine, column] = difficult[mine] >= threshold
    return aside


def average_precision(hits: np.ndarray, truths: int) -> float:
    """Area below the curve of one class at one threshold.

    The curve gets (0, 1) in front and (1, 0) at the end, precision is made non-increasing from
    the right, read at 101 recalls and integrated by the trapezoid rule.

    Args:
        hits: bool [detections], best score first; without any the area is 0.
        truths: number of objects, at least 1.
    """
    if len(hits) == 0:
        return 0.0
    found = np.cumsum(hits)
    recall = np.concatenate(([0.0], found / truths, [1.0]))
    precision = np.concatenate(([1.0], found / np.arange(1, len(hits) + 1), [0.0]))
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    grid = np.linspace(0, 1, 101)
    return float(np.trapezoid(np.interp(grid, recall, precision), grid))


def in_order(boxes: Boxes) -> Boxes:
    """Boxes by falling score, and by their corners where scores are equal or absent.

    What a scorer says of boxes in this order does not depend on the order in which they came.
    """
    x1, y1, x2, y2 = boxes.xyxy.T
    keys = (y2, x2, y1, x1)  # numpy takes the last key first
    order = np.lexsort(keys if boxes.scores is None else (*keys, -boxes.scores))
    return boxes.take(order.tolist())


def yolov5_ap(
    truth: Sequence[Boxes], found: Sequence[Boxes], name: str, once: bool = False
) -> np.ndarray | None:
    """AP of one class at IoU 0.50, 0.55, ... 0.95.

    The order in which boxes of an image come changes nothing. Where no two scores are equal the
    result is that of yolov5; what it prints for equal scores depends on the order in which they
    arrive. Here the one with the smaller corners comes first within an image, and the image that
    comes first in ``truth`` between images.

    Crowd regions and difficult objects are not required, and detections of them are left out of
    the list; see ``set_aside``.

    Args:
        truth, found: objects and scored detections, image by image.
        once: pair at IoU 0.5 for all thresholds, as yolov5 before v6.2; see ``match``.

    Returns:
        float [10]; None if the class has no required object.
    """
    hits: list[np.ndarray] = []
    counted: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    objects = 0
    for real, boxes in zip(truth, found, strict=True):
        if name not in boxes.classes and name not in real.classes:
            continue
        mine, wanted = in_order(_of_class(boxes, name)), in_order(_of_class(real, name))
        assert mine.scores is not None
        iou, required = iou_matrix(wanted.xyxy, mine.xyxy), wanted.required
        hit = match(iou[required], once=once)
        crowd = covered(wanted.xyxy[wanted.crowd], mine.xyxy)
        aside = set_aside(hit, iou[~required & ~wanted.crowd], crowd, once=once)
        objects += int(required.sum())
        hits.append(hit)
        counted.append(~aside)
        scores.append(mine.scores)
    if objects == 0:
        return None
    order = np.argsort(-np.concatenate(scores), kind="stable")
    columns = zip(np.concatenate(hits)[order].T, np.concatenate(counted)[order].T, strict=True)
    return np.array([average_precision(hit[kept], objects) for hit, kept in columns])


def _of_class(boxes: Boxes, name: str) -> Boxes:
    return boxes.take([index for index, each in enumerate(boxes.classes) if each == name])
