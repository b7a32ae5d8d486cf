"""Changes of hue, saturation and brightness, by tables."""

from __future__ import annotations

import cv2
import numpy as np


def change_colour(image: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """RGB uint8 [H, W, 3] with hue, saturation and value multiplied by three gains.

    Hue goes round at 180 (OpenCV's half degrees), the others are cut at 255; fractions are dropped.
    """
    levels = np.arange(256, dtype=np.float64)[:, None] * gains
    levels[:, 0] %= 180
    table = levels.clip(0, 255).astype(np.uint8)[:, None]
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    return cv2.cvtColor(cv2.LUT(hsv, table, dst=hsv), cv2.COLOR_HSV2RGB, dst=hsv)
