"""Boxes from YOLO text: one line ``index cx cy w h`` per box, as fractions of the image's size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.files import read_text
from ivif_bench.types import Boxes

_ROUNDING = 1e-4  # files written with few decimals may pass 1.0 by this much


def read_yolo(
    path: Path, names: Mapping[int, str], size: tuple[int, int], origin: int = 0
) -> Boxes:
    """Read one label file.

    Args:
        path: text file; an empty one means no objects.
        names: class name of each index; any other index becomes the unknown class ``index N``.
        size: height and width of the image in pixels.
        origin: coordinate of the first pixel (1 where 1-based corners were divided by
            the image's size without a shift, as for M3FD).

    Returns:
        Boxes with 0-based corners in pixels.

    Raises:
        UserError: missing file, or a line that is not five numbers in range; names file and line.
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
        index, *box = _numbers(line, f"{path}, line {number}")
        classes.append(names.get(int(index), f"index {int(index)}"))
        rows.append(box)
    height, width = size
    shares = np.array(rows, dtype=np.float64).reshape(-1, 4)
    centre = shares[:, :2] * (width, height)
    half = shares[:, 2:] * (width, height) / 2
    return Boxes(np.hstack([centre - half, centre + half]) - origin, tuple(classes))


def _numbers(line: str, where: str) -> list[float]:
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        values = []
    if len(values) != 5 or not values[0].is_integer() or values[0] < 0:
        raise UserError(f"{where}: expected 'index cx cy w h', found {line.strip()[:60]!r}")
    if not all(0 <= value <= 1 + _ROUNDING for value in values[1:]):
        raise UserError(
            f"{where}: cx cy w h must be fractions of the image's size in 0..1, "
            f"found {line.strip()[:60]!r}"
        )
    return values
