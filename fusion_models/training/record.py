"""The record of a training: a log of JSON lines, its curves, and sample images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ivif_bench.data.images import encode_png
from ivif_bench.files import write_bytes

LOG = "log.jsonl"


class Log:
    """Rows of numbers by step, one JSON object per line.

    Rows are appended as they come. ``rewind`` drops those after a checkpoint, because the steps
    will be run again and give the same numbers.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOG
        folder.mkdir(parents=True, exist_ok=True)

    def rows(self) -> list[dict[str, float]]:
        """All complete rows; a line that a kill cut off is left out."""
        found = []
        for line in self.path.read_text().splitlines() if self.path.is_file() else ():
            try:
                row = json.loads(line)
            except ValueError:
                break
            if isinstance(row, dict) and "step" in row:
                found.append(row)
        return found

    def rewind(self, step: int) -> None:
        """Keep the rows up to a step."""
        kept = [json.dumps(row) + "\n" for row in self.rows() if row["step"] <= step]
        write_bytes(self.path, "".join(kept).encode())

    def add(self, row: Mapping[str, float]) -> None:
        """Append a row."""
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")


def write_grid(images: np.ndarray, path: Path, columns: int) -> None:
    """Gray images in [0, 1], float [N, H, W], as one PNG of rows and columns."""
    count, height, width = images.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * height, columns * width), np.uint8)
    for index, image in enumerate(np.clip(images, 0, 1)):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + height, left : left + width] = np.round(image * 255)
    write_bytes(path, encode_png(sheet))
