"""Means, intervals and counts against closed forms and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ivif_bench.statistics import (
    Estimate,
    bootstrap_interval,
    over_images,
    over_seeds,
    paired_difference,
)


def test_undefined_images_are_left_out_counted_and_named() -> None:
    estimate = over_images(
        [1.0, math.nan, 3.0, math.nan, math.nan], ["", "constant", "", "tiny", "tiny"]
    )
    assert estimate.value == 2.0
    assert estimate.n == 2
    assert estimate.left_out == {"constant": 1, "tiny": 2}


def test_undefined_without_reason_is_still_counted() -> None:
    assert over_images([1.0, math.nan]).left_out == {"undefined": 1}


def test_nothing_defined_gives_no_number_and_no_interval() -> None:
    estimate = over_images([math.nan, math.nan])
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (None, None, None, 0)


def test_one_image_has_a_mean_but_no_interval() -> None:
    estimate = over_images([4.0])
    assert (estimate.value, estimate.low, estimate.interval) == (4.0, None, "")


@pytest.mark.parametrize("n", [8, 60, 361])
def test_bootstrap_interval_agrees_with_scipy(n: int) -> None:
    values = np.random.default_rng(n).gamma(2.0, 3.0, n)
    ours = bootstrap_interval(values)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        method="percentile",
        n_resamples=20_000,
        rng=np.random.default_rng(1),
        confidence_level=1
        - 2 * stats.norm.cdf(-math.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1)),
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours is not None
    assert ours[0] == pytest.approx(theirs.low, abs=0.08 * width)
    assert ours[1] == pytest.approx(theirs.high, abs=0.08 * width)


def test_bootstrap_of_equal_values_is_the_value_and_repeats_exactly() -> None:
    assert bootstrap_interval(np.full(5, 2.5)) == (2.5, 2.5)
    values = np.random.default_rng(3).normal(size=40)
    assert bootstrap_interval(values) == bootstrap_interval(values.copy())


def test_seeds_give_mean_sample_sd_and_t_interval_in_closed_form() -> None:
    estimate = over_seeds([Estimate(value) for value in (1.0, 2.0, 6.0)])
    sd = math.sqrt((4 + 1 + 9) / 2)
    half = 4.302652729911275 * sd / math.sqrt(3)  # t quantile 0.975, 2 degrees of freedom
    assert estimate.value == 3.0
    assert estimate.sd == pytest.approx(sd, rel=1e-12)
    assert estimate.low == pytest.approx(3 - half, rel=1e-10)
    assert estimate.high == pytest.approx(3 + half, rel=1e-10)
    assert estimate.seeds == 3


def test_one_seed_has_no_spread() -> None:
    assert over_seeds([Estimate(0.5)]).sd is None


def test_a_seed_without_a_value_is_not_averaged_over() -> None:
    assert over_seeds([Estimate(1.0), Estimate(None, left_out={"no_truth": 1})]).value is None
    assert over_seeds([]).value is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.randoms())
def test_order_of_images_cannot_change_a_mean(values: list[float], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert over_images(values).value == over_images(shuffled).value


def test_paired_difference_uses_common_defined_stems_only() -> None:
    estimate = paired_difference(
        {"a": 3.0, "b": 5.0, "c": math.nan, "only": 100.0}, {"a": 1.0, "b": 1.0, "c": 0.0}
    )
    assert estimate.value == 3.0
    assert estimate.n == 2
