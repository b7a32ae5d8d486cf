"""Figures: a qualitative panel with zoomed insets, and the main number of a table with intervals."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ivif_bench.data.images import read_rgb
from ivif_bench.errors import UserError
from ivif_bench.reports.table import Column, Table, differs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_STEMS = 6
_SOURCES = ("infrared", "visible")
_COLOUR = "#d62728"
Box = tuple[int, int, int, int]


def panel(
    run: Path,
    items: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
    stems: int = MOST_STEMS,
) -> bytes:
    """Images side by side: rows are stems, columns infrared, visible and every method.

    Args:
        run: folder that relative paths start from.
        items: mappings with ``stem``, ``images`` (label to path) and perhaps ``box``, the zoomed
            part as x1, y1, x2, y2 in pixels; without it, the part where the images differ most.
        titles: label to heading; a label without one is its own heading.
        stems: how many of the items are drawn.

    Returns:
        PNG bytes.

    Raises:
        UserError: an item without images, images of different sizes, or a box outside of them.
    """
    from matplotlib.figure import Figure

    drawn = items[:stems]
    labels = _labels(drawn)
    loaded = [_load(run, item) for item in drawn]
    height, width = next(iter(loaded[0].values())).shape[:2]
    size = (2.2 * len(labels), 2.2 * height / width * len(drawn) + 0.3)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(drawn), len(labels), squeeze=False)
    for row, (item, images) in enumerate(zip(drawn, loaded, strict=True)):
        box = _box(item, images)
        for at, label in enumerate(labels):
            axis = axes[row, at]
            axis.set_xticks([])
            axis.set_yticks([])
            if row == 0:
                axis.set_title(titles.get(label, label), fontsize=8, parse_math=False)
            if at == 0:
                axis.set_ylabel(str(item["stem"]), fontsize=7, parse_math=False)
            if label in images:
                _draw(axis, images[label], box)
            else:
                axis.text(0.5, 0.5, "—", ha="center", va="center")
    return _png(figure, dpi=200)


def dots(table: Table, column: Column) -> bytes:
    """One column of a table as dots with their 95 % intervals, methods from top to bottom.

    A method without a value keeps its line and stays empty.

    Returns:
        PNG bytes.
    """
    from matplotlib.figure import Figure

    at = table.columns.index(column)
    rows = [row for row in table.rows if not row.published]  # they have no interval
    figure = Figure(figsize=(5.0, 0.8 + 0.28 * len(rows)), layout="constrained")
    axis = figure.subplots()
    for place, row in enumerate(rows):
        estimate = row.cells[at].estimate
        if estimate.value is None:
            continue
        value = estimate.value * column.scale
        if estimate.low is not None and estimate.high is not None:
            ends = [estimate.low * column.scale, estimate.high * column.scale]
            axis.plot(ends, [place, place], color="0.45", linewidth=1.2)
        axis.plot([value], [place], "o", color="#1f77b4", markersize=5)
    if axis.get_xlim()[0] < 0 < axis.get_xlim()[1]:
        axis.axvline(0, color="0.6", linewidth=0.8)
    axis.set_yticks(range(len(rows)), [row.title for row in rows], fontsize=8)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    for label in axis.get_yticklabels():
        label.set_parse_math(False)
    unit = ", %" if column.scale == 100 else ""
    kinds = {row.cells[at].estimate.interval for row in table.rows} - {""}
    lines = f" (lines: 95 % intervals, {', '.join(sorted(kinds))})" if kinds else ""
    axis.set_xlabel(f"{column.title}{unit}{lines}", fontsize=8, parse_math=False)
    title = "\n".join((table.title, *table.warnings))
    axis.set_title(title, fontsize=8, parse_math=False, wrap=True)
    axis.grid(axis="x", color="0.9")
    axis.set_axisbelow(True)
    return _png(figure, dpi=150)


def main_column(table: Table) -> Column | None:
    """The headline of a table: its first mean over classes, if its methods can be compared by it."""
    for at, column in enumerate(table.columns):
        if column.key.startswith(("mAP", "mIoU")) and "[" not in column.key and differs(table, at):
            return column
    return None


def most_different_box(images: Sequence[np.ndarray], share: float = 0.22) -> Box:
    """The window where images differ most.

    Args:
        images: uint8 RGB [H, W, 3] of one size.
        share: side of the window relative to the image.

    Returns:
        x1, y1, x2, y2 in pixels: the window whose detail (gray level minus the mean of its
        surroundings) has the largest standard deviation over the images; the upper left one if
        several are equal.
    """
    height, width = images[0].shape[:2]
    tall, wide = max(1, round(height * share)), max(1, round(width * share))
    gray = [image.astype(np.float64).mean(axis=2) for image in images]
    # Against its surroundings: else a plain road wins, only because it is bright by day.
    spread = np.stack([level - cv2.blur(level, (wide, tall)) for level in gray]).std(axis=0)
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = spread.cumsum(axis=0).cumsum(axis=1)
    inside = sums[tall:, wide:] - sums[:-tall, wide:] - sums[tall:, :-wide] + sums[:-tall, :-wide]
    y, x = np.unravel_index(int(np.argmax(inside.round(6))), inside.shape)
    return int(x), int(y), int(x) + wide, int(y) + tall


def _labels(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sources first, then methods in the order in which the items name them."""
    named = dict.fromkeys(label for item in items for label in item.get("images") or {})
    return [*(s for s in _SOURCES if s in named), *(name for name in named if name not in _SOURCES)]


def _load(run: Path, item: Mapping[str, Any]) -> dict[str, np.ndarray]:
    where = f"plan.json, panel of stem {item.get('stem')!r}"
    images = item.get("images")
    if "stem" not in item or not isinstance(images, Mapping) or not images:
        raise UserError(f"{where}: expected 'stem' and 'images' (label to path)")
    loaded = {str(label): read_rgb(run / str(path)) for label, path in images.items()}
    sizes = {image.shape[:2] for image in loaded.values()}
    if len(sizes) > 1:
        raise UserError(f"{where}: images have different sizes (height, width): {sorted(sizes)}")
    return loaded


def _box(item: Mapping[str, Any], images: Mapping[str, np.ndarray]) -> Box:
    given = item.get("box")
    if given is None:
        return most_different_box(list(images.values()))
    height, width = next(iter(images.values())).shape[:2]
    try:
        x1, y1, x2, y2 = (int(value) for value in given)
    except (TypeError, ValueError) as problem:
        raise UserError(
            f"plan.json, panel of stem {item['stem']!r}: box must be x1, y1, x2, y2, not {given!r}"
        ) from problem
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise UserError(
            f"plan.json, panel of stem {item['stem']!r}: box {given!r} does not lie in the image "
            f"({width} x {height})"
        )
    return x1, y1, x2, y2


def _draw(axis: Axes, image: np.ndarray, box: Box) -> None:
    """An image, its box, and the box enlarged in the corner farthest from it."""
    from matplotlib.patches import Rectangle

    height, width = image.shape[:2]
    x1, y1, x2, y2 = box
    axis.imshow(image, interpolation="nearest")
    frame = Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, ec=_COLOUR, lw=0.8)
    axis.add_patch(frame)
    left = 0.0 if (x1 + x2) / 2 > width / 2 else 0.55
    bottom = 0.0 if (y1 + y2) / 2 < height / 2 else 0.55
    inset = axis.inset_axes((left, bottom, 0.45, 0.45))
    inset.imshow(image[y1:y2, x1:x2], interpolation="nearest")
    inset.set_xticks([])
    inset.set_yticks([])
    for spine in inset.spines.values():
        spine.set_edgecolor(_COLOUR)


def _png(figure: Figure, dpi: int) -> bytes:
    """PNG without time or version inside, so that equal figures are equal files."""
    sink = io.BytesIO()
    figure.savefig(sink, format="png", dpi=dpi, metadata={"Software": None})
    return sink.getvalue()
