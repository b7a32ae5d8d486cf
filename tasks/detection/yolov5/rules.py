"""What moved numbers between released versions of YOLOv5, as values.

Source: the fact sheet of YOLOv5 training, part 9; version 7.0 is the reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Version = Literal["v6.0", "v6.1", "v6.2", "v7.0"]


@dataclass(frozen=True)
class Rules:
    """The rules of one version.

    Attributes:
        class_prior: subtracted from the number of classes in the initial bias of class scores.
        warmup_floor: least number of iterations of the warm-up.
        clip: largest norm of the gradient; None does not clip.
        linear_over: epochs less this are the length of the linear schedule.
        shuffled: training images are shuffled; v6.0 takes them in the order of the files.
        largest_aspect: boxes that are thinner after augmentation are dropped.
        overlap: rule of the small constants in CIoU (``ivif_bench.tasks.detection.yolov5.overlap``).
        match_once: detections are paired at IoU 0.5 once, for all thresholds.
    """

    class_prior: float
    warmup_floor: int
    clip: float | None
    linear_over: int
    shuffled: bool
    largest_aspect: float
    overlap: Literal["corners", "height", "plain"]
    match_once: bool


RULES: dict[str, Rules] = {
    "v6.0": Rules(0.99, 1000, None, 1, False, 20, "corners", True),
    "v6.1": Rules(0.999999, 1000, None, 0, True, 100, "corners", True),
    "v6.2": Rules(0.999999, 100, 10.0, 0, True, 100, "height", False),
    "v7.0": Rules(0.99999, 100, 10.0, 0, True, 100, "plain", False),
}
