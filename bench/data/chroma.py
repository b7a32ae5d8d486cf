"""Colour of fused images for tasks: the protocol's chroma rule."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from ivif_bench.data.images import luma, read_gray, read_rgb
from ivif_bench.errors import UserError
from ivif_bench.types import Pair

Chroma = Literal["visible", "none"]

# What a table's footer says of each.
DESCRIBED: dict[Chroma, str] = {
    "visible": (
        "visible (gray results get the visible image's Cb and Cr, results with colour keep theirs, "
        "the infrared source stays gray)"
    ),
    "none": (
        "none (every row is judged in gray, the visible source and results with colour too: their "
        "luma, repeated three times)"
    ),
}


def to_rgb(fused: np.ndarray, visible: np.ndarray, chroma: Chroma) -> np.ndarray:
    """Make the RGB image that a detector or segmenter sees.

    ``none`` judges all in gray: gray is repeated three times, and so is the luma of an image with
    colour. With ``visible`` a gray image gets the visible image's Cb and Cr (full-range BT.601, as
    in JPEG) behind its gray as luma; one that has colour is used as it is.

    Args:
        fused: uint8 [H, W] or RGB [H, W, 3].
        visible: uint8 RGB [H, W, 3].

    Returns:
        uint8 RGB [H, W, 3].
    """
    if chroma == "none":
        return _gray(fused if fused.ndim == 2 else luma(fused))
    if fused.ndim == 3:
        return fused
    ycrcb = cv2.cvtColor(np.ascontiguousarray(visible), cv2.COLOR_RGB2YCrCb)
    ycrcb[:, :, 0] = fused
    return cv2.cvtColor(ycrcb, cv2.COLOR_YCrCb2RGB)


def fused_rgb(fused: Path, pair: Pair, chroma: Chroma) -> np.ndarray:
    """Read a fused image as tasks see it, uint8 RGB [H, W, 3], at the size of its pair.

    Three equal channels count as gray, since many authors store gray that way. One image is never
    coloured: the infrared source, so that its row shows the result of infrared alone.

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
    if (rgb != gray[:, :, None]).any():
        return to_rgb(rgb, visible, chroma)
    if np.array_equal(gray, read_gray(pair.infrared)):
        return rgb
    return to_rgb(gray, visible, chroma)


def source_rgb(pair: Pair, source: str, chroma: Chroma) -> np.ndarray:
    """One source of a pair, ``visible`` or ``infrared``, as tasks see it: uint8 RGB [H, W, 3]."""
    if source == "infrared":
        return _gray(read_gray(pair.infrared))
    visible = read_rgb(pair.visible)
    return to_rgb(visible, visible, chroma)


def _gray(image: np.ndarray) -> np.ndarray:
    return np.repeat(image[:, :, None], 3, axis=2)
