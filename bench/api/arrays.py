"""The caller's fused images as pixels: checked, and rounded once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ivif_bench.data.images import nearest_levels
from ivif_bench.errors import UserError


def as_pixels(image: Any, size: tuple[int, int], where: str) -> np.ndarray:
    """Pixels of a fused image: uint8 [H, W] or RGB [H, W, 3].

    Args:
        image: a NumPy array of one of these shapes: uint8, which is used unchanged, or floating
            point in 0..1, which becomes ``rint(255 * x)``, halves to even.
        size: height and width of its sources.
        where: method and stem, for messages.

    Raises:
        UserError: not a NumPy array, another shape or dtype, NaN or infinity, or values that do not
            round to levels from 0 to 255.
    """
    if not isinstance(image, np.ndarray):
        raise UserError(
            f"{where}: {type(image).__name__} instead of a NumPy array; convert it, a torch tensor "
            "by .cpu().numpy()"
        )
    if image.shape not in (size, (*size, 3)):
        raise UserError(
            f"{where}: shape {list(image.shape)}; a fused image has the size of its sources, here "
            f"[{size[0]}, {size[1]}], or [{size[0]}, {size[1]}, 3] for RGB"
        )
    if image.dtype == np.uint8:
        return image
    if not np.issubdtype(image.dtype, np.floating):
        raise UserError(
            f"{where}: {image.dtype} array; give uint8 in 0..255, or floating point in 0..1"
        )
    if not np.isfinite(image).all():
        raise UserError(f"{where}: NaN or infinity")
    levels = nearest_levels(image, white=1)
    if levels.min() < 0 or levels.max() > 255:
        raise UserError(
            f"{where}: values from {image.min():.4g} to {image.max():.4g}; floating-point images are "
            "in 0..1: clip them, or divide by 255 what is in 0..255"
        )
    return levels.astype(np.uint8)
