"""Tables of all tasks: which results share one, what footers and captions say of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from report_tables import (
    METHODS,
    STEMS,
    marks_of,
    tables_of,
    texts_of,
    value_of,
    values_of,
    without,
)

from ivif_bench.errors import UserError
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.table import MISSING
from ivif_bench.reports.write import build_report, select


def test_quality_names_seeds_only_if_there_are_several(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.quality("ddfm", values_of(0))
    builder.detection("ddfm", {"Car": 0.5})
    tables = tables_of(builder.write())
    assert not any(line.startswith("Seeds") for line in tables["quality-msrs"].footer)
    assert "Seeds: 0." in tables["detection-m3fd"].footer
    builder.quality("ddfm", values_of(1), seed=1)
    footer = tables_of(builder.write())["quality-msrs"].footer
    assert any(line.startswith("Seeds: 0, 1;") for line in footer)


def test_footers_name_the_versions_of_what_judged(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.quality("ddfm", values_of(0))
    builder.detection("ddfm", {"Car": 0.5})
    builder.segmentation("ddfm", {"car": 0.7}, {"mIoU_9": 0.5})
    base = "Commit c0ffee0; ivif-bench 0.1.0, python 3.11.9, torch 2.15.0"
    assert [table.footer[-1] for table in tables_of(builder.write()).values()] == [
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
    footer = tables_of(builder.write())["detection-m3fd"].footer[-1]
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


def test_alone_a_method_without_any_image_still_has_its_row(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.quality("folder", {}, {"EN": "up"}, missing=STEMS)
    builder.detection("folder", {}, images=0, missing=STEMS, means={})
    for table in tables_of(builder.write()).values():
        assert {cell.text for cell in table.rows[0].cells} == {MISSING}


def test_missing_unit_is_a_hole_and_is_named(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.titles["dmnet"] = "DM-Net"
    builder.quality("visible", values_of(0))
    builder.quality("dmnet", None)
    run = builder.write()
    table = tables_of(run)["quality-msrs"]
    assert texts_of(table, "dmnet") == [MISSING, MISSING]
    assert MISSING not in texts_of(table, "visible")
    assert any("Missing" in line and "DM-Net seed 0" in line for line in table.footer)
    assert any("dmnet" in remark for remark in build_report(load_run(run)).remarks)


def test_another_split_is_another_table(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5})
    about = {"classes": ["Car"], "split_sha256": "f" * 64, "images": 9}
    rows = [("", "Car", "AP50", 0.9, ""), ("", "", "mAP50", 0.9, "")]
    builder.unit("detection", "visible", rows, about, dataset="m3fd")
    tables = tables_of(builder.write())
    assert len(tables) == 2
    assert all(name.startswith("detection-m3fd-p.v1-") for name in tables)
    assert [value_of(table, "visible", "mAP50") for table in tables.values()] == [0.5, 0.9]


def test_two_protocols_give_two_named_tables(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5}, protocol="a.v1")
    builder.detection("visible", {"Car": 0.6}, protocol="a.v2")
    assert list(tables_of(builder.write())) == ["detection-m3fd-a.v1", "detection-m3fd-a.v2"]


def test_two_results_for_one_question_are_refused(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5})
    builder.detection("visible", {"Car": 0.6})
    with pytest.raises(UserError, match="same question"):
        tables_of(builder.write())


def test_a_warning_of_some_methods_names_them_and_every_warning_ends_in_a_stop(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.detection("visible", {"Car": 0.5}, warnings=["PSEUDO LABELS", "Is it odd?"])
    warnings = ["PSEUDO LABELS.", "trained on less", "Is it odd?"]
    builder.detection("ddfm", {"Car": 0.5}, warnings=warnings)
    table = tables_of(builder.write())["detection-m3fd"]
    assert table.warnings == ("PSEUDO LABELS.", "Is it odd?", "Trained on less [ddfm].")
    assert table.full_caption.endswith("PSEUDO LABELS. Is it odd? Trained on less [ddfm].")


@pytest.mark.parametrize(("count", "ranked"), [(1, False), (9, False), (10, True)])
def test_fewer_than_ten_images_are_too_few_to_rank(
    tmp_path: Path, new_run: Any, count: int, ranked: bool
) -> None:
    builder = new_run(tmp_path)
    for i, method in enumerate(METHODS):
        builder.quality(method, without(values_of(i), STEMS[count:]))
        builder.detection(method, {"Car": i / 4}, images=count)
        builder.segmentation(method, {"car": i / 4}, {"mIoU9": i / 4}, images=count)
    tables = tables_of(builder.write())
    words = "1 image is" if count == 1 else f"{count} images are"
    sentence = f"{words} too few to rank (fewer than 10): nothing is marked."
    assert list(tables) == ["quality-msrs", "detection-m3fd", "segmentation-msrs"]
    for table in tables.values():
        assert any(marks_of(table).values()) == ranked
        assert ("Best value bold" in table.caption) == ranked
        assert (sentence in table.warnings) != ranked
        assert (sentence in table.full_caption) != ranked


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
    footer = "\n".join(tables_of(builder.write())["detection-m3fd"].footer)
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
    footer = tables_of(builder.write())["detection-m3fd"].footer
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
