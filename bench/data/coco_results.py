"""Detections from COCO JSON: the list of results that detectors write, or a document with scores.

The forms in use: a list of ``{image_id, category_id, bbox, score}``; a COCO document whose annotations
have a ``score``; and ``{"truth": document, "detections": list}``, as runs write it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.data.coco import CocoIndex, index_of, plain_text
from ivif_bench.errors import UserError
from ivif_bench.files import read_json


@dataclass(frozen=True, slots=True)
class CocoResults:
    """The detections of a file, before it is said of which images and classes they are.

    Attributes:
        images: for each detection its ``file_name`` if it has one, else its ``image_id``.
        categories: for each detection its ``category_id``; text is a class name.
        xyxy: float64 [N, 4], corners in pixels.
        scores: float64 [N] in 0..1.
        index: what the ids stand for, if the file itself says so.
    """

    images: list[int | str]
    categories: list[int | str]
    xyxy: np.ndarray
    scores: np.ndarray
    index: CocoIndex | None = None


def read_results(path: Path) -> CocoResults:
    """Read a file of detections.

    Raises:
        UserError: unreadable, of another form, or a detection without a box or a score in 0..1.
    """
    try:
        content = read_json(path)
        index = None
        if isinstance(content, Mapping):
            content, index = _of_document(content)
        items = list(_flat(content))
        rows = [_row(item, at) for at, item in enumerate(items)]
    except (OSError, ValueError, OverflowError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise UserError(f"cannot read boxes {path}: {reason}") from problem
    except (KeyError, TypeError, AttributeError) as problem:
        raise UserError(
            f"{path}: not COCO results (a list of image_id, category_id, bbox, score), nor a COCO "
            f"document whose annotations have scores ({problem!r})"
        ) from problem
    numbers = np.array([row[2] for row in rows], np.float64).reshape(-1, 5)
    xyxy = np.hstack([numbers[:, :2], numbers[:, :2] + numbers[:, 2:4]])
    return CocoResults(
        [row[0] for row in rows], [row[1] for row in rows], xyxy, numbers[:, 4], index
    )


def _of_document(content: Mapping[str, Any]) -> tuple[Any, CocoIndex]:
    if "detections" in content:
        return content["detections"], index_of(content["truth"])
    return content["annotations"], index_of(content)


def _flat(content: Any) -> Any:
    """Detections in a list, or in a list for each image."""
    if not isinstance(content, list):
        raise TypeError(f"{type(content).__name__} in place of a list")
    for item in content:
        if isinstance(item, list):
            yield from item
        else:
            yield item


def _row(item: Mapping[str, Any], at: int) -> tuple[int | str, int | str, list[float]]:
    image = _id(item.get("file_name", item.get("image_id")), "image_id", at)
    category = _id(item["category_id"], "category_id", at)
    if "score" not in item:
        raise ValueError(f"detection {at} has no 'score'; is it a file of annotations?")
    box, score = _numbers(item["bbox"], 4), _numbers(item["score"], 1)
    if box is None or min(box[2:]) < 0:
        raise ValueError(
            f"detection {at}: 'bbox' must be [x, y, width, height] with width and height from 0, "
            f"found {str(item['bbox'])[:80]}"
        )
    if score is None or not 0 <= score[0] <= 1:
        raise ValueError(
            f"detection {at}: 'score' must be one number in 0..1, found {str(item['score'])[:80]}"
        )
    return image, category, [*box, *score]


def _id(value: Any, key: str, at: int) -> int | str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"detection {at}: {key!r} must be a number or text, found {value!r}"[:200])
    return plain_text(value) if isinstance(value, str) else value


def _numbers(value: Any, count: int) -> list[float] | None:
    """So many finite numbers; lists around them, as tensors leave them, do not matter."""
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    values = value if isinstance(value, list) else [value]
    plain = all(isinstance(each, int | float) and not isinstance(each, bool) for each in values)
    if len(values) != count or not plain or not all(map(math.isfinite, values)):
        return None
    return [float(each) for each in values]
