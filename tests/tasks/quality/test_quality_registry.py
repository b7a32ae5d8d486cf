"""Metrics and conventions are found by file or entry point, and wrong names get a hint."""

from __future__ import annotations

import doctest
import importlib
import importlib.metadata
import inspect
import math
import subprocess
import sys
import types

import numpy as np
import pytest

from ivif_bench.errors import UserError
from ivif_bench.tasks.quality import evaluate
from ivif_bench.tasks.quality.engine import measure, metrics_of, resolve
from ivif_bench.tasks.quality.registry import (
    CONVENTIONS,
    METRICS,
    TEN,
    Convention,
    ConventionSpec,
    MetricSpec,
    Variant,
)

IMAGE = np.arange(36, dtype=np.uint8).reshape(6, 6)


def brightest(shared, minus=0):
    """A metric as a third party would write it."""
    return float(shared.fused.max()) - minus


def _examples():
    """The docstrings' examples by the modules that declare metrics."""
    names = {spec.entry.partition(":")[0] for spec in METRICS.specs().values()}
    found = {name: doctest.DocTestFinder().find(importlib.import_module(name)) for name in names}
    return {name: [one for one in tests if one.examples] for name, tests in found.items()}


@pytest.fixture
def dropped_in(monkeypatch):
    """A third-party module that declares one metric and one convention by entry point."""
    module = types.ModuleType("third_party_quality")
    module.brightest = brightest
    module.SPECS = (
        MetricSpec(
            "Bright", "third_party_quality:brightest", "Brightest", "down", (0, 255), "", "here"
        ),
    )
    rules = types.ModuleType("third_party_rules")
    rules.RULES = Convention(
        {"Bright": Variant({"minus": 5}), "EN": Variant(entry="third_party_quality:brightest")},
        lacks={"VIF": "its authors never defined one"},
    )
    rules.SPECS = (ConventionSpec("theirs", "third_party_rules:RULES", "theirs", "here"),)
    for one in (module, rules):
        monkeypatch.setitem(sys.modules, one.__name__, one)

    class Point:
        def __init__(self, target):
            self.load = lambda: target

    points = {"ivif_bench.metrics": [Point(module)], "ivif_bench.conventions": [Point(rules)]}
    installed = importlib.metadata.entry_points  # numba looks for its own extensions, too

    def entry_points(**which):
        return points.get(which.get("group")) or installed(**which)

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    for registry in (METRICS, CONVENTIONS):
        monkeypatch.setattr(registry, "_specs", None)


@pytest.mark.slow
def test_a_dropped_in_metric_is_found_and_measured(dropped_in):
    assert METRICS.get("Bright").direction == "down"
    assert "Bright" in metrics_of("reference")
    assert measure(IMAGE, IMAGE, IMAGE, ["Bright", "EN"], "reference")["Bright"].value == 35.0


def test_a_dropped_in_metric_is_refused_by_toolkits_that_never_heard_of_it(dropped_in):
    for name in ("cddfuse", "tang-matlab", "tang-python", "zoo", "vifb", "tno42-sheet"):
        with pytest.raises(UserError, match=f"convention '{name}' has no Bright"):
            resolve(["Bright"], name)


def test_a_dropped_in_convention_sets_replaces_and_forbids(dropped_in):
    values = measure(IMAGE, IMAGE, IMAGE, ["Bright", "EN", "SD"], "theirs")
    assert values["Bright"].value == 30.0
    assert values["EN"].value == 35.0
    assert values["SD"] == measure(IMAGE, IMAGE, IMAGE, ["SD"], "reference")["SD"]
    assert resolve(None, "theirs").names == tuple(name for name in TEN if name != "VIF")
    with pytest.raises(UserError, match="'theirs' has no VIF: its authors never"):
        resolve(["VIF"], "theirs")


@pytest.mark.parametrize(
    ("metrics", "convention", "words"),
    [
        (["Qbaf"], "reference", "unknown metric 'Qbaf'; did you mean Qabf"),
        (["EN"], "cdfuse", "unknown metric convention 'cdfuse'; did you mean cddfuse"),
        (["EN", "SD", "EN"], "reference", "named twice: EN"),
        ([], "reference", "no metrics requested"),
    ],
)
def test_wrong_names_are_refused_with_a_hint(metrics, convention, words):
    with pytest.raises(UserError, match=words):
        resolve(metrics, convention)


def test_the_ten_are_registered_and_are_the_default():
    assert set(TEN) <= set(METRICS.specs())
    image = np.random.default_rng(0).integers(0, 256, (170, 170)).astype(np.uint8)
    assert tuple(evaluate(image, image, image)) == TEN


@pytest.mark.parametrize("name", sorted(METRICS.specs()))
def test_each_metric_has_a_documented_function(name):
    spec = METRICS.get(name)
    assert METRICS.load(name).__doc__
    assert spec.title
    assert spec.reference
    assert spec.range[0] < spec.range[1]


@pytest.mark.parametrize("module", sorted(_examples()))
def test_the_examples_of_a_file_of_metrics_are_true(module):
    """And each plain formula has one."""
    found = _examples()[module]
    runner = doctest.DocTestRunner()
    for example in found:
        assert runner.run(example).failed == 0, example.name
    plain = {spec.plain for spec in METRICS.specs().values() if spec.entry.startswith(f"{module}:")}
    assert plain - {""} <= {example.name.rpartition(".")[2] for example in found}


@pytest.mark.parametrize("name", sorted(CONVENTIONS.specs()))
def test_every_convention_names_only_known_metrics_and_settings(name):
    rules = CONVENTIONS.load(name)
    assert set(rules.variants) | set(rules.lacks) <= set(METRICS.specs())
    assert not set(rules.variants) & set(rules.lacks)
    evaluator = resolve(metrics_of(name), name)
    for measurement in evaluator.measurements:
        inspect.signature(measurement.function).bind(None, **measurement.settings)
        assert measurement.range[0] < measurement.range[1]
    values = evaluator.measure(IMAGE, IMAGE[::-1], IMAGE)
    assert all(not math.isnan(v.value) or v.reason for v in values.values())


def test_there_are_at_least_25_families_of_metrics():
    """Metrics that share a definition share a module, so variants are not counted."""
    assert len({spec.entry.partition(":")[0] for spec in METRICS.specs().values()}) >= 25


def test_listing_metrics_and_conventions_loads_no_compiler():
    code = (
        "import sys; from ivif_bench.tasks.quality.registry import METRICS, CONVENTIONS; "
        "METRICS.specs(); [CONVENTIONS.load(n) for n in CONVENTIONS.specs()]; "
        "heavy = {'numba', 'torch', 'scipy', 'pandas', 'pyarrow'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
