"""Which classes a detector takes for which: a confusion matrix with background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ivif_bench.detections.boxes import Judged
from ivif_bench.detections.matches import FALSE, HIT, match


def confusion(boxes: Judged, confidence: float, iou: float = 0.5) -> np.ndarray:
    """Counts of required objects (rows) by the class that they were detected as (columns).

    Detections of at least the confidence are matched with the objects as for AP, but whatever
    their classes: by falling confidence, each takes the free object that it overlaps most, at
    least by ``iou``. The last column counts objects without a detection, the last row detections
    without an object; detections of ignored objects are left out.

    Returns:
        int64 [classes + 1, classes + 1].
    """
    background = len(boxes.classes)
    found = boxes.found.take(boxes.found.score >= confidence)
    order = np.lexsort((-found.score, found.image))
    found = found.take(order)
    anything = replace(
        boxes,
        truth=replace(boxes.truth, category=np.zeros_like(boxes.truth.category)),
        found=replace(found, category=np.zeros_like(found.category)),
    )
    matches = match(anything, np.array([iou]))
    outcome, partner = matches.outcome[0], matches.partner[0]
    matrix = np.zeros((background + 1, background + 1), np.int64)
    hits, false = outcome == HIT, outcome == FALSE
    np.add.at(matrix, (boxes.truth.category[partner[hits]], found.category[hits]), 1)
    np.add.at(matrix, (background, found.category[false]), 1)
    missed = ~boxes.truth.ignored
    missed[partner[hits]] = False
    np.add.at(matrix, (boxes.truth.category[missed], background), 1)
    return matrix
