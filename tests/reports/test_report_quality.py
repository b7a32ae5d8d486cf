"""Quality tables: what is averaged, what is shown as a gap, what is compared."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_tables import (
    METHODS,
    STEMS,
    images_line,
    marks_of,
    tables_of,
    texts_of,
    value_of,
    values_of,
    without,
)

from ivif_bench.reports.table import MISSING, UNDEFINED


def test_quality_is_the_mean_over_images_in_the_plans_order(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for i, method in enumerate(METHODS):
        builder.quality(method, values_of(i), {"SF": "down", "EN": "up"})
    table = tables_of(builder.write())["quality-msrs"]
    assert [row.name for row in table.rows] == list(METHODS)
    assert [(c.key, c.direction) for c in table.columns] == [("SF", "down"), ("EN", "up")]
    for i, method in enumerate(METHODS):
        for metric, line in values_of(i).items():
            assert value_of(table, method, metric) == pytest.approx(np.mean(list(line.values())))
    best = [row.name for row in table.rows if row.cells[0].mark == "best"]
    lowest = min(METHODS, key=lambda m: np.mean(list(values_of(METHODS.index(m))["SF"].values())))
    assert best == [lowest]


@pytest.mark.slow
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
            values = values_of(i)
            builder.quality(method, without(values, gone) if method == victim else values)
        tables = tables_of(builder.write())
    assert list(tables) == ["quality-msrs", "quality-msrs-common"]
    main, common = tables.values()
    kept = [stem for stem in STEMS if stem not in gone]
    for i, method in enumerate(METHODS):
        for metric, line in values_of(i).items():
            assert value_of(common, method, metric) == pytest.approx(
                np.mean([line[s] for s in kept])
            )
            expected = None if method == victim else pytest.approx(np.mean(list(line.values())))
            assert value_of(main, method, metric) == expected
    hole = next(row.cells[0] for row in main.rows if row.name == victim)
    assert hole.text == MISSING
    note = next(n.text for n in main.notes if n.letter == hole.note)
    assert note == f"lacks {len(gone)} of 12 images; see table quality-msrs-common"
    assert "mean over 12 images" in main.caption
    assert f"{victim} lacks {len(gone)}" in images_line(main)
    assert common.title == "Fusion quality on MSRS on the images that all methods have"
    assert f"n = {len(kept)} of 12 images" in common.caption
    assert f"{len(kept)} of 12" in images_line(common)
    assert not any(cell.text == MISSING for row in common.rows for cell in row.cells)


def test_complete_methods_share_one_table(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    for i, method in enumerate(METHODS):
        builder.quality(method, values_of(i))
    tables = tables_of(builder.write())
    assert list(tables) == ["quality-msrs"]
    assert images_line(tables["quality-msrs"]) == "Images: 12."


def test_a_stem_that_the_task_reports_missing_counts_though_nobody_has_it(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.quality("a", values_of(0), missing=["lost"])
    builder.quality("b", values_of(1), missing=["lost"])
    main, common = tables_of(builder.write()).values()
    assert {c.text for row in main.rows for c in row.cells} == {MISSING}
    assert "n = 12 of 13" in common.caption
    assert value_of(common, "b", "SF") == pytest.approx(np.mean(list(values_of(1)["SF"].values())))


def test_a_stem_without_all_metrics_counts_as_lacking(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    partial = values_of(1)
    del partial["SF"]["s0"]
    builder.quality("visible", values_of(0))
    builder.quality("ddfm", partial)
    tables = tables_of(builder.write())
    assert value_of(tables["quality-msrs"], "ddfm", "EN") is None
    assert value_of(tables["quality-msrs-common"], "visible", "EN") == pytest.approx(
        np.mean([v for s, v in values_of(0)["EN"].items() if s != "s0"])
    )


def test_a_stem_that_one_seed_lacks_is_lacking(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.quality("ddfm", values_of(0), seed=0)
    builder.quality("ddfm", without(values_of(1), ["s5"]), seed=1)
    main, common = tables_of(builder.write()).values()
    assert set(texts_of(main, "ddfm")) == {MISSING}
    means = [np.mean(list(without(values_of(i), ["s5"])["EN"].values())) for i in (0, 1)]
    assert value_of(common, "ddfm", "EN") == pytest.approx(np.mean(means))


def test_without_a_common_image_there_is_no_second_table_and_the_footer_says_why(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.quality("a", {"EN": {"s1": 1.0}})
    builder.quality("b", {"EN": {"s2": 1.0}})
    builder.quality("whole", {"EN": {"s1": 1.0, "s2": 3.0}})
    tables = tables_of(builder.write())
    assert list(tables) == ["quality-msrs"]
    table = tables["quality-msrs"]
    assert [texts_of(table, name) for name in ("a", "b", "whole")] == [
        [MISSING],
        [MISSING],
        ["2.0000"],
    ]
    assert any("no image that all methods have" in line for line in table.footer)
    assert "-common" not in "".join(note.text for note in table.notes)


def test_sources_are_shown_but_not_ranked_in_quality(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.sources = ("visible", "infrared")
    for method, value in (("visible", 9.0), ("infrared", 8.0), ("ddfm", 3.0), ("max", 2.0)):
        builder.quality(method, {"MI": dict.fromkeys(STEMS, value)})
    table = tables_of(builder.write())["quality-msrs"]
    assert {row.name: (row.cells[0].text, row.cells[0].mark) for row in table.rows} == {
        "visible": ("9.0000", ""),
        "infrared": ("8.0000", ""),
        "ddfm": ("3.0000", "best"),
        "max": ("2.0000", "second"),
    }
    assert table.caption.endswith(
        "Best value bold, second best underlined; the source images, which agree perfectly with "
        "themselves, are not ranked."
    )


def test_one_method_beside_the_sources_is_best_of_nothing(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.sources = ("visible", "infrared")
    for value, method in enumerate(METHODS):
        builder.quality(method, {"MI": dict.fromkeys(STEMS, float(value))})
    table = tables_of(builder.write())["quality-msrs"]
    assert table.full_caption == "Fusion quality on MSRS, mean over 12 images."
    assert not any(marks_of(table).values())


def test_without_sources_the_caption_speaks_of_none(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.sources = ("visible",)  # judged by detection only
    builder.quality("ddfm", values_of(0))
    builder.detection("visible", {"Car": 0.5})
    assert "source" not in tables_of(builder.write())["quality-msrs"].caption


def test_images_undefined_for_all_methods_but_not_for_sources_do_not_stop_the_ranking(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.sources = ("visible",)
    for i, method in enumerate(METHODS):
        values = values_of(i)
        if method != "visible":
            values["EN"]["s0"] = math.nan
        builder.quality(method, values)
    table = tables_of(builder.write())["quality-msrs"]
    assert table.rows[0].cells[0].mark == ""
    assert {row.cells[0].mark for row in table.rows[1:]} == {"best", "second"}


def test_a_method_without_any_image_has_a_row_of_holes_and_spoils_no_table(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    metrics = {"EN": "up", "SF": "up"}
    builder.quality("visible", values_of(0))
    builder.quality("ddfm", values_of(1))
    builder.quality("folder", {}, metrics, missing=STEMS)
    (main,) = tables_of(builder.write()).values()
    assert texts_of(main, "folder") == [MISSING, MISSING]
    assert [note.text for note in main.notes] == ["has none of the images"]
    assert value_of(main, "ddfm", "EN") == pytest.approx(np.mean(list(values_of(1)["EN"].values())))
    assert images_line(main) == "Images: 12; folder has none of the images."
    builder.quality("holes", without(values_of(2), ["s0"]))
    main, common = tables_of(builder.write()).values()
    assert texts_of(common, "folder") == [MISSING, MISSING]
    assert MISSING not in texts_of(common, "holes")
    assert "n = 11 of 12" in common.caption


def test_undefined_values_are_left_out_with_their_count_and_not_ranked(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    for i, method in enumerate(METHODS):
        values = values_of(i)
        if method == "ddfm":
            values["EN"] |= {"s0": math.nan, "s1": 1e6}
        builder.quality(method, values)
    table = tables_of(builder.write())["quality-msrs"]
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
        values = values_of(i)
        values["EN"]["s0"] = math.nan
        builder.quality(method, values)
    table = tables_of(builder.write())["quality-msrs"]
    assert sorted(row.cells[0].mark for row in table.rows) == ["", "best", "second"]


def test_a_metric_undefined_everywhere_is_not_a_hole(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.quality("visible", {"SCD": dict.fromkeys(STEMS, math.nan)})
    builder.quality("ddfm", {"SCD": dict.fromkeys(STEMS, 1.0)})
    table = tables_of(builder.write())["quality-msrs"]
    assert texts_of(table, "visible") == [UNDEFINED]
    assert texts_of(table, "ddfm") == ["1.0000"]


def test_quality_over_seeds_is_mean_and_sample_sd_of_the_seeds_means(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    for seed, shift in enumerate((0.0, 1.0, 5.0)):
        builder.quality("ddfm", {"EN": {"s1": 1 + shift, "s2": 3 + shift}}, seed=seed)
    cell = tables_of(builder.write())["quality-msrs"].rows[0].cells[0]
    assert cell.text == "4.0000 ± 2.6458"  # 2 + {0, 1, 5}: mean 4, sd sqrt(7)
    assert cell.estimate.interval == "t over seeds"


def test_a_metric_that_is_undefined_on_most_images_is_not_ranked(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    for i, method in enumerate(METHODS):
        values = values_of(i)
        values["EN"] |= dict.fromkeys(STEMS[:3], math.nan)
        values["CC"] = dict.fromkeys(STEMS, math.nan)
        builder.quality(method, values)
    table = tables_of(builder.write())["quality-msrs"]
    assert marks_of(table) == {"EN": set(), "SF": {"best", "second"}, "CC": set()}
    assert table.warnings == ("Too few images to rank (fewer than 10), so not marked: EN (n = 9).",)
