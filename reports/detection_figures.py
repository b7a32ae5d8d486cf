"""Figures of a detection table: AP per class with intervals, precision over recall, errors by kind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.curves import file_of
from ivif_bench.detections.ap import RECALLS
from ivif_bench.detections.errors import KINDS
from ivif_bench.reports.charts import style
from ivif_bench.reports.comparison import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ivif_bench.reports.detection_detail import Detail

_SOURCE, _BAR = "0.35", "#4477aa"  # source images are gray
_DASHES = ("-", "--", ":", "-.")
_COLUMNS = 3  # panels side by side


def figures_of(comparison: Comparison, details: Mapping[str, Detail]) -> dict[str, bytes]:
    """PNG and PDF of each figure, by file name."""
    name = comparison.name
    figures = {
        f"{name}-classes": classes_figure(comparison, details),
        f"{name}-curves": curves_figure(comparison, details),
        f"{name}-errors": errors_figure(comparison, details),
    }
    return {
        f"{stem}.{kind}": file_of(figure, kind)
        for stem, figure in figures.items()
        for kind in ("png", "pdf")
    }


def classes_figure(comparison: Comparison, details: Mapping[str, Detail]) -> Figure:
    """A panel per class and one of the mean: bars of AP@0.5 with 95 % intervals, a row per method.

    A line marks the best source image.
    """
    classes = [name for name in _classes(details) if _known(details, name)]
    panels, figure = _panels([*classes, ""], 0.9 + 0.2 * len(details), 4, 1.45)
    for axes, name in zip(panels, [*classes, ""], strict=True):
        best = max(
            (details[m].interval_of(name)[0] for m in details if m in comparison.sources),
            default=math.nan,
        )
        for place, (method, detail) in enumerate(details.items()):
            value, low, high = (100 * number for number in detail.interval_of(name))
            colour = _SOURCE if method in comparison.sources else _BAR
            axes.barh(place, value, height=0.65, color=colour, alpha=0.75)
            axes.plot([low, high], [place, place], color="black", linewidth=1)
        if not math.isnan(best):
            axes.axvline(100 * best, color="black", linewidth=0.8, linestyle=":")
        _titled(axes, name or "mean over classes")
        axes.set_xlim(0, 100)
        axes.grid(axis="x", color="0.9")
    _named(panels, [comparison.methods[method] for method in details])
    figure.supxlabel(
        "AP@0.5, %, with 95 % intervals; dotted: best source image",
        fontsize=8,
    )
    return figure


def curves_figure(comparison: Comparison, details: Mapping[str, Detail]) -> Figure:
    """A panel per class: precision over recall at IoU 0.5, a line per method.

    Precision is the best at this recall or a larger one, as AP averages it.
    """
    classes = [name for name in _classes(details) if _known(details, name)]
    panels, figure = _panels(classes, 2.1)
    styles = _styles(comparison, details)
    for axes, name in zip(panels, classes, strict=True):
        for method, detail in details.items():
            line = detail.precision[detail.classes.index(name)]
            label = comparison.methods[method]
            axes.plot(100 * RECALLS, 100 * line, label=label, linewidth=1.1, **styles[method])
        _titled(axes, name)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 102)
        axes.grid(color="0.9")
    figure.supxlabel("recall, %", fontsize=8)
    figure.supylabel("precision, %", fontsize=8)
    if panels:
        _legend(figure, panels[0])
    return figure


def errors_figure(comparison: Comparison, details: Mapping[str, Detail]) -> Figure:
    """A panel per kind of error: what AP@0.5 would gain by mending it, a row per method.

    Not stacked: gains do not add up, since one mended error may hide another.
    """
    panels, figure = _panels(KINDS, 0.9 + 0.2 * len(details), columns=len(KINDS), width=1.0)
    most = 1.0
    for axes, kind in zip(panels, KINDS, strict=True):
        for place, (method, detail) in enumerate(details.items()):
            gain = 100 * _gain(detail, kind)
            most = max(most, gain)
            colour = _SOURCE if method in comparison.sources else _BAR
            axes.barh(place, gain, height=0.65, color=colour, alpha=0.75)
        _titled(axes, kind)
        axes.grid(axis="x", color="0.9")
    for axes in panels:
        axes.set_xlim(0, 1.05 * most)
    _named(panels, [comparison.methods[method] for method in details])
    figure.supxlabel(
        "gain in AP@0.5 if errors of one kind alone were mended, percentage points", fontsize=8
    )
    return figure


def _panels(
    names: Sequence[str], height: float, columns: int = _COLUMNS, width: float = 1.9
) -> tuple[list[Axes], Figure]:
    from matplotlib.figure import Figure

    columns = min(columns, max(1, len(names)))
    lines = max(1, math.ceil(len(names) / columns))
    figure = Figure(figsize=(width * columns + 1.0, height * lines + 0.7), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True)
    panels = list(grid.flat)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    for axes in panels:
        axes.tick_params(labelsize=7)
        axes.set_axisbelow(True)
    return panels[: len(names)], figure


def _named(panels: Sequence[Axes], titles: Sequence[str]) -> None:
    """Methods from top to bottom, as in the table."""
    for axes in panels:
        axes.set_yticks(range(len(titles)), style.fitted(titles, 1.6, 7), fontsize=7)
        axes.set_ylim(len(titles) - 0.5, -0.5)
        for label in axes.get_yticklabels():
            label.set_parse_math(False)


def _styles(comparison: Comparison, details: Mapping[str, Detail]) -> dict[str, dict[str, Any]]:
    """A line style per method, all different up to 32; source images are gray."""
    styles: dict[str, dict[str, Any]] = {}
    for method in details:
        mine = method in comparison.sources
        number = sum((each in comparison.sources) == mine for each in styles)
        colours = style.COLOURS
        colour = _SOURCE if mine else colours[number % len(colours)]
        dash = _DASHES[number % 4] if mine else _DASHES[number // len(colours) % 4]
        styles[method] = {"color": colour, "linestyle": dash}
    return styles


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    width = figure.get_size_inches()[0]
    labels = style.fitted(labels, 1.6, 7)
    columns = max(1, min(len(labels), int(width / (0.65 + style.widest(labels, 7)))))
    legend = figure.legend(handles, labels, loc="outside upper left", ncols=columns, fontsize=7)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _titled(axes: Axes, name: str) -> None:
    axes.set_title(name, loc="left", fontsize=8, parse_math=False)


def _classes(details: Mapping[str, Detail]) -> tuple[str, ...]:
    return next(iter(details.values())).classes


def _known(details: Mapping[str, Detail], name: str) -> bool:
    """Whether a class has objects."""
    at = _classes(details).index(name)
    return not all(np.isnan(detail.precision[at]).all() for detail in details.values())


def _gain(detail: Detail, kind: str) -> float:
    gain = next(float(row["gain"]) for row in detail.errors if row["kind"] == kind)
    return 0.0 if math.isnan(gain) else gain
