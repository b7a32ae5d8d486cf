"""m3fd-det.v2 and m3fd-det-paper.v1 on sixty full-size pairs, with a small network in place of YOLOv5x."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.data.base import open_dataset
from ivif_bench.data.splits import resolve_split
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.write import build_report

SIDES = (768, 1024)
SCENES, FRAMES = 12, 5
CLASSES = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
_OBJECT = (
    "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax>"
    "</bndbox></object>"
)


def write_pairs(root: Path) -> None:
    """Sixty pairs in M3FD's layout: twelve scenes of five frames, in which the objects move."""
    for name in ("Ir", "Vis", "Annotation"):
        (root / name).mkdir(parents=True)
    fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    for scene in range(SCENES):
        rng = np.random.default_rng(scene)
        coarse = rng.integers(0, 120, (2, 12, 16), dtype=np.uint8)
        sides = [cv2.resize(side, SIDES[::-1], interpolation=cv2.INTER_CUBIC) for side in coarse]
        places = rng.integers((50, 50), (800, 550), (len(CLASSES), 2))
        for frame in range(FRAMES):
            stem = f"{scene * FRAMES + frame:05d}"
            infrared, visible = (side.copy() for side in sides)
            objects = []
            for number, (x, y) in enumerate(places.tolist()):
                x += 6 * frame
                width, height = 60 + 20 * number, 150 - 15 * number
                infrared[y : y + height, x : x + width] = 255 - 30 * number
                visible[y : y + height, x : x + width] = 130 + 20 * number
                objects.append(_OBJECT.format(CLASSES[number], x + 1, y + 1, x + width, y + height))
            cv2.imwrite(str(root / "Ir" / f"{stem}.png"), infrared, fast)
            cv2.imwrite(str(root / "Vis" / f"{stem}.png"), cv2.merge([visible] * 3), fast)
            text = f"<annotation>{''.join(objects)}</annotation>"
            (root / "Annotation" / f"{stem}.xml").write_text(text)


@pytest.mark.slow
def test_both_protocols_run_and_their_tables_name_every_substitution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "M3FD_Detection"
    write_pairs(root)
    section = {
        "dataset": "m3fd", "network": "yolov5n-original", "initial": "scratch", "seeds": [0],
        "recipe": {"inference": {"image_size": 64}, "training": {"epochs": 1, "autoanchor": False}},
    }  # fmt: skip
    names = ["m3fd-det.v2", "m3fd-det-paper.v1"]
    content = {
        "name": "both",
        "runs": str(tmp_path / "runs"),
        "datasets": {"m3fd": {"layout": "m3fd", "root": str(root)}},
        "methods": ["average"],
        "detection": [{**section, "protocol": name} for name in names],
    }
    config = tmp_path / "both.yaml"
    config.write_text(yaml.safe_dump(content))
    done = CliRunner().invoke(app, ["detect", str(config), "-j", "2"])
    assert done.exit_code == 0, done.output

    made = build_report(load_run(tmp_path / "runs" / "both")).tables
    tables = [table for table in made if not table.name.endswith("ap75")]
    assert len(tables) == 2
    for table, name in zip(tables, names, strict=True):
        assert (
            f"Not {name} as published: network yolov5n-original instead of yolov5x-original, "
            "inference.image_size 64 instead of 640, training.epochs 1 instead of 50, "
            "training.autoanchor False instead of True." in table.full_caption
        )
        titles = [column.title for column in table.columns]
        assert titles[len(CLASSES) :] == [
            "mAP@0.5", "mAP@[.5:.95]", "mAP@0.75", "mAP@0.5 [yolov5]", "mAP@[.5:.95] [yolov5]"
        ]  # fmt: skip
        assert all(cell.estimate.value is not None for row in table.rows for cell in row.cells)
        assert any("YOLOv5n (original" in line for line in table.footer)
    scenes, random = (next(line for line in t.footer if line.startswith("Split:")) for t in tables)
    assert scenes.startswith("Split: scenes:test=0.2,seed=0 (sha256 ")
    assert random.startswith("Split: random:test=0.2,seed=0 (sha256 ")

    dataset = open_dataset("m3fd", root)
    divided = {}
    for rule in ("scenes", "random"):
        split = resolve_split(dataset, f"{rule}:test=0.2,seed=0")
        sides = [{int(stem) // FRAMES for stem in part} for part in (split.train, split.test)]
        divided[rule] = len(sides[0] & sides[1])
    assert divided["scenes"] == 0
    assert divided["random"] > 0
