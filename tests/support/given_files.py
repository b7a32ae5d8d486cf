"""Objects and detections as files of users: three images of two classes, drawn, with known AP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from small_runs import ivif_here

CLASSES = ("People", "Car")
STEMS = ("00004", "00007", "00011")
SIZE = (48, 64)
# Category and x, y, width, height. Each image has one object of each class, the last one Car only.
OBJECTS = {
    "00004": [("People", [2, 3, 10, 20]), ("Car", [30, 10, 20, 12])],
    "00007": [("People", [40, 8, 8, 30]), ("Car", [4, 24, 24, 16])],
    "00011": [("Car", [12, 12, 30, 20])],
}


class GivenFiles:
    """Writes the files, and calls ``detect`` on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.truth = self.write("truth.json", self.document())

    def write(self, name: str, content: Any) -> Path:
        path = self.folder / name
        path.write_text(json.dumps(content))
        return path

    def document(self) -> dict[str, Any]:
        """Objects as a COCO document; ids of images are not the numbers of their files."""
        annotations: list[dict[str, Any]] = []
        for index, (_, objects) in enumerate(OBJECTS.items(), start=1):
            for name, box in objects:
                about = {"image_id": index, "category_id": CLASSES.index(name) + 1, "bbox": box}
                annotations.append({"id": len(annotations) + 1, **about, "iscrowd": 0})
        images = [
            {"id": index, "file_name": f"{stem}.png", "height": SIZE[0], "width": SIZE[1]}
            for index, stem in enumerate(STEMS, start=1)
        ]
        names = [{"id": index, "name": name} for index, name in enumerate(CLASSES, start=1)]
        return {"images": images, "categories": names, "annotations": annotations}

    def results(self, **changed: Callable[[dict[str, Any], str], Any]) -> list[dict[str, Any]]:
        """Detections: all objects but one People, and one false Car; ``changed`` makes single keys.

        So AP50 of Car is 1, and that of People, found in one of two images, is 51 of 101 recalls.
        """
        found = []
        for index, (stem, objects) in enumerate(OBJECTS.items(), start=1):
            for name, box in objects:
                if (stem, name) == ("00007", "People"):
                    continue
                row = {"image_id": index, "category_id": CLASSES.index(name) + 1, "bbox": box}
                found.append((stem, {**row, "score": 0.9 - index / 10}))
        false = {"image_id": 1, "category_id": 2, "bbox": [50, 40, 5, 5], "score": 0.05}
        found.append(("00004", false))
        for stem, row in found:
            row |= {key: make(row, stem) for key, make in changed.items()}
        return [row for _, row in found]

    def yolo(self, name: str, scored: bool) -> Path:
        """The same as YOLO text."""
        folder = self.folder / name
        folder.mkdir()
        rows = self.results() if scored else self.document()["annotations"]
        for index, stem in enumerate(STEMS, start=1):
            lines = []
            for row in (row for row in rows if row["image_id"] == index):
                x, y, w, h = np.divide(row["bbox"], [SIZE[1], SIZE[0]] * 2)
                numbers = [x + w / 2, y + h / 2, w, h, *([row["score"]] if scored else [])]
                lines.append(" ".join(map(str, [row["category_id"] - 1, *numbers])))
            (folder / f"{stem}.txt").write_text("\n".join(lines))
        return folder

    def detect(self, boxes: Path, *options: str, truth: Path | None = None) -> dict[str, float]:
        """What a user sees: AP50 of each class and their mean, from the table as JSON."""
        done = self.called(boxes, *options, truth=truth)
        assert done.returncode == 0, done.stderr
        (table,) = json.loads(done.stdout)["tables"]
        return {key: cell["value"] for key, cell in table["rows"][0]["cells"].items()}

    def called(self, boxes: Path, *options: str, truth: Path | None = None) -> Any:
        return ivif_here(
            "detect", "--boxes", f"mine={boxes}", "--truth", truth or self.truth,
            "--format", "json", *options,
        )  # fmt: skip
