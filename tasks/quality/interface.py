"""The Python interface for one triple of images."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np

from ivif_bench.data.pictures import read_picture
from ivif_bench.errors import UserError
from ivif_bench.tasks.quality.engine import Evaluator, resolve
from ivif_bench.tasks.quality.folder import Metrics, chosen_metrics
from ivif_bench.tasks.quality.registry import Mode

Image = np.ndarray | Path | str


def evaluate(
    infrared: Image,
    visible: Image,
    fused: Image,
    metrics: Metrics = None,
    convention: str = "reference",
    mode: Mode = "exact",
) -> dict[str, float]:
    """Fusion quality of one image.

    Args:
        infrared, visible, fused: uint8 arrays [H, W] or RGB [H, W, 3] of one size, or image files.
            A file that is not plain 8-bit (16-bit, alpha, palette) is read as
            ``ivif_bench.data.pictures.read_picture`` says, with a warning.
        metrics: names in the wanted order; ``all`` for all that the convention defines; None for
            its own columns, usually the ten.
        convention: ``reference``, ``cddfuse``, ... (``ivif-bench list conventions``).
        mode: ``exact``, or ``fast`` with the errors that docs/metrics.md states.

    Returns:
        Value per metric; NaN where it is undefined.

    Raises:
        UserError: unreadable files, other dtypes or shapes, sizes that differ, unknown names.

    >>> flat = np.full((8, 8), 7, np.uint8)
    >>> evaluate(flat, flat, flat, ["EN", "CC"])
    {'EN': 0.0, 'CC': nan}
    """
    names = metrics if metrics is None or isinstance(metrics, str) else tuple(metrics)
    images = (
        _pixels("infrared", infrared),
        _pixels("visible", visible),
        _pixels("fused", fused),
    )
    values = _evaluator(names, convention, mode).measure(*images)
    return {name: value.value for name, value in values.items()}


@lru_cache(maxsize=32)
def _evaluator(metrics: Metrics, convention: str, mode: Mode) -> Evaluator:
    """Cached, because looking up ten metrics takes longer than a small image."""
    return resolve(chosen_metrics(metrics, convention), convention, mode)


def _pixels(side: str, image: Image) -> np.ndarray:
    if isinstance(image, str | Path):
        picture = read_picture(Path(image))
        for note in picture.notes:
            warnings.warn(f"{image}: {note}", stacklevel=3)
        return picture.pixels
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = f"{image.dtype} array" if isinstance(image, np.ndarray) else type(image).__name__
        raise UserError(
            f"{side} image: {kind}; metrics are defined on uint8 arrays [H, W] or [H, W, 3]; quantise "
            "once, by rounding; np.rint(255 * x).clip(0, 255).astype(np.uint8) if x is in 0..1"
        )
    return image
