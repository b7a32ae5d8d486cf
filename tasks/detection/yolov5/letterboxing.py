"""Sizes: of an image when it is read, and of the rectangles of the validation."""

from __future__ import annotations

import cv2
import numpy as np


def resized(image: np.ndarray, side: int, augment: bool) -> np.ndarray:
    """The image [H, W, 3] with its longer side scaled to ``side``; fractions of pixels are dropped.

    Bilinear for training and where it becomes larger, else by the mean over areas.
    """
    height, width = image.shape[:2]
    ratio = side / max(height, width)
    if ratio == 1.0:
        return image
    size = (max(int(width * ratio), 1), max(int(height * ratio), 1))
    way = cv2.INTER_LINEAR if augment or ratio > 1.0 else cv2.INTER_AREA
    return cv2.resize(image, size, interpolation=way)


def by_aspect(sizes: np.ndarray) -> np.ndarray:
    """int64 [N]: the numbers of images (height, width) [N, 2], the flattest first."""
    return (sizes[:, 0] / sizes[:, 1]).argsort(kind="stable")


def batch_shape(
    sizes: np.ndarray, side: int, padding: float = 0.5, stride: int = 32
) -> tuple[int, int]:
    """Height and width of the rectangle for a batch of images of similar shape.

    Args:
        sizes: [B, 2] heights and widths of the images.
        side: the longer side of the images after they are read, in pixels.
        padding: added to each side, in strides, before it is rounded up to whole strides.
        stride: of the network, in pixels.
    """
    aspects = sizes[:, 0] / sizes[:, 1]
    shape = np.ones(2)
    if aspects.max() < 1:
        shape[0] = aspects.max()
    elif aspects.min() > 1:
        shape[1] = 1 / aspects.min()
    rows, columns = np.ceil(shape * side / stride + padding).astype(int) * stride
    return int(rows), int(columns)
