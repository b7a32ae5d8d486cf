"""Which detections hit an object: COCO's greedy matching, once per image, class and IoU threshold.

Everything else is counting: AP, curves, miss rate and the resamples of intervals start from these
outcomes and never look at a box again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.detections.boxes import Judged

THRESHOLDS = np.linspace(0.5, 0.95, 10)
FALSE, HIT, ASIDE = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Overlap of every detection with every object of its image, of any class.

    Attributes:
        first: int64 [detections], the first object of a detection's image.
        start: int64 [detections + 1]; the overlaps of detection d are
            ``iou[start[d]:start[d + 1]]``, with objects ``first[d]``, ``first[d] + 1``, ...
        iou: float64 in 0..1; for crowd regions the share of the detection that lies in them.
    """

    first: np.ndarray
    start: np.ndarray
    iou: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What became of detections and objects.

    Attributes:
        thresholds: float64 [T], of IoU.
        outcome: int8 [T, detections]: ``HIT`` an object, ``FALSE``, or ``ASIDE``, neither: its
            object is ignored.
        partner: int64 [T, detections], index of the object that was hit or ignored, or -1.
        required: int64 [classes, images], objects that had to be found.
    """

    thresholds: np.ndarray
    outcome: np.ndarray
    partner: np.ndarray
    required: np.ndarray


def overlaps(boxes: Judged) -> Overlaps:
    """IoU of detections and objects, computed as pycocotools computes it, to the last bit."""
    real, mine = boxes.truth, boxes.found
    images = np.arange(len(boxes.stems) + 1)
    bounds = np.searchsorted(real.image, images)
    first, count = bounds[mine.image], np.diff(bounds)[mine.image]
    start = np.concatenate([[0], np.cumsum(count)])
    detection = np.repeat(np.arange(len(mine)), count)
    item = np.arange(start[-1]) - start[detection] + first[detection]
    one, other = mine.xywh[detection].T, real.xywh[item].T
    width = np.minimum(one[0] + one[2], other[0] + other[2]) - np.maximum(one[0], other[0])
    height = np.minimum(one[1] + one[3], other[1] + other[3]) - np.maximum(one[1], other[1])
    shared = np.where((width > 0) & (height > 0), width * height, 0.0)
    whole = mine.area[detection] + real.area[item] - shared
    whole = np.where(real.crowd[item], mine.area[detection], whole)
    iou = np.divide(shared, whole, out=np.zeros_like(shared), where=shared > 0)
    return Overlaps(first, start, iou)


def match(
    boxes: Judged,
    thresholds: np.ndarray = THRESHOLDS,
    sizes: tuple[np.ndarray, np.ndarray] | None = None,
    known: Overlaps | None = None,
) -> Matches:
    """COCO's matching, as ``ivif_bench.tasks.detection.scoring`` describes it.

    By falling confidence, each detection takes the required object of its class that it overlaps
    most, of those that are free and reach the threshold. One that gets none is left out if it
    reaches the threshold with an ignored object: a crowd region takes any number of detections,
    measured by the share of them that it covers, another ignored object one.

    Args:
        thresholds: float64 [T], of IoU.
        sizes: for AP of a range of sizes: objects outside of it (bool [objects]), ignored then,
            and detections outside of it (bool [detections]), left out unless they hit.
        known: what ``overlaps`` returns, to compute it once.
    """
    if sizes is not None:
        boxes = boxes.without(sizes[0])
    known = overlaps(boxes) if known is None else known
    outcome = np.zeros((len(thresholds), len(boxes.found)), np.int8)
    partner = np.full(outcome.shape, -1, np.int64)
    _match(
        known.first,
        known.start,
        known.iou,
        boxes.found.category,
        boxes.truth.category,
        boxes.truth.ignored,
        boxes.truth.crowd,
        np.minimum(thresholds, 1 - 1e-10),
        np.zeros(len(boxes.truth), np.int64),
        outcome,
        partner,
    )
    if sizes is not None:
        outcome[:, sizes[1]] = np.where(
            partner[:, sizes[1]] < 0, np.int8(ASIDE), outcome[:, sizes[1]]
        )
    return Matches(np.asarray(thresholds), outcome, partner, boxes.required())


@kernel
def _match(first, start, iou, category, object_category, ignored, crowd, thresholds, taken, outcome, partner):  # type: ignore[no-untyped-def]  # fmt: skip
    """Fill outcome and partner; ``taken`` is room for the mark of the last threshold."""
    for level in range(len(thresholds)):
        mark = level + 1
        for detection in range(len(category)):
            best, best_ignored = -1, -1
            most, most_ignored = thresholds[level], thresholds[level]
            for at in range(start[detection], start[detection + 1]):
                item = first[detection] + at - start[detection]
                if object_category[item] != category[detection]:
                    continue
                if taken[item] == mark and not crowd[item]:
                    continue
                if ignored[item]:
                    if iou[at] >= most_ignored:
                        best_ignored, most_ignored = item, iou[at]
                elif iou[at] >= most:
                    best, most = item, iou[at]
            if best < 0:
                best = best_ignored
            if best < 0:
                continue
            taken[best] = mark
            partner[level, detection] = best
            outcome[level, detection] = ASIDE if ignored[best] else HIT
