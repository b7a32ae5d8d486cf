"""JSON for programs: all tables of a report in ``tables.json``, nothing rounded, nothing left out."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ivif_bench.reports.formats import FormatSpec
from ivif_bench.reports.formats._facts import facts
from ivif_bench.reports.table import Cell, Table

SPECS = (FormatSpec("json", "render", "JSON"),)


def render(title: str, tables: Sequence[Table], remarks: Sequence[str] = ()) -> dict[str, str]:
    """One file with every table, and the remarks at the end."""
    return {"tables.json": text(title, tables, remarks)}


def text(title: str, tables: Sequence[Table], remarks: Sequence[str] = ()) -> str:
    """An object with ``title``, ``tables`` and ``remarks``; docs/adding-a-format.md has the keys."""
    content = {
        "title": title,
        "tables": [_table(table) for table in tables],
        "remarks": list(remarks),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _table(table: Table) -> dict[str, Any]:
    """A table; the cells of a row are by the key of their column."""
    return {
        "name": table.name,
        "title": table.title,
        "caption": table.caption,
        "warnings": list(table.warnings),
        "columns": [asdict(column) for column in table.columns],
        "rows": [
            {
                "method": row.name,
                "title": row.title,
                "ranked": row.ranked,
                "note": row.note or None,
                "published": row.published,
                "cite": row.cite or None,
                "group": row.group or None,
                "cells": {
                    column.key: _cell(cell)
                    for column, cell in zip(table.columns, row.cells, strict=True)
                },
            }
            for row in table.rows
        ],
        "notes": {note.letter: note.text for note in table.notes},
        "footer": list(table.footer),
    }


def _cell(cell: Cell) -> dict[str, Any]:
    """``printed`` is what people read, ``left_out`` counts undefined values by reason."""
    return {
        "printed": cell.text,
        **{name: _number(value) for name, value in facts(cell).items()},
        "left_out": dict(cell.estimate.left_out),
        "note": cell.note or None,
    }


def _number(value: Any) -> Any:
    """JSON has no infinity; what was printed says what it was."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
