"""Finds texts of a figure that overlap each other or leave the figure."""

from __future__ import annotations

import itertools

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

_SLACK = 0.6  # points: boxes of letters have a margin


def faults(figure) -> list[str]:
    """What is wrong, in words; the figure is drawn for it."""
    FigureCanvasAgg(figure).draw()
    renderer = figure.canvas.get_renderer()
    whole = figure.bbox
    slack = _SLACK * figure.dpi / 72
    hidden = {text for axes in figure.axes for text in _hidden(axes)}
    boxes = [
        (text.get_text(), text.get_window_extent(renderer))
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text not in hidden
    ]
    found = [
        f"cut off: {text!r}"
        for text, box in boxes
        if box.x0 < whole.x0 - slack
        or box.x1 > whole.x1 + slack
        or box.y0 < whole.y0 - slack
        or box.y1 > whole.y1 + slack
    ]
    for (one, first), (two, second) in itertools.combinations(boxes, 2):
        width = min(first.x1, second.x1) - max(first.x0, second.x0)
        height = min(first.y1, second.y1) - max(first.y0, second.y0)
        if width > slack and height > 2 * slack:
            found.append(f"overlap: {one!r} and {two!r}")
    return found


def _hidden(axes) -> set[Text]:
    """Labels of ticks outside the limits, and of axes that are switched off: they are not drawn."""
    found: set[Text] = set()
    for axis in (axes.xaxis, axes.yaxis):
        drawn = axis._update_ticks() if axes.axison else []
        for tick in (*axis.majorTicks, *axis.minorTicks):
            if not any(tick is one for one in drawn):
                found |= {tick.label1, tick.label2}
        if not axes.axison:
            found.add(axis.label)
    return found
