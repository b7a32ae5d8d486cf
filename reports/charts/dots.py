"""The main number of a table: a dot per method with its 95 % interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivif_bench.reports.charts import style
from ivif_bench.reports.table import Column, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW = 0.17  # inches
_SMALL = style.SIZE - 1


def draw(table: Table, column: Column, width: float) -> Figure:
    """One column of a table, methods from top to bottom.

    A method without a value keeps its line and stays empty; published rows have no interval and are left
    out.
    """
    at = table.columns.index(column)
    rows = [row for row in table.rows if not row.published]
    estimates = [row.cells[at].estimate for row in rows]
    kinds = sorted({each.interval for each in estimates} - {""})
    unit = ", %" if column.scale == 100 else ""
    said = f"{column.title}{unit}" + (f"; lines: 95 %, {', '.join(kinds)}" if kinds else "")
    below = style.wrapped(said, 0.9 * width, _SMALL)
    above = style.wrapped(table.title, 0.9 * width, _SMALL)
    labels = style.fitted([row.title for row in rows], width * 0.42)
    height = _ROW * len(rows) + 0.12 * (len(below) + len(above)) + 0.35
    figure = style.new(width, height)
    axis = figure.subplots()
    for place, estimate in enumerate(estimates):
        if estimate.value is None:
            continue
        if estimate.low is not None and estimate.high is not None:
            ends = [estimate.low * column.scale, estimate.high * column.scale]
            axis.plot(ends, [place, place], color=style.GRAY, linewidth=1.2)
        value = estimate.value * column.scale
        axis.plot([value], [place], "o", color=style.COLOURS[0], markersize=4)
    if axis.get_xlim()[0] < 0 < axis.get_xlim()[1]:
        axis.axvline(0, color=style.GRAY, linewidth=0.8)
    axis.set_yticks(range(len(rows)), labels)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    style.few_ticks(axis.xaxis, 5)
    axis.grid(axis="x", color="0.92", linewidth=0.5)
    axis.set_axisbelow(True)
    figure.supxlabel("\n".join(below), fontsize=_SMALL)
    return (
        style.warned(figure, [f"{table.title}:", *table.warnings])
        if table.warnings
        else _titled(figure, above)
    )


def _titled(figure: Figure, lines: list[str]) -> Figure:
    figure.suptitle("\n".join(lines), fontsize=_SMALL)
    return figure
