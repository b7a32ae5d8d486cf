"""Tables on the terminal, with rich; as aligned plain text, without loading it, elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

from ivif_bench.reports.table import ARROWS, Cell, Column, Row, Table, with_row_groups

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid

_STYLES = {"best": "bold", "second": "underline", "": ""}
_SIGNS = {"best": "*", "second": "+", "": ""}


def print_tables(tables: Iterable[Table], file: IO[str] | None = None) -> None:
    """Print tables to a file, standard output by default."""
    sink = file or sys.stdout
    for table in map(with_row_groups, tables):
        if sink.isatty():
            _print_rich(table, sink)
        else:
            sink.write(plain(table) + "\n")


def plain(table: Table) -> str:
    """One table as plain text: ``*`` behind the best value, ``+`` behind the second best."""
    grid = [[_clean(table.head), *map(_heading, table.columns)]]
    grid += [
        [
            _clean(row.title) + _note(row),
            *(f"{c.text}{_note(c)}{_SIGNS[c.mark]}" for c in row.cells),
        ]
        for row in table.rows
    ]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = [
        "  ".join(
            [line[0].ljust(widths[0])]
            + [text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True)]
        ).rstrip()
        for line in grid
    ]
    lines.insert(1, "-" * len(lines[0]))
    small = [f"[{note.letter}] {_clean(note.text)}" for note in table.notes]
    small += [_clean(line) for line in table.footer]
    legend = ["* best, + second best"] if any(c.mark for r in table.rows for c in r.cells) else []
    return "\n".join([_clean(table.full_caption), "", *lines, *legend, *small]) + "\n"


def _print_rich(table: Table, sink: IO[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(title=Text(_clean(table.title)), box=box.SIMPLE_HEAD, title_justify="left")
    grid.add_column(Text(_clean(table.head)))
    for column in table.columns:
        grid.add_column(Text(_heading(column)), justify="right", no_wrap=True)
    for row in table.rows:
        cells = [
            Text(c.text, style=_STYLES[c.mark]).append(_note(c), style="dim") for c in row.cells
        ]
        grid.add_row(Text(_clean(row.title)).append(_note(row), style="dim"), *cells)
    console = Console(file=sink, highlight=False)
    console.print(Text(_clean(table.caption)))
    for warning in table.warnings:
        console.print(Text(_clean(warning), style="bold red"))
    Console(file=sink, highlight=False, width=_width(console, grid)).print(grid, crop=False)
    for note in table.notes:
        console.print(Text(f"[{note.letter}] {_clean(note.text)}", style="dim"))
    for line in table.footer:
        console.print(Text(_clean(line), style="dim"))


def _width(console: Console, grid: Grid) -> int:
    """Enough for every number: a narrow terminal may break lines, but must not cut digits off."""
    from rich.measure import Measurement

    wanted = Measurement.get(console, console.options.update(max_width=10_000), grid).maximum
    return max(console.width, wanted)


def _heading(column: Column) -> str:
    return f"{_clean(column.heading)}{ARROWS[column.direction]}"


def _note(noted: Cell | Row) -> str:
    return f"[{noted.note}]" if noted.note else ""


def _clean(text: str) -> str:
    """One line without control characters: a name must not steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
