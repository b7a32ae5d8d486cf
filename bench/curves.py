"""Curves of trainings: read from their table, drawn with one panel per quantity."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ivif_bench.files import read_text, write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EPOCH = "epoch"
# Okabe and Ito's colours, which people with any colour vision can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#9C8A00")
_DASHES = ("-", "--", ":", "-.")  # of the first, second, … eight lines
# How a training ran, not what came of it: columns without a panel.
COSTS = ("seconds", "memory_mb")

Rows = Sequence[Mapping[str, float]]


def read_curves(path: Path) -> list[dict[str, float]]:
    """The rows of a ``curves.csv``; none if there is no such file, or it is not one.

    Numbers are read back as they were; ``epoch`` counts from 1.
    """
    try:
        found = list(csv.DictReader(io.StringIO(read_text(path)), strict=True))
        rows = [{str(k): float(v) for k, v in row.items() if v != ""} for row in found]
    except (OSError, ValueError, TypeError, csv.Error):
        return []
    return rows if all(EPOCH in row for row in rows) else []


def figure_of(
    series: Mapping[str, Sequence[Rows]], over: str, left_out: Iterable[str] = COSTS
) -> Figure | None:
    """Rows of trainings over a quantity, with one panel for each other quantity; None without any.

    A quantity that is always positive and varies by more than a factor of ten gets a logarithmic axis.

    Args:
        series: rows of trainings by label; those of one label have one colour.
        over: the quantity of the horizontal axis.
        left_out: quantities without a panel.
    """
    from matplotlib.figure import Figure

    every = [row for trainings in series.values() for rows in trainings for row in rows]
    names = sorted({key for row in every for key in row} - {over, *left_out})
    if not names:
        return None
    figure = Figure(figsize=(7, 2.2 * len(names)), layout="constrained")
    panels = figure.subplots(len(names), 1, squeeze=False)[:, 0]
    for axes, name in zip(panels, names, strict=True):
        _draw(axes, series, over, name)
    panels[-1].set_xlabel(over)
    if len(series) > 1:
        handles, labels = panels[0].get_legend_handles_labels()
        legend = figure.legend(handles, labels, loc="outside right upper", fontsize=7)
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure


def file_of(figure: Figure, kind: str, dpi: int = 300) -> bytes:
    """A figure as ``png`` or ``pdf``, without time or version inside: equal figures, equal files.

    Args:
        dpi: dots per inch of a PNG, and of images inside a PDF.
    """
    import matplotlib

    sink = io.BytesIO()
    undated = {"CreationDate": None} if kind == "pdf" else {"Software": None}
    with matplotlib.rc_context({"pdf.fonttype": 42}):  # TrueType; journals refuse Type 3
        figure.savefig(sink, format=kind, dpi=dpi, metadata=undated)
    return sink.getvalue()


def draw_curves(
    rows: Rows,
    path: Path,
    *,
    over: str = "step",
    left_out: Iterable[str] = COSTS,
    kinds: Sequence[str] = ("png",),
) -> None:
    """Draw the curves of one training as ``path`` with the ending of each kind; see ``figure_of``."""
    figure = figure_of({"": [rows]}, over, left_out)
    if figure is None:
        return
    for kind in kinds:
        write_bytes(path.with_suffix(f".{kind}"), file_of(figure, kind))


def _draw(axes: Axes, series: Mapping[str, Sequence[Rows]], over: str, name: str) -> None:
    from matplotlib.ticker import MaxNLocator

    values: list[float] = []
    for number, (label, trainings) in enumerate(series.items()):
        for at, rows in enumerate(trainings):
            points = [(row[over], row[name]) for row in rows if name in row]
            values += [value for _, value in points]
            axes.plot(
                [x for x, _ in points],
                [y for _, y in points],
                linewidth=1,
                color=COLOURS[number % len(COLOURS)],
                linestyle=_DASHES[number // len(COLOURS) % len(_DASHES)],
                marker="." if len(points) < 30 else "",
                label="_" if at else label,  # one entry of the legend for all seeds
            )
    if values and 0 < 10 * min(values) < max(values):
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(name, loc="left", fontsize=9, parse_math=False)
    axes.grid(alpha=0.3)
