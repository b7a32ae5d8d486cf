"""The calibration sheet compares everything, hides nothing, and is not stale."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from metrics_page import block, documented, table_lines
from small_runs import called

from benchmarks.calibration.__main__ import main
from benchmarks.calibration.blocks import (
    definition,
    insert,
    metrics_block,
    page_blocks,
    undefined_block,
)
from benchmarks.calibration.compare import Row, compare, uncompared, unexplained
from benchmarks.calibration.comparisons import COMPARISONS, EXCEPTIONS, Comparison
from benchmarks.calibration.distances import Distance, fast_errors
from benchmarks.calibration.golden import Recorded, read_golden
from benchmarks.calibration.numbers import about, at_most, changes
from benchmarks.calibration.sheet import CSV_COLUMNS, to_csv, to_markdown
from benchmarks.calibration.versions import (
    not_recorded,
    recorded_conventions,
    recorded_metrics,
    versions,
)
from ivif_bench.data.images import encode_png
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.tasks.quality.engine import Value
from ivif_bench.tasks.quality.registry import CONVENTIONS, METRICS, TEN

STALE = "is stale: run 'make calibrate'"


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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.golden
def test_the_listed_exceptions_are_exactly_the_comparisons_that_fail(rows):
    failing = {
        (row.comparison.evaluator, row.comparison.key, row.triple)
        for row in rows
        if row.verdict == "differs"
    }
    assert failing == set(EXCEPTIONS)
    assert unexplained(rows) == []


@pytest.mark.slow
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
    ], f"docs/calibration.csv {STALE}"
    for old, new in zip(stored, fresh, strict=True):
        try:
            number = float(new["ours"])
        except ValueError:  # a reason, or nothing to compare
            assert old["ours"] == new["ours"]
        else:
            assert float(old["ours"]) == pytest.approx(number, rel=1e-9, abs=1e-9), old


def test_the_stored_sheet_names_all_that_is_compared_in_the_versions_of_this_code(repository):
    """What it does not name is new, and has no recorded values."""
    sheet = (repository / "docs" / "calibration.md").read_text(encoding="utf-8")
    for kind, registry, recorded in (
        ("Metrics", METRICS, recorded_metrics()),
        ("Conventions", CONVENTIONS, recorded_conventions()),
    ):
        with_values = stated_versions(sheet, f"{kind} with recorded values")
        without = stated_versions(sheet, f"{kind} without")
        assert set(with_values) == recorded, f"docs/calibration.md {STALE}"
        assert not set(without) & recorded, f"docs/calibration.md {STALE}"
        for name, version in (with_values | without).items():
            assert registry.get(name).version == version, f"docs/calibration.md {STALE}"


def stated_versions(sheet, title):
    """Versions by name of one line of the sheet: ``TITLE: EN 1, SSIM 2.``"""
    said = sheet.partition(f"\n{title}: ")[2].partition(".\n")[0]
    found = [item.rpartition(" ") for item in said.split(", ") if item]
    return {name: int(version) for name, _, version in found}


def test_every_documented_metric_is_as_the_page_says():
    stated, fresh = table_lines(block("metrics")), table_lines(metrics_block())
    assert set(TEN) <= set(stated)
    assert set(recorded_metrics()) <= set(stated)
    for name, line in stated.items():
        assert fresh.get(name) == line, f"docs/metrics.md {STALE}"


@pytest.mark.slow
def test_documented_metrics_are_undefined_where_the_page_says_and_only_there():
    stated, fresh = table_lines(block("undefined")), table_lines(undefined_block())
    assert set(stated) <= set(documented())
    for name in documented():
        assert fresh.get(name) == stated.get(name), f"docs/metrics.md {STALE}"


@pytest.mark.golden
def test_the_stored_sheet_has_the_sections_and_lines_of_a_fresh_one(golden, rows, repository):
    sheet = (repository / "docs" / "calibration.md").read_text(encoding="utf-8")
    fresh = to_markdown(golden, rows, {"TNO42": "", "VIFB": "", "Harvard CT-MRI": ""})
    heads = [line for line in fresh.splitlines() if line.startswith("#")]
    assert [line for line in sheet.splitlines() if line.startswith("#")] == heads
    programs = [line.split("|")[1:4] for line in fresh.splitlines() if line.startswith("| ")]
    written = [line.split("|")[1:4] for line in sheet.splitlines() if line.startswith("| ")]
    assert [cells for cells in programs if cells not in written] == []


@pytest.mark.golden
@pytest.mark.slow
def test_fast_mode_keeps_the_errors_that_the_page_states(golden):
    stated = {
        metric: float(line.strip("| ").split(" | ")[1].lstrip("<"))
        for metric, line in table_lines(block("fast")).items()
    }
    same = block("fast").partition("The same in both modes: ")[2].rstrip(".\n").split(", ")
    assert set(TEN) <= {*stated, *same} <= set(documented())
    errors = fast_errors(golden)
    for metric in (*stated, *same):
        error = errors[metric]
        assert math.isnan(error) or error <= stated.get(metric, 0.0), metric


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
    """The command in this process."""
    return called(main, "calibration", *arguments)


def calibrate_as_printed(repository, *arguments):
    """The command as docs/metrics.md prints it, in the root of the checkout."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.calibration", *map(str, arguments)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_command_writes_sheet_and_values_and_fails_on_an_unexplained_difference(
    tmp_path, repository
):
    from skimage.measure import shannon_entropy

    good, bad = tmp_path / "good", tmp_path / "bad"
    image = made_up(good, 0.0)
    made_up(good, shannon_entropy(image))
    made_up(bad, 3.0)
    files = ["--markdown", tmp_path / "sheet.md", "--csv", tmp_path / "values.csv"]
    done = calibrate_as_printed(repository, "--golden", good, *files)
    assert done.returncode == 0, done.stderr
    assert "1 values: agrees 1" in done.stdout
    assert "| HuXiangyu | EN | EN under reference |" in (tmp_path / "sheet.md").read_text()
    lines = list(csv.DictReader((tmp_path / "values.csv").open()))
    assert tuple(lines[0]) == CSV_COLUMNS
    assert lines[0]["verdict"] == "agrees"
    done = calibrate("--golden", bad)
    assert done.returncode == 1
    assert "differs: HuXiangyu EN one" in done.stdout


@pytest.mark.slow
def test_tables_that_need_no_recorded_values_are_made_without_them(tmp_path):
    page = tmp_path / "metrics.md"
    page.write_text(
        "".join(
            f"<!-- {name}: generated -->\nold\n<!-- /{name} -->\n" for name in page_blocks(None)
        )
    )
    done = calibrate("--insert", page)
    assert done.returncode == 0, done.stderr
    assert f"metrics without recorded values: {', '.join(not_recorded())}" in done.stdout
    assert metrics_block() in page.read_text()
    assert undefined_block() in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--golden", "nowhere"), "cannot read nowhere/golden_metrics.json: No such file"),
        (("--csv", "values.csv"), "name their --golden"),
        ((), "nothing to do; name --golden, --published or --insert"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(arguments, words):
    done = calibrate(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_new_metric_or_convention_is_printed_as_one_without_recorded_values(monkeypatch):
    new = replace(METRICS.get("EN"), name="New", version=7)
    monkeypatch.setattr(METRICS, "_specs", {**METRICS.specs(), "New": new})
    rules = replace(CONVENTIONS.get("reference"), name="new-rules", version=3)
    monkeypatch.setattr(CONVENTIONS, "_specs", {**CONVENTIONS.specs(), "new-rules": rules})
    assert "New" in not_recorded()
    assert stated_versions(f"\n{versions()}\n", "Metrics without")["New"] == 7
    assert stated_versions(f"\n{versions()}\n", "Conventions without")["new-rules"] == 3


@pytest.mark.parametrize("text", [None, "[]", '{"values": 3}', "{"])
def test_a_folder_without_recorded_values_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "golden_metrics.json").write_text(text)
    with pytest.raises(UserError, match=r"golden_metrics\.json"):
        read_golden(tmp_path)
