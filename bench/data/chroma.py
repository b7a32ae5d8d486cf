"""Colour of fused images for tasks: the protocol's chroma rule, in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from bench.data.images import read_gray, read_rgb
from bench.errors import UserError
from bench.types import Pair

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


def fused_rgb(fused: Path, pair: Pair, chroma: Chroma) -> np.ndarray:
    """Read a fused image as tasks see it, uint8 RGB [H, W, 3], at the size of its pair.

    Three equal channels count as gray, since many authors store gray that way. One image is never
    coloured: the infrared source itself, whose row must show what infrared alone is worth.

    Raises:
        UserError: the image has another size than its pair, so labels would not fit.
    """
    rgb = read_rgb(fused)
    visible = read_rgb(pair.visible)
    if rgb.shape != visible.shape:
        raise UserError(
            f"{fused}: {rgb.shape[1]}x{rgb.shape[0]}, but stem {pair.stem!r} of dataset "
            f"{pair.dataset!r} is {visible.shape[1]}x{visible.shape[0]}"
        )
    gray = np.ascontiguousarray(rgb[:, :, 0])
    if chroma == "none" or (rgb != gray[:, :, None]).any():
        return rgb
    if np.array_equal(gray, read_gray(pair.infrared)):
        return rgb
    return to_rgb(gray, visible, chroma)


def source_rgb(pair: Pair, source: str) -> np.ndarray:
    """One source of a pair, ``visible`` or ``infrared``, as uint8 RGB [H, W, 3]."""
    if source == "visible":
        return read_rgb(pair.visible)
    return np.repeat(read_gray(pair.infrared)[:, :, None], 3, axis=2)
