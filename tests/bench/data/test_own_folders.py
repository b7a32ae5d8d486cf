"""Layout ``folder`` with the user's own names and labels, each of a form seen in public reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from trees.files import HEIGHT, WIDTH, image, pair_files, text, voc

from ivif_bench.data.audit import audit_dataset
from ivif_bench.data.base import Dataset, open_dataset
from ivif_bench.data.prepare import prepare
from ivif_bench.data.splits import resolve_split
from ivif_bench.errors import UserError


def opened(root: Path, **options: Any) -> Dataset:
    return open_dataset("folder", root, **options)


@pytest.mark.parametrize(
    ("infrared", "visible", "files", "stems"),
    [
        ("ir/IR{stem}.png", "vi/VIS{stem}.png", ["ir/IR1.png", "vi/VIS1.png"], ["1"]),
        ("d/{stem}_ir.jpeg", "d/{stem}_RGB.jpg", ["d/F1_ir.jpeg", "d/F1_RGB.jpg"], ["F1"]),
        ("ir/{stem:05d}.png", "vi", ["ir/00007.png", "vi/7.png"], ["7"]),
    ],
)
def test_sides_pair_by_the_patterns_of_their_names(tmp_path, infrared, visible, files, stems):
    for name in files:
        image(tmp_path / name)
    dataset = opened(tmp_path, infrared=infrared, visible=visible)
    assert [pair.stem for pair in dataset.pairs] == stems
    assert {pair.infrared for pair in dataset.pairs} == {tmp_path / files[0]}
    assert {pair.visible for pair in dataset.pairs} == {tmp_path / files[1]}


def test_sides_that_differ_by_a_constant_part_get_the_options_to_write(tmp_path):
    for number in (1, 2, 10):
        image(tmp_path / "ir" / f"IR{number}.png")
        image(tmp_path / "vi" / f"VIS{number}.png")
    with pytest.raises(UserError, match=r"infrared: 'ir/IR\{stem\}' visible: 'vi/VIS\{stem\}'"):
        _ = opened(tmp_path).pairs
    advised = opened(tmp_path, infrared="ir/IR{stem}", visible="vi/VIS{stem}")
    assert [pair.stem for pair in advised.pairs] == ["1", "10", "2"]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    pair_files(tmp_path / "ir", tmp_path / "vi", ["a", "b"])
    return tmp_path


CORNERS = (4, 6, 20, 18)


def write_boxes(root: Path, kind: str) -> str:
    """One person in image a and none in b; returns the option that names the labels."""
    x1, y1, x2, y2 = CORNERS
    if kind == "coco":
        content = {
            "images": [{"id": 7, "file_name": "some/a.jpg"}, {"id": 8, "file_name": "b.jpg"}],
            "categories": [{"id": 3, "name": "person"}],
            "annotations": [{"image_id": 7, "category_id": 3, "bbox": [x1, y1, x2 - x1, y2 - y1]}],
        }
        text(root / "instances.json", json.dumps(content))
        return "instances.json"
    if kind == "yolo":
        centre = ((x1 + x2) / 2 / WIDTH, (y1 + y2) / 2 / HEIGHT)
        size = ((x2 - x1) / WIDTH, (y2 - y1) / HEIGHT)
        text(root / "labels" / "a.txt", " ".join(map(repr, (1, *centre, *size))))
        text(root / "labels" / "b.txt", "")
        return "labels"
    voc(root / "xml" / "a_RGB.xml", ("person", *CORNERS))
    voc(root / "xml" / "b_RGB.xml")
    return "xml/{stem}_RGB.xml"


@pytest.mark.parametrize("kind", ["coco", "yolo", "voc"])
def test_boxes_are_those_of_the_file_whatever_its_kind(pairs, kind):
    dataset = opened(pairs, annotations=write_boxes(pairs, kind), classes=["car", "person"])
    first, second = (dataset.boxes(pair) for pair in dataset.pairs)
    assert first.classes == ("person",)
    assert first.xyxy == pytest.approx(np.array([CORNERS], float))
    assert second.classes == ()


@pytest.mark.parametrize("kind", ["yolo", "voc"])
def test_an_image_without_a_file_is_an_error_or_background(pairs, kind):
    place = write_boxes(pairs, kind)
    (pairs / place.split("/")[0] / ("b.txt" if kind == "yolo" else "b_RGB.xml")).unlink()
    strict = opened(pairs, annotations=place, classes=["car", "person"])
    with pytest.raises(UserError, match="option unlabelled: background"):
        strict.boxes(strict.by_stem["b"])
    lenient = opened(pairs, annotations=place, classes=["car", "person"], unlabelled="background")
    assert lenient.by_stem["b"].annotation is None
    assert lenient.boxes(lenient.by_stem["b"]).classes == ()
    audit = audit_dataset(lenient)
    assert audit.errors == ()
    assert any("1 images without boxes: b" in line for line in audit.warnings)


def test_an_image_that_the_coco_file_does_not_list_is_an_error_or_background(pairs):
    place = write_boxes(pairs, "coco")
    content = json.loads((pairs / place).read_text())
    content["images"] = content["images"][:1]
    (pairs / place).write_text(json.dumps(content))
    strict = opened(pairs, annotations=place, classes=["person"])
    with pytest.raises(UserError, match="no entry for image 'b'"):
        strict.boxes(strict.by_stem["b"])
    lenient = opened(pairs, annotations=place, classes=["person"], unlabelled="background")
    assert lenient.boxes(lenient.by_stem["b"]).classes == ()


def test_a_folder_with_xml_and_text_asks_which_to_read(pairs):
    write_boxes(pairs, "yolo")
    voc(pairs / "labels" / "a.xml")
    with pytest.raises(UserError, match="both XML and text files"):
        opened(pairs, annotations="labels", classes=["car", "person"])
    chosen = opened(pairs, annotations="labels/{stem}.txt", classes=["car", "person"])
    assert chosen.boxes(chosen.by_stem["a"]).classes == ("person",)


def test_classes_of_another_case_or_number_are_offered_and_renamed(pairs):
    voc(pairs / "xml" / "a.xml", ("Person", *CORNERS), ("Cars", 1, 1, 5, 5))
    voc(pairs / "xml" / "b.xml")
    known = {"annotations": "xml", "classes": ["person", "car"]}
    advice = (
        r"did you mean 'car' or 'person'\? Set the dataset option rename_classes: \{Cars: car, "
    )
    dataset = opened(pairs, **known)
    with pytest.raises(UserError, match=advice):
        dataset.boxes(dataset.by_stem["a"])
    (error, _) = sorted(audit_dataset(dataset).errors, reverse=True)
    assert "rename_classes: {Person: person}" in error
    renamed = opened(pairs, **known, rename_classes={"Person": "person", "Cars": "car"})
    assert renamed.boxes(renamed.by_stem["a"]).classes == ("person", "car")
    assert audit_dataset(renamed).errors == ()


def test_label_images_may_have_a_constant_ending(pairs):
    for stem in ("a", "b"):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[2:5] = 1
        path = pairs / "masks" / f"{stem}_label.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), mask)
    dataset = opened(pairs, masks="masks/{stem}_label.png", mask_classes=["road", "car"])
    assert dataset.mask(dataset.by_stem["a"]).sum() == 3 * WIDTH
    with pytest.raises(UserError, match="names of labels start with the stem"):
        opened(pairs, masks="masks/x{stem}.png", mask_classes=["road", "car"])


def test_what_prepare_writes_is_read_back(pairs, tmp_path):
    place = write_boxes(pairs, "voc")
    first = opened(pairs, annotations=place, classes=["person", "car"])
    out = tmp_path / "out"
    prepare(first, resolve_split(first, "all"), out)
    for written in (out / "instances_test.json", out / "labels"):
        back = opened(pairs, annotations=str(written), classes=["person", "car"])
        for pair in back.pairs:
            expected, found = first.boxes(pair), back.boxes(pair)
            assert found.classes == expected.classes
            assert found.xyxy == pytest.approx(expected.xyxy, abs=1e-3)
