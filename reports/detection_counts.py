"""Right, missed and wrong boxes of single images, at one confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ivif_bench.detections.matches import FALSE, HIT, match

if TYPE_CHECKING:
    from ivif_bench.detections.boxes import Judged

IOU = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Boxes of each image at one confidence: int64 [images] each.

    Attributes:
        objects: required objects.
        found, missed: of these.
        wrong: false detections.
    """

    objects: np.ndarray
    found: np.ndarray
    missed: np.ndarray
    wrong: np.ndarray


def counts_per_image(boxes: Judged, confidence: float) -> Counts:
    """Found and missed objects and wrong detections of each image, in the order of ``boxes.stems``."""
    kept = boxes.found.score >= confidence
    outcome = match(boxes, np.array([IOU])).outcome[0]
    count = len(boxes.stems)
    hits = np.bincount(boxes.found.image[kept & (outcome == HIT)], minlength=count)
    wrong = np.bincount(boxes.found.image[kept & (outcome == FALSE)], minlength=count)
    objects = np.bincount(boxes.truth.image[~boxes.truth.ignored], minlength=count)
    return Counts(objects, hits, objects - hits, wrong)
