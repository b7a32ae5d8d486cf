"""Time against a score: one circle per method, its area the memory that it takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivif_bench.reports.charts import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LARGEST = 260.0  # square points


@dataclass(frozen=True, slots=True)
class Cost:
    """What a method takes and gives.

    Attributes:
        seconds: for one image.
        score: in 0..1.
        megabytes: at most; None if unknown, which has no circle.
    """

    seconds: float
    score: float
    megabytes: float | None = None


def draw(
    costs: Mapping[str, Cost], time: str, what: str, order: Sequence[str], width: float
) -> Figure | None:
    """Seconds on a logarithmic axis.

    Args:
        costs: by title of the method.
        time: label of the horizontal axis.
        what: title of the score.
        order: titles of all methods of the run, by which they have their colours.
        width: inches.

    Returns:
        None without a method that takes any time.
    """
    shown = {name: each for name, each in costs.items() if each.seconds > 0}
    if not shown:
        return None
    known = [each.megabytes for each in shown.values() if each.megabytes]
    largest = max(known, default=0.0)
    look = style.looks(order)
    labels = style.fitted(list(shown), style.legend_room(width))
    sizes = _sizes(known)
    figure = style.new(width, 1.9 + style.legend_height(labels, width) + (0.25 if sizes else 0))
    axis = figure.subplots()
    handles = []
    for name, each in shown.items():
        colour, marker = look[name]
        if each.megabytes:
            axis.scatter(
                each.seconds,
                100 * each.score,
                s=_LARGEST * each.megabytes / largest,
                color=colour,
                alpha=0.35,
                linewidth=0,
            )
        handles.append(
            axis.scatter(
                each.seconds, 100 * each.score, s=12, color=colour, marker=marker, linewidth=0
            )
        )
    axis.set_xscale("log")
    times = [each.seconds for each in shown.values()]
    axis.set_xlim(min(times) / 2.2, max(times) * 2.2)
    style.decades(axis.xaxis, min(times) / 2.2, max(times) * 2.2)
    scores = [100 * each.score for each in shown.values()]
    room = max(0.25 * (max(scores) - min(scores)), 0.5)
    axis.set_ylim(max(min(scores) - room, -4), min(max(scores) + room, 104))
    style.few_ticks(axis.yaxis, 5)
    axis.set_xlabel(time)
    axis.set_ylabel(style.fitted([f"{what}, %"], 1.8)[0])
    axis.grid(color="0.92", linewidth=0.5)
    axis.set_axisbelow(True)
    if sizes:
        circles = [
            axis.scatter([], [], s=_LARGEST * size / largest, color="0.6", linewidth=0)
            for size in sizes
        ]
        axis.legend(
            circles,
            [f"{size:,.0f} MB" for size in sizes],
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=len(sizes),
            frameon=False,
            columnspacing=1.5,
            handletextpad=0.8,
        )
    style.legend(figure, handles, labels, width)
    return figure


def _sizes(known: Sequence[float]) -> list[float]:
    """Up to three numbers of megabytes as a scale of areas: round ones, or both ends if they are close."""
    if not known:
        return []
    smallest, largest = min(known), max(known)
    if smallest > largest / 4:
        return list(dict.fromkeys((smallest, largest)))
    top = 10.0 ** math.floor(math.log10(largest))
    most = top * max(step for step in (1, 2, 5) if step * top <= largest)
    return [most / 10, most / 2, most]
