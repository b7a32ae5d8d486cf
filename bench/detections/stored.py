"""``detections-<key>.json`` of a run: objects and detections of a unit, in COCO form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.detections.boxes import MOST_PER_CLASS, Flat, Judged, best, in_order
from ivif_bench.errors import UserError
from ivif_bench.files import read_json


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """The content of such a file.

    Attributes:
        boxes: objects and the 100 best detections per image and class.
        areas: float64 [images], square pixels; None if the file does not say.
        tags: conditions, such as ``night``, to the images that have them: rising indices.
    """

    boxes: Judged
    areas: np.ndarray | None = None
    tags: Mapping[str, np.ndarray] = field(default_factory=dict)


def name_of(key: str) -> str:
    """Name of the file of a unit, by its key."""
    return f"detections-{key}.json"


_once: dict[Path, Stored] | None = None


@contextmanager
def read_once() -> Iterator[None]:
    """Within it, a file that was read is not read again: a page and its tables are made of the same files."""
    global _once
    before, _once = _once, {} if _once is None else _once
    try:
        yield
    finally:
        _once = before


def read_stored(path: Path) -> Stored:
    """Read such a file.

    Raises:
        UserError: unreadable or not of this form.
    """
    known = _once
    if known is None:
        return _read(path)
    if path not in known:
        known[path] = _read(path)
    return known[path]


def _read(path: Path) -> Stored:
    try:
        content = read_json(path)
        truth = content["truth"]
        images = {each["id"]: at for at, each in enumerate(truth["images"])}
        classes = {each["id"]: at for at, each in enumerate(truth["categories"])}
        stems = tuple(Path(str(each["file_name"])).stem for each in truth["images"])
        names = tuple(str(each["name"]) for each in truth["categories"])
        real = _flat(truth["annotations"], images, classes, truth=True)
        mine = _flat(content["detections"], images, classes, truth=False)
        boxes = Judged(stems, names, in_order(real), best(in_order(mine), MOST_PER_CLASS))
        return Stored(boxes, _areas(truth["images"]), _tags(truth["images"]))
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror or problem}") from problem
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as problem:
        raise UserError(
            f"{path}: not the detections of a unit ({type(problem).__name__}: {problem}); delete "
            "the unit's results and this file, and 'run' writes them again"
        ) from problem


def _flat(
    items: Sequence[Mapping[str, Any]],
    images: Mapping[Any, int],
    classes: Mapping[Any, int],
    truth: bool,
) -> Flat:
    xywh = np.array([each["bbox"] for each in items], np.float64).reshape(len(items), 4)
    score = np.array([0.0 if truth else each["score"] for each in items], np.float64)
    if not (np.isfinite(xywh).all() and np.isfinite(score).all()):
        raise ValueError("a box or a score that is not finite")
    crowd = np.array([bool(each.get("iscrowd", 0)) for each in items], bool)
    difficult = np.array([bool(each.get("difficult", 0)) for each in items], bool)
    return Flat(
        image=np.array([images[each["image_id"]] for each in items], np.int64),
        category=np.array([classes[each["category_id"]] for each in items], np.int64),
        xywh=xywh,
        score=score,
        crowd=crowd,
        ignored=crowd | difficult,
    )


def _areas(images: Sequence[Mapping[str, Any]]) -> np.ndarray | None:
    sizes = [(each.get("width"), each.get("height")) for each in images]
    if not all(isinstance(side, int) and side > 0 for size in sizes for side in size):
        return None
    return np.array(sizes, np.float64).reshape(-1, 2).prod(axis=1)


def _tags(images: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    found: dict[str, list[int]] = {}
    for at, each in enumerate(images):
        for tag in each.get("tags", ()):
            found.setdefault(str(tag), []).append(at)
    return {tag: np.array(found[tag]) for tag in sorted(found)}
