"""Tables of detection and segmentation: columns, classes, conditions, other images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from report_tables import (
    METHODS,
    images_line,
    marks_of,
    tables_of,
    texts_of,
)

from ivif_bench.reports.frame import load_run
from ivif_bench.reports.table import MISSING, UNDEFINED, Table
from ivif_bench.reports.write import build_report


def test_sources_keep_taking_part_in_detection(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.sources = ("visible",)
    builder.detection("visible", {"Car": 0.9})
    builder.detection("ddfm", {"Car": 0.5})
    table = tables_of(builder.write())["detection-m3fd"]
    assert [row.cells[1].mark for row in table.rows] == ["best", "second"]
    assert "source images are ranked as well" in table.caption


def test_the_leak_stands_below_the_split_where_the_plan_says_it(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    rows = [("", "Car", "AP50", 0.9, ""), ("", "", "mAP50", 0.9, "")]
    about = {"classes": ["Car"], "split": "mine", "split_sha256": "a" * 64, "images": 9}
    builder.unit("detection", "visible", rows, {**about, "leak": "4.8% of it"}, dataset="m3fd")
    (table,) = build_report(load_run(builder.write())).tables
    at = table.footer.index(f"Split: mine (sha256 {'a' * 12}).")
    assert table.footer[at + 1] == "Leak: 4.8% of it."


def test_the_footer_of_detection_counts_objects_that_need_not_be_found(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    means = {"mAP50": 0.5, "n_difficult": 3, "n_crowd": 1}
    builder.detection("visible", {"Car": 0.5}, means)
    (table,) = build_report(load_run(builder.write())).tables
    (line,) = [line for line in table.footer if line.startswith("Not required: ")]
    assert "difficult objects 3 " in line
    assert "crowd regions 1 " in line
    assert not any(column.key.startswith("n_") for column in table.columns)


def test_the_footer_says_nothing_of_them_where_there_are_none(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5})
    (table,) = build_report(load_run(builder.write())).tables
    assert not any("required" in line for line in table.footer)


def test_networks_with_other_weights_are_not_compared(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for name in ("first", "second"):
        builder.detection("ddfm", {"Car": 0.5}, about={"network": f"yolov5n, weights {name}"})
    assert len(tables_of(builder.write())) == 2


def test_a_method_that_was_judged_on_no_image_has_no_table_of_its_own(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5}, missing=[f"t{i}" for i in range(9)])
    builder.detection("folder", {}, images=0, missing=["s1"], means={})
    (table,) = tables_of(builder.write()).values()
    assert texts_of(table, "visible")[1] == "50.0"
    assert set(texts_of(table, "folder")) == {MISSING}
    assert images_line(table) == "Images: 25; folder has none of the images."


def test_a_missing_seed_is_never_averaged_over(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for seed in (0, 1):
        builder.detection("visible", {"Car": 0.5}, seed=seed)
        builder.detection("ddfm", {"Car": 0.9} if seed else None, seed=seed)
    table = tables_of(builder.write())["detection-m3fd"]
    assert set(texts_of(table, "ddfm")) == {MISSING}
    assert any("ddfm seed 0" in line for line in table.footer)


def test_detection_has_the_papers_columns_in_percent(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    ap = dict(
        zip(("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck"), range(1, 7), strict=True)
    )
    builder.detection("visible", {name: value / 10 for name, value in ap.items()})
    builder.detection("ddfm", {name: value / 20 for name, value in ap.items()})
    table = tables_of(builder.write())["detection-m3fd"]
    assert [c.title for c in table.columns] == [*ap, "mAP@0.5", "mAP@[.5:.95]"]
    assert texts_of(table, "visible")[:2] == ["10.0", "20.0"]
    assert texts_of(table, "visible")[-2:] == ["35.0", "17.5"]
    footer = "\n".join(table.footer)
    for word in (
        "yolov5n",
        "zeroshot-coco",
        "pycocotools",
        "visible",
        "01234567)",
        "fedcba987654)",
    ):
        assert word in footer


def test_a_class_without_truth_is_undefined_not_missing(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    lamp = {
        "People": 0.5,
        "Car": 0.5,
        "Bus": 0.5,
        "Motorcycle": 0.5,
        "Lamp": math.nan,
        "Truck": 0.5,
    }
    builder.detection("visible", lamp)
    table = tables_of(builder.write())["detection-m3fd"]
    cell = table.rows[0].cells[4]
    assert cell.text == UNDEFINED
    assert next(n.text for n in table.notes if n.letter == cell.note) == "undefined: no truth"


def test_a_method_judged_on_other_images_stays_out_of_the_main_table(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5})
    builder.detection("infrared", {"Car": 0.4})
    builder.detection("folder", {"Car": 0.99}, images=23, missing=["s1", "s2"])
    tables = tables_of(builder.write())
    main, own = tables["detection-m3fd"], tables["detection-m3fd-own-images"]
    assert set(texts_of(main, "folder")) == {MISSING}
    assert {row.name: row.cells[1].mark for row in main.rows} == {
        "visible": "best",
        "infrared": "second",
        "folder": "",
    }
    assert [row.title for row in own.rows] == ["folder (n = 23)"]
    assert texts_of(own, "folder")[1] == "99.0"
    assert "s1, s2" in "\n".join(main.footer)
    assert not any(cell.mark for row in own.rows for cell in row.cells)


def test_methods_lacking_the_same_images_are_compared(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for method in METHODS:
        builder.detection(method, {"Car": 0.5}, images=23, missing=["s1", "s2"])
    assert list(tables_of(builder.write())) == ["detection-m3fd"]


def test_segmentation_prints_both_means_and_a_table_per_condition(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    means = {
        "mIoU_8": 0.4,
        "mIoU_9": 0.5,
        "accuracy": 0.9,
        "mIoU_9[night]": 0.3,
        "mIoU_9[day]": 0.6,
        "n_images[day]": 179,
        "n_images[night]": 182,
    }
    builder.segmentation("visible", {"unlabelled": 0.9, "car": 0.7}, means)
    tables = tables_of(builder.write())
    main, parts = tables["segmentation-msrs"], tables["segmentation-msrs-conditions"]
    assert [c.title for c in main.columns] == ["unlabelled", "car", "mIoU (9)", "mIoU (8)"]
    assert texts_of(main, "visible") == ["90.0", "70.0", "50.0", "40.0"]
    assert [c.title for c in parts.columns] == ["mIoU (9) day", "mIoU (9) night"]
    assert texts_of(parts, "visible") == ["60.0", "30.0"]
    assert "day n = 179, night n = 182" in parts.caption


def test_segmentation_says_how_many_pixels_are_ignored_and_which_classes_have_none(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    recall = [
        ("", "car", "class_accuracy", 0.8, ""),
        ("", "bump", "class_accuracy", math.nan, "no_truth"),
    ]
    builder.segmentation("visible", {"car": 0.7, "bump": 0.0}, {"ignored": 0.0173}, rows=recall)
    table = tables_of(builder.write())["segmentation-msrs"]
    assert "Labels: 1.73% of the pixels are ignored; no pixel of bump." in table.footer


def test_means_over_fewer_classes_are_noted_and_not_ranked(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for method, held, value in (("visible", 9, 0.5), ("ddfm", 8, 0.9), ("dmnet", 9, 0.4)):
        means = {"mIoU_9": value, "n_classes_mIoU_9": held}
        builder.segmentation(method, {"car": 0.7}, means)
    table = tables_of(builder.write())["segmentation-msrs"]
    assert [row.cells[1].mark for row in table.rows] == ["best", "", "second"]
    assert table.notes[0].text == "mean over 8 classes, for other methods over 9"


def test_a_class_with_fewer_than_ten_boxes_and_a_mean_over_so_few_are_not_ranked(
    tmp_path: Path, new_run: Any
) -> None:
    def tables(folder: str, boxes: dict[str, int]) -> Table:
        builder = new_run(tmp_path / folder)
        for i, method in enumerate(METHODS):
            builder.detection(method, {"People": i / 4, "Car": i / 4}, boxes=boxes)
        return tables_of(builder.write())["detection-m3fd"]

    some = tables("some", {"People": 9, "Car": 10})
    assert marks_of(some)["AP50:Car"] == marks_of(some)["mAP50"] == {"best", "second"}
    assert marks_of(some)["AP50:People"] == set()
    assert some.warnings == (
        "Too few boxes to rank (fewer than 10), so not marked: People (n = 9).",
    )
    assert "Best value bold" in some.caption
    all_few = tables("few", {"People": 3, "Car": 4})
    assert not any(marks_of(all_few).values())
    assert "mAP@0.5 (n = 7)" in all_few.full_caption
    enough = tables("enough", {"People": 10, "Car": 10})
    assert enough.warnings == ()


def test_a_condition_with_fewer_than_ten_images_is_not_ranked(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for i, method in enumerate(METHODS):
        means = {"mIoU9": i / 4, "mIoU9[day]": i / 4, "mIoU9[night]": i / 4}
        counts = {"n_images[day]": 12.0, "n_images[night]": 3.0}
        builder.segmentation(method, {"car": i / 4}, means | counts, images=15)
    table = tables_of(builder.write())["segmentation-msrs-conditions"]
    assert marks_of(table) == {"mIoU9[day]": {"best", "second"}, "mIoU9[night]": set()}
    assert table.warnings == (
        "Too few images to rank (fewer than 10), so not marked: mIoU (9) night (n = 3).",
    )
