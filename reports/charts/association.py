"""Metric against task: one panel per fusion metric, one point per method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ivif_bench.reports.charts import style
from ivif_bench.reports.statistics.against_task import Against, Outcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(item: Against, outcome: Outcome, titles: Mapping[str, str], width: float) -> Figure | None:
    """Mean of each metric against the gain; the panel's title has Kendall's tau with its interval.

    Axes of metrics are in their own unit, turned around where less is better, so that better is always
    to the right. None if no metric has a method with this outcome.

    Args:
        item: the association.
        outcome: the score.
        titles: of all methods of the run.
        width: inches.
    """
    methods = [name for name in titles if name in outcome.gains]
    metrics = [metric for metric, values in item.metrics.items() if set(values) & set(methods)]
    if not metrics:
        return None
    columns = min(len(metrics), 2 if width < 5 else 4)
    rows = -(-len(metrics) // columns)
    labels = style.fitted([titles[name] for name in methods], style.legend_room(width))
    panel = min(1.6, width / columns)
    height = rows * (panel * 0.95 + 0.3) + style.legend_height(labels, width) + 0.2
    figure = style.new(width, height)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).flat
    handles, look = {}, style.looks(titles)
    for axis, metric in zip(axes, metrics, strict=False):
        values = item.metrics[metric]
        turned = item.downward(metric)
        for method in methods:
            if method not in values:
                continue
            colour, marker = look[method]
            handles[method] = axis.scatter(
                -values[method] if turned else values[method],
                100 * outcome.gains[method],
                s=16,
                color=colour,
                marker=marker,
                linewidth=0,
            )
        if turned:
            axis.invert_xaxis()
        found = item.found[metric, outcome.key]
        said = ""
        if found is not None and found.tau is not None:
            said = f"\nτ {found.tau:.2f}"
            if found.tau_interval:
                said += " [{:.2f}, {:.2f}]".format(*found.tau_interval)
        room = panel + 0.1
        axis.set_title(style.fitted([metric], room)[0] + (" ↓" if turned else " ↑") + said, pad=3)
        style.few_ticks(axis.xaxis, 3)
        style.few_ticks(axis.yaxis, 5)
        axis.grid(color="0.92", linewidth=0.5)
        axis.set_axisbelow(True)
        low, high = axis.get_ylim()
        if outcome.baseline and low < 0 < high:  # else points would be pressed together
            axis.axhline(0, color="0.4", linewidth=0.6, linestyle=":")
    for axis in list(figure.axes)[len(metrics) :]:
        axis.set_axis_off()
    what = f"gain in {outcome.title}" if outcome.baseline else outcome.title
    figure.supylabel(f"{what}, points", fontsize=style.SIZE)
    drawn = [at for at, method in enumerate(methods) if method in handles]
    style.legend(
        figure, [handles[methods[at]] for at in drawn], [labels[at] for at in drawn], width
    )
    return figure
