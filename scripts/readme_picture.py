"""The README's picture: two scenes of the demo, above its mAP@0.5 and mIoU.

python scripts/readme_picture.py runs/demo docs/images/demo.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from ivif_bench.files import write_bytes
from ivif_bench.reports.charts import dots, qualitative, style
from ivif_bench.reports.figures import main_column
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.qualitative import scene_of
from ivif_bench.reports.write import build_report

COLUMNS = ("Visible", "Infrared", "average", "ddfm-lite", "dmnet-lite")
WIDTH = 1200


def picture(run: Path, dataset: str = "demo-m3fd") -> bytes:
    """Two rows of one dataset's panel, then mAP@0.5 and mIoU as dots; JPEG bytes, ``WIDTH`` wide."""
    read = load_run(run)
    scenes = [
        scene_of(run, {**item, "images": {name: item["images"][name] for name in COLUMNS}})
        for item in read.panels
        if item["dataset"] == dataset
    ]
    titles = {name: read.methods.get(name, name) for name in COLUMNS}
    with style.styled():
        (panel,) = qualitative.draw(scenes[:2], titles, style.PAGE["ieee"])
        panels = style.files("panel", panel, ["png"])["panel.png"]
        figures = [
            style.files("dots", dots.draw(table, column, style.COLUMN["ieee"]), ["png"])["dots.png"]
            for table in build_report(read).tables
            if (column := main_column(table)) is not None
        ]
    left, right = (_resized(figure, WIDTH // 2) for figure in figures[:2])
    height = max(len(left), len(right))
    below = np.hstack([_padded(left, height), _padded(right, height)])
    whole = np.vstack([_resized(panels, WIDTH), below])
    return cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def _resized(png: bytes, width: int) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    height = round(image.shape[0] * width / image.shape[1])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _padded(image: np.ndarray, height: int) -> np.ndarray:
    return np.pad(image, ((0, height - len(image)), (0, 0), (0, 0)), constant_values=255)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="directory of a finished demo run")
    parser.add_argument("out", type=Path, help="JPEG file to write")
    arguments = parser.parse_args()
    write_bytes(arguments.out, picture(arguments.run))
