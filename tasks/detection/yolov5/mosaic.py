"""Pictures made of several: the mosaic of four, mixup of two, and copied objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from ivif_bench.tasks.detection.geometry import PAD_VALUE

_MOST_COVERED = 0.30  # share of a label that a pasted object may cover


class Picture(NamedTuple):
    """An image and its objects.

    Attributes:
        image: RGB uint8 [H, W, 3]; not to be written to, it may be the one in memory.
        rows: float64 [N, 5] class number and corners x1, y1, x2, y2 in pixels.
        outlines: a polygon [K, 2] in pixels for each row, or empty if only boxes are known.
    """

    image: np.ndarray
    rows: np.ndarray
    outlines: tuple[np.ndarray, ...] = ()


def mosaic(pictures: Sequence[Picture], side: int, centre: tuple[int, int]) -> Picture:
    """Four pictures that touch a centre, on a gray square of twice the side.

    Args:
        pictures: top left, top right, bottom left, bottom right; no side longer than ``side``.
        side: of the network's input, in pixels.
        centre: row and column of the point where they touch.

    Returns:
        The square; what lies outside of it is cut off pictures and boxes.
    """
    canvas, whole = np.empty((2 * side, 2 * side, 3), np.uint8), 2 * side
    row, column = centre
    rows, outlines = [], []
    for number, picture in enumerate(pictures):
        below, right = divmod(number, 2)
        height, width = picture.image.shape[:2]
        top, left = row - (0 if below else height), column - (0 if right else width)
        y1, y2, x1, x2 = (
            max(top, 0),
            min(top + height, whole),
            max(left, 0),
            min(left + width, whole),
        )
        canvas[y1:y2, x1:x2] = picture.image[y1 - top : y2 - top, x1 - left : x2 - left]
        # The rest of this quarter is gray.
        first, last = (row, whole) if below else (0, row)
        begin, end = (column, whole) if right else (0, column)
        canvas[first:y1, begin:end] = PAD_VALUE
        canvas[y2:last, begin:end] = PAD_VALUE
        canvas[y1:y2, begin:x1] = PAD_VALUE
        canvas[y1:y2, x2:end] = PAD_VALUE
        rows.append(np.add(picture.rows, (0, left, top, left, top)))
        outlines += [np.add(outline, (left, top)) for outline in picture.outlines]
    joined = np.concatenate(rows)
    np.clip(joined[:, 1:], 0, whole, out=joined[:, 1:])
    return Picture(canvas, joined, tuple(outline.clip(0, whole) for outline in outlines))


def mixup(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """share * one + (1 - share) * other of two images uint8 of one shape; fractions are dropped."""
    # OpenCV rounds; the hair above -0.5 keeps sums that are whole numbers.
    return cv2.addWeighted(one, share, other, 1.0 - share, -0.499)


def copy_paste(picture: Picture, picked: Sequence[int]) -> Picture:
    """Paste mirrored copies of outlined objects, unless one covers 30 % of an object or more.

    Args:
        picture: with an outline for each row.
        picked: numbers of the rows to paste, in this order.
    """
    height, width = picture.image.shape[:2]
    rows, outlines = picture.rows, list(picture.outlines)
    mask = np.zeros((height, width), np.uint8)
    for number in picked:
        label, x1, y1, x2, y2 = picture.rows[number].tolist()
        row = np.array([[label, width - x2, y1, width - x1, y2]])
        if (_covered(row[0, 1:], rows[:, 1:]) < _MOST_COVERED).all():
            outline = picture.outlines[number]
            rows = np.concatenate((rows, row))
            outlines.append(np.stack((width - outline[:, 0], outline[:, 1]), axis=1))
            cv2.drawContours(mask, [outline.astype(np.int32)], -1, 1, cv2.FILLED)
    if len(rows) == len(picture.rows):
        return picture
    image = picture.image.copy()
    cv2.copyTo(cv2.flip(picture.image, 1), cv2.flip(mask, 1), image)
    return Picture(image, rows, tuple(outlines))


def _covered(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of the area of each other box [N, 4] that a box covers."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    area = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return width.clip(0) * height.clip(0) / (area + 1e-16)
