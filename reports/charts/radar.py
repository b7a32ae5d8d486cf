"""Radar: each metric an axis from the worst to the best method, each method a line around it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ivif_bench.reports.charts import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 6  # lines that can be told apart; others are gray


def draw(
    values: Mapping[str, Mapping[str, float]],
    axes: Sequence[str],
    order: Sequence[str],
    width: float,
) -> Figure | None:
    """The first six methods in colour, the others in gray.

    Args:
        values: title of a method to axis to value, more is better, best first; a method that lacks an
            axis has a gap there.
        axes: three or more; fewer make no radar.
        order: titles of all methods of the run, by which they have their colours.
        width: inches.

    Returns:
        None for fewer than three axes on which the methods differ.
    """
    ends = {
        axis: (min(known), max(known))
        for axis in axes
        if (known := [mine[axis] for mine in values.values() if axis in mine])
    }
    drawn = [axis for axis in axes if axis in ends and ends[axis][0] < ends[axis][1]]
    if len(drawn) < 3:
        return None
    coloured = list(values)[:MOST]
    labels = style.fitted(coloured, style.legend_room(width))
    rest = len(values) - len(coloured)
    if rest:
        labels.append(f"{rest} other methods" if rest > 1 else "1 other method")
    round_ = min(width, 3.5)
    figure = style.new(width, round_ * 0.85 + style.legend_height(labels, width) + 0.1)
    polar: Any = figure.subplots(subplot_kw={"projection": "polar"})
    angles = [2 * math.pi * at / len(drawn) for at in range(len(drawn))]
    handles = []
    look = style.looks(order)
    for at, (name, mine) in reversed(list(enumerate(values.items()))):
        scaled = [
            0.15 + 0.85 * (mine[axis] - ends[axis][0]) / (ends[axis][1] - ends[axis][0])
            if axis in mine
            else math.nan
            for axis in drawn
        ]
        colour, marker = look[name] if at < MOST else ("0.75", "")
        (line,) = polar.plot(
            [*angles, angles[0]],
            [*scaled, scaled[0]],
            color=colour,
            marker=marker,
            markersize=3,
            linewidth=1.1 if at < MOST else 0.6,
            clip_on=False,
        )
        if at <= MOST:
            handles.append(line)
    polar.set_theta_offset(math.pi / 2)
    polar.set_theta_direction(-1)
    polar.set_ylim(0, 1.0)
    polar.set_yticks([0.15, 0.575, 1.0], ["", "", ""])
    polar.set_xlabel("innermost ring: worst method, rim: best", fontsize=6, labelpad=2)
    polar.set_xticks(angles, style.fitted(drawn, 0.95))
    polar.tick_params(axis="x", pad=2)
    for angle, label in zip(angles, polar.get_xticklabels(), strict=True):
        side = math.sin(angle)
        label.set_horizontalalignment(
            "center" if abs(side) < 0.1 else "left" if side > 0 else "right"
        )
    polar.grid(color="0.85", linewidth=0.5)
    polar.spines["polar"].set_visible(False)
    style.legend(figure, handles[::-1], labels, width)
    return figure
