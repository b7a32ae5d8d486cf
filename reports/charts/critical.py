"""Critical difference diagram (Demsar 2006, figure 1): mean ranks on a line, bars over equal ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.reports.charts import style
from ivif_bench.reports.statistics.ranks import groups

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW = 0.15  # inches
_BAR = 0.055


def draw(
    mean_ranks: Mapping[str, float], difference: float, differ: bool, width: float, title: str
) -> Figure:
    """The diagram of one metric.

    Args:
        mean_ranks: title of a method to its mean rank, 1 = best.
        difference: the critical one.
        differ: whether the methods differ at all (Friedman); if not, one bar joins all.
        width: inches.
        title: what is ranked, over how many images.
    """
    names = sorted(mean_ranks, key=lambda name: mean_ranks[name])
    ranks = np.array([mean_ranks[name] for name in names])
    k, half = len(names), (len(names) + 1) // 2
    bars = groups(ranks, difference) if differ else [(0, k - 1)]
    top = 0.42  # inches of the scale of the difference
    first = top + 0.16 + _BAR * len(bars) + 0.06
    # Shortened in the order of the run, so that a label means the same method in all figures.
    short = style.fitted(list(mean_ranks), width * 0.31, lines=2)
    label_of = dict(zip(mean_ranks, short, strict=True))
    labels = [label_of[name] for name in names]
    side = style.widest(labels) + 0.06
    row_height = _ROW * (1.7 if any("\n" in label for label in labels) else 1)
    height = first + row_height * half + 0.28
    figure = style.new(width, height, placed=True)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    left, right = side + 0.1, width - side - 0.1
    low, high = 1, max(k, 2)

    def at(rank: float) -> float:
        return left + (rank - low) / (high - low) * (right - left)

    line: dict[str, Any] = {"color": "black", "linewidth": 0.7, "solid_capstyle": "butt"}
    scale = top + 0.16
    axes.text(width / 2, 0.04, title, ha="center", va="top", fontsize=style.SIZE)
    axes.plot([left, right], [scale, scale], **line)
    step = max(1, math.ceil((high - low) / max(1, (right - left) / 0.22)))
    ticks = [*range(low, high + 1 - math.ceil(step / 2), step), high]
    for tick in ticks:
        axes.plot([at(tick)] * 2, [scale, scale - 0.04], **line)
        axes.text(at(tick), scale - 0.05, str(tick), ha="center", va="bottom", fontsize=6)
    # The critical difference as a length of the same scale, cut off at the end of the scale.
    end = min(at(low + difference), right)
    mark = 0.285
    axes.plot([left, end], [mark, mark], **line)
    for edge in (left, end):
        axes.plot([edge] * 2, [mark - 0.02, mark + 0.02], **line)
    said = f"CD {difference:.2f}" + (" (longer than the scale)" if low + difference > high else "")
    beside = end + 0.05
    if beside + style.text_width(said, 6) > width:
        axes.text(left, mark - 0.03, said, ha="left", va="bottom", fontsize=6)
    else:
        axes.text(beside, mark, said, ha="left", va="center", fontsize=6)
    for place, (name, rank) in enumerate(zip(labels, ranks, strict=True)):
        on_left = place < half
        row = first + row_height * ((place if on_left else k - 1 - place) + 0.5)
        edge = left - 0.06 if on_left else right + 0.06
        axes.plot([at(rank), at(rank), edge], [scale, row, row], **line)
        axes.text(
            edge - 0.03 if on_left else edge + 0.03,
            row,
            name,
            ha="right" if on_left else "left",
            va="center",
            fontsize=style.SIZE,
        )
    for level, (start, stop) in enumerate(bars):
        y = scale + 0.06 + _BAR * level
        axes.plot(
            [at(ranks[start]) - 0.03, at(ranks[stop]) + 0.03],
            [y, y],
            color=style.COLOURS[0],
            linewidth=2.2,
            solid_capstyle="butt",
        )
    said = (
        "joined: no significant difference (Nemenyi, 5 %)"
        if differ
        else "no significant difference (Friedman, 5 %)"
    )
    axes.text(width / 2, height - 0.05, said, ha="center", va="bottom", fontsize=6, color="0.3")
    return figure
