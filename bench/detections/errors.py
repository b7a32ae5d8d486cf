"""Why AP is not 1: errors by kind, and what AP would be without each kind.

The kinds and what mending them means are those of TIDE (Bolya, Foley, Hays, Hoffman, "TIDE: A
General Toolbox for Identifying Object Detection Errors", ECCV 2020). A false positive is judged by
the required object of its image that it overlaps most:

=============  ==========================================================  ======================
kind           the object                                                  mended
=============  ==========================================================  ======================
class          is of another class, overlap at least 0.5                   gets its class: a hit
localisation   is of its class, overlap from 0.1 to below 0.5              gets its box: a hit
both           is of another class, overlap from 0.1 to below 0.5          is removed
duplicate      is of its class, overlap at least 0.5, already hit          is removed
background     there is none with an overlap of 0.1                        is removed
missed         (an object) not hit, and not that of one of the first two   need not be found
=============  ==========================================================  ======================

A detection whose object has a hit after mending is removed instead, unless it is the more confident
of the two; then the other is. Where a detection overlaps objects of two classes, the paper does not
say which counts; here it is the larger overlap, and of equal ones that of its own class.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.detections.ap import of_ranking, ranking
from ivif_bench.detections.boxes import Judged
from ivif_bench.detections.matches import FALSE, HIT, Matches, Overlaps, match, overlaps

FOREGROUND, BACKGROUND = 0.5, 0.1
KINDS = ("class", "localisation", "both", "duplicate", "background", "missed")
_CLASS, _LOCALISATION, _BOTH, _DUPLICATE, _BACKGROUND = range(5)


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Errors of a detector at IoU 0.5, at every confidence.

    Attributes:
        kind: int8 [detections], index in ``KINDS``, -1 for hits and what is left out.
        missed: bool [objects].
        counts: number of errors by kind.
        shares: share of each kind in all errors; NaN if there are none.
        ap: mean AP over classes that have objects, as it is.
        gains: by kind, how much higher it would be with errors of this kind mended.
    """

    kind: np.ndarray
    missed: np.ndarray
    counts: Mapping[str, int]
    shares: Mapping[str, float]
    ap: float
    gains: Mapping[str, float]


def errors(boxes: Judged) -> Errors:
    """Every error of a detector, by kind."""
    known = overlaps(boxes)
    matches = match(boxes, np.array([FOREGROUND]), known=known)
    kind, near = _kinds(boxes, known, matches)
    hit = matches.outcome[0] == HIT
    missed = ~boxes.truth.ignored
    missed[matches.partner[0, hit]] = False
    missed[near[(kind == _CLASS) | (kind == _LOCALISATION)]] = False
    numbers = [int((kind == index).sum()) for index in range(5)] + [int(missed.sum())]
    total = sum(numbers)
    mended = _Mending(boxes, matches, near)
    ap = mended.ap()
    gains = [mended.ap(turned=kind == index) - ap for index in (_CLASS, _LOCALISATION)]
    gains += [mended.ap(removed=kind == index) - ap for index in (_BOTH, _DUPLICATE, _BACKGROUND)]
    gains.append(mended.ap(excused=missed) - ap)
    return Errors(
        kind=kind,
        missed=missed,
        counts=dict(zip(KINDS, numbers, strict=True)),
        shares={
            name: number / total if total else math.nan
            for name, number in zip(KINDS, numbers, strict=True)
        },
        ap=ap,
        gains=dict(zip(KINDS, gains, strict=True)),
    )


def _kinds(boxes: Judged, known: Overlaps, matches: Matches) -> tuple[np.ndarray, np.ndarray]:
    """Kind of each false positive (-1 for others), and the object that it overlaps most (or -1)."""
    near = np.full(len(boxes.found), -1, np.int64)
    most = np.zeros(len(boxes.found))
    own = np.zeros(len(boxes.found), bool)
    _nearest(
        known.first,
        known.start,
        known.iou,
        boxes.found.category,
        boxes.truth.category,
        boxes.truth.ignored,
        near,
        most,
        own,
    )
    false = matches.outcome[0] == FALSE
    near = np.where(false & (most >= BACKGROUND), near, -1)
    kind = np.where(own, _LOCALISATION, _BOTH)
    kind = np.where(most >= FOREGROUND, np.where(own, _DUPLICATE, _CLASS), kind)
    kind = np.where(near < 0, _BACKGROUND, kind)
    return np.where(false, kind, -1).astype(np.int8), near


@kernel
def _nearest(first, start, iou, category, object_category, ignored, near, most, own):  # type: ignore[no-untyped-def]
    """Fill in the required object that each detection overlaps most, how much, and if it is of its class."""
    for detection in range(len(category)):
        for at in range(start[detection], start[detection + 1]):
            item = first[detection] + at - start[detection]
            if ignored[item] or iou[at] < most[detection]:
                continue
            same = object_category[item] == category[detection]
            if iou[at] > most[detection] or near[detection] < 0 or (same and not own[detection]):
                near[detection], most[detection], own[detection] = item, iou[at], same


class _Mending:
    """AP after changes to detections and objects."""

    def __init__(self, boxes: Judged, matches: Matches, near: np.ndarray) -> None:
        self._boxes, self._near = boxes, near
        self._hit = matches.outcome[0] == HIT
        self._counted = self._hit | (matches.outcome[0] == FALSE)
        self._item = np.where(self._hit, matches.partner[0], -1)

    def ap(
        self,
        turned: np.ndarray | None = None,
        removed: np.ndarray | None = None,
        excused: np.ndarray | None = None,
    ) -> float:
        """Mean AP over classes.

        Args:
            turned: bool [detections] that become hits of their nearest object.
            removed: bool [detections].
            excused: bool [objects] that need not be found.
        """
        found, truth = self._boxes.found, self._boxes.truth
        hit, kept, item = self._hit.copy(), self._counted.copy(), self._item.copy()
        category = found.category.copy()
        if removed is not None:
            kept &= ~removed
        if turned is not None:
            hit |= turned
            item[turned] = self._near[turned]
            category[turned] = truth.category[item[turned]]
            kept &= ~hit | _firsts(item, found.score, hit)
        wanted = ~truth.ignored if excused is None else ~truth.ignored & ~excused
        objects = self._boxes.count(truth, wanted)
        values = []
        for index in range(len(self._boxes.classes)):
            if not self._boxes.required()[index].any():
                continue
            mine = kept & (category == index)
            if not objects[index].any():
                values.append(1.0)  # nothing is left to find, and nothing was found: no error
                continue
            one = ranking(found.image[mine], found.score[mine], hit[mine], objects[index])
            values.append(float(of_ranking(one)[0]))
        return float(np.mean(values)) if values else math.nan


def _firsts(item: np.ndarray, score: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """Of the hits of each object, the most confident one: bool [detections]."""
    first = np.zeros(len(item), bool)
    order = np.flatnonzero(hit)[np.argsort(-score[hit], kind="stable")]
    _, at = np.unique(item[order], return_index=True)
    first[order[at]] = True
    return first
