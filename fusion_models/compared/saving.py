"""Output rules of the authors' programs, by name: float arrays to what their file holds.

``values`` is float of any shape. A rule on the 0..1 scale multiplies by 255 in the array's own
precision; rules that stretch ignore the scale. All return uint8 of the same shape.
"""

from __future__ import annotations

import numpy as np


def scipy_stretch(values: np.ndarray) -> np.ndarray:
    """The old SciPy writer: minimum to maximum of this array becomes 0 to 255; add 0.5, truncate.

    A constant array becomes 0.
    """
    low, high = values.min(), values.max()
    factor = values.dtype.type(255.0 / (float(high - low) or 1.0))
    return _truncated(((values - low) * factor).clip(0, 255) + values.dtype.type(0.5))


def scale_from_zero(values: np.ndarray) -> np.ndarray:
    """0 to the maximum becomes 0 to 255, the minimum stays where it is; add 0.5, truncate."""
    factor = values.dtype.type(255.0 / (float(values.max()) or 1.0))
    return _truncated((values * factor).clip(0, 255) + values.dtype.type(0.5))


def stretch_truncate(values: np.ndarray, epsilon: float = 0.0) -> np.ndarray:
    """(x - min) / (max - min + epsilon) times 255, truncated; a constant array becomes 0."""
    low, high = values.min(), values.max()
    span = high - low + values.dtype.type(epsilon)
    return _truncated((values - low) / (span or values.dtype.type(1)) * 255)


def clip_truncate(values: np.ndarray) -> np.ndarray:
    """Clip to 0..1, times 255, truncate."""
    return _truncated(values.clip(0, 1) * 255)


def clip_truncate_levels(levels: np.ndarray) -> np.ndarray:
    """Clip to 0..255, truncate."""
    return _truncated(levels.clip(0, 255))


def clip_add_half(values: np.ndarray) -> np.ndarray:
    """Times 255, add 0.5, clip to 0..255, truncate."""
    return _truncated((values * 255 + values.dtype.type(0.5)).clip(0, 255))


def round_half_even(values: np.ndarray) -> np.ndarray:
    """Clip to 0..1, times 255, round halves to even, as OpenCV's writer and scikit-image do."""
    return np.rint(values.clip(0, 1) * 255).astype(np.uint8)


def wrap(values: np.ndarray) -> np.ndarray:
    """Times 255, truncate toward zero, keep the lowest eight bits: -1.2 becomes 255, 256.5 becomes 0."""
    return np.trunc(values * 255).astype(np.int64).astype(np.uint8)


def _truncated(levels: np.ndarray) -> np.ndarray:
    """Values in 0..256 without their fraction."""
    return levels.astype(np.uint8)
