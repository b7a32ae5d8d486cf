"""Labels of an image as rows: class number, then a box as fractions of the image or in pixels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ivif_bench.types import Boxes


def rows_of(
    boxes: Boxes, ids: Mapping[str, int], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Rows in fractions of (height, width), and the numbers int64 [N] of the boxes they come from.

    Boxes are cut at the image's border; empty ones, those of classes without a number, and all but
    the first of equal ones are left out.

    Returns:
        float64 [N, 5] class number, centre x, y, width and height.
    """
    known = [index for index, name in enumerate(boxes.classes) if name in ids]
    numbers = np.array([ids[boxes.classes[index]] for index in known], np.float64)
    corners = boxes.xyxy[known].reshape(-1, 4) / (size[1], size[0], size[1], size[0])
    corners = corners.clip(0, 1)
    first, last = corners[:, :2], corners[:, 2:]
    rows = np.concatenate((numbers[:, None], (first + last) / 2, last - first), axis=1)
    there = np.flatnonzero((last > first).all(axis=1))
    _, single = np.unique(rows[there], axis=0, return_index=True)
    kept = there[np.sort(single)]
    return rows[kept], np.array(known, np.int64)[kept]


def in_pixels(
    rows: np.ndarray, width: float, height: float, left: float = 0.0, top: float = 0.0
) -> np.ndarray:
    """float64 [N, 5] class and corners of rows in fractions of an image that begins at left, top."""
    half = rows[:, 3:] / 2
    corners = np.concatenate((rows[:, 1:3] - half, rows[:, 1:3] + half), axis=1)
    corners = corners * (width, height, width, height) + (left, top, left, top)
    return np.concatenate((rows[:, :1], corners), axis=1)


def in_fractions(rows: np.ndarray, width: int, height: int, margin: float = 0.0) -> np.ndarray:
    """float32 [N, 5] class, centre, width and height as fractions, of corners in pixels.

    Corners are cut at the border of the image, less a margin in pixels.
    """
    size = np.array((width, height), np.float64)
    first, last = rows[:, 1:3].clip(0, size - margin), rows[:, 3:].clip(0, size - margin)
    joined = np.concatenate((rows[:, :1], (first + last) / 2 / size, (last - first) / size), axis=1)
    return joined.astype(np.float32)


def of_batch(rows: list[np.ndarray]) -> np.ndarray:
    """float32 [M, 6] of the rows [N, 5] of each image: the number of the image comes before them."""
    images = np.repeat(np.arange(len(rows), dtype=np.float32), [len(each) for each in rows])
    return np.concatenate((images[:, None], np.concatenate(rows)), axis=1)
