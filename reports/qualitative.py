"""The qualitative panels of a run: which images ``plan.json`` names for them, read and drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ivif_bench.data.images import read_rgb
from ivif_bench.errors import UserError
from ivif_bench.naming import safe_name
from ivif_bench.reports.charts import qualitative, style
from ivif_bench.reports.charts.qualitative import MOST_CROPS, Box, Scene

if TYPE_CHECKING:
    from pathlib import Path

    from ivif_bench.reports.frame import RunResults

_SOURCES = ("infrared", "visible")
_WHERE = "the part where the images differ most"


def files_of(run: RunResults, venue: str = "ieee") -> dict[str, bytes]:
    """``panel-<dataset>`` as PDF and PNG, and its caption as text, by file name.

    Raises:
        UserError: an item without images, images of different sizes, or a part outside of them.
    """
    by_dataset: dict[str, list[Mapping[str, Any]]] = {}
    for item in run.panels:
        if not all((run.run / path).is_file() for path in (item.get("images") or {}).values()):
            continue  # a run directory outlives its datasets; tables need no images
        by_dataset.setdefault(str(item.get("dataset", "")), []).append(item)
    files: dict[str, bytes] = {}
    for dataset, items in by_dataset.items():
        scenes = [scene_of(run.run, item) for item in items]
        titles = _titles(items, run.methods)
        name = f"panel-{safe_name(dataset)}"
        with style.styled():
            for page, figure in enumerate(qualitative.draw(scenes, titles, style.PAGE[venue])):
                files |= style.files(name if page == 0 else f"{name}-{page + 1}", figure)
        files[f"{name}.txt"] = "".join(f"{scene.caption}\n" for scene in scenes).encode()
    return files


def scene_of(run: Path, item: Mapping[str, Any]) -> Scene:
    """One item of ``plan.json`` with its images.

    Args:
        run: folder that relative paths start from.
        item: mapping with ``stem``, ``images`` (label to path), and perhaps ``boxes`` (enlarged parts as
            x1, y1, x2, y2 in pixels) and ``chosen``; without boxes, the part where the images differ
            most.
    """
    images = _load(run, item)
    boxes, given = _boxes(item, images), bool(item.get("boxes"))
    chosen = str(item.get("chosen") or "chosen evenly over the dataset")
    where = "parts from the configuration" if given else _WHERE
    return Scene(str(item["stem"]), images, boxes, f"image {chosen}, {where}")


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
    spread = detail_spread(images, share)
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = spread.cumsum(axis=0).cumsum(axis=1)
    inside = sums[tall:, wide:] - sums[:-tall, wide:] - sums[tall:, :-wide] + sums[:-tall, :-wide]
    y, x = np.unravel_index(int(np.argmax(inside.round(6))), inside.shape)
    return int(x), int(y), int(x) + wide, int(y) + tall


def detail_spread(images: Sequence[np.ndarray], share: float = 0.22) -> np.ndarray:
    """Standard deviation over images of gray level minus the mean of its surroundings.

    Against its surroundings: else a plain road counts, only because it is bright by day.

    Args:
        images: uint8 RGB [H, W, 3] of one size.
        share: side of the surroundings relative to the image.

    Returns:
        float64 [H, W], in gray levels.
    """
    height, width = images[0].shape[:2]
    window = max(1, round(width * share)), max(1, round(height * share))
    gray = [image.astype(np.float64).mean(axis=2) for image in images]
    found: np.ndarray = np.stack([level - cv2.blur(level, window) for level in gray]).std(axis=0)
    return found


def _titles(items: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> dict[str, str]:
    """Label to heading: sources first, then methods in the order in which the items name them."""
    named = dict.fromkeys(label for item in items for label in item.get("images") or {})
    first = [label for label in named if label.lower() in _SOURCES]
    labels = [*first, *(name for name in named if name not in first)]
    return {label: titles.get(label, label) for label in labels}


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


def _boxes(item: Mapping[str, Any], images: Mapping[str, np.ndarray]) -> list[Box]:
    given = item.get("boxes")
    if not given:
        return [most_different_box(list(images.values()))]
    height, width = next(iter(images.values())).shape[:2]
    where = f"plan.json, panel of stem {item['stem']!r}"
    found = []
    try:
        boxes = [tuple(int(value) for value in box) for box in given]
    except (TypeError, ValueError) as problem:
        raise UserError(
            f"{where}: boxes must be lists of x1, y1, x2, y2, not {given!r}"
        ) from problem
    for box in boxes[:MOST_CROPS]:
        if len(box) != 4 or not (0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height):
            raise UserError(
                f"{where}: box {list(box)} does not lie in the image ({width} x {height})"
            )
        found.append((box[0], box[1], box[2], box[3]))
    return found
