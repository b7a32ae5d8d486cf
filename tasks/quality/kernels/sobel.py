"""Sobel gradients in whole numbers."""

from __future__ import annotations

import cv2
import numpy as np

from ivif_bench.tasks.quality.shared import Shared

_REPLICATED, _ZERO = cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT


def sobel(image: np.ndarray, border: int = _ZERO) -> tuple[np.ndarray, np.ndarray]:
    """Right minus left and below minus above with weights 1, 2, 1; zeros outside the image.

    Args:
        image: uint8 [H, W].

    Returns:
        int16 [H, W] each.
    """
    across = cv2.Sobel(image, cv2.CV_16S, 1, 0, borderType=border)
    down = cv2.Sobel(image, cv2.CV_16S, 0, 1, borderType=border)
    return across, down


def mean_strength(shared: Shared) -> float:
    """Part: mean Sobel strength of the fused image, whose border is repeated outside."""
    across, down = sobel(shared.fused, _REPLICATED)
    squares = np.square(across, dtype=np.float64)
    squares += np.square(down, dtype=np.float64)
    return float(np.sqrt(squares, out=squares).mean())
