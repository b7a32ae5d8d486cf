"""Dataset layouts: what each of them reads, and what it refuses in which words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trees import all_trees
from trees.files import image, pair_files, text, voc
from trees.shipped import TARDAL_ORDER, folder, m3fd, m3fd_tardal, msrs, msrs_detection

from ivif_bench.data.base import Dataset, open_dataset
from ivif_bench.errors import UserError

README_ORDER = ["People", "Car", "Bus", "Motorcycle", "Lamp", "Truck"]
TREES = all_trees()


def grown(layout: str, root: Path) -> Dataset:
    return open_dataset(layout, root, **TREES[layout](root))


def test_m3fd_corners_are_taken_as_they_are_unless_an_origin_is_given(tmp_path: Path) -> None:
    dataset = grown("m3fd", tmp_path)
    boxes = dataset.boxes(dataset.by_stem["00001"])
    assert boxes.classes == ("Car", "Lamp")
    assert boxes.xyxy.tolist() == [[2, 3, 12, 13], [1, 1, 4, 5]]
    shifted = open_dataset("m3fd", dataset.root, corner_origin=1)
    assert shifted.boxes(shifted.by_stem["00001"]).xyxy.tolist() == [[1, 2, 11, 12], [0, 0, 3, 4]]


def test_m3fd_accepts_lower_case_folders_and_its_lists(tmp_path: Path) -> None:
    pair_files(tmp_path / "ir", tmp_path / "vi", ["00000", "00001"])
    text(tmp_path / "meta" / "train.txt", "00000\n")
    text(tmp_path / "meta" / "test.txt", "00001\n")
    dataset = open_dataset("m3fd", tmp_path)
    assert dataset.official_splits() == {"train": ("00000",), "test": ("00001",)}


def test_an_unknown_class_names_file_class_and_option(tmp_path: Path) -> None:
    m3fd(tmp_path)
    path = tmp_path / "M3FD_Detection" / "Annotation" / "00001.xml"
    voc(path, ("dog", 2, 3, 12, 13), ("Car", 5, 5, 9, 9))
    dataset = open_dataset("m3fd", tmp_path)
    with pytest.raises(UserError, match=rf"{path}.*'dog'.*ignore_classes: \[dog\]"):
        dataset.boxes(dataset.by_stem["00001"])
    told = open_dataset("m3fd", tmp_path, ignore_classes=["dog"])
    assert told.boxes(told.by_stem["00001"]).classes == ("Car",)
    assert told.boxes(told.by_stem["00001"]).xyxy.tolist() == [[5, 5, 9, 9]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("<annotation><object>", "not well-formed XML"),
        ("<annotation><object><bndbox/></object></annotation>", "object 1 has no <name>"),
        ("<annotation><object><name>Car</name></object></annotation>", "needs the numbers"),
        (
            "<annotation><object><name>Car</name><bndbox><xmin>9</xmin><ymin>1</ymin>"
            "<xmax>3</xmax><ymax>4</ymax></bndbox></object></annotation>",
            "do not form a box",
        ),
    ],
)
def test_a_broken_xml_is_named(content: str, says: str, tmp_path: Path) -> None:
    m3fd(tmp_path)
    path = tmp_path / "M3FD_Detection" / "Annotation" / "00000.xml"
    path.write_text(content)
    dataset = open_dataset("m3fd", tmp_path)
    with pytest.raises(UserError, match=f"{path}.*{says}"):
        dataset.boxes(dataset.pairs[0])


def flagged_voc(path: Path, **flags: str | None) -> None:
    """One object per name, with that content of ``<difficult>``; None leaves the tag out."""
    box = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>12</xmax><ymax>13</ymax></bndbox>"
    items = "".join(
        f"<object><name>{name}</name>"
        f"{'' if value is None else f'<difficult>{value}</difficult>'}{box}</object>"
        for name, value in flags.items()
    )
    path.write_text(f"<annotation>{items}</annotation>")


def test_difficult_objects_of_voc_files_keep_their_flag(tmp_path: Path) -> None:
    m3fd(tmp_path)
    path = tmp_path / "M3FD_Detection" / "Annotation" / "00001.xml"
    flagged_voc(path, Car="0", dog="1", Bus=" 1 ", Lamp=None, Truck="1")
    dataset = open_dataset("m3fd", tmp_path, ignore_classes=["dog"])
    boxes = dataset.boxes(dataset.by_stem["00001"])
    assert boxes.classes == ("Car", "Bus", "Lamp", "Truck")
    assert boxes.difficult.tolist() == [False, True, False, True]
    assert not boxes.crowd.any()


@pytest.mark.parametrize("value", ["2", "yes", "", "1.0"])
def test_a_difficult_tag_that_is_no_flag_is_an_error(value: str, tmp_path: Path) -> None:
    m3fd(tmp_path)
    path = tmp_path / "M3FD_Detection" / "Annotation" / "00001.xml"
    flagged_voc(path, Car="1", Bus=value)
    dataset = open_dataset("m3fd", tmp_path)
    with pytest.raises(UserError, match=rf"{path}: object 2 \(Bus\): <difficult> must be 0 or 1"):
        dataset.boxes(dataset.by_stem["00001"])


def llvip_coco(root: Path, annotations: list[dict[str, Any]]) -> Path:
    """LLVIP's test part with a COCO file: one image of 24 x 32, a box of 8 x 9 per annotation."""
    pair_files(root / "test" / "ir", root / "test" / "vi", ["190001", "190002"], suffix=".jpg")
    content = {
        "images": [{"id": 5, "file_name": "190001.jpg"}, {"id": 6, "file_name": "190002.jpg"}],
        "categories": [{"id": 3, "name": "person"}],
        "annotations": [
            {"id": at, "image_id": 5, "category_id": 3, "bbox": [at, 2, 8, 9], **each}
            for at, each in enumerate(annotations, start=1)
        ],
    }
    path = root / "test" / "instances.json"
    path.write_text(json.dumps(content))
    return path


def test_crowd_and_ignored_boxes_of_coco_files_keep_their_flags(tmp_path: Path) -> None:
    flags = [{}, {"iscrowd": 1}, {"iscrowd": 0, "ignore": 1}, {"difficult": 1}, {"ignore": 0}]
    llvip_coco(tmp_path, flags)
    dataset = open_dataset("llvip", tmp_path)
    boxes = dataset.boxes(dataset.by_stem["190001"])
    assert boxes.xyxy.tolist() == [[at, 2, at + 8, 11] for at in range(1, 6)]
    assert boxes.crowd.tolist() == [False, True, False, False, False]
    assert boxes.difficult.tolist() == [False, False, True, True, False]
    assert dataset.boxes(dataset.by_stem["190002"]).crowd.shape == (0,)


@pytest.mark.parametrize("key", ["iscrowd", "ignore", "difficult"])
@pytest.mark.parametrize("value", [2, -1, "1", None, 0.5, []])
def test_a_coco_flag_that_is_no_flag_is_an_error(key: str, value: Any, tmp_path: Path) -> None:
    path = llvip_coco(tmp_path, [{}, {key: value}])
    dataset = open_dataset("llvip", tmp_path)
    with pytest.raises(UserError, match=rf"{path}: annotation 2: '{key}' must be 0 or 1"):
        dataset.boxes(dataset.by_stem["190001"])


def test_a_missing_xml_is_named(tmp_path: Path) -> None:
    m3fd(tmp_path)
    path = tmp_path / "M3FD_Detection" / "Annotation" / "00002.xml"
    path.unlink()
    dataset = open_dataset("m3fd", tmp_path)
    with pytest.raises(UserError, match=f"cannot read annotation {path}"):
        dataset.boxes(dataset.by_stem["00002"])


def test_tardal_labels_without_xml_point_to_the_other_layout(tmp_path: Path) -> None:
    m3fd_tardal(tmp_path)
    dataset = open_dataset("m3fd", tmp_path)
    with pytest.raises(UserError, match="use layout m3fd-tardal"):
        dataset.boxes(dataset.pairs[0])


@pytest.mark.parametrize("order", [None, TARDAL_ORDER[:5], [*TARDAL_ORDER[:5], "Dog"]])
def test_tardal_text_demands_all_six_names_in_order(order: Any, tmp_path: Path) -> None:
    m3fd_tardal(tmp_path)
    options = {} if order is None else {"class_order": order}
    with pytest.raises(UserError, match=r"options\.class_order: (must name|this key is required)"):
        open_dataset("m3fd-tardal", tmp_path, **options)


@pytest.mark.parametrize(("order", "name"), [(TARDAL_ORDER, "Lamp"), (README_ORDER, "Motorcycle")])
def test_the_same_number_means_what_the_order_says(
    order: list[str], name: str, tmp_path: Path
) -> None:
    m3fd_tardal(tmp_path)
    dataset = open_dataset("m3fd-tardal", tmp_path, class_order=order)
    boxes = dataset.boxes(dataset.pairs[0])
    assert boxes.classes == (name,)
    # Centre 8, 12 and size 4, 6.
    np.testing.assert_allclose(boxes.xyxy, [[6, 9, 10, 15]])


@pytest.mark.parametrize(
    "line", ["0 0.5 0.5 0.1", "0 10 20 5 5", "x 0 0 0 0", "-1 0 0 0 0", "0.5 0 0 0 0"]
)
def test_a_malformed_label_line_is_named(line: str, tmp_path: Path) -> None:
    msrs_detection(tmp_path)
    path = tmp_path / "detection" / "labels" / "1.txt"
    path.write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n")
    dataset = open_dataset("msrs-detection", tmp_path)
    with pytest.raises(UserError, match=f"{path}, line 2"):
        dataset.boxes(dataset.by_stem["1"])


def test_msrs_detection_reads_coco_numbers_and_tags_from_either_root(tmp_path: Path) -> None:
    msrs_detection(tmp_path)
    for root in (tmp_path, tmp_path / "detection"):
        dataset = open_dataset("msrs-detection", root)
        boxes = dataset.boxes(dataset.by_stem["1"])
        assert boxes.classes == ("car", "person")
        np.testing.assert_allclose(boxes.xyxy, [[12, 6, 20, 18], [4, 3, 12, 9]])
        assert dataset.boxes(dataset.by_stem["810"]).xyxy.shape == (0, 4)
        assert [pair.tags for pair in dataset.pairs] == [("day",), ("night",)]


def test_msrs_detection_refuses_number_1_instead_of_calling_it_car(tmp_path: Path) -> None:
    msrs_detection(tmp_path)
    text(tmp_path / "detection" / "labels" / "1.txt", "1 0.5 0.5 0.25 0.5\n")
    dataset = open_dataset("msrs-detection", tmp_path)
    with pytest.raises(UserError, match="unknown class 'index 1'"):
        dataset.boxes(dataset.by_stem["1"])


def test_msrs_parts_are_folders_and_tags_the_last_letter(tmp_path: Path) -> None:
    dataset = grown("msrs", tmp_path)
    assert dataset.official_splits() == {"train": ("00001D", "00003N"), "test": ("00004N",)}
    assert [pair.tags for pair in dataset.pairs] == [("day",), ("night",), ("night",)]
    assert len(dataset.segmentation_classes) == 9


def test_msrs_with_only_its_test_part_opens(tmp_path: Path) -> None:
    msrs(tmp_path)
    shutil.rmtree(tmp_path / "train")
    assert open_dataset("msrs", tmp_path).official_splits() == {"test": ("00004N",)}


def test_a_stem_in_train_and_test_is_refused(tmp_path: Path) -> None:
    msrs(tmp_path)
    pair_files(tmp_path / "train" / "ir", tmp_path / "train" / "vi", ["00004N"])
    with pytest.raises(UserError, match="more than one part: 00004N"):
        _ = open_dataset("msrs", tmp_path).pairs


@pytest.mark.parametrize(("value", "good"), [(8, True), (255, True), (9, False), (254, False)])
def test_label_values_outside_the_classes_are_refused(
    value: int, good: bool, tmp_path: Path
) -> None:
    msrs(tmp_path)
    path = tmp_path / "test" / "Segmentation_labels" / "00004N.png"
    image(path, channels=1, value=value)
    dataset = open_dataset("msrs", tmp_path)
    if good:
        assert (dataset.mask(dataset.by_stem["00004N"]) == value).all()
    else:
        with pytest.raises(UserError, match=f"{path}: label value {value} is not a class id"):
            dataset.mask(dataset.by_stem["00004N"])


def test_scenario_ranges_become_tags(tmp_path: Path) -> None:
    m3fd(tmp_path)
    ranges = [{"min": 0, "max": 1}]
    scenes = [
        {"name": "night", "scene": [{"name": "alley", "range": ranges}]},
        {"name": "challenge", "scene": [{"name": "fog", "range": [{"min": 1, "max": 1}]}]},
    ]
    text(tmp_path / "scenario.json", json.dumps(scenes))
    dataset = open_dataset("m3fd", tmp_path, scenarios=str(tmp_path / "scenario.json"))
    assert [pair.tags for pair in dataset.pairs] == [("night",), ("challenge", "night"), ()]
    text(tmp_path / "scenario.json", "[{}]")
    with pytest.raises(UserError, match=r"scenario\.json: expected a list"):
        open_dataset("m3fd", tmp_path, scenarios=str(tmp_path / "scenario.json"))


def test_folder_demands_class_names_with_annotations(tmp_path: Path) -> None:
    options = folder(tmp_path)
    del options["classes"]
    with pytest.raises(
        UserError, match=r"folder\.options: annotations and classes belong together"
    ):
        open_dataset("folder", tmp_path, **options)


def test_two_folder_datasets_keep_their_own_classes(tmp_path: Path) -> None:
    options = folder(tmp_path)
    first = open_dataset("folder", tmp_path, **options)
    second = open_dataset("folder", tmp_path, **{**options, "classes": ["ship"]})
    assert (first.detection_classes, second.detection_classes) == (("boat",), ("ship",))
    with pytest.raises(UserError, match="unknown class 'boat'"):
        second.boxes(second.pairs[0])


def test_the_user_palette_is_that_of_pascal_voc() -> None:
    from ivif_bench.data.layouts.paired_folders import voc_palette

    palette = voc_palette(21)
    assert palette[1] == (128, 0, 0)
    assert palette[15] == (192, 128, 128)  # person
    assert palette[20] == (0, 64, 128)  # tv monitor


@pytest.mark.parametrize("bad", ["dog", [1], 2])
def test_a_list_option_of_another_kind_is_refused(bad: Any, tmp_path: Path) -> None:
    m3fd(tmp_path)
    with pytest.raises(
        UserError, match=r"options\.ignore_classes.*Input should be a valid (list|string)"
    ):
        open_dataset("m3fd", tmp_path, ignore_classes=bad)
