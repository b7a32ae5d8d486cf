"""Curves over the confidence: what precision, recall and false positives are at each of its values."""

from __future__ import annotations

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
