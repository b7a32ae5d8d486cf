"""CSV for further work: one file per table, one row per method and column, nothing rounded."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from ivif_bench.reports.formats import FormatSpec
from ivif_bench.reports.table import MISSING, Table

SPECS = (FormatSpec("csv", "render", "CSV"),)

HEADER = (
    "table",
    "method",
    "title",
    "column",
    "direction",
    "value",
    "sd",
    "n",
    "seeds",
    "ci_low",
    "ci_high",
    "interval",
    "rank",
    "status",
    "note",
    "caption",
)


def render(title: str, tables: Sequence[Table], remarks: Sequence[str] = ()) -> dict[str, str]:
    """One file per table. Values are in the unit of the records (AP and IoU in 0..1)."""
    return {f"{table.name}.csv": table_text(table) for table in tables}


def table_text(table: Table) -> str:
    """Rows of one table; ``status`` tells a hole (``missing``) from an ``undefined`` value."""
    notes = {note.letter: note.text for note in table.notes}
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(HEADER)
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            estimate = cell.estimate
            state = "ok" if estimate.value is not None else "undefined"
            writer.writerow(
                (
                    table.name,
                    row.name,
                    row.title,
                    column.key,
                    column.direction,
                    _full(estimate.value),
                    _full(estimate.sd),
                    estimate.n or "",
                    estimate.seeds if state == "ok" else "",
                    _full(estimate.low),
                    _full(estimate.high),
                    estimate.interval,
                    cell.mark,
                    "missing" if cell.text == MISSING else state,
                    notes.get(cell.note, ""),
                    table.full_caption,
                )
            )
    return sink.getvalue()


def _full(value: float | None) -> str:
    """The shortest text that reads back as the same float."""
    return "" if value is None else repr(float(value))
