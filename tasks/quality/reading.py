"""Conversions of colour to the channel that metrics read, as in each convention's toolkit."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ivif_bench.data.images import luma
from ivif_bench.tasks.quality.registry import Reading

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


def opencv_float(rgb: np.ndarray) -> np.ndarray:
    """OpenCV's luma of a float32 image, rounded: uint8 [H, W, 3] -> uint8 [H, W].

    Differs from ``luma`` only in colours that lie on a half (900 of 2²⁴), where OpenCV's single
    precision decides.
    """
    bgr = np.ascontiguousarray(rgb[:, :, ::-1]).astype(np.float32)
    return np.rint(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)).astype(np.uint8)


def pillow(rgb: np.ndarray) -> np.ndarray:
    """Pillow's mode "L": (19595 R + 38470 G + 7471 B + 2¹⁵) >> 16, uint8 [H, W, 3] -> [H, W]."""
    red, green, blue = (rgb[:, :, channel].astype(np.uint32) for channel in range(3))
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8)


_GRAY: dict[Reading, Callable[[np.ndarray], np.ndarray]] = {
    "luma": luma,
    "opencv_float": opencv_float,
    "pillow": pillow,
    "channels": luma,
}


def stretched(image: np.ndarray) -> np.ndarray:
    """Minimum to maximum of all samples becomes 0 to 255, rounded half to even; a constant stays.

    uint8 of any shape.
    """
    low, high = int(image.min()), int(image.max())
    if low == high:
        return image
    levels = np.rint((np.arange(256) - low).clip(0) * 255 / (high - low)).clip(0, 255)
    found: np.ndarray = levels.astype(np.uint8)[image]
    return found


def gray(image: np.ndarray, reading: Reading) -> np.ndarray:
    """One channel as a reading makes it: uint8 RGB [H, W, 3] -> [H, W]; anything else unchanged."""
    return _GRAY[reading](image) if _is_rgb(image) and image.dtype == np.uint8 else image


def read_triple(
    infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray, reading: Reading
) -> list[Triple]:
    """The one-channel triples that metrics are computed on.

    Args:
        infrared, visible, fused: uint8 [H, W], or RGB [H, W, 3].
        reading: ``luma`` (rounded exactly, half to even), ``opencv_float`` or ``pillow`` give one
            triple. ``channels`` gives three for a coloured fused image, R, G and B against the
            same channel of each source (a gray source is used for all three), and one for a gray one.

    Images of other shapes and dtypes are passed on, and refused where they are measured.
    """
    if reading == "channels" and _is_rgb(fused):
        return [(_channel(infrared, c), _channel(visible, c), _channel(fused, c)) for c in range(3)]
    return [(gray(infrared, reading), gray(visible, reading), gray(fused, reading))]


def side_by_side(triples: list[Triple]) -> Triple:
    """The planes of several triples next to each other, [H, W] -> [H, W · count]."""
    a, b, f = (np.hstack(planes) for planes in zip(*triples, strict=True))
    return a, b, f


def _channel(image: np.ndarray, channel: int) -> np.ndarray:
    return image[:, :, channel] if _is_rgb(image) else image


def _is_rgb(image: np.ndarray) -> bool:
    return image.ndim == 3 and image.shape[2] == 3
