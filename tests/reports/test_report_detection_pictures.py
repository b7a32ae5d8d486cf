"""Pictures of detections: what is marked as found, missed and wrong, and which image is chosen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kept_detections import kept_unit

from ivif_bench.data.images import encode_png, read_rgb
from ivif_bench.detections.boxes import judged
from ivif_bench.errors import UserError
from ivif_bench.reports.detection_pictures import best_confidence, most_different, shown_on
from ivif_bench.reports.write import Pictures, write_report
from ivif_bench.types import Boxes, Pair

CLASSES = ("Car", "People")
Images = dict[str, Boxes]


def boxes(*items: tuple[float, float, str, float | None]) -> Boxes:
    """Boxes of 20 x 20 pixels at (x, y) with a class, and a score for detections."""
    corners = np.array([[x, y, x + 20, y + 20] for x, y, *_ in items], float).reshape(-1, 4)
    scores = [item[3] for item in items]
    return Boxes(
        corners,
        tuple(item[2] for item in items),
        None if None in scores or not scores else np.array(scores, float),
    )


def found_boxes(*items: tuple[float, float, str, float | None]) -> Boxes:
    made = boxes(*items)
    return made if made.scores is not None else Boxes(made.xyxy, made.classes, np.zeros(0))


TRUTH: Images = {
    "a": boxes((0, 0, "Car", None), (50, 0, "People", None), (50, 50, "Car", None)),
    "b": boxes((0, 0, "Car", None)),
}
# On a: one hit, one of the wrong class, one beside everything, a weak hit.
ONE: Images = {
    "a": found_boxes(
        (1, 0, "Car", 0.9), (50, 0, "Car", 0.8), (90, 90, "People", 0.7), (50, 50, "Car", 0.2)
    ),
    "b": found_boxes((0, 0, "Car", 0.6)),
}
NOTHING: Images = {"a": found_boxes(), "b": found_boxes((0, 0, "Car", 0.6))}


def test_found_missed_and_wrong_are_told_apart_at_a_confidence() -> None:
    one = judged(TRUTH, ONE, CLASSES)
    strict, loose = shown_on(one, "a", 0.5), shown_on(one, "a", 0.1)
    assert strict.counts == "1 found, 2 missed, 2 wrong"
    assert loose.counts == "2 found, 1 missed, 2 wrong"
    assert strict.found.tolist() == [[0, 0, 20, 20]]
    assert sorted(strict.missed_labels) == ["Car", "People"]
    assert sorted(strict.wrong_labels) == ["Car 0.80", "People 0.70"]


def test_objects_that_need_not_be_found_are_not_drawn() -> None:
    truth = {**TRUTH, "a": boxes((0, 0, "Car", None))}
    truth["a"] = Boxes(truth["a"].xyxy, truth["a"].classes, difficult=np.array([True]))
    assert shown_on(judged(truth, ONE, CLASSES), "a", 0.5).counts == "0 found, 0 missed, 2 wrong"


def test_the_image_with_the_most_different_numbers_of_errors_is_chosen() -> None:
    stored = {"one": judged(TRUTH, ONE, CLASSES), "none": judged(TRUTH, NOTHING, CLASSES)}
    # Errors on a: 4 and 3; on b none.
    assert most_different(stored, dict.fromkeys(stored, 0.5), 2) == ["a", "b"]
    assert most_different(stored, dict.fromkeys(stored, 0.5), 1) == ["a"]


def test_the_confidence_of_a_detector_without_a_hit_is_infinite() -> None:
    none = {stem: found_boxes() for stem in TRUTH}
    assert best_confidence(judged(TRUTH, none, CLASSES)) == float("inf")


@pytest.fixture
def run(tmp_path: Path, new_run: Any) -> Path:
    """A run of a source and a method with a hostile name; the method's image of b is gone."""
    (tmp_path / "images").mkdir()
    for stem in "ab":
        picture = np.full((120, 160, 3), 90, np.uint8)
        (tmp_path / "images" / f"{stem}.png").write_bytes(encode_png(picture))
    pairs = [Pair("m3fd", stem, *[tmp_path / "images" / f"{stem}.png"] * 2) for stem in TRUTH]
    builder = new_run(tmp_path)
    builder.sources = ("visible",)
    kept_unit(builder, "visible", TRUTH, NOTHING, CLASSES, pairs=pairs)
    kept_unit(builder, 'x_$b$<i>"', TRUTH, ONE, CLASSES, pairs=pairs)
    folder = Path(builder.write())
    plan = json.loads((folder / "plan.json").read_text())
    path = "images/{stem}.png"
    plan["images"] = {"m3fd": {"visible": path, 'x_$b$<i>"': {"a": "images/a.png"}}}
    (folder / "plan.json").write_text(json.dumps(plan))
    return folder


@pytest.mark.slow
def test_a_report_has_a_picture_of_the_image_where_methods_differ_most(run: Path) -> None:
    written = {path.name for path in write_report(run, ["markdown"])}
    assert {"detection-m3fd-boxes-a.png", "detection-m3fd-boxes-a.pdf"} <= written
    assert "detection-m3fd-boxes-b.png" not in written
    image = read_rgb(run / "report" / "detection-m3fd-boxes-a.png")
    colours = {tuple(colour) for colour in image.reshape(-1, 3)[::3].tolist()}
    assert (0, 158, 115) in colours  # a box that was found
    assert (213, 94, 0) in colours  # a wrong one


@pytest.mark.slow
def test_images_by_name_are_drawn_and_an_unknown_one_is_refused(run: Path) -> None:
    written = {
        path.name for path in write_report(run, ["markdown"], pictures=Pictures(stems=("b",)))
    }
    assert "detection-m3fd-boxes-b.pdf" in written
    assert "detection-m3fd-boxes-a.png" not in written
    with pytest.raises(UserError, match=r"no table .* has predictions of image c; they have a, b"):
        write_report(run, ["markdown"], pictures=Pictures(stems=("c",)))
