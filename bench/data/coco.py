"""Boxes from COCO JSON: one file for many images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.files import read_json
from ivif_bench.types import Boxes


@dataclass(frozen=True, slots=True)
class CocoIndex:
    """What the numbers of a COCO file stand for.

    Attributes:
        stems: stem of each image by its id.
        categories: class name of each category by its id.
        sizes: height and width by stem, of the images whose size the file says.
    """

    stems: Mapping[int | str, str]
    categories: Mapping[int | str, str]
    sizes: Mapping[str, tuple[int, int]]


def read_index(path: Path) -> CocoIndex:
    """The ids of a COCO file, whether it has boxes or not.

    Raises:
        UserError: unreadable, or without ``images`` or ``categories`` of the COCO form.
    """
    try:
        return index_of(read_json(path))
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise UserError(f"cannot read {path}: {reason}") from problem
    except (KeyError, TypeError, AttributeError) as problem:
        raise UserError(
            f"{path}: not a COCO file with 'images' and 'categories' ({problem!r})"
        ) from problem


def index_of(content: Any) -> CocoIndex:
    """The ids of a COCO document.

    Raises:
        KeyError, TypeError, AttributeError: not of the COCO form.
        ValueError: an id or a file name occurs twice, or a name is no text.
    """
    categories = {item["id"]: plain_text(item["name"]) for item in content["categories"]}
    stems = {item["id"]: Path(plain_text(item["file_name"])).stem for item in content["images"]}
    for what, found in (("categories", categories), ("images", stems)):
        if len(found) < len(content[what]):
            raise ValueError(f"two of {what!r} have one id")
    if len(set(stems.values())) < len(stems):
        raise ValueError("two of 'images' have files of one name without extension")
    sizes = {
        stems[item["id"]]: (int(item["height"]), int(item["width"]))
        for item in content["images"]
        if item.get("height") and item.get("width")
    }
    return CocoIndex(stems, categories, sizes)


def read_coco(path: Path) -> dict[str, Boxes]:
    """Boxes of every image of a COCO file by stem: class names unchecked, none left out.

    ``iscrowd`` becomes ``crowd``; ``difficult``, or ``ignore`` as conversions of VOC files write
    it, becomes ``difficult``.

    Raises:
        UserError: unreadable, not of the COCO form, or a flag that is neither 0 nor 1.
    """
    try:
        content = read_json(path)
        names = {item["id"]: plain_text(item["name"]) for item in content["categories"]}
        stems = {item["id"]: Path(plain_text(item["file_name"])).stem for item in content["images"]}
        found: dict[str, list[dict[str, Any]]] = {stem: [] for stem in stems.values()}
        for item in content["annotations"]:
            x, y, width, height = _box(item)
            found[stems[item["image_id"]]].append(
                {
                    "corners": [x, y, x + width, y + height],
                    "name": names[item["category_id"]],
                    "crowd": _flag(item, "iscrowd", path),
                    "difficult": _flag(item, "difficult", path) or _flag(item, "ignore", path),
                }
            )
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise UserError(f"cannot read annotation {path}: {reason}") from problem
    except (KeyError, TypeError, AttributeError) as problem:
        raise UserError(f"{path}: not a COCO file of boxes ({problem!r})") from problem
    return {
        stem: Boxes(
            np.array([row["corners"] for row in rows], dtype=np.float64).reshape(-1, 4),
            tuple(row["name"] for row in rows),
            crowd=np.array([row["crowd"] for row in rows], bool),
            difficult=np.array([row["difficult"] for row in rows], bool),
        )
        for stem, rows in found.items()
    }


def plain_text(value: Any) -> str:
    """A name, as text that can be written and printed.

    Raises:
        ValueError: it has characters that cannot.
    """
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} has characters that no name can have (surrogates)") from None
    return text


def _box(item: Mapping[str, Any]) -> list[float]:
    try:
        values = [float(value) for value in item["bbox"]]
    except (ValueError, OverflowError):
        values = []
    if len(values) != 4 or not all(map(math.isfinite, values)) or min(values[2:]) < 0:
        raise ValueError(
            f"annotation {item.get('id')}: 'bbox' must be [x, y, width, height] with width and "
            f"height from 0, found {str(item['bbox'])[:80]}"
        )
    return values


def _flag(item: Mapping[str, Any], key: str, path: Path) -> bool:
    value = item.get(key, 0)
    if not isinstance(value, int) or value not in (0, 1):
        raise UserError(
            f"{path}: annotation {item.get('id')}: {key!r} must be 0 or 1, found {value!r}"
        )
    return bool(value)
