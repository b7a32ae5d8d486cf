"""Intermediate maps of a method beside the images that it fused, each with the range of its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ivif_bench.reports.charts import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Kind = Literal["picture", "mean", "energy"]
COLOURS: dict[Kind, str] = {"picture": "gray", "mean": "gray", "energy": "cividis"}
_LEGEND = {
    "mean": "gray: mean over channels",
    "energy": "blue to yellow: root mean square over channels",
}
_TALLEST = 8.8  # inches, of a page with its caption
_GAP, _HEAD, _FOOT = 0.1, 0.25, 0.24  # inches beside, above and below a panel
_TOP, _BOTTOM = 0.24, 0.22  # of the page: title and legend
_SMALL = style.SIZE - 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One drawn map.

    Attributes:
        title: of the panel.
        said: second line, such as channels and scale.
        values: float32 [h, w]; or RGB [h, w, 3] in [0, 1], of a picture.
        kind: how it is coloured; pictures are drawn from 0 to 1 and have no scale of values.
    """

    title: str
    said: str
    values: np.ndarray
    kind: Kind


Cell = tuple[Panel, tuple[float, float]] | None
"""A panel with its range of values, or an empty place."""


def panels_of(name: str, values: np.ndarray, scale: int) -> list[Panel]:
    """The mean over channels of a map, and its root mean square over channels if it has several.

    Args:
        values: float32 [C, h, w].
        scale: of the map's pixels, in pixels of the image.
    """
    size = f", 1/{scale}" if scale > 1 else ""
    if len(values) == 1:
        return [Panel(name, f"1 channel{size}", values[0], "mean")]
    energy = np.sqrt(np.square(values, dtype=np.float64).mean(axis=0)).astype(np.float32)
    said = f"of {len(values)} channels{size}"
    return [
        Panel(name, f"mean {said}", values.mean(axis=0), "mean"),
        Panel(name, f"RMS {said}", energy, "energy"),
    ]


def ranges_of(panels: Sequence[Panel], alike: bool) -> list[tuple[float, float]]:
    """Lowest and highest value of each panel; ``alike``: of all panels of its kind."""
    own = [(float(each.values.min()), float(each.values.max())) for each in panels]
    if not alike:
        return own
    found = []
    for each in panels:
        mine = [ends for other, ends in zip(panels, own, strict=True) if other.kind == each.kind]
        found.append((min(low for low, _ in mine), max(high for _, high in mine)))
    return found


def draw(
    groups: Sequence[Sequence[Panel]], title: str, width: float, alike: bool = False
) -> list[Figure]:
    """The panels in rows, on as many pages as they need.

    Args:
        groups: panels that stand side by side, at most as many as fit into a row: the images, then the
            panels of each map. All show the same part of a scene, at any scale.
        title: above each page.
        width: inches.
        alike: one range of values for all maps of a kind, so that they can be compared; else each has
            its own.
    """
    columns = 2 if width < 5 else 4
    across = (width - _GAP * (columns + 1)) / columns
    panels = [each for group in groups for each in group]
    first = panels[0].values.shape
    tall = across * first[0] / first[1]
    row = tall + _HEAD + _FOOT
    rows = max(1, int((_TALLEST - _TOP - _BOTTOM) / row))
    ends = iter(ranges_of(panels, alike))
    cells: list[Cell] = []
    for number, group in enumerate(groups):
        free = -len(cells) % columns
        if len(group) > free or number == 1:  # images have a row of their own
            cells += [None] * free
        cells += [(panel, next(ends)) for panel in group]
    most = rows * columns
    return [
        _page(cells[at : at + most], title, width, (columns, across, tall))
        for at in range(0, len(cells), most)
    ]


def _page(
    cells: Sequence[Cell], title: str, width: float, places: tuple[int, float, float]
) -> Figure:
    columns, across, tall = places
    row = tall + _HEAD + _FOOT
    height = _TOP + _BOTTOM + row * -(-len(cells) // columns)
    figure = style.new(width, height, placed=True)
    named = style.fitted([title], width - 0.2)[0]
    figure.text(0.5, 1 - 0.05 / height, named, ha="center", va="top", fontsize=style.SIZE)
    for at, cell in enumerate(cells):
        if cell is None:
            continue
        panel, (low, high) = cell
        left = _GAP + (at % columns) * (across + _GAP)
        top = height - _TOP - (at // columns) * row - _HEAD
        axes = figure.add_axes((left / width, (top - tall) / height, across / width, tall / height))
        axes.set_axis_off()
        # A level of one value has no range to spread over the colours.
        spread = (0.0, 1.0) if panel.kind == "picture" else (low, high if high > low else low + 1)
        axes.imshow(
            panel.values,
            cmap=COLOURS[panel.kind],
            vmin=spread[0],
            vmax=spread[1],
            interpolation="nearest",
            aspect="auto",
        )
        middle = (left + across / 2) / width
        for text, up, size in ((panel.title, 0.13, style.SIZE - 0.5), (panel.said, 0.03, _SMALL)):
            figure.text(
                middle,
                (top + up) / height,
                style.fitted([text], 0.97 * across, size)[0],
                ha="center",
                va="bottom",
                fontsize=size,
            )
        if panel.kind != "picture":
            bar = figure.add_axes(
                (left / width, (top - tall - 0.075) / height, across / width, 0.05 / height)
            )
            bar.imshow(np.linspace(0, 1, 256)[None], cmap=COLOURS[panel.kind], aspect="auto")
            bar.set_axis_off()
            for x, value, align in ((left, low, "left"), (left + across, high, "right")):
                figure.text(
                    x / width,
                    (top - tall - 0.09) / height,
                    f"{value:.3g}",
                    ha=align,
                    va="top",
                    fontsize=_SMALL,
                )
    kinds = dict.fromkeys(cell[0].kind for cell in cells if cell is not None)
    said = [_LEGEND[kind] for kind in kinds if kind in _LEGEND]
    if said:
        text = style.fitted(["; ".join(said)], width - 0.2, _SMALL)[0]
        figure.text(
            0.5, 0.05 / height, text, ha="center", va="bottom", fontsize=_SMALL, color="0.3"
        )
    return figure
