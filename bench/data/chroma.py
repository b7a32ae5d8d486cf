"""Colour of fused images for tasks: the protocol's chroma rule, in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from bench.data.images import read_rgb, read_stored

Chroma = Literal["visible", "none"]


def to_rgb(fused: np.ndarray, visible: np.ndarray, chroma: Chroma) -> np.ndarray:
    """Make the RGB image that a detector or segmenter sees.

    A fused image that already has colour is used as it is. For a gray one, ``visible`` puts the
    visible image's Cb and Cr (full-range BT.601, as in JPEG) behind the fused luma; ``none``
    repeats gray.

    Args:
        fused: uint8 [H, W] or [H, W, 3].
        visible: uint8 RGB [H, W, 3].

    Returns:
        uint8 RGB [H, W, 3].
    """
    if fused.ndim == 3:
        return fused
    if chroma == "none":
        return np.repeat(fused[:, :, None], 3, axis=2)
    ycrcb = cv2.cvtColor(np.ascontiguousarray(visible), cv2.COLOR_RGB2YCrCb)
    ycrcb[:, :, 0] = fused
    return cv2.cvtColor(ycrcb, cv2.COLOR_YCrCb2RGB)


def read_for_task(fused: Path, visible: Path, chroma: Chroma) -> np.ndarray:
    """A fused image as a detector or segmenter sees it, uint8 RGB [H, W, 3].

    What a file stores decides: one channel is gray and takes the protocol's chroma; three channels
    are used as they are, also when they are equal (the infrared row must not borrow colour).
    """
    stored = read_stored(fused)
    if stored.ndim == 3 or chroma == "none":
        return to_rgb(stored, stored, "none")
    return to_rgb(stored, read_rgb(visible), chroma)
