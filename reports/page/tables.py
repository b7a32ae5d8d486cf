"""The tables of a report for the page: what is printed, with what is shown on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ivif_bench.reports.formats._facts import facts
from ivif_bench.reports.formats.csv import text as csv_text
from ivif_bench.reports.page.chunks import Folder, number
from ivif_bench.reports.statistics.write import tables_of
from ivif_bench.reports.table import SIGNS, Cell, Column, Row, Table, printed

if TYPE_CHECKING:
    from ivif_bench.reports.comparison import Comparison
    from ivif_bench.reports.statistics.write import Studied
    from ivif_bench.reports.write import Report


def write_tables(
    folder: Folder,
    report: Report,
    every: Sequence[Comparison],
    items: Sequence[Studied],
    ids: dict[str, str],
    places: Mapping[str, str],
) -> list[dict[str, Any]]:
    """The report's tables, then those of statistics; returns their list for the page.

    Args:
        places: the ids of datasets that have images, by name; rows open these.
    """
    named = {each.name: each for each in every}
    found: list[dict[str, Any]] = []

    def add(table: Table, group: str, of: Comparison | None, protocol: str) -> None:
        one = f"t{len(found)}"
        folder.put(f"tables/{one}", table_content(table, ids, protocol))
        dataset = places.get(of.dataset) if of else None
        found.append(
            {
                "id": one,
                "name": table.name,
                "title": table.title,
                "group": group,
                "dataset": dataset,
            }
        )

    for table in report.tables:
        of = named.get(report.asked.get(table.name, ""))
        add(table, "Results", of, str(of.about("protocol_sha256")) if of else "")
    for item in items:
        for table in tables_of([item]):
            add(table, "Statistics", item.comparison, "")
    return found


def table_content(table: Table, titles: dict[str, str], protocol: str = "") -> dict[str, Any]:
    """A table as JSON values.

    Args:
        titles: method name to its id on the page; rows of these open images.
        protocol: hash of the protocol, empty if the table is not of a single one.
    """
    return {
        "name": table.name,
        "title": table.title,
        "caption": table.caption,
        "warnings": list(table.warnings),
        "head": table.head,
        "protocol_sha256": protocol,
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
    """``text`` without its interval, ``interval`` by itself; ``value`` and its ends as in the CSV."""
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
        "low": number(estimate.low) if interval else None,
        "high": number(estimate.high) if interval else None,
        "what": estimate.interval if interval else "",
        "mark": each.mark,
        "verdict": each.verdict,
        "note": each.note,
        "status": about["status"],
    }
    return {key: value for key, value in found.items() if value not in ("", None)}
