"""Boxes from text of Dollár's toolbox (``% bbGt version=3``), as the Caltech and KAIST sets have them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.files import read_text
from ivif_bench.types import Boxes


def read_bbgt(path: Path, most_occlusion: int = 2) -> Boxes:
    """Read the objects of one file: lines ``name x y width height occlusion xv yv wv hv ignore angle``.

    Args:
        most_occlusion: objects with a higher value (0 none, 1 partial, 2 heavy) are difficult.

    Returns:
        Boxes with corners in pixels; those whose ``ignore`` is 1 are difficult.

    Raises:
        UserError: unreadable, or a line of another form; names file and line.
    """
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise UserError(f"cannot read annotation {path}: {reason}") from problem
    names: list[str] = []
    corners: list[list[float]] = []
    difficult: list[bool] = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("%"):
            continue
        try:
            values = [float(word) for word in words[1:]]
        except ValueError:
            values = []
        if len(values) < 5 or not all(map(math.isfinite, values)) or min(values[2:4]) < 0:
            raise UserError(
                f"{path}, line {number}: expected 'name x y width height occlusion ...' with width and "
                f"height from 0, found {line.strip()[:80]!r}"
            )
        x, y, width, height, occlusion = values[:5]
        names.append(words[0])
        corners.append([x, y, x + width, y + height])
        difficult.append(occlusion > most_occlusion or (len(values) > 9 and values[9] == 1))
    xyxy = np.array(corners, dtype=np.float64).reshape(-1, 4)
    return Boxes(xyxy, tuple(names), difficult=np.array(difficult, bool))
