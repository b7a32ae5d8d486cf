"""Splits images of four channels, whose fourth is infrared, into two files each."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ivif_bench.data.images import images_in, read_stored
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.types import Progress


def split_channels(images: Path, infrared: Path, visible: Path, progress: Progress) -> int:
    """Write ``infrared/<stem>.png`` (one channel) and ``visible/<stem>.png`` (RGB); files that
    exist are kept.

    Args:
        images: folder of 8-bit images with four channels: R, G, B, infrared.
        progress: called with (done, total, what).

    Returns:
        The number of images written.

    Raises:
        UserError: no image, or one that has not four channels; names the file.
    """
    found = images_in(images)
    if not found:
        raise UserError(f"{images}: no images; complete the download")
    written = 0
    for folder in (infrared, visible):
        folder.mkdir(parents=True, exist_ok=True)
    for number, (stem, path) in enumerate(sorted(found.items()), start=1):
        targets = [folder / f"{stem}.png" for folder in (infrared, visible)]
        if not all(target.is_file() for target in targets):
            pixels = read_stored(path).pixels
            if pixels.ndim != 3 or pixels.shape[2] != 4:
                count = 1 if pixels.ndim == 2 else pixels.shape[2]
                raise UserError(
                    f"{path}: {count} channels where four are expected (red, green, blue, infrared)"
                )
            for target, side in zip(targets, (pixels[:, :, 3], pixels[:, :, 2::-1]), strict=True):
                write_bytes(target, cv2.imencode(".png", np.ascontiguousarray(side))[1].tobytes())
            written += 1
        progress(number, len(found), "splitting channels")
    return written
