"""Image files of any kind, read as 8 bit, with a note on everything that is not plain 8 bit.

``ivif_bench.data.images`` refuses what is not 8-bit. Here a file may be anything whose meaning in 8 bits
its format defines; the conversion is described in notes, which are stored with a result.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivif_bench.data.extras import notes_on_extras
from ivif_bench.data.headers import Header
from ivif_bench.data.images import decode_any, is_opaque, read_bytes
from ivif_bench.errors import UserError

SIXTEEN_BIT = "16-bit, read as round(v/257)"
_RAW_COUNTS = 1 << 14  # cameras count to 2^10..2^14 in 16-bit files; full-range files go beyond


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file as pixels.

    Attributes:
        pixels: uint8 [H, W], or RGB [H, W, 3].
        notes: the conversions, for readers of a result; empty for plain 8-bit files.
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """``gray`` or ``RGB``: what the file has, whatever the pixels look like."""
        return "gray" if self.pixels.ndim == 2 else "RGB"


def read_picture(path: Path, data: bytes | None = None) -> Picture:
    """Read an image file.

    16-bit files become round(v/257), which is what PNG and TIFF define their samples to mean; an
    alpha channel is ignored; palettes and gray of 1, 2 or 4 bits are read as the format says; an
    orientation is not applied; of an animation or several pictures the first is read. All of that
    is noted.

    Args:
        data: content of the file, if it is there already.

    Raises:
        UserError: missing, unreadable or truncated; floating point, CMYK or several pages; or
            16-bit pixels that do not use the range, so that their meaning would be a guess.
    """
    data = read_bytes(path) if data is None else data
    image, header = decode_any(path, data)
    notes = _notes(image, header) + notes_on_extras(data)
    colours = image if image.ndim == 2 else image[:, :, 2::-1]
    if colours.dtype == np.uint16:
        colours = _scaled(colours, path)
        notes.append(SIXTEEN_BIT)
    elif colours.dtype != np.uint8:
        raise UserError(
            f"{path}: {colours.dtype} pixels, whose range is not known; scale to 0..255, round once "
            "and save as 8 bit"
        )
    return Picture(np.ascontiguousarray(colours), tuple(notes))


def _notes(image: np.ndarray, header: Header) -> list[str]:
    notes = []
    if header.palette and image.ndim == 3:
        notes.append("palette, read as its colours")
    elif header.bits < 8:
        notes.append(f"{header.bits}-bit, read as {2**header.bits} levels from 0 to 255")
    if header.alpha or (image.ndim == 3 and image.shape[2] == 4):
        seen = "" if is_opaque(image) else ", although some pixels are transparent"
        notes.append(f"alpha channel ignored{seen}")
    return notes


def _scaled(image: np.ndarray, path: Path) -> np.ndarray:
    top = int(image.max())
    if 0 < top < _RAW_COUNTS:
        raise UserError(
            f"{path}: 16-bit pixels that end at {top}: raw counts, or 8-bit values in a 16-bit file; "
            "the range is not ours to guess: scale to 0..255, round once and save as 8 bit"
        )
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
