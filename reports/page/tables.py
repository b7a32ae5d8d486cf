"""The tables of a report for the page: what is printed, with what is shown on demand."""

from __future__ import annotations

from typing import Any

from ivif_bench.reports.formats._facts import facts
from ivif_bench.reports.formats.csv import text as csv_text
from ivif_bench.reports.page.chunks import number
from ivif_bench.reports.table import SIGNS, Cell, Column, Row, Table, printed


def table_content(table: Table, titles: dict[str, str]) -> dict[str, Any]:
    """A table as JSON values.

    Args:
        titles: method name to its id on the page; rows of these open images.
    """
    return {
        "name": table.name,
        "title": table.title,
        "caption": table.caption,
        "warnings": list(table.warnings),
        "head": table.head,
        "columns": [
            {
                "key": column.key,
                "title": column.heading,
                "direction": column.direction,
                "decimals": column.decimals,
                "scale": column.scale,
            }
            for column in table.columns
        ],
        "rows": [_row(table, row, titles) for row in table.rows],
        "notes": {note.letter: note.text for note in table.notes},
        "footer": list(table.footer),
        "csv": csv_text("", [table]),
    }


def _row(table: Table, row: Row, titles: dict[str, str]) -> dict[str, Any]:
    return {
        "name": row.name,
        "title": row.title,
        "group": row.group,
        "method": titles.get(row.name),
        "note": row.note,
        "ranked": row.ranked,
        "published": row.published,
        "cells": [
            _cell(each, column) for each, column in zip(row.cells, table.columns, strict=True)
        ],
    }


def _cell(each: Cell, column: Column) -> dict[str, Any]:
    """``text`` without its interval, ``interval`` by itself; ``value`` as in the CSV."""
    estimate = each.estimate
    plain = each.text
    interval = ""
    if estimate.low is not None and estimate.high is not None:
        interval = f"[{printed(estimate.low, column)}, {printed(estimate.high, column)}]"
        plain = plain.partition(" [")[0]
    plain = plain.removesuffix(SIGNS[each.verdict])
    about = facts(each)
    found = {
        "text": plain,
        "value": number(about["value"]),
        "interval": interval,
        "what": estimate.interval if interval else "",
        "mark": each.mark,
        "verdict": each.verdict,
        "note": each.note,
        "status": about["status"],
    }
    return {key: value for key, value in found.items() if value not in ("", None)}
