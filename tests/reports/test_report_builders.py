"""From records to tables: what is averaged, what is shown as a hole, what is compared."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivif_bench.errors import UserError
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.table import MISSING, UNDEFINED, Table
from ivif_bench.reports.write import build_report, select

STEMS = [f"s{i}" for i in range(12)]  # with fewer than ten, nothing is ranked
METHODS = ("visible", "infrared", "ddfm")


def _tables(run: Path) -> dict[str, Table]:
    return {table.name: table for table in build_report(load_run(run)).tables}


def _values(seed: int) -> dict[str, dict[str, float]]:
    random = np.random.default_rng(seed)
    return {
        m: dict(zip(STEMS, random.normal(5, 1, len(STEMS)).tolist(), strict=True))
        for m in ("EN", "SF")
    }


def _texts(table: Table, method: str) -> list[str]:
    return next([c.text for c in row.cells] for row in table.rows if row.name == method)


def _value(table: Table, method: str, column: str) -> float | None:
    at = [c.key for c in table.columns].index(column)
    return next(row.cells[at].estimate.value for row in table.rows if row.name == method)


def test_quality_is_the_mean_over_images_in_the_plans_order(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for i, method in enumerate(METHODS):
        builder.quality(method, _values(i), {"SF": "down", "EN": "up"})
    table = _tables(builder.write())["quality-msrs"]
    assert [row.name for row in table.rows] == list(METHODS)
    assert [(c.key, c.direction) for c in table.columns] == [("SF", "down"), ("EN", "up")]
    for i, method in enumerate(METHODS):
        for metric, line in _values(i).items():
            assert _value(table, method, metric) == pytest.approx(np.mean(list(line.values())))
    best = [row.name for row in table.rows if row.cells[0].mark == "best"]
    lowest = min(METHODS, key=lambda m: np.mean(list(_values(METHODS.index(m))["SF"].values())))
    assert best == [lowest]


def _without(
    values: dict[str, dict[str, float]], gone: set[str] | list[str]
) -> dict[str, dict[str, float]]:
    return {m: {s: v for s, v in line.items() if s not in gone} for m, line in values.items()}


def _images_line(table: Table) -> str:
    return next(line for line in table.footer if line.startswith("Images"))


@settings(max_examples=20, deadline=None)
@given(
    victim=st.sampled_from(METHODS), gone=st.sets(st.sampled_from(STEMS), min_size=1, max_size=5)
)
def test_a_method_that_lacks_images_shrinks_nobody_and_is_compared_on_common_images(
    new_run: Any, victim: str, gone: set[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        builder = new_run(Path(folder))
        for i, method in enumerate(METHODS):
            values = _values(i)
            builder.quality(method, _without(values, gone) if method == victim else values)
        tables = _tables(builder.write())
    assert list(tables) == ["quality-msrs", "quality-msrs-common"]
    main, common = tables.values()
    kept = [stem for stem in STEMS if stem not in gone]
    for i, method in enumerate(METHODS):
        for metric, line in _values(i).items():
            assert _value(common, method, metric) == pytest.approx(np.mean([line[s] for s in kept]))
            expected = None if method == victim else pytest.approx(np.mean(list(line.values())))
            assert _value(main, method, metric) == expected
    hole = next(row.cells[0] for row in main.rows if row.name == victim)
    assert hole.text == MISSING
    note = next(n.text for n in main.notes if n.letter == hole.note)
    assert note == f"lacks {len(gone)} of 12 images; see table quality-msrs-common"
    assert "mean over 12 images" in main.caption
    assert f"{victim} lacks {len(gone)}" in _images_line(main)
    assert common.title == "Fusion quality on MSRS on the images that all methods have"
    assert f"n = {len(kept)} of 12 images" in common.caption
    assert f"{len(kept)} of 12" in _images_line(common)
    assert not any(cell.text == MISSING for row in common.rows for cell in row.cells)


def test_complete_methods_share_one_table(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for i, method in enumerate(METHODS):
        builder.quality(method, _values(i))
    tables = _tables(builder.write())
    assert list(tables) == ["quality-msrs"]
    assert _images_line(tables["quality-msrs"]) == "Images: 12."


def test_a_stem_that_the_task_reports_missing_counts_though_nobody_has_it(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.quality("a", _values(0), missing=["lost"])
    builder.quality("b", _values(1), missing=["lost"])
    main, common = _tables(builder.write()).values()
    assert {c.text for row in main.rows for c in row.cells} == {MISSING}
    assert "n = 12 of 13" in common.caption
    assert _value(common, "b", "SF") == pytest.approx(np.mean(list(_values(1)["SF"].values())))


def test_a_stem_without_all_metrics_counts_as_lacking(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    partial = _values(1)
    del partial["SF"]["s0"]
    builder.quality("visible", _values(0))
    builder.quality("ddfm", partial)
    tables = _tables(builder.write())
    assert _value(tables["quality-msrs"], "ddfm", "EN") is None
    assert _value(tables["quality-msrs-common"], "visible", "EN") == pytest.approx(
        np.mean([v for s, v in _values(0)["EN"].items() if s != "s0"])
    )


def test_a_stem_that_one_seed_lacks_is_lacking(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.quality("ddfm", _values(0), seed=0)
    builder.quality("ddfm", _without(_values(1), ["s5"]), seed=1)
    main, common = _tables(builder.write()).values()
    assert set(_texts(main, "ddfm")) == {MISSING}
    means = [np.mean(list(_without(_values(i), ["s5"])["EN"].values())) for i in (0, 1)]
    assert _value(common, "ddfm", "EN") == pytest.approx(np.mean(means))


def test_without_a_common_image_there_is_no_second_table_and_the_footer_says_why(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.quality("a", {"EN": {"s1": 1.0}})
    builder.quality("b", {"EN": {"s2": 1.0}})
    builder.quality("whole", {"EN": {"s1": 1.0, "s2": 3.0}})
    tables = _tables(builder.write())
    assert list(tables) == ["quality-msrs"]
    table = tables["quality-msrs"]
    assert [_texts(table, name) for name in ("a", "b", "whole")] == [
        [MISSING],
        [MISSING],
        ["2.000"],
    ]
    assert any("no image that all methods have" in line for line in table.footer)
    assert "-common" not in "".join(note.text for note in table.notes)


def test_sources_are_shown_but_not_ranked_in_quality(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.sources = ("visible", "infrared")
    for method, value in (("visible", 9.0), ("infrared", 8.0), ("ddfm", 3.0), ("max", 2.0)):
        builder.quality(method, {"MI": dict.fromkeys(STEMS, value)})
    table = _tables(builder.write())["quality-msrs"]
    assert {row.name: (row.cells[0].text, row.cells[0].mark) for row in table.rows} == {
        "visible": ("9.000", ""),
        "infrared": ("8.000", ""),
        "ddfm": ("3.000", "best"),
        "max": ("2.000", "second"),
    }
    assert table.caption.endswith(
        "Best value bold, second best underlined; the source images, which agree perfectly with "
        "themselves, are not ranked."
    )


def test_without_sources_the_caption_speaks_of_none(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.sources = ("visible",)  # judged by detection only
    builder.quality("ddfm", _values(0))
    builder.detection("visible", {"Car": 0.5})
    assert "source" not in _tables(builder.write())["quality-msrs"].caption


def test_sources_keep_taking_part_in_detection(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.sources = ("visible",)
    builder.detection("visible", {"Car": 0.9})
    builder.detection("ddfm", {"Car": 0.5})
    table = _tables(builder.write())["detection-m3fd"]
    assert [row.cells[1].mark for row in table.rows] == ["best", "second"]
    assert "source images take part" in table.caption


def test_images_undefined_for_all_methods_but_not_for_sources_do_not_stop_the_ranking(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.sources = ("visible",)
    for i, method in enumerate(METHODS):
        values = _values(i)
        if method != "visible":
            values["EN"]["s0"] = math.nan
        builder.quality(method, values)
    table = _tables(builder.write())["quality-msrs"]
    assert table.rows[0].cells[0].mark == ""
    assert {row.cells[0].mark for row in table.rows[1:]} == {"best", "second"}


def test_quality_names_seeds_only_if_there_are_several(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.quality("ddfm", _values(0))
    builder.detection("ddfm", {"Car": 0.5})
    tables = _tables(builder.write())
    assert not any(line.startswith("Seeds") for line in tables["quality-msrs"].footer)
    assert "Seeds: 0." in tables["detection-m3fd"].footer
    builder.quality("ddfm", _values(1), seed=1)
    footer = _tables(builder.write())["quality-msrs"].footer
    assert any(line.startswith("Seeds: 0, 1;") for line in footer)


def test_footers_name_the_versions_of_what_judged(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.quality("ddfm", _values(0))
    builder.detection("ddfm", {"Car": 0.5})
    builder.segmentation("ddfm", {"car": 0.7}, {"mIoU_9": 0.5})
    base = "Commit c0ffee0; ivif-bench 0.1.0, python 3.11.9, torch 2.15.0"
    assert [table.footer[-1] for table in _tables(builder.write()).values()] == [
        f"{base}, numba 0.68.1.",
        f"{base}, ultralytics 8.4.190, pycocotools 2.0.11.",
        f"{base}, onedl-mmsegmentation 1.4.2.",
    ]


def test_a_judge_of_one_result_is_named_once_and_a_stranger_not_at_all(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.detection("a", {"Car": 0.5}, about={"judges": ["numba"]})
    builder.detection("b", {"Car": 0.5}, about={"judges": ["numba", "astrology"]})
    footer = _tables(builder.write())["detection-m3fd"].footer[-1]
    assert footer.endswith("torch 2.15.0, numba 0.68.1.")


def test_seeds_added_later_share_a_table_with_the_reused_one(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.detection("ddfm", {"Car": 0.5}, seed=0)  # computed when seed 0 was all that was asked
    path = tmp_path / builder.units[0]["result"]
    said = json.loads(path.with_suffix(".json").read_text())["what"]["about"]
    said |= {"protocol_sha256": "e" * 64}
    builder.units[0]["about"] = said
    for seed in (1, 2):
        builder.detection("ddfm", {"Car": 0.5 + seed / 10}, seed=seed, said=said, about=said)
    (table,) = build_report(load_run(builder.write())).tables
    assert table.rows[0].cells[1].estimate.seeds == 3
    assert any("sha256 eeeeeeee" in line for line in table.footer)
    assert any(line.startswith("Seeds: 0, 1, 2;") for line in table.footer)


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


def test_a_missing_result_joins_the_table_that_the_plan_says(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    asked = {"classes": ["Car"], "images": 9}
    rows = [("", "Car", "AP50", 0.9, ""), ("", "", "mAP50", 0.9, "")]
    for split, value in (("a" * 64, rows), ("b" * 64, rows)):
        about = {**asked, "split_sha256": split}
        builder.unit("detection", "visible", value, about, dataset="m3fd", said=about)
    builder.unit("detection", "ddfm", None, dataset="m3fd", said=about)
    first, second = build_report(load_run(builder.write())).tables
    assert [row.name for row in first.rows] == ["visible"]
    assert [row.name for row in second.rows] == ["visible", "ddfm"]


def test_networks_with_other_weights_are_not_compared(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for name in ("first", "second"):
        builder.detection("ddfm", {"Car": 0.5}, about={"network": f"yolov5n, weights {name}"})
    assert len(_tables(builder.write())) == 2


def test_a_method_without_any_image_has_a_row_of_holes_and_spoils_no_table(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    metrics = {"EN": "up", "SF": "up"}
    builder.quality("visible", _values(0))
    builder.quality("ddfm", _values(1))
    builder.quality("folder", {}, metrics, missing=STEMS)
    (main,) = _tables(builder.write()).values()
    assert _texts(main, "folder") == [MISSING, MISSING]
    assert [note.text for note in main.notes] == ["has none of the images"]
    assert _value(main, "ddfm", "EN") == pytest.approx(np.mean(list(_values(1)["EN"].values())))
    assert _images_line(main) == "Images: 12; folder has none of the images."
    builder.quality("holes", _without(_values(2), ["s0"]))
    main, common = _tables(builder.write()).values()
    assert _texts(common, "folder") == [MISSING, MISSING]
    assert MISSING not in _texts(common, "holes")
    assert "n = 11 of 12" in common.caption


def test_alone_a_method_without_any_image_still_has_its_row(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.quality("folder", {}, {"EN": "up"}, missing=STEMS)
    builder.detection("folder", {}, images=0, missing=STEMS, means={})
    for table in _tables(builder.write()).values():
        assert {cell.text for cell in table.rows[0].cells} == {MISSING}


def test_a_method_that_was_judged_on_no_image_has_no_table_of_its_own(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5}, missing=[f"t{i}" for i in range(9)])
    builder.detection("folder", {}, images=0, missing=["s1"], means={})
    (table,) = _tables(builder.write()).values()
    assert _texts(table, "visible")[1] == "50.0"
    assert set(_texts(table, "folder")) == {MISSING}
    assert _images_line(table) == "Images: 25; folder has none of the images."


def test_undefined_values_are_left_out_with_their_count_and_not_ranked(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    for i, method in enumerate(METHODS):
        values = _values(i)
        if method == "ddfm":
            values["EN"] |= {"s0": math.nan, "s1": 1e6}
        builder.quality(method, values)
    table = _tables(builder.write())["quality-msrs"]
    odd = table.rows[2].cells[0]
    assert odd.estimate.n == 11
    assert odd.mark == ""
    note = next(n.text for n in table.notes if n.letter == odd.note)
    assert "n = 11 of 12" in note
    assert "constant_fused: 1" in note
    assert table.rows[2].cells[1].note == ""
    assert {row.cells[0].mark for row in table.rows[:2]} == {"best", "second"}


def test_a_metric_undefined_on_the_same_image_for_all_is_ranked(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    for i, method in enumerate(METHODS):
        values = _values(i)
        values["EN"]["s0"] = math.nan
        builder.quality(method, values)
    table = _tables(builder.write())["quality-msrs"]
    assert sorted(row.cells[0].mark for row in table.rows) == ["", "best", "second"]


def test_a_metric_undefined_everywhere_is_not_a_hole(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.quality("visible", {"SCD": dict.fromkeys(STEMS, math.nan)})
    builder.quality("ddfm", {"SCD": dict.fromkeys(STEMS, 1.0)})
    table = _tables(builder.write())["quality-msrs"]
    assert _texts(table, "visible") == [UNDEFINED]
    assert _texts(table, "ddfm") == ["1.000"]


def test_quality_over_seeds_is_mean_and_sample_sd_of_the_seeds_means(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    for seed, shift in enumerate((0.0, 1.0, 5.0)):
        builder.quality("ddfm", {"EN": {"s1": 1 + shift, "s2": 3 + shift}}, seed=seed)
    cell = _tables(builder.write())["quality-msrs"].rows[0].cells[0]
    assert cell.text == "4.000 ± 2.646"  # 2 + {0, 1, 5}: mean 4, sd sqrt(7)
    assert cell.estimate.interval == "t over seeds"


def test_missing_unit_is_a_hole_and_is_named(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.titles["dmnet"] = "DM-Net"
    builder.quality("visible", _values(0))
    builder.quality("dmnet", None)
    run = builder.write()
    table = _tables(run)["quality-msrs"]
    assert _texts(table, "dmnet") == [MISSING, MISSING]
    assert MISSING not in _texts(table, "visible")
    assert any("Missing" in line and "DM-Net seed 0" in line for line in table.footer)
    assert any("dmnet" in remark for remark in build_report(load_run(run)).remarks)


def test_a_missing_seed_is_never_averaged_over(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for seed in (0, 1):
        builder.detection("visible", {"Car": 0.5}, seed=seed)
        builder.detection("ddfm", {"Car": 0.9} if seed else None, seed=seed)
    table = _tables(builder.write())["detection-m3fd"]
    assert set(_texts(table, "ddfm")) == {MISSING}
    assert any("ddfm seed 0" in line for line in table.footer)


def test_detection_has_the_papers_columns_in_percent(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    ap = dict(
        zip(("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck"), range(1, 7), strict=True)
    )
    builder.detection("visible", {name: value / 10 for name, value in ap.items()})
    builder.detection("ddfm", {name: value / 20 for name, value in ap.items()})
    table = _tables(builder.write())["detection-m3fd"]
    assert [c.title for c in table.columns] == [*ap, "mAP@0.5", "mAP@[.5:.95]"]
    assert _texts(table, "visible")[:2] == ["10.0", "20.0"]
    assert _texts(table, "visible")[-2:] == ["35.0", "17.5"]
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
    table = _tables(builder.write())["detection-m3fd"]
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
    tables = _tables(builder.write())
    main, own = tables["detection-m3fd"], tables["detection-m3fd-own-images"]
    assert set(_texts(main, "folder")) == {MISSING}
    assert {row.name: row.cells[1].mark for row in main.rows} == {
        "visible": "best",
        "infrared": "second",
        "folder": "",
    }
    assert [row.title for row in own.rows] == ["folder (n = 23)"]
    assert _texts(own, "folder")[1] == "99.0"
    assert "s1, s2" in "\n".join(main.footer)
    assert not any(cell.mark for row in own.rows for cell in row.cells)


def test_methods_lacking_the_same_images_are_compared(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for method in METHODS:
        builder.detection(method, {"Car": 0.5}, images=23, missing=["s1", "s2"])
    assert list(_tables(builder.write())) == ["detection-m3fd"]


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
    tables = _tables(builder.write())
    main, parts = tables["segmentation-msrs"], tables["segmentation-msrs-conditions"]
    assert [c.title for c in main.columns] == ["unlabelled", "car", "mIoU (9)", "mIoU (8)"]
    assert _texts(main, "visible") == ["90.0", "70.0", "50.0", "40.0"]
    assert [c.title for c in parts.columns] == ["mIoU (9) day", "mIoU (9) night"]
    assert _texts(parts, "visible") == ["60.0", "30.0"]
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
    table = _tables(builder.write())["segmentation-msrs"]
    assert "Labels: 1.73% of the pixels are ignored; no pixel of bump." in table.footer


def test_means_over_fewer_classes_are_noted_and_not_ranked(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for method, held, value in (("visible", 9, 0.5), ("ddfm", 8, 0.9), ("dmnet", 9, 0.4)):
        means = {"mIoU_9": value, "n_classes_mIoU_9": held}
        builder.segmentation(method, {"car": 0.7}, means)
    table = _tables(builder.write())["segmentation-msrs"]
    assert [row.cells[1].mark for row in table.rows] == ["best", "", "second"]
    assert table.notes[0].text == "mean over 8 classes, of others over 9"


def test_another_split_is_another_table(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5})
    about = {"classes": ["Car"], "split_sha256": "f" * 64, "images": 9}
    rows = [("", "Car", "AP50", 0.9, ""), ("", "", "mAP50", 0.9, "")]
    builder.unit("detection", "visible", rows, about, dataset="m3fd")
    tables = _tables(builder.write())
    assert len(tables) == 2
    assert all(name.startswith("detection-m3fd-p.v1-") for name in tables)
    assert [_value(table, "visible", "mAP50") for table in tables.values()] == [0.5, 0.9]


def test_two_protocols_give_two_named_tables(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5}, protocol="a.v1")
    builder.detection("visible", {"Car": 0.6}, protocol="a.v2")
    assert list(_tables(builder.write())) == ["detection-m3fd-a.v1", "detection-m3fd-a.v2"]


def test_two_results_for_one_question_are_refused(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5})
    builder.detection("visible", {"Car": 0.6})
    with pytest.raises(UserError, match="same question"):
        _tables(builder.write())


def test_a_warning_of_some_methods_names_them_and_every_warning_ends_in_a_stop(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5}, warnings=["PSEUDO LABELS", "Is it odd?"])
    warnings = ["PSEUDO LABELS.", "trained on less", "Is it odd?"]
    builder.detection("ddfm", {"Car": 0.5}, warnings=warnings)
    table = _tables(builder.write())["detection-m3fd"]
    assert table.warnings == ("PSEUDO LABELS.", "Is it odd?", "Trained on less [ddfm].")
    assert table.full_caption.endswith("PSEUDO LABELS. Is it odd? Trained on less [ddfm].")


def _marks(table: Table) -> dict[str, set[str]]:
    return {
        column.key: {row.cells[at].mark for row in table.rows} - {""}
        for at, column in enumerate(table.columns)
    }


@pytest.mark.parametrize(("count", "ranked"), [(1, False), (9, False), (10, True)])
def test_fewer_than_ten_images_are_too_few_to_rank(
    tmp_path: Path, new_run: Any, count: int, ranked: bool
) -> None:
    builder = new_run(tmp_path)
    for i, method in enumerate(METHODS):
        builder.quality(method, _without(_values(i), STEMS[count:]))
        builder.detection(method, {"Car": i / 4}, images=count)
        builder.segmentation(method, {"car": i / 4}, {"mIoU9": i / 4}, images=count)
    tables = _tables(builder.write())
    words = "1 image is" if count == 1 else f"{count} images are"
    sentence = f"{words} too few to rank (fewer than 10): nothing is marked."
    assert list(tables) == ["quality-msrs", "detection-m3fd", "segmentation-msrs"]
    for table in tables.values():
        assert any(_marks(table).values()) == ranked
        assert ("Best value bold" in table.caption) == ranked
        assert (sentence in table.warnings) != ranked
        assert (sentence in table.full_caption) != ranked


def test_a_class_with_fewer_than_ten_boxes_and_a_mean_over_so_few_are_not_ranked(
    tmp_path: Path, new_run: Any
) -> None:
    def tables(folder: str, boxes: dict[str, int]) -> Table:
        builder = new_run(tmp_path / folder)
        for i, method in enumerate(METHODS):
            builder.detection(method, {"People": i / 4, "Car": i / 4}, boxes=boxes)
        return _tables(builder.write())["detection-m3fd"]

    some = tables("some", {"People": 9, "Car": 10})
    assert _marks(some)["AP50:Car"] == _marks(some)["mAP50"] == {"best", "second"}
    assert _marks(some)["AP50:People"] == set()
    assert some.warnings == (
        "Too few boxes to rank (fewer than 10), so not marked: People (n = 9).",
    )
    assert "Best value bold" in some.caption
    all_few = tables("few", {"People": 3, "Car": 4})
    assert not any(_marks(all_few).values())
    assert "mAP@0.5 (n = 7)" in all_few.full_caption
    enough = tables("enough", {"People": 10, "Car": 10})
    assert enough.warnings == ()


def test_a_condition_with_fewer_than_ten_images_is_not_ranked(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for i, method in enumerate(METHODS):
        means = {"mIoU9": i / 4, "mIoU9[day]": i / 4, "mIoU9[night]": i / 4}
        counts = {"n_images[day]": 12.0, "n_images[night]": 3.0}
        builder.segmentation(method, {"car": i / 4}, means | counts, images=15)
    table = _tables(builder.write())["segmentation-msrs-conditions"]
    assert _marks(table) == {"mIoU9[day]": {"best", "second"}, "mIoU9[night]": set()}
    assert table.warnings == (
        "Too few images to rank (fewer than 10), so not marked: mIoU (9) night (n = 3).",
    )


def test_a_metric_that_is_undefined_on_most_images_is_not_ranked(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    for i, method in enumerate(METHODS):
        values = _values(i)
        values["EN"] |= dict.fromkeys(STEMS[:3], math.nan)
        values["CC"] = dict.fromkeys(STEMS, math.nan)
        builder.quality(method, values)
    table = _tables(builder.write())["quality-msrs"]
    assert _marks(table) == {"EN": set(), "SF": {"best", "second"}, "CC": set()}
    assert table.warnings == ("Too few images to rank (fewer than 10), so not marked: EN (n = 9).",)


def test_results_of_a_task_without_builder_are_remarked(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.unit("astrology", "visible", [])
    report = build_report(load_run(builder.write()))
    assert report.tables == ()
    assert "astrology" in report.remarks[0]


def test_footer_prints_every_value_where_results_disagree(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5})
    path = builder.detection("ddfm", {"Car": 0.5})
    beside = path.with_suffix(".json")
    beside.write_text(
        beside.read_text()
        .replace("2.4.0", "2.3.1")
        .replace("c0ffee0", "badcafe")
        .replace("COCO AP", "VOC AP")
    )
    footer = "\n".join(_tables(builder.write())["detection-m3fd"].footer)
    assert "numpy 2.3.1/2.4.0" in footer
    assert "badcafe/c0ffee0" in footer
    assert "COCO AP by pycocotools (visible); VOC AP by pycocotools (ddfm)" in footer


def test_footer_names_everybody_who_had_a_part_in_a_result(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    path = builder.detection("ddfm", {"Car": 0.5})
    beside = path.with_suffix(".json")
    stored = json.loads(beside.read_text())
    trained = {
        "versions": {**stored["versions"], "torch": "2.14.0", "torchvision": "0.29"},
        "commit": "badcafe012345678",
        "device": "NVIDIA H200 on elsewhere, x86_64, 16 cores",
        "seconds": 60.0,
        "finished": "2024-12-31T00:00:00Z",
    }
    # The process that only scored had no detector loaded.
    last = {name: stored["versions"][name] for name in ("python", "ivif-bench", "torch")}
    beside.write_text(json.dumps(stored | {"versions": last, "earlier": [trained]}))
    footer = _tables(builder.write())["detection-m3fd"].footer
    assert footer[-2] == (
        "Commit badcafe/c0ffee0; ivif-bench 0.1.0, python 3.11.9, torch 2.14.0/2.15.0, "
        "ultralytics 8.4.190, pycocotools 2.0.11."
    )
    assert footer[-1] == "Computed on NVIDIA H200/cpu."


def test_a_broken_list_of_makers_is_refused(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    beside = builder.detection("ddfm", {"Car": 0.5}).with_suffix(".json")
    for earlier in ([{"commit": "x"}], None, 5):
        beside.write_text(json.dumps(json.loads(beside.read_text()) | {"earlier": earlier}))
        with pytest.raises(UserError, match="not the provenance of a unit"):
            load_run(builder.write())


def test_an_unknown_table_gets_a_suggestion(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5})
    report = build_report(load_run(builder.write()))
    assert select(report, "detection-m3fd") is report.tables[0]
    with pytest.raises(UserError, match="did you mean detection-m3fd"):
        select(report, "detection-m3df")
