"""Per-image curves: a panel per metric, a line per method over the images, as papers draw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ivif_bench.reports.charts import style
from ivif_bench.reports.statistics.blocks import Blocks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TALLEST = 8.8  # inches, of a page with its caption
_ROW = 1.55
_MARKS = 8  # markers along a line


def draw(blocks: Sequence[Blocks], titles: Mapping[str, str], width: float) -> list[Figure]:
    """The value of each image, in the order of the images; means over seeds.

    Args:
        blocks: metrics, on the images that all methods have.
        titles: of methods.
        width: inches.

    Returns:
        As many figures as it takes for each to fit on a page; none without a metric of two images.
    """
    drawn = [each for each in blocks if len(each.stems) > 1]
    methods = list(dict.fromkeys(method for each in drawn for method in each.methods))
    if not drawn:
        return []
    labels = style.fitted([titles[name] for name in methods], style.legend_room(width))
    look = style.looks(titles)
    below = style.legend_height(labels, width)
    columns = min(len(drawn), 1 if width < 5 else 2)
    most = columns * max(1, int((_TALLEST - below) / _ROW))
    return [
        _page(drawn[at : at + most], methods, labels, look, columns, width)
        for at in range(0, len(drawn), most)
    ]


def _page(
    drawn: Sequence[Blocks],
    methods: Sequence[str],
    labels: Sequence[str],
    look: Mapping[str, tuple[str, str]],
    columns: int,
    width: float,
) -> Figure:
    rows = -(-len(drawn) // columns)
    figure = style.new(width, rows * _ROW + style.legend_height(labels, width) + 0.15)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    handles = {}
    for axis, each in zip(panels, drawn, strict=False):
        count = len(each.stems)
        for column, method in enumerate(each.methods):
            at = methods.index(method)
            colour, marker = look[method]
            # Markers of different methods stand at different images, or they would hide each other.
            apart = max(1, count // _MARKS)
            (handles[method],) = axis.plot(
                range(1, count + 1),
                each.means[:, column],
                color=colour,
                marker=marker,
                markersize=2.5,
                markevery=(at % apart, apart),
                linewidth=0.7,
            )
        arrow = "↓" if each.sign < 0 else "↑"
        axis.set_title(f"{style.fitted([each.metric], width / columns - 0.8)[0]} {arrow}", pad=3)
        axis.set_xlim(1, count)
        style.few_ticks(axis.xaxis, 6, whole=True)
        style.few_ticks(axis.yaxis, 4)
        axis.grid(color="0.92", linewidth=0.5)
        axis.set_axisbelow(True)
    for axis in panels[len(drawn) :]:
        axis.set_axis_off()
    for axis in panels[max(0, len(drawn) - columns) : len(drawn)]:
        axis.set_xlabel("image, in the order of names")
    known = [at for at, method in enumerate(methods) if method in handles]
    style.legend(
        figure, [handles[methods[at]] for at in known], [labels[at] for at in known], width
    )
    return figure
