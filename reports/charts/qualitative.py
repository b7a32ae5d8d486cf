"""Qualitative panels: one scene of all methods side by side, with enlarged parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ivif_bench.reports.charts import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels; the last column and row are not part of it."""

# Okabe and Ito's colours that stand out from pictures, by name for captions.
_FRAMES = (("orange", "#E69F00"), ("blue", "#56B4E9"), ("yellow", "#F0E442"), ("pink", "#CC79A7"))
MOST_CROPS = len(_FRAMES)  # as the configuration allows
_COLUMNS = 6
_TALLEST = 8.8  # inches, of a page with its caption
_GAP, _HEAD, _LINE = 0.05, 0.14, 0.115  # inches between pictures, above one, of a caption's line
_SMALL = style.SIZE - 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One pair of images and what methods made of it.

    Attributes:
        stem: name of the pair.
        images: label to uint8 RGB [H, W, 3], all of one size.
        boxes: parts that are enlarged.
        chosen: how the pair and the parts were chosen, for the caption.
    """

    stem: str
    images: Mapping[str, np.ndarray]
    boxes: Sequence[Box]
    chosen: str

    @property
    def caption(self) -> str:
        """One sentence: the pair, the parts and how they were chosen."""
        parts = "; ".join(
            f"{name}: x {x1} to {x2}, y {y1} to {y2}"
            for (name, _), (x1, y1, x2, y2) in zip(_FRAMES, self.boxes, strict=False)
        )
        height, width = next(iter(self.images.values())).shape[:2]
        return f"Image {self.stem} ({width}×{height}); enlarged {parts}; {self.chosen}."


def draw(scenes: Sequence[Scene], titles: Mapping[str, str], width: float) -> list[Figure]:
    """Scenes below each other, on as many pages as they need.

    Args:
        titles: label of an image to its heading, in their order; a scene without one has a gap.
        width: inches.
    """
    blocks = [_Block(scene, titles, width) for scene in scenes]
    pages: list[list[_Block]] = [[]]
    for block in blocks:
        taken = sum(each.height for each in pages[-1])
        if pages[-1] and taken + block.height > _TALLEST:
            pages.append([])
        pages[-1].append(block)
    return [_page(page, width) for page in pages if page]


def _page(blocks: Sequence[_Block], width: float) -> Figure:
    figure = style.new(width, sum(each.height for each in blocks), placed=True)
    top = 0.0
    for block in blocks:
        block.draw(figure, top)
        top += block.height
    return figure


class _Block:
    """The rows of one scene, and its caption."""

    def __init__(self, scene: Scene, titles: Mapping[str, str], width: float) -> None:
        self.scene, self.titles, self.width = scene, titles, width
        self.columns = min(len(titles), _COLUMNS if width > 5 else 3)
        self.across = (width - _GAP) / self.columns - _GAP
        height, across = next(iter(scene.images.values())).shape[:2]
        self.tall = self.across * height / across
        # One part is drawn inside of the picture, several stand below it.
        several = len(scene.boxes) > 1
        self.part = self.across / len(scene.boxes) if several else 0.0
        self.row = _HEAD + self.tall + self.part + _GAP
        self.lines = style.wrapped(scene.caption, 0.93 * width - 0.1, _SMALL)
        rows = -(-len(titles) // self.columns)
        self.height = rows * self.row + _LINE * len(self.lines) + 0.1

    def draw(self, figure: Figure, top: float) -> None:
        """Draw it that many inches below the upper edge."""
        shown = style.fitted(list(self.titles.values()), 0.97 * self.across, _SMALL)
        for at, (name, label) in enumerate(zip(self.titles, shown, strict=True)):
            left = _GAP + (at % self.columns) * (self.across + _GAP)
            upper = top + (at // self.columns) * self.row + _HEAD
            axes = self._axes(figure, left, upper, self.across, self.tall)
            self._text(figure, left + self.across / 2, upper - 0.03, label, "center", "bottom")
            image = self.scene.images.get(name)
            if image is None:
                axes.text(0.5, 0.5, "—", ha="center", va="center", transform=axes.transAxes)
                continue
            axes.imshow(image, interpolation="antialiased", aspect="auto")
            for number, (box, (_, colour)) in enumerate(
                zip(self.scene.boxes, _FRAMES, strict=False)
            ):
                self._frame(axes, box, colour)
                if not self.part:
                    self._inset(axes, image, box, colour)
                    continue
                beside = left + number * self.part
                below = self._axes(
                    figure, beside, upper + self.tall + 0.02, self.part - 0.01, self.part - 0.03
                )
                _enlarged(below, image, box, colour)
        low = top + self.height - 0.1 - _LINE * len(self.lines)
        for number, line in enumerate(self.lines):
            self._text(figure, _GAP, low + 0.02 + _LINE * number, line, "left", "top")

    def _axes(self, figure: Figure, left: float, top: float, across: float, tall: float) -> Axes:
        width, height = figure.get_size_inches()
        place = (left / width, 1 - (top + tall) / height, across / width, tall / height)
        axes = figure.add_axes(place)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        return axes

    def _text(self, figure: Figure, x: float, y: float, text: str, across: str, up: str) -> None:
        width, height = figure.get_size_inches()
        figure.text(x / width, 1 - y / height, text, ha=across, va=up, fontsize=_SMALL)

    def _frame(self, axes: Axes, box: Box, colour: str) -> None:
        from matplotlib.patches import Rectangle

        x1, y1, x2, y2 = box
        axes.add_patch(
            Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, ec=colour, lw=0.8)
        )

    def _inset(self, axes: Axes, image: np.ndarray, box: Box, colour: str) -> None:
        """The part enlarged in the corner farthest from it."""
        height, width = image.shape[:2]
        left = 0.0 if (box[0] + box[2]) / 2 > width / 2 else 0.55
        bottom = 0.0 if (box[1] + box[3]) / 2 < height / 2 else 0.55
        _enlarged(axes.inset_axes((left, bottom, 0.45, 0.45)), image, box, colour)


def _enlarged(axes: Axes, image: np.ndarray, box: Box, colour: str) -> None:
    x1, y1, x2, y2 = box
    axes.imshow(image[y1:y2, x1:x2], interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_edgecolor(colour)
        spine.set_linewidth(0.8)
