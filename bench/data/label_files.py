"""Class ids as a label file stores them, for files that an image decoder would change.

Decoders turn palettes into colours and stretch 1, 2 or 4 bits to 0..255; in a label image the
stored number is the class id.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from ivif_bench.data.headers import Header
from ivif_bench.errors import UserError

_FORMATS = ("PNG", "BMP", "TIFF")


def demand_lossless(path: Path, header: Header) -> None:
    """Refuse a file whose format does not keep every id.

    Raises:
        UserError: JPEG, or any other format than PNG, BMP and TIFF without JPEG inside.
    """
    if not header.lossless:
        raise UserError(
            f"{path}: labels in a lossy or unknown format (JPEG changes class ids at every edge); "
            "use the original labels, as PNG"
        )


def stored_ids(path: Path, data: bytes, header: Header) -> np.ndarray:
    """Stored numbers of a file with a palette or with 1, 2 or 4 bits, uint8 [H, W].

    The id of a pixel with a palette is its index, whatever colour is there.

    Args:
        path: for messages.
        data: content of the file, which ``ivif_bench.data.images.decode_any`` could decode.
        header: of that file.

    Raises:
        UserError: not readable, or a palette of grays, where index or gray level may be the id.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            values = np.asarray(picture).astype(np.uint8)
            table = picture.getpalette() if picture.mode == "P" else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        raise UserError(f"{path}: the label image cannot be read ({problem})") from problem
    if values.ndim != 2:
        raise UserError(f"{path}: a label image must have one channel of class ids")
    if table is not None:
        _refuse_gray_palette(path, values, np.array(table, np.uint8).reshape(-1, 3))
    elif not header.palette and 1 < header.bits < 8:
        values //= np.uint8(255 // (2**header.bits - 1))
    return values


def _refuse_gray_palette(path: Path, values: np.ndarray, table: np.ndarray) -> None:
    # A tool that saves gray labels with a palette numbers the levels anew: then the level is the
    # id. Of black and white, and of levels equal to their indices, the index is right either way.
    used = np.unique(values[values < len(table)])
    colours = table[used]
    gray = (colours[:, :1] == colours).all()
    black_and_white = np.array_equal(colours[:, 0], used.astype(int) * 255)
    if gray and not black_and_white and not np.array_equal(colours[:, 0], used):
        raise UserError(
            f"{path}: a palette of grays that differ from their indices, so either may be the "
            "class id; save the ids as one channel of 8 bits without palette"
        )
