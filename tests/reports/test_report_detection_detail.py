"""CSV files and figures that explain a detection table: against the scorer on the same parts."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_boxes import drawn_boxes
from kept_detections import kept_unit, without_some

from ivif_bench.data.images import encode_png
from ivif_bench.reports.write import write_report
from ivif_bench.tasks.detection.miss_rate import log_average_miss_rate
from ivif_bench.tasks.detection.scoring import score
from ivif_bench.types import Boxes, Pair

CLASSES = ("Car", "People", "Bus")
Found = dict[str, Boxes]
HOSTILE = 'a_$b$, "c" <i>'


@pytest.fixture(scope="module")
def truth_and_found() -> tuple[Found, Found]:
    return drawn_boxes(6, images=24)


@pytest.fixture(scope="module")
def report(
    tmp_path_factory: pytest.TempPathFactory, truth_and_found: tuple[Found, Found], new_run: Any
) -> Path:
    """The report of two sources and a method with two seeds; every third image is of night."""
    truth, found = truth_and_found
    folder = tmp_path_factory.mktemp("run")
    image = folder / "image.png"
    image.write_bytes(encode_png(np.zeros((240, 320), np.uint8)))
    pairs = [
        Pair("m3fd", stem, image, image, tags=("day" if int(stem) % 3 else "night",))
        for stem in truth
    ]
    builder = new_run(folder)
    builder.sources = ("visible", "infrared")
    for name, gone in (("visible", 0), ("infrared", 0.8)):
        kept_unit(builder, name, truth, without_some(found, gone), CLASSES, pairs=pairs)
    for seed in (0, 1):
        mine = without_some(found, 0.2, seed)
        kept_unit(builder, HOSTILE, truth, mine, CLASSES, seed, pairs)
    run = builder.write()
    write_report(run, ["markdown"], detail=True)
    return Path(run) / "report"


def _rows(report: Path, name: str) -> list[dict[str, str]]:
    with (report / f"detection-m3fd-{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _value(report: Path, part: str, name: str, metric: str, method: str = "visible") -> float:
    (row,) = [
        row
        for row in _rows(report, "scores")
        if (row["method"], row["part"], row["class"], row["metric"]) == (method, part, name, metric)
    ]
    return float(row["value"])


@pytest.mark.slow
def test_scores_of_a_condition_are_those_of_its_images(
    report: Path, truth_and_found: tuple[Found, Found]
) -> None:
    truth, found = truth_and_found
    night = [stem for stem in truth if int(stem) % 3 == 0]
    rows = score({s: truth[s] for s in night}, {s: found[s] for s in night}, CLASSES)
    scores = {(row.metric, row.class_name): row.value for row in rows}
    for name in CLASSES:
        assert _value(report, "night", name, "AP50") == pytest.approx(scores["AP50", name])
        assert _value(report, "night", name, "objects") == scores["n_boxes", name]
    assert _value(report, "night", "", "AP50_95") == pytest.approx(scores["mAP50_95", ""])


@pytest.mark.slow
def test_miss_rates_are_those_of_the_task(
    report: Path, truth_and_found: tuple[Found, Found]
) -> None:
    expected = log_average_miss_rate(*truth_and_found, CLASSES)
    for name in CLASSES:
        assert _value(report, "all", name, "miss_rate") == pytest.approx(expected[name])


def test_sizes_of_pixels_and_of_shares_part_all_objects(report: Path) -> None:
    """An object on a limit counts to both ranges, as for pycocotools."""
    every = _value(report, "all", "", "objects")
    for end in ("", " share"):
        parts = [_value(report, f"{n}{end}", "", "objects") for n in ("small", "medium", "large")]
        assert every <= sum(parts) <= every + 2
        assert min(parts) > 0


def test_numbers_of_a_method_with_seeds_are_means_with_a_spread(report: Path) -> None:
    (row,) = [
        row
        for row in _rows(report, "scores")
        if (row["method"], row["part"], row["class"], row["metric"]) == (HOSTILE, "all", "", "AP50")
    ]
    assert float(row["low"]) < float(row["value"]) < float(row["high"])
    assert float(row["sd"]) > 0


def test_confusions_count_every_object_once(report: Path) -> None:
    rows = [row for row in _rows(report, "confusion") if row["method"] == "visible"]
    counted = sum(float(row["count"]) for row in rows if row["truth"] != "background")
    assert counted == _value(report, "all", "", "objects")


def test_differences_of_two_methods_have_opposite_signs(report: Path) -> None:
    pairs = {(row["method"], row["other"], row["column"]): row for row in _rows(report, "pairs")}
    assert {row["column"] for row in pairs.values()} >= {"AP50:Car", "mAP50", "mAP50_95"}
    for (method, other, column), row in pairs.items():
        back = pairs[other, method, column]
        assert float(row["difference"]) == pytest.approx(-float(back["difference"]))
        assert float(row["low"]) == pytest.approx(-float(back["high"]))
        assert (row["verdict"], back["verdict"]) in {
            ("", ""),
            ("better", "worse"),
            ("worse", "better"),
        }
    assert pairs["visible", "infrared", "mAP50"]["verdict"] == "better"


def test_figures_are_png_and_pdf_without_a_date(report: Path) -> None:
    for name in ("classes", "curves", "errors"):
        assert (report / f"detection-m3fd-{name}.png").read_bytes().startswith(b"\x89PNG")
        pdf = (report / f"detection-m3fd-{name}.pdf").read_bytes()
        assert pdf.startswith(b"%PDF")
        assert b"CreationDate" not in pdf
