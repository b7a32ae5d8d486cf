"""AP from matches, for the images as they are and for any number of resamples of them.

An image that a resample draws twice counts twice: its objects, hits and false positives get the
weight 2. That is what pycocotools says of a data set that holds the image twice, without sorting
or matching again (where an image has equal scores, but for their order).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.detections.boxes import Judged
from ivif_bench.detections.matches import ASIDE, HIT, Matches

RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Detections of one class at one IoU threshold, by falling confidence.

    Attributes:
        image: int32 [N], index of the image.
        hit: bool [N]; the others are false positives.
        objects: int64 [images], objects that have to be found.
    """

    image: np.ndarray
    hit: np.ndarray
    objects: np.ndarray


def ranking(image: np.ndarray, score: np.ndarray, hit: np.ndarray, objects: np.ndarray) -> Ranking:
    """Sorted by falling score; of equal scores, the one that comes first stays first."""
    order = np.argsort(-score, kind="stable")
    return Ranking(image[order].astype(np.int32), hit[order], objects)


def rankings(boxes: Judged, matches: Matches, level: int = 0) -> Iterator[Ranking]:
    """The ranking of each class at one of the thresholds of matches."""
    found, outcome = boxes.found, matches.outcome[level]
    for category in range(len(boxes.classes)):
        kept = np.flatnonzero((found.category == category) & (outcome != ASIDE))
        hit = outcome[kept] == HIT
        yield ranking(found.image[kept], found.score[kept], hit, matches.required[category])


def average_precision(boxes: Judged, matches: Matches) -> np.ndarray:
    """COCO AP, 101 recalls: float64 [classes, T] in 0..1; NaN for a class without objects."""
    once = np.ones((1, len(boxes.stems)), np.int32)
    return resampled(boxes, matches, once)[0]


def resampled(boxes: Judged, matches: Matches, counts: np.ndarray) -> np.ndarray:
    """The same of resamples.

    Args:
        counts: int32 [resamples, images], how often an image is drawn.

    Returns:
        float64 [resamples, classes, T]; NaN where the drawn images have no object of a class.
    """
    values = np.empty((len(counts), len(boxes.classes), len(matches.thresholds)))
    for level in range(values.shape[2]):
        for category, one in enumerate(rankings(boxes, matches, level)):
            values[:, category, level] = of_ranking(one, counts)
    return values


def of_ranking(one: Ranking, counts: np.ndarray | None = None) -> np.ndarray:
    """AP of one class and threshold: float64 [resamples]; of the images as they are by default."""
    if counts is None:
        counts = np.ones((1, len(one.objects)), np.int32)
    values = np.empty(len(counts))
    hits = int(one.hit.sum()) + 1
    room = np.empty(hits, np.int64), np.empty(hits, np.int64)
    _resampled(one.image, one.hit, one.objects, counts, RECALLS, *room, values)
    return values


def mean_over(values: np.ndarray, chosen: Sequence[int] | slice = slice(None)) -> np.ndarray:
    """Mean of AP over classes that have objects.

    Args:
        values: float64 [..., classes, T].
        chosen: indices of the classes.

    Returns:
        float64 [..., T]; NaN where no class has objects.
    """
    part = values[..., chosen, :]
    defined = ~np.isnan(part)
    count = defined.sum(axis=-2)
    total = np.where(defined, part, 0).sum(axis=-2)
    return np.divide(total, count, out=np.full(count.shape, math.nan), where=count > 0)


@kernel
def _resampled(image, hit, objects, counts, recalls, hits, seen, values):  # type: ignore[no-untyped-def]
    """AP of each resample; ``hits`` and ``seen`` are room for one number per hit, and one more."""
    for sample in range(len(counts)):
        weights = counts[sample]
        needed = 0
        for at in range(len(objects)):
            needed += weights[at] * objects[at]
        if needed == 0:
            values[sample] = np.nan
            continue
        right, all_so_far, place = 0, 0, 0
        for detection in range(len(image)):
            weight = weights[image[detection]]
            all_so_far += weight
            right += weight * hit[detection]
            hits[place] = right  # overwritten unless this is a hit
            seen[place] = all_so_far
            place += hit[detection]
        # From the right: the best precision at this recall or above, at each of the recalls.
        best, total, recall = 0.0, 0.0, len(recalls) - 1
        for at in range(place - 1, -1, -1):
            if seen[at]:
                best = max(best, hits[at] / seen[at])
            reached = hits[at] / needed
            below = hits[at - 1] / needed if at else -1.0
            while recall >= 0 and recalls[recall] > reached:
                recall -= 1
            while recall >= 0 and recalls[recall] > below:
                total += best
                recall -= 1
        values[sample] = total / len(recalls)
