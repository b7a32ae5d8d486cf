"""Curves over the confidence: what precision, recall and false positives are at each of its values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ivif_bench.detections.boxes import Judged
from ivif_bench.detections.matches import ASIDE, HIT, Matches


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Counts of one class at one IoU threshold, at every confidence that a detection has.

    Attributes:
        confidence: float64 [N], falling, each value once.
        hits, false: int64 [N], detections of at least this confidence.
        objects: number of required objects.
        images: number of images.
    """

    confidence: np.ndarray
    hits: np.ndarray
    false: np.ndarray
    objects: int
    images: int

    @property
    def precision(self) -> np.ndarray:
        """Share of detections that are right, float64 [N]."""
        precision: np.ndarray = self.hits / np.maximum(self.hits + self.false, 1)
        return precision

    @property
    def recall(self) -> np.ndarray:
        """Share of objects that are found, float64 [N]; NaN without objects."""
        if not self.objects:
            return np.full(len(self.hits), np.nan)
        recall: np.ndarray = self.hits / self.objects
        return recall


def curve(boxes: Judged, matches: Matches, category: int, level: int = 0) -> Curve:
    """The curve of a class.

    Args:
        category: index of the class.
        level: index of the IoU threshold.
    """
    mine = boxes.found.category == category
    outcome = matches.outcome[level, mine]
    counted = outcome != ASIDE
    score, hit = boxes.found.score[mine][counted], outcome[counted] == HIT
    order = np.argsort(-score, kind="stable")
    score, hit = score[order], hit[order]
    last = np.flatnonzero(np.append(np.diff(score) != 0, True)) if len(score) else np.zeros(0, int)
    return Curve(
        confidence=score[last],
        hits=np.cumsum(hit)[last],
        false=np.cumsum(~hit)[last],
        objects=int(matches.required[category].sum()),
        images=len(boxes.stems),
    )


@dataclass(frozen=True, slots=True)
class Best:
    """The confidence with the largest F1, and what is there; NaN without objects.

    Attributes:
        confidence: detections of at least this confidence count.
        precision, recall, f1: at this confidence, in 0..1; F1 is their harmonic mean.
    """

    confidence: float
    precision: float
    recall: float
    f1: float


def best_f1(one: Curve) -> Best:
    """Where a class has its largest F1; of equal ones, the largest confidence."""
    if not one.objects:
        return Best(*[math.nan] * 4)
    f1 = 2 * one.hits / (one.hits + one.false + one.objects)
    if not len(f1) or not f1.max():
        return Best(math.inf, math.nan, 0.0, 0.0)
    at = int(f1.argmax())
    return Best(
        float(one.confidence[at]), float(one.precision[at]), float(one.recall[at]), float(f1[at])
    )


def best_common_confidence(curves: Sequence[Curve]) -> float:
    """The confidence at which the mean F1 of the classes that have objects is largest.

    Infinite if no class has a hit.
    """
    with_objects = [each for each in curves if each.objects]
    levels = np.unique(np.concatenate([np.zeros(0), *(each.confidence for each in with_objects)]))[
        ::-1
    ]
    if not len(levels):
        return math.inf
    total = np.zeros(len(levels))
    for each in with_objects:
        # At a level, the last of this class's own confidences that is not below it.
        at = np.searchsorted(-each.confidence, -levels, side="right")
        hits = np.concatenate([[0], each.hits])[at]
        false = np.concatenate([[0], each.false])[at]
        total += 2 * hits / (hits + false + each.objects)
    return float(levels[total.argmax()]) if total.max() > 0 else math.inf
