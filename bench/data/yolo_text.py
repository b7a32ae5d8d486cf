"""Boxes from YOLO text: one line ``index cx cy w h`` per box, as fractions of the image's size.

Files of detections have the score behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.files import read_text
from ivif_bench.types import Boxes

_ROUNDING = 1e-4  # files written with few decimals may pass 1.0 by this much
_OUTSIDE = 0.5  # detections need not be cut at the border; farther out, they are no fractions


def read_yolo(
    path: Path,
    names: Mapping[int, str],
    size: tuple[int, int],
    origin: int = 0,
    scored: bool = False,
) -> Boxes:
    """Read one label file.

    Args:
        path: text file; an empty one means no objects.
        names: class name of each index; any other index becomes the unknown class ``index N``.
        size: height and width of the image in pixels.
        origin: coordinate of the first pixel (1 where 1-based corners were divided by
            the image's size without a shift, as for M3FD).
        scored: the file has detections: a sixth number is the score.

    Returns:
        Boxes with 0-based corners in pixels, with scores if ``scored``.

    Raises:
        UserError: missing file, or a line that is not five (or six) numbers in range; names file and
            line.
    """
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise UserError(f"cannot read annotation {path}: {reason}") from problem
    rows: list[list[float]] = []
    classes: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        index, *box = _numbers(line, f"{path}, line {number}", scored)
        classes.append(names.get(int(index), f"index {int(index)}"))
        rows.append(box)
    height, width = size
    values = np.array(rows, dtype=np.float64).reshape(-1, 5 if scored else 4)
    shares = values[:, :4]
    centre = shares[:, :2] * (width, height)
    half = shares[:, 2:] * (width, height) / 2
    corners = np.hstack([centre - half, centre + half]) - origin
    return Boxes(corners, tuple(classes), values[:, 4] if scored else None)


def _numbers(line: str, where: str, scored: bool) -> list[float]:
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        values = []
    form, spare = "index cx cy w h", _ROUNDING
    if scored:
        form, spare = f"{form} score", _OUTSIDE
    if len(values) != len(form.split()) or not values[0].is_integer() or values[0] < 0:
        without = scored and len(values) == 5
        hint = "; a detection needs its score (ultralytics, yolov5: save_conf)" if without else ""
        raise UserError(f"{where}: expected {form!r}, found {line.strip()[:60]!r}{hint}")
    if scored and not 0 <= values[5] <= 1:
        raise UserError(f"{where}: the score must be in 0..1, found {values[5]:g}")
    least = -spare if scored else 0
    if not all(least <= value <= 1 + spare for value in values[1:5]) or min(values[3:5]) < 0:
        raise UserError(
            f"{where}: cx cy w h must be fractions of the image's size in 0..1, "
            f"found {line.strip()[:60]!r}"
        )
    return values
