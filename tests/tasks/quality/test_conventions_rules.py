"""A convention says what it has, how, and what it refuses; never another's definition in silence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ivif_bench.errors import UserError
from ivif_bench.tasks.quality.engine import (
    convention_of,
    describe,
    measure,
    metrics_of,
    printed_metrics,
    resolve,
)
from ivif_bench.tasks.quality.registry import CONVENTIONS, METRICS, TEN, Convention, Variant

NAMES = ("cddfuse", "reference", "tang-matlab", "tang-python", "tno42-sheet", "vifb", "zoo")
GENERATOR = np.random.default_rng(5)
TRIPLE = tuple(GENERATOR.integers(0, 256, (170, 180)).astype(np.uint8) for _ in range(3))


def value(name, convention, triple=TRIPLE):
    return measure(*triple, [name], convention)[name].value


def test_the_conventions_are_those_of_the_field_and_ours():
    assert set(NAMES) <= set(CONVENTIONS.specs())


def test_reference_has_every_metric_with_its_own_defaults():
    assert set(metrics_of("reference")) == set(METRICS.specs())
    for measurement in resolve(metrics_of("reference"), "reference").measurements:
        assert measurement.entry == METRICS.get(measurement.name).entry
        assert measurement.settings == {}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_convention_prints_it_has_and_the_ten_are_first_where_it_has_them(name):
    printed = printed_metrics(name)
    assert set(printed) <= set(metrics_of(name))
    assert resolve(None, name).names == printed
    if name not in ("vifb", "tno42-sheet"):
        assert printed == TEN
    assert metrics_of(name)[: len(printed)] == printed


@pytest.mark.parametrize("name", [name for name in NAMES if name != "reference"])
def test_a_toolkit_refuses_every_metric_that_it_does_not_define(name):
    refused = set(METRICS.specs()) - set(metrics_of(name))
    assert refused
    for metric in refused:
        with pytest.raises(UserError, match=f"convention '{name}' has no {metric}: "):
            convention_of([metric], name)


@pytest.mark.parametrize(
    ("name", "metric", "words"),
    [
        ("vifb", "VIF", "VIFB does not compute it"),
        ("zoo", "CE", "binary cross-entropy of sigmoids"),
        ("tang-python", "FMI-pixel", "returns nothing"),
        ("tang-matlab", "SSIM", "MATLAB's built-in ssim"),
    ],
)
def test_a_refusal_says_why(name, metric, words):
    with pytest.raises(UserError, match=words):
        resolve([metric], name)


def test_a_metric_that_no_toolkit_knows_is_measured_under_reference_only():
    rules = Convention({"EN": Variant()}, others="its toolkit has none")
    assert rules.refuses("Third-party") == "its toolkit has none"
    assert CONVENTIONS.load("reference").refuses("Third-party") == ""
    assert all(
        CONVENTIONS.load(name).refuses("Third-party") for name in NAMES if name != "reference"
    )


def test_exact_factors_lead_from_one_convention_to_another():
    rows, columns = TRIPLE[0].shape
    nats, decibels = math.log(2), 20 * math.log10(255)
    divisors = (rows - 1) * (columns - 1) / (rows * columns)
    for convention in ("cddfuse", "vifb"):
        assert value("MI", convention) == pytest.approx(value("MI", "reference") * nats)
    for convention in ("cddfuse", "zoo"):
        assert value("AG", convention) == pytest.approx(value("AG", "reference") * divisors)
    for convention in ("tang-matlab", "tang-python", "zoo", "tno42-sheet"):
        assert value("PSNR", convention) == pytest.approx(value("PSNR", "reference") + decibels)
        assert value("MSE", convention) == pytest.approx(value("MSE", "reference") / 255**2)
    assert value("SF", "tno42-sheet") == pytest.approx(value("SF", "reference") / 255)


def test_ms_ssim_of_tang_matlab_is_mef_ssim_and_says_so():
    measurement = resolve(["MS-SSIM"], "tang-matlab").measurements[0]
    assert measurement.range == (0.0, 1.0)
    assert "exposure" in measurement.title
    infrared, visible, _ = TRIPLE
    triple = (infrared, visible, infrared // 2 + visible // 2)
    assert value("MS-SSIM", "tang-matlab", triple) == value("MEF-SSIM", "reference", triple)
    assert resolve(["MS-SSIM"], "tang-matlab").labels == {"MS-SSIM": "mef_ms_ssim"}


def test_levels_254_and_255_are_one_only_in_the_joint_histograms_of_tang_matlab():
    """So a constant fused image shares information with a source that has both levels."""
    infrared = np.tile(np.array([[254, 255]], np.uint8), (4, 4))
    fused = np.full_like(infrared, 9)
    bits = measure(infrared, infrared, fused, ["MI"], "tang-matlab")["MI"].value
    assert bits == pytest.approx(2.0)  # H(A) + 0 − H(A,F) with a joint entropy of 0, twice
    assert measure(infrared, infrared, fused, ["MI"])["MI"].value == 0.0


def test_the_sheet_of_tno_pairs_has_its_8_bit_artefacts():
    fused = TRIPLE[2].astype(float)
    deviation = np.minimum(np.clip(np.rint(fused - fused.mean()), 0, 255) ** 2, 255)
    assert value("SD", "tno42-sheet") == pytest.approx(math.sqrt(deviation.mean()), abs=1e-12)


def test_directions_units_and_labels_are_those_of_the_convention():
    evaluator = resolve(["MI", "MSE", "MS-SSIM"], "cddfuse")
    assert evaluator.directions == {"MI": "up", "MSE": "down", "MS-SSIM": "up"}
    assert evaluator.measurements[0].unit == "nats"
    assert evaluator.labels == {"MS-SSIM": "ms_ssim[pytorch-msssim]"}
    assert resolve(["SF"], "tno42-sheet").measurements[0].unit == ""


@pytest.mark.parametrize(
    ("metrics", "convention", "mode", "expected"),
    [
        (["EN", "MI"], "reference", "exact", "reference"),
        (["EN", "MI"], "reference", "fast", "reference (fast mode)"),
        (["EN", "MI"], "cddfuse", "exact", "cddfuse (MI in nats)"),
        (["MI"], "vifb", "fast", "vifb (fast mode; colour: mean of R, G, B; MI in nats)"),
        (["MS-SSIM"], "tang-matlab", "exact", "tang-matlab (MS-SSIM: mef_ms_ssim)"),
    ],
)
def test_a_footer_names_convention_mode_and_variants(metrics, convention, mode, expected):
    assert describe(metrics, convention, mode) == expected


def test_fast_mode_reaches_the_metrics_and_other_modes_are_refused():
    assert resolve(["VIF"], "reference", "fast").mode == "fast"
    with pytest.raises(UserError, match="unknown mode 'quick'; known: exact, fast"):
        resolve(["VIF"], "reference", "quick")
    exact, fast = (measure(*TRIPLE, ["EN", "SD"], mode=mode) for mode in ("exact", "fast"))
    assert exact == fast  # counts and moments are whole numbers either way


def test_values_that_are_not_finite_become_undefined_with_a_reason():
    from dataclasses import replace

    from ivif_bench.tasks.quality.shared import REASONS, Shared

    measurement = resolve(["EN"]).measurements[0]
    for number, reason in ((math.inf, "infinite"), (math.nan, "not_a_number")):
        broken = replace(measurement, function=lambda shared, number=number: number, settings={})
        found = broken(Shared(*TRIPLE))
        assert math.isnan(found.value)
        assert found.reason == reason
        assert reason in REASONS
