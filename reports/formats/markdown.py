"""Markdown with pipe tables: all tables of a report in ``tables.md``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ivif_bench.reports.formats import FormatSpec
from ivif_bench.reports.table import ARROWS, Cell, Column, Table, with_row_groups

SPECS = (FormatSpec("markdown", "render", "Markdown"),)

_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")


def render(title: str, tables: Sequence[Table], remarks: Sequence[str] = ()) -> dict[str, str]:
    """One file with every table, and the remarks at the end."""
    return {"tables.md": text(title, tables, remarks)}


def text(title: str, tables: Sequence[Table], remarks: Sequence[str] = ()) -> str:
    """The content of that file."""
    parts = [f"# {escaped(title)}"] if title else []
    for table in tables:
        parts += [f"## {escaped(table.title)}", table_text(with_row_groups(table))]
    parts += [escaped(remark) for remark in remarks]
    return "\n\n".join(parts) + "\n"


def table_text(table: Table) -> str:
    """Caption, pipe table, footnotes and footer of one table."""
    lines = ["| " + " | ".join([escaped(table.head), *map(_heading, table.columns)]) + " |"]
    lines.append("|" + "|".join([":--", *["--:"] * len(table.columns)]) + "|")
    lines += [
        "| " + " | ".join([_noted(escaped(row.title), row.note), *map(_cell, row.cells)]) + " |"
        for row in table.rows
    ]
    caption = " ".join(
        [escaped(table.caption), *(f"**{escaped(warning)}**" for warning in table.warnings)]
    )
    small = [f"<sup>{note.letter}</sup> {escaped(note.text)}" for note in table.notes]
    small += [escaped(line) for line in table.footer]
    return "\n\n".join([caption, "\n".join(lines), "  \n".join(small)]).rstrip()


def escaped(text: str) -> str:
    """Text from data as text: no markup, no HTML, no new column, no new line."""
    flat = " ".join(text.split())
    safe = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", safe)


def _heading(column: Column) -> str:
    return f"{escaped(column.heading)}{ARROWS[column.direction]}"


def _cell(cell: Cell) -> str:
    text = cell.text
    if cell.mark == "best":
        text = f"**{text}**"
    elif cell.mark == "second":
        text = f"<u>{text}</u>"
    return _noted(text, cell.note)


def _noted(text: str, letter: str) -> str:
    return f"{text}<sup>{letter}</sup>" if letter else text
