"""The curves of a training: one row of numbers per epoch, as a CSV file and as a figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from ivif_bench.curves import draw_curves
from ivif_bench.files import read_text, write_bytes

CURVES = "curves.csv"
_EPOCH = "epoch"
# How a training ran, not what came of it: columns without a panel in the figure.
COSTS = ("seconds", "memory_mb")


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
        if rows and rows[-1][_EPOCH] >= epoch:
            raise ValueError(f"{self.path} has a row of epoch {rows[-1][_EPOCH]:.0f} already")
        self._write([*rows, {_EPOCH: epoch, **values}])

    def keep(self, epochs_done: int) -> None:
        """Drop the rows after an epoch, because those epochs will be run again."""
        rows = self.rows()
        kept = [row for row in rows if row[_EPOCH] <= epochs_done]
        if len(kept) < len(rows):
            self._write(kept)

    def draw(self, path: Path) -> None:
        """Draw all columns but seconds and memory over epochs, as ``path`` with .png and with .pdf."""
        draw_curves(self.rows(), path, over=_EPOCH, left_out=COSTS, kinds=("png", "pdf"))

    def _write(self, rows: Sequence[Mapping[str, float]]) -> None:
        names = list(dict.fromkeys([_EPOCH, *(name for row in rows for name in row)]))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        for row in rows:
            writer.writerow([_text(row[name]) if name in row else "" for name in names])
        write_bytes(self.path, text.getvalue().encode())


def read_curves(path: Path) -> list[dict[str, float]]:
    """The rows of a ``curves.csv``; none if there is no such file, or it is not one.

    Numbers are read back as they were; ``epoch`` counts from 1.
    """
    try:
        found = list(csv.DictReader(io.StringIO(read_text(path)), strict=True))
        rows = [{str(k): float(v) for k, v in row.items() if v != ""} for row in found]
    except (OSError, ValueError, TypeError, csv.Error):
        return []
    return rows if all(_EPOCH in row for row in rows) else []


def _text(value: float) -> str:
    """The shortest text that is read back as the same number."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))
