"""Boundary IoU: IoU of what lies near the edges of a class (Cheng et al., CVPR 2021).

Of each class, only the pixels of its mask count that are at most d pixels away from a pixel outside
of it; d is 2 % of the image's diagonal, rounded, and at least 1. Distances are chessboard distances,
and what lies beyond the image is outside of every mask. Pixels whose truth is ignored are taken out
of truth and prediction before edges are looked for. Counts are summed over images.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

SHARE_OF_DIAGONAL = 0.02


def band_width(height: int, width: int) -> int:
    """d in pixels for an image of this size."""
    return max(1, round(SHARE_OF_DIAGONAL * math.hypot(height, width)))


def boundary_counts(
    truth: np.ndarray, prediction: np.ndarray, classes: int, ignore_index: int = 255
) -> np.ndarray:
    """Pixels near edges: of both masks at once, and of either.

    Args:
        truth, prediction: uint8 [H, W], as ``ivif_bench.tasks.segmentation.scoring.confusion`` has
            accepted them.

    Returns:
        int64 [2, classes]: intersection and union of the two bands of each class.
    """
    distance = band_width(*truth.shape)
    found = np.where(truth == ignore_index, np.uint8(ignore_index), prediction)
    actual, claimed = _band(truth, distance), _band(found, distance)
    common = _counts(truth, actual & claimed & (truth == found), classes)
    union = _counts(truth, actual, classes) + _counts(found, claimed, classes) - common
    return np.stack([common, union])


def boundary_iou(counts: np.ndarray) -> np.ndarray:
    """IoU of each class, float64 [classes], of counts summed over images; NaN where both are empty."""
    result = np.full(counts.shape[1], np.nan)
    np.divide(counts[0], counts[1], out=result, where=counts[1] > 0)
    return result


def _band(labels: np.ndarray, distance: int) -> np.ndarray:
    """Where another label, or the end of the image, is at most ``distance`` away; bool [H, W].

    All classes at once: a pixel lies inside its mask if the smallest and the largest label around
    it are equal.
    """
    side = np.ones((2 * distance + 1, 2 * distance + 1), np.uint8)
    edge = cv2.BORDER_REPLICATE
    low = cv2.erode(labels, side, borderType=edge)
    high = cv2.dilate(labels, side, borderType=edge)
    band: np.ndarray = low != high
    band[:distance], band[-distance:] = True, True
    band[:, :distance], band[:, -distance:] = True, True
    return band


def _counts(labels: np.ndarray, chosen: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(labels[chosen], minlength=256)[:classes].astype(np.int64)
