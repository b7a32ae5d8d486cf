"""The curves of a training: one row of numbers per epoch, as a CSV file and as a figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ivif_bench.curves import EPOCH, draw_curves, read_curves
from ivif_bench.files import write_bytes
from ivif_bench.tasks.network.training_state import peak_memory_mb

CURVES = "curves.csv"


class Curves:
    """Rows by epoch (from 1) in ``curves.csv`` of a folder, which is always a complete file.

    Columns are losses, learning rates and validation values by name, and ``seconds`` and
    ``memory_mb`` (see ``training_state.peak_memory_mb``); a value that an epoch lacks is empty.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / CURVES

    def rows(self) -> list[dict[str, float]]:
        """All rows in their order; values are exactly those given."""
        return read_curves(self.path)

    def append(self, epoch: int, values: Mapping[str, float]) -> None:
        """Add the row of an epoch.

        Raises:
            ValueError: there is a row of that epoch or a later one.
        """
        rows = self.rows()
        if rows and rows[-1][EPOCH] >= epoch:
            raise ValueError(f"{self.path} has a row of epoch {rows[-1][EPOCH]:.0f} already")
        self._write([*rows, {EPOCH: epoch, **values}])

    def keep(self, epochs_done: int) -> None:
        """Drop the rows after an epoch, because those epochs will be run again."""
        rows = self.rows()
        kept = [row for row in rows if row[EPOCH] <= epochs_done]
        if len(kept) < len(rows):
            self._write(kept)

    def draw(self, path: Path) -> None:
        """Draw all columns but seconds and memory over epochs, as ``path`` with .png and with .pdf."""
        draw_curves(self.rows(), path, over=EPOCH, kinds=("png", "pdf"))

    def _write(self, rows: Sequence[Mapping[str, float]]) -> None:
        names = list(dict.fromkeys([EPOCH, *(name for row in rows for name in row)]))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        for row in rows:
            writer.writerow([_text(row[name]) if name in row else "" for name in names])
        write_bytes(self.path, text.getvalue().encode())


def described(folder: Path, seconds: float, device: str) -> dict[str, Any]:
    """What the folder of a finished training says of it, beside the checkpoint.

    Args:
        seconds: how long this process trained; with curves, those of all processes count.

    Returns:
        ``seconds`` (of all epochs), ``memory_mb`` (the most), and ``curves``, the file, if it has any.
    """
    rows = Curves(folder).rows()
    if not rows:
        return {"seconds": round(seconds, 3), "memory_mb": round(peak_memory_mb(device), 1)}
    return {
        "seconds": round(sum(row.get("seconds", 0.0) for row in rows), 3),
        "memory_mb": max(row.get("memory_mb", 0.0) for row in rows),
        "curves": CURVES,
    }


def _text(value: float) -> str:
    """The shortest text that is read back as the same number."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))
