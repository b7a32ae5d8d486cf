"""Box plots: a panel per metric, a box per method over the images that all methods have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ivif_bench.reports.charts import style
from ivif_bench.reports.statistics.blocks import Blocks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_TALLEST = 8.8  # inches, of a page with its caption


def draw(blocks: Sequence[Blocks], titles: Mapping[str, str], width: float) -> list[Figure]:
    """Median, quartiles, whiskers to the farthest value within 1.5 quartile ranges, others as dots.

    Means over seeds of each image; ``n`` is the number of images.

    Returns:
        As many figures as it takes for each to fit on a page; none without a metric that has images.
    """
    drawn = [each for each in blocks if each.stems]
    methods = list(dict.fromkeys(method for each in drawn for method in each.methods))
    columns = max(1, min(len(drawn), 2 if width < 5 else 4))
    rows = max(1, int(_TALLEST / _height(len(methods))))
    most = rows * columns
    return [
        _page(drawn[at : at + most], methods, columns, titles, width)
        for at in range(0, len(drawn), most)
    ]


def _height(methods: int) -> float:
    """Inches of a row of panels."""
    return 0.14 * methods + 0.55


def _page(
    drawn: Sequence[Blocks],
    methods: Sequence[str],
    columns: int,
    titles: Mapping[str, str],
    width: float,
) -> Figure:
    rows = -(-len(drawn) // columns)
    labels = style.fitted([titles[name] for name in methods], width * 0.28)
    figure = style.new(width, rows * _height(len(methods)))
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axis, each in zip(panels.flat, drawn, strict=False):
        places = [methods.index(method) for method in each.methods]
        axis.boxplot(
            list(each.means.T),
            positions=places,
            orientation="horizontal",
            widths=0.6,
            patch_artist=True,
            medianprops={"color": "black", "linewidth": 1.0},
            boxprops={"facecolor": style.COLOURS[5], "linewidth": 0.5},
            whiskerprops={"linewidth": 0.5},
            capprops={"linewidth": 0.5},
            flierprops={"marker": ".", "markersize": 2, "markeredgecolor": "0.4"},
            manage_ticks=False,
        )
        arrow = "↓" if each.sign < 0 else "↑"
        room = (width * 0.72) / columns - 0.15
        said = f" {arrow}, n = {len(each.stems)}"
        metric = style.fitted([each.metric], room - style.text_width(said))[0]
        axis.set_title(f"{metric}{said}", pad=3)
        style.few_ticks(axis.xaxis, 3)
        axis.grid(axis="x", color="0.92", linewidth=0.5)
        axis.set_axisbelow(True)
    first = panels[0, 0]
    first.set_yticks(range(len(methods)), labels)
    first.set_ylim(len(methods) - 0.4, -0.6)
    for axis in list(panels.flat)[len(drawn) :]:
        axis.set_axis_off()
    return figure
