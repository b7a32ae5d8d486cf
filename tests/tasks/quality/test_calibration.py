"""The calibration sheet compares everything, hides nothing, and is not stale."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest

from ivif_bench.data.images import encode_png
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.tasks.quality.calibration.blocks import (
    definition,
    insert,
    metrics_block,
    undefined_block,
)
from ivif_bench.tasks.quality.calibration.compare import Row, compare, uncompared, unexplained
from ivif_bench.tasks.quality.calibration.comparisons import COMPARISONS, EXCEPTIONS, Comparison
from ivif_bench.tasks.quality.calibration.distances import Distance, fast_errors
from ivif_bench.tasks.quality.calibration.golden import Recorded, read_golden
from ivif_bench.tasks.quality.calibration.numbers import about, at_most, changes
from ivif_bench.tasks.quality.calibration.sheet import CSV_COLUMNS, to_csv, to_markdown, versions
from ivif_bench.tasks.quality.engine import Value
from ivif_bench.tasks.quality.registry import CONVENTIONS, METRICS


@pytest.fixture(scope="module")
def golden(shared):
    return read_golden(shared / "golden" / "metrics")


@pytest.fixture(scope="module")
def rows(golden):
    return compare(golden)


@pytest.fixture(scope="module")
def stored(repository):
    with (repository / "docs" / "calibration.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.golden
def test_every_recorded_value_is_compared(golden, rows):
    assert uncompared(golden) == []
    recorded = {
        (triple, evaluator, key)
        for triple, evaluators in golden.values.items()
        for evaluator, metrics in evaluators.items()
        for key in metrics
    }
    compared = {(row.triple, row.comparison.evaluator, row.comparison.key) for row in rows}
    assert compared == recorded


@pytest.mark.golden
def test_the_listed_exceptions_are_exactly_the_comparisons_that_fail(rows):
    failing = {
        (row.comparison.evaluator, row.comparison.key, row.triple)
        for row in rows
        if row.verdict == "differs"
    }
    assert failing == set(EXCEPTIONS)
    assert unexplained(rows) == []


@pytest.mark.golden
def test_no_tolerance_hides_a_difference_a_hundred_times_smaller(rows):
    """Tolerances are as tight as the numbers are: those of double precision are rounding."""
    for comparison in COMPARISONS:
        if comparison.tolerance is None:
            continue
        assert comparison.tolerance <= 1e-9 or comparison.note, comparison


@pytest.mark.golden
def test_the_stored_values_are_what_this_code_computes(rows, stored):
    fresh = list(csv.DictReader(io.StringIO(to_csv(rows))))
    same = ("evaluator", "key", "triple", "theirs", "definition of ours", "tolerance", "verdict",
            "reason")  # fmt: skip
    assert [[row[name] for name in same] for row in stored] == [
        [row[name] for name in same] for row in fresh
    ], "docs/calibration.csv is stale: run 'ivif-bench calibrate' as docs/metrics.md says"
    for old, new in zip(stored, fresh, strict=True):
        try:
            number = float(new["ours"])
        except ValueError:  # a reason, or nothing to compare
            assert old["ours"] == new["ours"]
        else:
            assert float(old["ours"]) == pytest.approx(number, rel=1e-9, abs=1e-9), old


def test_the_stored_pages_list_the_metrics_and_versions_of_this_code(repository):
    stale = "is stale: run 'ivif-bench calibrate' as docs/metrics.md says"
    sheet = (repository / "docs" / "calibration.md").read_text(encoding="utf-8")
    assert versions() in sheet, f"docs/calibration.md {stale}"
    page = (repository / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert metrics_block() in page, f"docs/metrics.md {stale}"


@pytest.mark.golden
def test_the_stored_sheet_has_the_sections_and_lines_of_a_fresh_one(golden, rows, repository):
    sheet = (repository / "docs" / "calibration.md").read_text(encoding="utf-8")
    fresh = to_markdown(golden, rows, {"TNO42": "", "VIFB": ""})
    heads = [line for line in fresh.splitlines() if line.startswith("#")]
    assert [line for line in sheet.splitlines() if line.startswith("#")] == heads
    programs = [line.split("|")[1:4] for line in fresh.splitlines() if line.startswith("| ")]
    written = [line.split("|")[1:4] for line in sheet.splitlines() if line.startswith("| ")]
    assert [cells for cells in programs if cells not in written] == []


@pytest.mark.golden
@pytest.mark.slow
def test_fast_mode_keeps_the_errors_that_the_page_states(golden, repository):
    page = (repository / "docs" / "metrics.md").read_text(encoding="utf-8")
    block = page.partition("<!-- fast: generated -->")[2].partition("<!-- /fast -->")[0]
    lines = [line.strip("| ").split(" | ") for line in block.splitlines() if line.startswith("|")]
    stated = {metric: float(error.lstrip("<")) for metric, error in lines[2:]}
    for metric, error in fast_errors(golden).items():
        assert error <= stated.get(metric, 0.0), metric


def row_of(theirs, ours, tolerance=1e-9, exception=""):
    comparison = Comparison("P", "K", "EN", tolerance=tolerance)
    reason = "constant_fused" if ours is not None and math.isnan(ours) else ""
    said = "nan" if math.isnan(theirs) else ""
    value = None if ours is None else Value(ours, reason)
    return Row(comparison, "t", Recorded(theirs, said), value, exception)


@pytest.mark.parametrize(
    ("theirs", "ours", "tolerance", "verdict"),
    [
        (1.0, 1.0 + 1e-10, 1e-9, "agrees"),
        (1.0, 1.0 + 1e-8, 1e-9, "differs"),
        (1.0, 1.0, None, "another definition"),
        (1.0, None, None, "nothing to compare"),
        (math.nan, math.nan, 1e-9, "both undefined"),
        (math.nan, 1.0, 1e-9, "differs"),
        (1.0, math.nan, 1e-9, "differs"),
    ],
)
def test_a_verdict_needs_both_values_or_neither(theirs, ours, tolerance, verdict):
    assert row_of(theirs, ours, tolerance).verdict == verdict


def test_an_unexplained_difference_is_not_explained():
    row = row_of(1.0, 2.0)
    assert unexplained([row_of(1.0, 2.0, exception="known"), row, row_of(1.0, 1.0)]) == [row]


@pytest.mark.parametrize(
    ("number", "upper", "digit"),
    [
        (0.0, "<1e-12", "0"),
        (3e-15, "<1e-12", "0"),
        (2.2e-6, "1e-05", "2e-06"),
        (1e-7, "1e-07", "1e-07"),
        (0.034, "1e-01", "0.03"),
        (7.0, "10", "7"),
        (math.nan, "–", "–"),
    ],
)
def test_differences_are_printed_so_that_no_machine_prints_another_number(number, upper, digit):
    assert at_most(number) == upper
    assert about(number) == digit


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.95, 1.0034, "−5 % .. +0.34 %"),
        (0.693147, 0.693148, "−31 %"),
        (0.4, 0.9, "×0.4 .. ×0.9"),
        (1e-3, 1e-3, "×0.001"),
    ],
)
def test_ratios_are_printed_as_changes_or_factors(low, high, text):
    assert changes(low, high) == text


@pytest.mark.parametrize(
    ("distance", "same", "factor", "offset", "unrelated"),
    [
        (Distance(1.0, 1.0 + 1e-13, 0.0, 1e-13), True, True, False, False),
        (Distance(0.7, 0.7 + 1e-9, -3.0, -1.0), False, True, False, False),
        (Distance(3.1, 4.3, 48.13, 48.13), False, False, True, False),
        (Distance(0.7, 0.8, -3.0, -1.0), False, False, False, False),
        (Distance(0.7, 9.0, -3.0, 4.0), False, False, False, True),
        (Distance(-0.7, 1.0, -3.0, 0.0), False, False, False, True),
    ],
)
def test_conventions_are_the_same_or_a_factor_or_an_offset_apart_or_unrelated(
    distance, same, factor, offset, unrelated
):
    found = (distance.same, distance.factor, distance.offset, distance.unrelated)
    assert found == (same, factor, offset, unrelated)


def test_a_generated_block_replaces_what_is_between_its_markers_and_nothing_else():
    page = "a\n<!-- x: generated -->\nold\n<!-- /x -->\nb\n"
    found = insert(page, {"x": lambda: "new"}, "page.md")
    assert found == "a\n<!-- x: generated -->\nnew\n<!-- /x -->\nb\n"
    assert insert(found, {"x": lambda: "new"}, "page.md") == found
    with pytest.raises(UserError, match=r"page\.md: no place for y; it needs the lines"):
        insert(page, {"y": lambda: ""}, "page.md")


def test_every_metric_says_what_it_is_in_its_first_sentence():
    for spec in METRICS.specs().values():
        said = definition(spec)
        assert said.startswith(spec.name.partition("-")[0]), spec.name


def made_up(folder, value):
    image = np.random.default_rng(0).integers(0, 256, (20, 20)).astype(np.uint8)
    for side in ("ir", "vi", "fu"):
        write_bytes(folder / f"one_{side}.png", encode_png(image))
    data = {
        "meta": {"evaluators": {"HuXiangyu": {"what": "a program"}},
                 "triples": {"one": {"what": "noise"}}},
        "values": {"one": {"HuXiangyu": {"EN": value}}},
    }  # fmt: skip
    (folder / "golden_metrics.json").write_text(json.dumps(data))
    return image


def calibrate(*arguments):
    from typer.testing import CliRunner

    from ivif_bench.cli import app

    return CliRunner().invoke(app, ["calibrate", *map(str, arguments)])


def test_the_command_writes_sheet_and_values_and_fails_on_an_unexplained_difference(tmp_path):
    from skimage.measure import shannon_entropy

    good, bad = tmp_path / "good", tmp_path / "bad"
    image = made_up(good, 0.0)
    made_up(good, shannon_entropy(image))
    made_up(bad, 3.0)
    files = ["--markdown", tmp_path / "sheet.md", "--csv", tmp_path / "values.csv"]
    done = calibrate("--golden", good, *files)
    assert done.exit_code == 0, done.output
    assert "1 values: agrees 1" in done.output
    assert "| HuXiangyu | EN | EN under reference |" in (tmp_path / "sheet.md").read_text()
    lines = list(csv.DictReader((tmp_path / "values.csv").open()))
    assert tuple(lines[0]) == CSV_COLUMNS
    assert lines[0]["verdict"] == "agrees"
    done = calibrate("--golden", bad)
    assert done.exit_code == 1
    assert "differs: HuXiangyu EN one" in done.output


@pytest.mark.parametrize("text", [None, "[]", '{"values": 3}', "{"])
def test_a_folder_without_recorded_values_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "golden_metrics.json").write_text(text)
    with pytest.raises(UserError, match=r"golden_metrics\.json"):
        read_golden(tmp_path)


def test_conventions_listed_in_the_sheet_are_those_registered():
    assert all(f"{name} " in versions() for name in CONVENTIONS.specs())


def test_the_table_of_undefined_values_is_what_this_code_does(repository):
    page = (repository / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert undefined_block() in page, "docs/metrics.md is stale: run 'ivif-bench calibrate'"
