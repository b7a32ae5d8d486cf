"""Ranges of sizes of objects: COCO's, in pixels, and by share of the image's area."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ivif_bench.detections.boxes import Flat, Judged

# Square pixels. pycocotools counts a limit to both ranges.
COCO = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, math.inf)}
# Shares of the image's area: COCO's limits in an image of 640 x 480.
SHARES = {"small": (0, 1 / 300), "medium": (1 / 300, 0.03), "large": (0.03, math.inf)}


def outside(
    boxes: Judged, limits: tuple[float, float], areas: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What ``ivif_bench.detections.matches.match`` takes for a range of sizes.

    Args:
        limits: least and largest area in square pixels, or share of the image with ``areas``.
        areas: float64 [images], square pixels.

    Returns:
        bool [objects] and bool [detections]: those outside of the range.
    """

    def of(part: Flat) -> np.ndarray:
        size = part.area if areas is None else part.area / areas[part.image]
        wrong: np.ndarray = (size < limits[0]) | (size > limits[1])
        return wrong

    return of(boxes.truth), of(boxes.found)


def ranges(by_share: bool) -> Mapping[str, tuple[float, float]]:
    """The ranges by name, smallest first."""
    return SHARES if by_share else COCO
