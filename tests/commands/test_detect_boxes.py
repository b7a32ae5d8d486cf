"""``detect --boxes``: any detector's boxes as a table, in the forms in which users have them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from given_files import CLASSES, STEMS, GivenFiles
from small_runs import ivif_here
from stored_detections import IMAGES, PARTS

from ivif_bench.tasks.detection.given_ids import GivenBoxes

AP = {"AP50:People": 51 / 101, "AP50:Car": 1.0, "mAP50": (1 + 51 / 101) / 2}
TRUTH = {
    "msrs": "detections/msrs_dev15_gt.json",
    "m3fd": "M3FD_meta/instances_dev12.json",
    "llvip": "LLVIP/test/instances.json",
}


@pytest.fixture
def files(tmp_path: Path) -> GivenFiles:
    return GivenFiles(tmp_path)


def _right(found: dict[str, float]) -> None:
    assert {key: found[key] for key in AP} == pytest.approx(AP, abs=1e-12)


@pytest.mark.golden
@pytest.mark.parametrize(("group", "source"), sorted({*IMAGES, *PARTS}), ids=str)
def test_stored_boxes_give_all_twelve_recorded_statistics(
    shared: Path, tmp_path: Path, group: str, source: str
) -> None:
    whole, data = PARTS.get((group, source), group), shared / "data"
    truth = json.loads((data / TRUTH[group.partition("_")[0]]).read_text())
    stems = [Path(each["file_name"]).stem for each in truth["images"]]
    if group == "msrs_dev12_published":
        stems = [stem for stem in stems if stem not in ("1", "3", "7")]
    if group == "m3fd_dev6":
        stems = [stem for stem in stems if int(stem) < 6]
    (tmp_path / "stems.txt").write_text("\n".join(stems))
    boxes = data / f"detections/{whole}_yolov5n_{source}.json"
    done = ivif_here(
        "detect", "--boxes", f"it={boxes}", "--truth", data / TRUTH[group.partition("_")[0]],
        "--split", tmp_path / "stems.txt", "--statistics", tmp_path / "it.csv",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with (data / "detections/oracle.csv").open() as file:
        recorded = [
            row for row in csv.DictReader(file) if (row["set"], row["input"]) == (group, source)
        ]
    with (tmp_path / "it.csv").open() as file:
        found = {row["class"]: row for row in csv.DictReader(file)}
    assert set(found) == {row["category"] for row in recorded}
    for row in recorded:
        mine = found[row["category"]]
        assert (mine["images"], mine["objects"], mine["boxes"]) == (
            row["images"],
            row["gt"],
            row["dt"],
        )
        for name in list(row)[6:]:
            assert float(mine[name]) == pytest.approx(float(row[name]), abs=1e-4), name


@pytest.mark.parametrize(
    ("changed", "options"),
    [
        ({}, ()),
        ({"category_id": lambda row, _: row["category_id"] - 1}, ("--first-id", "0")),
        (
            {"category_id": lambda row, _: 3 - row["category_id"]},
            ("--classes", "Car,People", "--first-id", "1"),
        ),
        ({"category_id": lambda row, _: 7 * row["category_id"]}, ("--classes", "Car=14,People=7")),
        ({"category_id": lambda row, _: CLASSES[row["category_id"] - 1]}, ()),
        ({"image_id": lambda _, stem: f"some/where/{stem}.jpg"}, ()),
        ({"image_id": lambda _, stem: int(stem)}, ("--image-id", "stem")),
        ({"image_id": lambda _, stem: int(stem), "file_name": lambda _, stem: f"{stem}.png"}, ()),
        ({"score": lambda row, _: [[row["score"]]], "bbox": lambda row, _: [row["bbox"]]}, ()),
    ],
    ids=[
        "as the truth counts", "ids from 0", "other order", "other numbers", "class names",
        "file names", "numbers of files", "both", "nested lists",
    ],
)  # fmt: skip
def test_the_forms_of_users_are_read_alike(
    files: GivenFiles, changed: dict, options: tuple[str, ...]
) -> None:
    _right(files.detect(files.write("boxes.json", files.results(**changed)), *options))


def test_a_list_for_each_image_and_the_file_of_a_run_are_read_too(files: GivenFiles) -> None:
    rows = files.results()
    nested = [[row for row in rows if row["image_id"] == index] for index in (3, 1, 2)]
    _right(files.detect(files.write("nested.json", nested)))
    of_a_run = {"truth": files.document(), "detections": rows}
    _right(files.detect(files.write("run.json", of_a_run)))


@pytest.mark.slow
def test_yolo_text_gives_the_numbers_of_the_json(files: GivenFiles) -> None:
    boxes = files.yolo("boxes", scored=True)
    _right(files.detect(boxes, "--classes", "People,Car"))
    backwards = files.called(boxes, "--classes", "Car,People")
    (table,) = json.loads(backwards.stdout)["tables"]
    assert (
        table["rows"][0]["cells"]["AP50:Car"]["value"] < 1
    )  # a wrong order is not found out, but it counts


@pytest.mark.parametrize("kind", ["yolo", "voc"])
def test_folders_of_labels_are_objects_too(files: GivenFiles, kind: str) -> None:
    import cv2
    import numpy as np

    pictures = files.folder / "pictures"
    pictures.mkdir()
    for stem in STEMS:
        cv2.imwrite(str(pictures / f"{stem}.png"), np.zeros((48, 64), np.uint8))
    if kind == "yolo":
        truth = files.yolo("labels", scored=False)
        (truth / "classes.txt").write_text("People\nCar\n")
        options = ["--truth-classes", "People,Car", "--pictures", str(pictures)]
    else:
        truth, options = files.folder / "xml", []
        truth.mkdir()
        rows = files.document()["annotations"]
        for index, stem in enumerate(STEMS, start=1):
            text = ""
            for row in (row for row in rows if row["image_id"] == index):
                x, y, w, h = row["bbox"]
                corners = (
                    f"<xmin>{x}</xmin><ymin>{y}</ymin><xmax>{x + w}</xmax><ymax>{y + h}</ymax>"
                )
                name = CLASSES[row["category_id"] - 1]
                text += f"<object><name>{name}</name><bndbox>{corners}</bndbox></object>"
            (truth / f"{stem}.xml").write_text(f"<annotation>{text}</annotation>")
    boxes = files.write("boxes.json", files.results())
    _right(files.detect(boxes, "--images", str(files.truth), *options, truth=truth))


def test_images_without_boxes_are_named_and_count_as_empty_only_if_that_is_said(
    files: GivenFiles,
) -> None:
    boxes = files.write("boxes.json", [row for row in files.results() if row["image_id"] != 3])
    refused = files.called(boxes)
    assert refused.returncode == 2
    assert "no boxes of 1 of 3 images (00011)" in refused.stderr
    assert files.detect(boxes, "--missing", "empty")["AP50:Car"] == pytest.approx(67 / 101)
    said = files.called(boxes, "--missing", "empty").stdout
    assert "1 images that it lacks count as empty: 00011" in said
    assert files.detect(boxes, "--missing", "allow")["AP50:Car"] == pytest.approx(1)
    whole = {**files.document(), "annotations": json.loads(boxes.read_text())}
    listed = files.detect(files.write("whole.json", whole))  # it lists the image, so it was judged
    assert listed["AP50:Car"] == pytest.approx(67 / 101)


def test_an_empty_list_is_refused_or_scores_zero(files: GivenFiles) -> None:
    boxes = files.write("boxes.json", [])
    assert "no boxes of 3 of 3 images" in files.called(boxes).stderr
    found = files.detect(boxes, "--missing", "empty")
    assert [found[key] for key in AP] == [0, 0, 0]


@pytest.mark.parametrize(
    ("changed", "options", "said"),
    [
        ({"category_id": lambda row, _: row["category_id"] - 1}, (), "category_id 0: the classes are 1 Peo"),
        ({}, ("--classes", "People,Car"), "set first_id beside classes: 0 or 1"),
        ({}, ("--classes", "a,b", "--first-id", "1"), "none of its classes (a, b) is one of People, Car"),
        ({"image_id": lambda _, stem: int(stem)}, (), "no image has id 4, only 1, 2, 3"),
        ({"image_id": lambda _, stem: f"x{stem}"}, (), "none of its images (x00004, x00007, x00011)"),
        ({"score": lambda *_: [0.1, 0.2]}, (), "'score' must be one number in 0..1"),
        ({"score": lambda *_: 87.5}, (), "'score' must be one number in 0..1"),
        ({"score": lambda *_: float("nan")}, (), "'score' must be one number in 0..1"),
        ({"bbox": lambda *_: [1, 2, -3, 4]}, (), "'bbox' must be [x, y, width, height]"),
        ({}, ("--missing", "whatever"), "--boxes mine.missing"),
        ({}, ("--evaluator", "cocoapi"), "--evaluator: 'cocoapi'"),
        ({}, ("--json",), "--format json prints the table"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_in_one_line(
    files: GivenFiles, changed: dict, options: tuple[str, ...], said: str
) -> None:
    done = files.called(files.write("boxes.json", files.results(**changed)), *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_text_without_scores_is_refused_with_the_line(files: GivenFiles) -> None:
    done = files.called(files.yolo("boxes", scored=False), "--classes", "People,Car")
    assert done.returncode == 2
    assert "00004.txt, line 1: expected 'index cx cy w h score'" in done.stderr
    assert "save_conf" in done.stderr


def test_the_footer_says_whose_boxes_they_are_and_who_scored_them(files: GivenFiles) -> None:
    rows = [*files.results(), {"image_id": 2, "category_id": 5, "bbox": [0, 0, 1, 1], "score": 1}]
    boxes = files.write("boxes.json", rows)
    done = ivif_here(
        "detect", "--boxes", f"A={boxes}", "--boxes", f"B={boxes}", "--truth", files.truth,
        "--classes", "People=1,Car=2,dog=5", "--format", "latex", "--evaluator", "faster-coco-eval",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for text in (
        "Boxes given by the user; detector, training, its split and thresholds are unknown.",
        "B: boxes.json (sha256 ",
        "boxes of other classes are left out: dog (1)",
        "COCO AP by faster-coco-eval",
    ):
        assert text in done.stdout


def test_the_example_of_the_page_prints_what_the_page_says(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (repository / "docs/boxes.md").read_text()
    blocks = re.findall(r"```(\w*)\n(.*?)```", page, re.DOTALL)
    for name, (kind, text) in zip(("truth.json", "boxes.json"), blocks, strict=False):
        assert kind == "json"
        (tmp_path / name).write_text(text)
    command, printed = blocks[2][1].split(), blocks[3][1]
    monkeypatch.chdir(tmp_path)
    assert command[:2] == ["ivif-bench", "detect"]
    done = ivif_here(*command[1:])
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout


def test_the_page_has_every_option(repository: Path) -> None:
    page = (repository / "docs/boxes.md").read_text()
    for name in GivenBoxes.model_fields:
        assert f"\n| `{name}` |" in page
    help_text = ivif_here("detect", "--help").stdout
    options = set(re.findall(r"(--[a-z-]+) ", help_text.partition("With --boxes")[2]))
    assert {"--boxes", "--truth", "--statistics"} < options
    for option in options:
        assert f"`{option}" in page, option
