"""Spread over seeds: a line per method, a dot per seed, a bar at their mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ivif_bench.reports.charts import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(values: Mapping[str, Sequence[float]], what: str, width: float) -> Figure:
    """Scores of methods over seeds.

    Args:
        values: title of a method to one score per seed, in 0..1; none where it has no result.
        what: title of the score.
    """
    labels = style.fitted(list(values), width * 0.42)
    figure = style.new(width, 0.16 * len(values) + 0.5)
    axis = figure.subplots()
    for place, scores in enumerate(values.values()):
        if not scores:
            continue
        percent = [100 * score for score in scores]
        mean = sum(percent) / len(percent)
        axis.plot([min(percent), max(percent)], [place] * 2, color=style.GRAY, linewidth=0.8)
        axis.plot([mean] * 2, [place - 0.3, place + 0.3], color="black", linewidth=1.0)
        axis.scatter(percent, [place] * len(percent), s=12, color=style.COLOURS[0], linewidth=0)
    axis.set_yticks(range(len(values)), labels)
    axis.set_ylim(len(values) - 0.4, -0.6)
    style.few_ticks(axis.xaxis, 5)
    axis.grid(axis="x", color="0.92", linewidth=0.5)
    axis.set_axisbelow(True)
    most = max((len(scores) for scores in values.values()), default=0)
    said = f"{what}, %; dots: {most} seeds, bar: mean" if most > 1 else f"{what}, %"
    axis.set_xlabel(style.fitted([said], width * 0.95)[0], x=0.3 if width < 5 else 0.5)
    return figure
