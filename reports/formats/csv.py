"""CSV for further work: one row per table, method and column, nothing rounded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from ivif_bench.reports.formats import FormatSpec
from ivif_bench.reports.formats._facts import facts
from ivif_bench.reports.table import Table

SPECS = (FormatSpec("csv", "render", "CSV"),)

HEADER = (
    "table",
    "method",
    "title",
    "column",
    "direction",
    "value",
    "sd",
    "sd_images",
    "n",
    "seeds",
    "ci_low",
    "ci_high",
    "interval",
    "rank",
    "verdict",
    "status",
    "note",
    "caption",
)


def render(title: str, tables: Sequence[Table], remarks: Sequence[str] = ()) -> dict[str, str]:
    """One file per table."""
    return {f"{table.name}.csv": text(title, [table]) for table in tables}


def text(title: str, tables: Sequence[Table], remarks: Sequence[str] = ()) -> str:
    """Rows of all tables under one header; title, footers and remarks have no place in rows."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(HEADER)
    for table in tables:
        writer.writerows([row[name] for name in HEADER] for row in _rows(table))
    return sink.getvalue()


def _rows(table: Table) -> Iterator[dict[str, Any]]:
    notes = {note.letter: note.text for note in table.notes}
    caption = table.full_caption
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            yield {
                "table": table.name,
                "method": row.name,
                "title": row.title,
                "column": column.key,
                "direction": column.direction,
                **{name: _plain(value) for name, value in facts(cell).items()},
                "note": "; ".join(
                    notes[letter] for letter in (row.note, cell.note) if letter in notes
                ),
                "caption": caption,
            }


def _plain(value: Any) -> Any:
    """A float as the shortest text that reads back as the same float; None as nothing."""
    return repr(float(value)) if isinstance(value, float) else "" if value is None else value
