"""Figures: the main number of a table with intervals."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ivif_bench.reports.table import Column, Table, differs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def dots(table: Table, column: Column) -> bytes:
    """One column of a table as dots with their 95 % intervals, methods from top to bottom.

    A method without a value keeps its line and stays empty.

    Returns:
        PNG bytes.
    """
    from matplotlib.figure import Figure

    at = table.columns.index(column)
    rows = [row for row in table.rows if not row.published]  # they have no interval
    figure = Figure(figsize=(5.0, 0.8 + 0.28 * len(rows)), layout="constrained")
    axis = figure.subplots()
    for place, row in enumerate(rows):
        estimate = row.cells[at].estimate
        if estimate.value is None:
            continue
        value = estimate.value * column.scale
        if estimate.low is not None and estimate.high is not None:
            ends = [estimate.low * column.scale, estimate.high * column.scale]
            axis.plot(ends, [place, place], color="0.45", linewidth=1.2)
        axis.plot([value], [place], "o", color="#1f77b4", markersize=5)
    if axis.get_xlim()[0] < 0 < axis.get_xlim()[1]:
        axis.axvline(0, color="0.6", linewidth=0.8)
    axis.set_yticks(range(len(rows)), [row.title for row in rows], fontsize=8)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    for label in axis.get_yticklabels():
        label.set_parse_math(False)
    unit = ", %" if column.scale == 100 else ""
    kinds = {row.cells[at].estimate.interval for row in table.rows} - {""}
    lines = f" (lines: 95 % intervals, {', '.join(sorted(kinds))})" if kinds else ""
    axis.set_xlabel(f"{column.title}{unit}{lines}", fontsize=8, parse_math=False)
    title = "\n".join((table.title, *table.warnings))
    axis.set_title(title, fontsize=8, parse_math=False, wrap=True)
    axis.grid(axis="x", color="0.9")
    axis.set_axisbelow(True)
    return _png(figure, dpi=150)


def main_column(table: Table) -> Column | None:
    """The headline of a table: its first mean over classes, if its methods can be compared by it."""
    for at, column in enumerate(table.columns):
        if column.key.startswith(("mAP", "mIoU")) and "[" not in column.key and differs(table, at):
            return column
    return None


def _png(figure: Figure, dpi: int) -> bytes:
    """PNG without time or version inside, so that equal figures are equal files."""
    sink = io.BytesIO()
    figure.savefig(sink, format="png", dpi=dpi, metadata={"Software": None})
    return sink.getvalue()
