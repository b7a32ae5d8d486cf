"""Rank changes: places of methods by several questions side by side, each method a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ivif_bench.reports.charts import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(places: Mapping[str, Mapping[str, int]], order: Sequence[str], width: float) -> Figure:
    """Places of methods.

    Args:
        places: question, such as a protocol, to the place of each method (title), 1 = best; a method
            without one has a gap. Equal places are drawn one below the other, in the given order.
        order: titles of all methods of the run, by which they have their colours.
        width: inches.
    """
    questions = list(places)
    methods = list(dict.fromkeys(name for each in places.values() for name in each))
    rows = {question: _rows(places[question]) for question in questions}
    height = 0.17 * max(map(len, rows.values())) + 0.62
    side = width * 0.27
    room = side - 0.12 - style.text_width(f"  {len(methods)}")
    labels = dict(zip(methods, style.fitted(methods, room), strict=True))
    figure = style.new(width, height, placed=True)
    top, bottom = 0.42, 0.1
    axes = figure.add_axes(
        (side / width, bottom / height, 1 - 2 * side / width, (height - top - bottom) / height)
    )
    look = style.looks(order)
    for method in methods:
        colour, marker = look[method]
        known = [rows[question].get(method) for question in questions]
        axes.plot(
            range(len(questions)),
            [float("nan") if row is None else row for row in known],
            color=colour,
            marker=marker,
            markersize=3.5,
            linewidth=1.0,
        )
    last = len(questions) - 1
    for column, place, align in ((0, -0.06, "right"), (last, 0.06, "left")):
        for method, row in rows[questions[column]].items():
            number = places[questions[column]][method]
            text = (
                f"{labels[method]}  {number}" if align == "right" else f"{number}  {labels[method]}"
            )
            axes.annotate(
                text,
                (column, row),
                xytext=(72 * place, 0),
                textcoords="offset points",
                ha=align,
                va="center",
                annotation_clip=False,
            )
    room = (width - 2 * side) / max(last, 1)
    heads = style.fitted(questions, min(room, 2 * side) - 0.06, style.SIZE, lines=2)
    for column, head in enumerate(heads):
        axes.annotate(
            head,
            (column, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            va="bottom",
            annotation_clip=False,
        )
    axes.set_xlim(0, max(last, 1))
    axes.set_ylim(max(map(len, rows.values())) - 0.5, -0.5)
    axes.set_axis_off()
    for line in axes.lines:
        line.set_clip_on(False)
    return figure


def _rows(places: Mapping[str, int]) -> dict[str, int]:
    """Where each method is drawn, from the top."""
    order = sorted(places, key=lambda method: places[method])
    return {method: row for row, method in enumerate(order)}
