"""Rotation, scale, shear, shift and perspective of an image and of its boxes."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from ivif_bench.tasks.detection.geometry import PAD_VALUE
from ivif_bench.tasks.detection.yolov5.augmentation import Augmentation

LEAST_SIDE = 2.0  # pixels: boxes that are not wider and higher are dropped
LEAST_AREA = 0.10  # share of the area that must remain
LEAST_AREA_OUTLINED = 0.01  # the same of a box around a polygon
_POINTS = 1000  # on the border of a polygon


class Draws(NamedTuple):
    """The random numbers of one transformation, in the order in which they are drawn.

    Attributes:
        perspective_x, perspective_y: distortion per pixel.
        angle: counter-clockwise, degrees.
        scale: factor.
        shear_x, shear_y: degrees.
        translate_x, translate_y: where the source's centre is put, as a fraction of the output.
    """

    perspective_x: float
    perspective_y: float
    angle: float
    scale: float
    shear_x: float
    shear_y: float
    translate_x: float
    translate_y: float


def draw(generator: np.random.Generator, options: Augmentation) -> Draws:
    """Eight uniform numbers, in the ranges that the options give."""
    unit = generator.uniform(-1.0, 1.0, 8).tolist()
    return Draws(
        unit[0] * options.perspective,
        unit[1] * options.perspective,
        unit[2] * options.degrees,
        1.0 + unit[3] * options.scale,
        unit[4] * options.shear,
        unit[5] * options.shear,
        0.5 + unit[6] * options.translate,
        0.5 + unit[7] * options.translate,
    )


def matrix(draws: Draws, source: tuple[int, int], output: tuple[int, int]) -> np.ndarray:
    """float64 [3, 3] that takes (x, y, 1) of the source to the output; shapes are (height, width).

    From right to left: centre to the origin, perspective, rotation and scale, shear, shift.
    """
    centre, perspective, shear, shift = (np.eye(3) for _ in range(4))
    centre[:2, 2] = -source[1] / 2, -source[0] / 2
    perspective[2, :2] = draws.perspective_x, draws.perspective_y
    angle = math.radians(draws.angle)
    cosine, sine = draws.scale * math.cos(angle), draws.scale * math.sin(angle)
    rotation = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    shear[0, 1], shear[1, 0] = (
        math.tan(math.radians(draws.shear_x)),
        math.tan(math.radians(draws.shear_y)),
    )
    shift[:2, 2] = draws.translate_x * output[1], draws.translate_y * output[0]
    return shift @ shear @ rotation @ perspective @ centre


def warp(image: np.ndarray, transform: np.ndarray, output: tuple[int, int]) -> np.ndarray:
    """The image [H, W, 3] under a ``matrix``, bilinear, gray 114 outside; itself if nothing moves."""
    if image.shape[:2] == output and np.array_equal(transform, np.eye(3)):
        return image
    size, border = (output[1], output[0]), (PAD_VALUE,) * 3
    if np.array_equal(transform[2], (0.0, 0.0, 1.0)):
        return cv2.warpAffine(image, transform[:2], size, borderValue=border)
    return cv2.warpPerspective(image, transform, size, borderValue=border)


def moved_boxes(xyxy: np.ndarray, transform: np.ndarray, output: tuple[int, int]) -> np.ndarray:
    """Boxes [N, 4] around the four moved corners, cut at the output's border; pixels."""
    corners = xyxy[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)
    moved = _moved(corners, transform).reshape(-1, 4, 2)
    return _cut(np.concatenate((moved.min(axis=1), moved.max(axis=1)), axis=1), output)


def outline_box(outline: np.ndarray, transform: np.ndarray, output: tuple[int, int]) -> np.ndarray:
    """Box [4] around those points of a moved polygon [K, 2] that are inside; zeros if none is.

    The polygon is closed and gets 1000 points, evenly spread over its corners' numbers.
    """
    closed = np.concatenate((outline, outline[:1]))
    at, known = np.linspace(0, len(closed) - 1, _POINTS), np.arange(len(closed))
    points = np.stack([np.interp(at, known, closed[:, axis]) for axis in (0, 1)], axis=1)
    moved = _moved(points, transform)
    height, width = output
    inside = (moved >= 0).all(axis=1) & (moved[:, 0] <= width) & (moved[:, 1] <= height)
    if not inside.any():
        return np.zeros(4)
    moved = moved[inside]
    return np.concatenate((moved.min(axis=0), moved.max(axis=0)))


def worth_keeping(
    before: np.ndarray, after: np.ndarray, least_area: float, most_aspect: float
) -> np.ndarray:
    """bool [N]: whether enough of a box is left to be learned.

    Args:
        before: [N, 4] corners, already multiplied by the scale of the transformation.
        after: [N, 4] corners, cut at the border.
        least_area: share of the area that must remain.
        most_aspect: of the longer to the shorter side.
    """
    tiny = 1e-16
    old, new = before[:, 2:] - before[:, :2], after[:, 2:] - after[:, :2]
    width, height = new[:, 0], new[:, 1]
    aspect = np.maximum(width / (height + tiny), height / (width + tiny))
    share = width * height / (old[:, 0] * old[:, 1] + tiny)
    kept: np.ndarray = (
        (width > LEAST_SIDE) & (height > LEAST_SIDE) & (share > least_area) & (aspect < most_aspect)
    )
    return kept


def _moved(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    moved = points @ transform[:2, :2].T + transform[:2, 2]
    if transform[2, 0] or transform[2, 1]:
        moved /= (points @ transform[2, :2] + transform[2, 2])[:, None]
    return moved


def _cut(xyxy: np.ndarray, output: tuple[int, int]) -> np.ndarray:
    xyxy[:, 0::2] = xyxy[:, 0::2].clip(0, output[1])
    xyxy[:, 1::2] = xyxy[:, 1::2].clip(0, output[0])
    return xyxy
