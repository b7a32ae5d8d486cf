"""Luma and chroma conversions of the authors' programs, by name, and back.

All take and give [H, W, 3]. Float ones keep float32 and work on the 0..1 scale; offsets of 0.5 are
added to the chroma and removed again by the inverse. Nothing is clipped unless it says so.
"""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image


def u2fusion_split(rgb: np.ndarray) -> np.ndarray:
    """Y, Cb, Cr of U2Fusion's script: four decimals, offset 128/255; float32 in 0..1."""
    return _mixed(
        rgb,
        ((0.299, 0.587, 0.114), (-0.1687, -0.3313, 0.5), (0.5, -0.4187, -0.0813)),
        (0, 128 / 255, 128 / 255),
    )


def u2fusion_join(ycbcr: np.ndarray) -> np.ndarray:
    """The inverse in U2Fusion's script: 1.402, 0.34414, 0.71414, 1.772."""
    return _joined(ycbcr, 128 / 255, 1.402, 0.34414, 0.71414, 1.772)


def seafusion_split(rgb: np.ndarray) -> np.ndarray:
    """Y, Cr, Cb of SeAFusion's helper: Cr = (R - Y) 0.713 + 0.5, Cb = (B - Y) 0.564 + 0.5, clipped."""
    rgb = rgb.astype(np.float32, copy=False)
    y = 0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2]
    cr = (rgb[..., 0] - y) * 0.713 + 0.5
    cb = (rgb[..., 2] - y) * 0.564 + 0.5
    return np.stack([y, cr, cb], axis=-1).astype(np.float32).clip(0, 1)


def t403_join(ycrcb: np.ndarray) -> np.ndarray:
    """Y, Cr, Cb with offset 0.5 to RGB by 1.403, 0.714, 0.344, 1.773; float32, not clipped."""
    return _joined(ycrcb[..., [0, 2, 1]], 0.5, 1.403, 0.344, 0.714, 1.773)


def mufusion_split(rgb: np.ndarray) -> np.ndarray:
    """Y, Cb, Cr of MUFusion's and GIFNet's RGB scripts: three decimals, no offset."""
    return _mixed(
        rgb,
        ((0.299, 0.587, 0.114), (-0.169, -0.331, 0.5), (0.5, -0.419, -0.081)),
        (0, 0, 0),
    )


def mufusion_join(ycbcr: np.ndarray) -> np.ndarray:
    """The inverse there: 1.402, 0.344136, 0.714136, 1.772, no offset."""
    return _joined(ycbcr, 0.0, 1.402, 0.344136, 0.714136, 1.772)


def opencv_split(rgb: np.ndarray) -> np.ndarray:
    """OpenCV's 8-bit Y, Cr, Cb; uint8 to uint8."""
    return cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2YCrCb)


def opencv_join(ycrcb: np.ndarray) -> np.ndarray:
    """OpenCV's 8-bit inverse; uint8 to uint8."""
    return cv2.cvtColor(np.ascontiguousarray(ycrcb), cv2.COLOR_YCrCb2RGB)


def pillow_split(rgb: np.ndarray) -> np.ndarray:
    """Pillow's 8-bit Y, Cb, Cr; uint8 to uint8."""
    return np.array(Image.fromarray(rgb).convert("YCbCr"))


def pillow_join(ycbcr: np.ndarray) -> np.ndarray:
    """Pillow's 8-bit inverse; uint8 to uint8."""
    return np.array(Image.fromarray(ycbcr, mode="YCbCr").convert("RGB"))


def _mixed(
    rgb: np.ndarray, rows: tuple[tuple[float, float, float], ...], offsets: tuple[float, ...]
) -> np.ndarray:
    """Three weighted sums of the channels, plus offsets; float32."""
    rgb = rgb.astype(np.float32, copy=False)
    planes = [
        a * rgb[..., 0] + b * rgb[..., 1] + c * rgb[..., 2] + offset
        for (a, b, c), offset in zip(rows, offsets, strict=True)
    ]
    return np.stack(planes, axis=-1).astype(np.float32)


def _joined(
    ycbcr: np.ndarray, offset: float, red: float, green_b: float, green_r: float, blue: float
) -> np.ndarray:
    """R = Y + red Cr, G = Y - green_b Cb - green_r Cr, B = Y + blue Cb; float32."""
    y, cb, cr = np.moveaxis(ycbcr.astype(np.float32, copy=False), -1, 0)
    cb, cr = cb - offset, cr - offset
    rgb = np.stack([y + red * cr, y - green_b * cb - green_r * cr, y + blue * cb], axis=-1)
    return rgb.astype(np.float32)
