"""A whole report: files, determinism, figures."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from latex_text import check_compiles

from ivif_bench.data.images import encode_png
from ivif_bench.errors import UserError
from ivif_bench.reports.qualitative import most_different_box
from ivif_bench.reports.write import write_report


def _fill(builder: Any) -> Any:
    for index, method in enumerate(("visible", "infrared", "a_b%&#{}~^\\")):
        random = np.random.default_rng(index)
        values = {m: {f"s{i}": float(random.normal(5, 1)) for i in range(5)} for m in ("EN", "SF")}
        if index == 1:
            values["EN"]["s0"] = math.nan
        builder.quality(method, values)
        for seed in (0, 1):
            builder.detection(
                method,
                {"People": float(random.uniform()), "Car": 0.5},
                seed=seed,
                warnings=["PSEUDO LABELS: not ground truth."],
            )
    builder.quality("dmnet", None)
    return builder


def test_report_has_every_table_in_every_format(tmp_path: Path, new_run: Any) -> None:
    run = _fill(new_run(tmp_path / "demo")).write()
    written = write_report(run)
    names = {path.name for path in written}
    assert names == {path.name for path in (run / "report").iterdir()}
    for table in ("quality-msrs", "detection-m3fd"):
        assert {f"{table}.tex", f"{table}.csv"} <= names
        assert rf"\input{{{table}.tex}}" in (run / "report" / "tables.tex").read_text()
    assert {"tables.md", "tables.tex", "report.tex", "report.json", "detection-m3fd.png"} <= names
    text = (run / "report" / "tables.md").read_text()
    assert "PSEUDO LABELS: not ground truth." in text
    assert "dmnet" in text
    stored = json.loads((run / "report" / "tables.json").read_text())
    assert [table["name"] for table in stored["tables"]] == ["quality-msrs", "detection-m3fd"]


def test_report_json_names_units_and_hashes_of_files(tmp_path: Path, new_run: Any) -> None:
    run = _fill(new_run(tmp_path / "demo")).write()
    write_report(run, ["csv"])
    said = json.loads((run / "report" / "report.json").read_text())
    assert len(said["units"]) == 10
    assert [u["method"] for u in said["units"] if u["provenance"] is None] == ["dmnet"]
    for name, digest in said["files"].items():
        assert hashlib.sha256((run / "report" / name).read_bytes()).hexdigest() == digest


def test_equal_results_give_equal_bytes(tmp_path: Path, new_run: Any) -> None:
    folders = []
    for name in ("one", "two"):
        run = _fill(new_run(tmp_path / name)).write()
        write_report(run)
        folders.append({p.name: p.read_bytes() for p in (run / "report").iterdir()})
    assert folders[0] == folders[1]
    write_report(tmp_path / "two")
    assert {p.name: p.read_bytes() for p in (tmp_path / "two" / "report").iterdir()} == folders[1]


def test_unknown_format_is_refused_before_anything_is_written(tmp_path: Path, new_run: Any) -> None:
    run = _fill(new_run(tmp_path / "demo")).write()
    with pytest.raises(UserError, match="did you mean latex"):
        write_report(run, ["markdown", "latx"])
    assert not (run / "report").exists()


def test_a_whole_report_compiles_with_pdflatex(tmp_path: Path, new_run: Any) -> None:
    run = _fill(new_run(tmp_path / "demo")).write()
    write_report(run, ["latex"])
    check_compiles(run / "report", "report.tex")


def _images(folder: Path) -> dict[str, str]:
    random = np.random.default_rng(0)
    base = random.integers(0, 255, (60, 80, 3)).astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for index, label in enumerate(("visible", "infrared", "m$ethod_")):
        image = base.copy()
        image[40:52, 50:66] = 80 * index
        path = folder / f"{index}.png"
        path.write_bytes(encode_png(image))
        paths[label] = path.name
    return paths


@pytest.mark.slow
def test_panel_is_drawn_from_the_plan(tmp_path: Path, new_run: Any) -> None:
    builder = _fill(new_run(tmp_path / "demo"))
    images = _images(tmp_path / "demo")
    builder.panels = [
        {"dataset": "msrs", "stem": "s0", "images": images},
        {
            "dataset": "msrs",
            "stem": "s1",
            "images": dict(list(images.items())[:2]),
            "boxes": [[0, 0, 9, 9], [10, 20, 30, 40]],
        },
    ]
    run = builder.write()
    path = run / "report" / "panel-msrs.png"
    assert path in write_report(run)
    drawn = cv2.imread(str(path))
    assert drawn.shape[1] == 2148  # 7.16 inches, a page of IEEE
    assert drawn.std() > 10
    pdf = path.with_suffix(".pdf").read_bytes()
    assert b"/Type3" not in pdf
    caption = path.with_suffix(".txt").read_text().splitlines()
    assert caption[0].startswith("Image s0 (")
    assert "where the images differ most" in caption[0]
    assert "enlarged orange: x 0 to 9, y 0 to 9; blue: x 10 to 30, y 20 to 40" in caption[1]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"boxes": [[0, 0, 900, 9]]}, "does not lie"),
        ({"boxes": "here"}, "boxes must be"),
        ({"images": {}}, "expected 'stem'"),
    ],
)
def test_broken_panels_are_user_errors(
    tmp_path: Path, new_run: Any, change: dict[str, Any], word: str
) -> None:
    builder = _fill(new_run(tmp_path / "demo"))
    images = _images(tmp_path / "demo")
    builder.panels = [{"dataset": "msrs", "stem": "s0", "images": images, **change}]
    with pytest.raises(UserError, match=word):
        write_report(builder.write())


def test_tables_are_written_also_when_a_panels_images_are_gone(
    tmp_path: Path, new_run: Any
) -> None:
    builder = _fill(new_run(tmp_path / "demo"))
    gone = {"visible": "gone.png"}
    builder.panels = [{"dataset": "msrs", "stem": "s0", "images": gone}]
    names = [path.name for path in write_report(builder.write())]
    assert "tables.md" in names
    assert "panel-msrs.png" not in names


def test_the_zoomed_part_is_where_the_images_differ() -> None:
    images = [np.full((100, 200, 3), 50, np.uint8) for _ in range(3)]
    images[1][60:70, 150:170] = 255
    x1, y1, x2, y2 = most_different_box(images)
    assert x1 <= 150
    assert x2 >= 170
    assert y1 <= 60
    assert y2 >= 70
    assert (x2 - x1, y2 - y1) == (44, 22)


def test_the_zoomed_part_is_not_where_one_image_is_merely_brighter() -> None:
    dark = np.full((100, 200, 3), 20, np.uint8)
    bright = np.repeat(np.tile(np.linspace(20, 180, 200), (100, 1))[:, :, None], 3, axis=2)
    bright[40:48, 20:50:6] += 60
    x1, _, x2, _ = most_different_box([dark, bright.astype(np.uint8)])
    assert x1 <= 35 <= x2
