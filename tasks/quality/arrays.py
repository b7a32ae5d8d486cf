"""Arrays and tensors given to ``evaluate``: which are read, as what, and how floats become levels."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from ivif_bench.data.images import nearest_levels
from ivif_bench.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

_TORCH_TYPES = ("uint8", "float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True, slots=True)
class Given:
    """What stands for one side.

    Attributes:
        images: [H, W] or RGB [H, W, 3] each; uint8, or float64 levels where nothing is rounded.
        is_batch: given with an axis for the batch.
        notes: what a caller may not have meant.
    """

    images: list[np.ndarray]
    is_batch: bool = False
    notes: tuple[str, ...] = ()


def check_range(data_range: float | None) -> None:
    """Refuse any range but 1, 255 and None."""
    number = isinstance(data_range, int | float | np.number) and not isinstance(data_range, bool)
    if data_range is not None and not (number and data_range in (1, 255)):
        raise UserError(
            f"data_range={data_range!r}: write 1.0 for floats in 0..1, 255 for floats in 0..255"
        )


def read_arrays(side: str, given: Any, data_range: float | None, quantise: bool) -> Given:
    """Images of one side, from a NumPy array or a torch tensor on any device.

    Args:
        side: for messages.
        given: [H, W], [H, W, 3], [1, H, W], [3, H, W], or a batch [B, 1, H, W], [B, 3, H, W]; uint8
            or floating point.
        data_range: of floats, 1 or 255 (``check_range``).
        quantise: round floats to uint8.

    Raises:
        UserError: other types, shapes that are not read or could be read in two ways, floats
            without a range, values outside it.
    """
    array = _as_numpy(side, given)
    is_batch = _is_batch(side, array, "tensor" if _is_tensor(given) else "array")
    levels, notes = _levels(side, array, data_range, quantise, is_batch)
    return Given(_images(levels), is_batch, notes)


def _is_tensor(given: Any) -> TypeGuard[Tensor]:
    torch = sys.modules.get("torch")  # whoever has a tensor has imported torch
    return torch is not None and isinstance(given, torch.Tensor)


def _as_numpy(side: str, given: Any) -> np.ndarray:
    """uint8 or floating point, not copied where that is possible."""
    if _is_tensor(given):
        name = str(given.dtype).removeprefix("torch.")
        if name not in _TORCH_TYPES:
            raise _wrong_type(side, f"{name} tensor")
        plain = given.float() if name == "bfloat16" else given  # NumPy has no bfloat16
        try:
            found: np.ndarray = plain.numpy(force=True)  # detached, on the CPU
        except (RuntimeError, TypeError) as problem:  # sparse, nested, without storage, ...
            reason = str(problem).partition("\n")[0]
            raise UserError(
                f"{side} image: a tensor whose pixels cannot be read ({reason}); give a dense tensor"
            ) from problem
        return found
    if not isinstance(given, np.ndarray):
        listed = isinstance(given, list | tuple)
        todo = "join it by np.stack or torch.stack" if listed else "convert it by np.asarray"
        raise UserError(
            f"{side} image: {type(given).__name__}; give a NumPy array, a torch tensor or a file; {todo}"
        )
    if isinstance(given, np.ma.MaskedArray):
        raise UserError(f"{side} image: a masked array; give every pixel a value: x.filled(0)")
    if given.dtype != np.uint8 and not np.issubdtype(given.dtype, np.floating):
        raise _wrong_type(side, f"{given.dtype} array")
    return np.asarray(given)


def _wrong_type(side: str, what: str) -> UserError:
    return UserError(
        f"{side} image: {what}; give uint8 in 0..255, or floating point with data_range=1.0 or "
        "data_range=255"
    )


def _is_batch(side: str, array: np.ndarray, kind: str) -> bool:
    """Whether it has an axis for the batch; every other shape than those documented is refused."""
    shape = array.shape
    channels_first, channels_last = shape[:1] in ((1,), (3,)), shape[-1:] == (3,)
    if array.size and len(shape) == 4 and shape[1] in (1, 3):
        return True
    if array.size and len(shape) == 2:
        return False
    if array.size and len(shape) == 3 and channels_first != channels_last:
        return False
    turned = "permute" if kind == "tensor" else "transpose"
    todo = "give [H, W], [H, W, 3], or a batch [B, 1, H, W] or [B, 3, H, W]"
    if not array.size:
        todo = "it has no pixels"
    elif len(shape) == 3 and channels_first:
        todo = (
            "channels may be first or last; give all three images as batches of one, "
            f"x[None] if channels are first, x.{turned}(2, 0, 1)[None] if they are last"
        )
    elif len(shape) == 3 and shape[2] == 1:
        todo = "write x[..., 0] for [H, W]"
    elif len(shape) == 3 and 4 in (shape[0], shape[2]):
        todo = f"leave the fourth channel out: {'x[..., :3]' if shape[2] == 4 else 'x[:3]'}"
    elif len(shape) == 3:
        todo = "write x[:, None] for a batch of gray images [B, 1, H, W]"
    elif len(shape) == 4 and shape[3] in (1, 3):
        todo = f"a batch has its channels first; write x.{turned}(0, 3, 1, 2)"
    raise UserError(f"{side} image: shape {tuple(shape)}; {todo}")


def _images(array: np.ndarray) -> list[np.ndarray]:
    """[H, W] or [H, W, 3] each; see ``_is_batch`` for the shapes."""
    if array.ndim == 4:
        return [image for one in array for image in _images(one)]
    if array.ndim == 2 or array.shape[0] not in (1, 3):
        return [array]
    return [array[0] if array.shape[0] == 1 else np.ascontiguousarray(np.moveaxis(array, 0, 2))]


def _levels(
    side: str, array: np.ndarray, data_range: float | None, quantise: bool, is_batch: bool
) -> tuple[np.ndarray, tuple[str, ...]]:
    """uint8, or float64 in 0..255 where nothing is rounded; and notes."""
    if array.dtype == np.uint8:
        if data_range == 1:
            raise UserError(
                f"{side} image: uint8 with data_range=1.0; uint8 is in 0..255: give x / 255 here, or "
                "all images as uint8 and no data_range"
            )
        return (array if quantise else array.astype(np.float64)), ()
    if data_range is None:
        raise UserError(
            f"{side} image: {array.dtype} without data_range; write data_range=1.0 for values in "
            "0..1, data_range=255 for 0..255; they are rounded once, to uint8"
        )
    with np.errstate(over="ignore"):  # infinity is refused below
        levels = nearest_levels(array, data_range)
    lowest, highest = levels.min(), levels.max()
    if not (lowest >= 0 and highest <= 255):  # NaN compares as False
        raise _out_of_range(side, array, levels, data_range, is_batch)
    notes: tuple[str, ...] = ()
    if data_range == 255 and highest <= 1 and 0 < array.max() <= 1:
        notes = (
            f"{side} image: no value above {array.max():.3g} with data_range=255, which is black; "
            "for values in 0..1 write data_range=1.0",
        )
    if quantise:
        return levels.astype(np.uint8), notes
    return np.clip(array.astype(np.float64) * (255 / data_range), 0.0, 255.0), notes


def _out_of_range(
    side: str, array: np.ndarray, levels: np.ndarray, data_range: float, is_batch: bool
) -> UserError:
    """Names the image and what is wrong with it."""
    images = range(len(levels)) if is_batch else [None]
    bad = next(i for i in images if not ((levels[i] >= 0) & (levels[i] <= 255)).all())
    image = array[bad]
    where = f"{side} image" if bad is None else f"{side} image {bad} of the batch"
    for found, name in ((np.isnan(image), "NaN"), (np.isinf(image), "infinite")):
        if found.any():
            return UserError(f"{where}: {found.sum()} of {image.size} values are {name}")
    todo = "clip them"
    if data_range == 1:
        todo += (
            ", or write (x + 1) / 2 if they are in -1..1"
            if image.min() < 0
            else ", or data_range=255 if they are in 0..255"
        )
    return UserError(
        f"{where}: values from {image.min():.6g} to {image.max():.6g}; with data_range="
        f"{data_range} they are in 0..{data_range:g}: {todo}"
    )
