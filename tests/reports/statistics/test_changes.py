"""``compare``: nothing between a run and itself, the damaged method otherwise, with an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from drawn_boxes import drawn_boxes
from synthetic_run import CLASSES, RunBuilder
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.detections.intervals import ap_samples
from ivif_bench.detections.stored import name_of, read_stored
from ivif_bench.errors import UserError
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.statistics.changes import changes
from ivif_bench.reports.statistics.stored_boxes import THRESHOLDS
from ivif_bench.resampling import interval
from ivif_bench.tasks.detection.adapter import write_detections

STEMS = [f"{at:02}" for at in range(20)]


def _run(folder: Path, damaged: float = 0.0, noise: float = 0.0, seeds: int = 2, **more) -> Path:
    """Two methods in two tasks; ``damaged`` is taken from every number of ``b``."""
    builder = RunBuilder(folder)
    random = np.random.default_rng(0)
    other = np.random.default_rng(1)
    for method in ("a", "b"):
        less = damaged if method == "b" else 0.0
        values = {stem: random.normal() - less + noise * other.normal() for stem in STEMS}
        if not (more.get("lacking") and method == "b"):
            builder.quality(method, {"VIF": values, "MSE": values}, {"VIF": "up", "MSE": "down"})
        for seed in range(seeds):
            ap = {name: 0.5 + 0.01 * random.normal() - less for name in CLASSES}
            builder.detection(method, ap, seed=seed)
    return builder.write()


def _compare(*arguments: object):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def test_a_run_and_itself_have_nothing_that_changed(tmp_path):
    run = _run(tmp_path / "one")
    assert {each.state for each in changes(load_run(run), load_run(run))} == {"same"}
    done = _compare(run, run)
    assert done.exit_code == 0
    assert "nothing changed" in done.stderr
    assert done.stdout == ""


def test_a_damaged_method_is_named_with_its_interval_and_exit_code_1(tmp_path):
    one, two = _run(tmp_path / "one"), _run(tmp_path / "two", damaged=0.2)
    found = [each for each in changes(load_run(one), load_run(two)) if each.state != "same"]
    assert {each.method for each in found} == {"b"}
    states = {(each.quantity, each.state) for each in found}
    assert {("VIF", "worse"), ("MSE", "better"), ("mAP50", "worse")} <= states
    vif = next(each for each in found if each.quantity == "VIF").difference
    assert (vif.low, vif.value, vif.high) == pytest.approx((-0.2, -0.2, -0.2))
    done = _compare(one, two)
    assert done.exit_code == 1
    assert "numbers changed: b\n" in done.stderr
    assert "b mAP50" in done.stdout
    assert "\na " not in done.stdout


def test_a_better_number_changes_too_but_not_with_worse(tmp_path):
    one, two = _run(tmp_path / "one", damaged=0.2), _run(tmp_path / "two")
    assert _compare(one, two).exit_code == 1
    listed = json.loads(_compare(one, two, "--worse", "--json").stdout)
    assert {each["quantity"] for each in listed if each["state"] == "worse"} == {"MSE"}


def test_a_difference_by_chance_stays_within_its_interval(tmp_path):
    one, two = _run(tmp_path / "one", noise=0.1), _run(tmp_path / "two", noise=0.1, damaged=0.001)
    found = {
        each.state
        for each in changes(load_run(one), load_run(two))
        if each.method == "b" and each.quantity in ("VIF", "MSE")
    }
    assert found == {"worse", "better"}  # the same noise: the difference is exact
    noisy = _run(tmp_path / "three", noise=0.0)
    by_name = {
        (each.method, each.quantity): each for each in changes(load_run(one), load_run(noisy))
    }
    assert by_name["a", "VIF"].state == "within"
    assert by_name["a", "VIF"].difference.low < 0 < by_name["a", "VIF"].difference.high


def test_one_seed_has_no_interval_so_any_difference_is_a_change(tmp_path):
    one = _run(tmp_path / "one", seeds=1)
    two = _run(tmp_path / "two", seeds=1, damaged=1e-4)
    mean = next(
        each
        for each in changes(load_run(one), load_run(two))
        if (each.method, each.quantity) == ("b", "mAP50")
    )
    assert mean.state == "worse"
    assert mean.difference.low is None


def test_what_the_second_run_lacks_counts_and_what_it_has_more_does_not(tmp_path):
    whole, less = _run(tmp_path / "one"), _run(tmp_path / "two", lacking=True)
    gone = [each for each in changes(load_run(whole), load_run(less)) if each.state == "missing"]
    assert [each.method for each in gone] == ["b"]
    assert _compare(whole, less).exit_code == 1
    assert {each.state for each in changes(load_run(less), load_run(whole))} >= {"new", "same"}


def test_another_split_is_not_compared_and_counts_as_a_change(tmp_path):
    one = _run(tmp_path / "one")
    two = _run(tmp_path / "two")
    for path in (two / "results" / "quality").rglob("*.json"):
        stored = json.loads(path.read_text())
        stored["what"]["about"]["split_sha256"] = "0" * 64
        path.write_text(json.dumps(stored))
    (changed,) = (e for e in changes(load_run(one), load_run(two)) if e.state == "changed")
    assert changed.remark == "not comparable: split differs"


def test_runs_without_anything_in_common_are_refused_in_one_line(tmp_path):
    one = _run(tmp_path / "one")
    two = RunBuilder(tmp_path / "two")
    two.quality("a", {"VIF": dict.fromkeys(STEMS, 1.0)}, dataset="other")
    done = _compare(one, two.write())
    assert isinstance(done.exception, UserError)
    assert "no result of the same task" in str(done.exception)


def _detected(folder: Path, seed: int, recorded: float | None = None) -> Path:
    """One method with one seed: drawn detections of the same objects, and the AP50 that they have."""
    names = ("Car", "People", "Bus")
    truth = drawn_boxes(0, flags=False)[0]
    found = {stem: drawn_boxes(seed, flags=False)[1][stem] for stem in truth}
    builder = RunBuilder(folder)
    path = folder / "checkpoints" / name_of(f"{0:016x}")
    write_detections(path, truth, found, names)
    ap = ap_samples([read_stored(path).boxes], "a", THRESHOLDS)[0][:, 0]
    mean = {"mAP50": float(ap.mean()) if recorded is None else recorded}
    builder.detection("a", dict(zip(names, ap.tolist(), strict=True)), mean, images=len(truth))
    return builder.write()


def test_a_difference_of_ap_has_the_interval_of_its_stored_detections(tmp_path):
    runs = [load_run(_detected(tmp_path / str(seed), seed)) for seed in (0, 1)]
    (found,) = (each for each in changes(*runs) if each.quantity == "mAP50")
    boxes = [read_stored(run.run / "checkpoints" / name_of(f"{0:016x}")).boxes for run in runs]
    drawn = [ap_samples([each], "a", THRESHOLDS)[1][..., 0].mean(axis=1) for each in boxes]
    assert (found.difference.low, found.difference.high) == pytest.approx(
        interval(drawn[1] - drawn[0], len(boxes[0].stems))
    )
    assert found.difference.low < found.difference.value < found.difference.high
    # Detections that do not reproduce the record say nothing about it.
    other = load_run(_detected(tmp_path / "other", 1, recorded=0.9))
    (bare,) = (each for each in changes(runs[0], other) if each.quantity == "mAP50")
    assert bare.difference.low is None
