"""Log-average miss rate of detections, over all objects or over a subset that a protocol names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ivif_bench.detections.boxes import Judged, judged
from ivif_bench.detections.curves import curve
from ivif_bench.detections.matches import match
from ivif_bench.detections.miss_rate import log_average, miss_rates
from ivif_bench.types import Boxes

IOU = 0.5


class Subset(BaseModel):
    """Which objects must be found; the others are ignored, like difficult ones.

    A detection of an ignored object is neither right nor wrong. Detections outside the range of
    heights that hit nothing are not counted either, as they may be of objects outside of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_height: float = Field(default=0, ge=0, description="least height of a box, in pixels")
    max_height: float = Field(
        default=math.inf, gt=0, description="height from which boxes are ignored, in pixels"
    )

    def outside(self, heights: np.ndarray) -> np.ndarray:
        """Where heights in pixels are outside of the range: bool [N]."""
        outside: np.ndarray = (heights < self.min_height) | (heights >= self.max_height)
        return outside


def log_average_miss_rate(
    truth: Mapping[str, Boxes],
    found: Mapping[str, Boxes],
    classes: Sequence[str],
    subset: Subset | None = None,
    ignored: Mapping[str, np.ndarray] | None = None,
) -> dict[str, float]:
    """Log-average miss rate of each class at IoU 0.5, nine points; see ``ivif_bench.detections``.

    Args:
        truth: objects by stem; images without objects count, with empty boxes. Difficult objects
            and crowd regions are ignored, as by ``ivif_bench.tasks.detection.scoring.score``.
        found: scored detections by the same stems.
        subset: which objects must be found; all by default.
        ignored: more objects to ignore by stem, such as occluded ones: bool, beside ``truth``.

    Returns:
        Class to miss rate in 0..1; NaN for a class without objects that must be found.

    Raises:
        ValueError: truth, detections or flags are not of the same images.
    """
    if ignored is not None:
        truth = {stem: _ignoring(boxes, ignored[stem]) for stem, boxes in truth.items()}
    boxes = judged(truth, found, classes)
    return of_judged(boxes, subset or Subset())


def of_judged(boxes: Judged, subset: Subset) -> dict[str, float]:
    """The same of arrays."""
    outside = tuple(subset.outside(each.xywh[:, 3]) for each in (boxes.truth, boxes.found))
    matches = match(boxes, np.array([IOU]), sizes=(outside[0], outside[1]))
    return {
        name: log_average(miss_rates(curve(boxes, matches, index)))
        for index, name in enumerate(boxes.classes)
    }


def _ignoring(boxes: Boxes, flags: np.ndarray) -> Boxes:
    return Boxes(boxes.xyxy, boxes.classes, boxes.scores, boxes.crowd, boxes.difficult | flags)
