"""COCO files as these tests compare them."""

from __future__ import annotations

import json
from pathlib import Path


def coco_boxes(path: Path) -> dict[str, list[tuple[str, list[float]]]]:
    """Class and x1, y1, x2, y2 by stem, in the file's own coordinates."""
    content = json.loads(path.read_text())
    names = {item["id"]: item["name"] for item in content["categories"]}
    stems = {item["id"]: Path(item["file_name"]).stem for item in content["images"]}
    found: dict[str, list[tuple[str, list[float]]]] = {stem: [] for stem in stems.values()}
    for item in content["annotations"]:
        x, y, width, height = item["bbox"]
        box = [x, y, x + width, y + height]
        found[stems[item["image_id"]]].append((names[item["category_id"]], box))
    return found
