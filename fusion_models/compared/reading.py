"""Gray readings of the authors' programs, by name.

Every reading takes a stored image and leaves one channel as it is. Those of colour differ by up to two
levels, which a network and a stretch can make visible.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ivif_bench.data.images import gray_of, read_gray_by_decoder, rgb_of
from ivif_bench.types import StoredImage

NO_FILE = Path()
"""Path of a picture that is in memory only; a reading that needs the file's bytes converts instead."""


def pil_l(image: StoredImage) -> np.ndarray:
    """Pillow's mode L: (19595 R + 38470 G + 7471 B + 32768) >> 16; uint8 [H, W]."""
    if image.pixels.ndim == 2:
        return image.pixels
    return np.array(Image.fromarray(rgb_of(image)).convert("L"))


def cv(image: StoredImage) -> np.ndarray:
    """OpenCV's colour read, then its conversion to gray; uint8 [H, W]."""
    if image.pixels.ndim == 2:
        return image.pixels
    return cv2.cvtColor(rgb_of(image), cv2.COLOR_RGB2GRAY)


def cv_read(image: StoredImage) -> np.ndarray:
    """OpenCV's gray read of the file, where the decoder converts colour; uint8 [H, W].

    For a colour PNG it differs from ``cv`` by one level in half of the pixels. A picture without a
    file (``NO_FILE``) is converted by ``cv``.
    """
    if image.pixels.ndim == 2:
        return image.pixels
    return cv(image) if image.path == NO_FILE else read_gray_by_decoder(image.path)


def y1(image: StoredImage) -> np.ndarray:
    """The old SciPy reader's gray through 8-bit YCbCr and back; float32 [H, W] in 0..255, not rounded.

    A file of three equal channels gives 22 of the 256 levels one lower than the same picture stored as
    one channel.
    """
    if image.pixels.ndim == 2:
        return image.pixels.astype(np.float32)
    turned = Image.fromarray(rgb_of(image)).convert("YCbCr").convert("RGB")
    return _weighted(np.array(turned), 1000, (299, 587, 114))


def y_float(image: StoredImage) -> np.ndarray:
    """Y = 0.299 R + 0.587 G + 0.114 B, float32 [H, W] in 0..255, not rounded."""
    if image.pixels.ndim == 2:
        return image.pixels.astype(np.float32)
    return _weighted(rgb_of(image), 1000, (299, 587, 114))


def luma(image: StoredImage) -> np.ndarray:
    """This project's own reading, ``gray: luma``: rounded 0.299 R + 0.587 G + 0.114 B, uint8 [H, W]."""
    return gray_of(image)


READINGS: Mapping[str, Callable[[StoredImage], np.ndarray]] = {
    "PIL-L": pil_l,
    "CV": cv,
    "CV-read": cv_read,
    "Y1": y1,
    "Y": y_float,
    "luma": luma,
}
"""Names as recipes print them."""


def _weighted(rgb: np.ndarray, whole: int, weights: tuple[int, int, int]) -> np.ndarray:
    """Exact integer sum, divided once: float32 [H, W]."""
    total = rgb.astype(np.int32) @ np.array(weights, np.int32)
    gray: np.ndarray = total.astype(np.float32) / np.float32(whole)
    return gray
