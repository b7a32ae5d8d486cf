"""The Python interface for one triple of images, or for batches of them."""

from __future__ import annotations

import warnings
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.data.pictures import read_picture
from ivif_bench.errors import UserError
from ivif_bench.tasks.quality.arrays import Given, check_range, read_arrays
from ivif_bench.tasks.quality.engine import Evaluator, resolve
from ivif_bench.tasks.quality.folder import Metrics, chosen_metrics
from ivif_bench.tasks.quality.registry import Mode
from ivif_bench.tasks.quality.unrounded import check_unrounded, measure_unrounded

if TYPE_CHECKING:
    from torch import Tensor

    Image = np.ndarray | Tensor | Path | str


def evaluate(
    infrared: Image,
    visible: Image,
    fused: Image,
    metrics: Metrics = None,
    convention: str = "reference",
    mode: Mode = "exact",
    data_range: float | None = None,
    quantise: bool = True,
) -> dict[str, float] | Any:  # a type cannot tell a batch: with a union every ["EN"] needs a cast
    """Fusion quality of one image, or of each image of a batch.

    Args:
        infrared, visible, fused: images of one size, each a NumPy array, a torch tensor on any
            device, or an image file. Arrays and tensors are [H, W], RGB [H, W, 3], [1, H, W] or
            [3, H, W]; batches [B, 1, H, W] or [B, 3, H, W], all three of one length. They are
            uint8, or floating point with a ``data_range``. A file that is not plain 8-bit (16-bit,
            alpha, palette) is read as ``ivif_bench.data.pictures.read_picture`` says, with a
            warning.
        metrics: names in the wanted order; ``all`` for all that the convention defines; None for
            its own columns, usually the ten.
        convention: ``reference``, ``cddfuse``, ... (``ivif-bench list conventions``).
        mode: ``exact``, or ``fast`` with the errors that docs/metrics.md states.
        data_range: of all floats given: 1.0 for 0..1, or 255. They are rounded once to uint8,
            rint(255 * x / data_range), halves to even.
        quantise: False for values without that rounding, under ``reference`` and for the metrics
            that are defined on levels between whole numbers (docs/python-api.md).

    Returns:
        Value per metric; NaN where it is undefined. For a batch a list of them, in its order.

    Raises:
        UserError: unreadable files, other dtypes or shapes, sizes that differ, unknown names, values
            outside the range, NaN or infinity.

    >>> flat = np.full((8, 8), 7, np.uint8)
    >>> evaluate(flat, flat, flat, ["EN", "CC"])
    {'EN': 0.0, 'CC': nan}
    >>> dark, light = np.zeros((1, 8, 8)), np.full((1, 8, 8), 0.5)
    >>> batch = np.stack([dark, light])  # [2, 1, 8, 8]
    >>> evaluate(batch, batch, batch[::-1], ["MSE"], data_range=1.0)
    [{'MSE': 16384.0}, {'MSE': 16384.0}]
    """
    names = metrics if metrics is None or isinstance(metrics, str) else tuple(metrics)
    evaluator = _evaluator(names, convention, mode)
    check_range(data_range)
    if not quantise:
        check_unrounded(evaluator)
    sides = {
        side: _read(side, image, data_range, quantise)
        for side, image in (("infrared", infrared), ("visible", visible), ("fused", fused))
    }
    for side in sides.values():
        for note in side.notes:
            warnings.warn(note, stacklevel=2)
    _check_lengths(sides)
    measure = evaluator.measure if quantise else partial(measure_unrounded, evaluator)
    found = [
        {name: value.value for name, value in measure(*triple).items()}
        for triple in zip(*(side.images for side in sides.values()), strict=True)
    ]
    return found if sides["fused"].is_batch else found[0]


@lru_cache(maxsize=32)
def _evaluator(metrics: Metrics, convention: str, mode: Mode) -> Evaluator:
    """Cached, because looking up ten metrics takes longer than a small image."""
    return resolve(chosen_metrics(metrics, convention), convention, mode)


def _read(side: str, image: Any, data_range: float | None, quantise: bool) -> Given:
    if not isinstance(image, str | Path):
        return read_arrays(side, image, data_range, quantise)
    picture = read_picture(Path(image))
    return Given([picture.pixels], notes=tuple(f"{image}: {note}" for note in picture.notes))


def _check_lengths(sides: dict[str, Given]) -> None:
    """All three are single images, or batches of one length: nothing is repeated silently."""
    if len({(side.is_batch, len(side.images)) for side in sides.values()}) == 1:
        return
    found = ", ".join(
        f"{name} {f'a batch of {len(side.images)}' if side.is_batch else 'one image'}"
        for name, side in sides.items()
    )
    raise UserError(
        f"{found}; give three single images or three batches of one length; x.expand(B, -1, -1, -1) "
        "in torch and np.broadcast_to(x, (B, *x.shape)) repeat an image [C, H, W]"
    )
