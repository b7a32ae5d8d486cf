"""Resamples of images and seeds: what they share, and what their variance is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ivif_bench.resampling import RESAMPLES, image_counts, interval, over_seeds, seed_shares, tail


def test_resamples_of_equally_many_images_are_the_same_and_draw_as_many() -> None:
    counts = image_counts(17)
    assert counts.shape == (RESAMPLES, 17)
    assert (counts.sum(axis=1) == 17).all()
    assert (counts == image_counts(17)).all()
    with pytest.raises(ValueError, match="read-only"):
        counts[0, 0] = 1  # shared by everything over 17 images


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7, 15, 200, 5000])
def test_the_tails_are_those_of_students_t(n: int) -> None:
    quantile = math.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1)
    assert -stats.norm.ppf(tail(n)) == pytest.approx(quantile, abs=0.004)


def test_seeds_of_one_method_are_drawn_alike_and_those_of_two_methods_independently() -> None:
    one, again, other = (seed_shares(3, name) for name in ("ddfm", "ddfm", "dmfuse"))
    assert (one == again).all()
    assert abs(np.corrcoef(one[:, 0], other[:, 0])[0, 1]) < 0.08
    np.testing.assert_allclose(one.sum(axis=1), 1)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_variance_over_seeds_is_that_of_their_mean(seeds: int) -> None:
    """Drawing all S seeds, and not S - 1, would give (S - 1)/S of it: half for two seeds."""
    values = np.random.default_rng(seeds).normal(size=seeds)
    samples = np.repeat(values[:, None], 200_000, axis=1)
    found = over_seeds(samples, "method").var()
    assert found == pytest.approx(values.var(ddof=1) / seeds, rel=0.03)


def test_one_seed_changes_nothing() -> None:
    samples = np.random.default_rng(0).normal(size=(1, 50, 2))
    np.testing.assert_array_equal(over_seeds(samples, "method"), samples[0])


def test_images_and_seeds_together_cover_the_mean_of_a_crossed_design() -> None:
    """Value = image effect + seed effect + both; 15 seeds, 60 images, truth 0."""
    rng = np.random.default_rng(5)
    counts = image_counts(60)[:500]
    held = 0
    for _ in range(300):
        values = rng.normal(size=60) + rng.normal(0, 0.4, (15, 1)) + rng.normal(size=(15, 60))
        samples = over_seeds(values @ counts.T / 60, f"{rng.random()}")
        ends = interval(samples, 60)
        assert ends is not None
        held += ends[0] <= 0 <= ends[1]
    assert 0.90 <= held / 300 <= 0.985


def test_resamples_without_a_number_are_left_out_unless_they_are_most() -> None:
    samples = np.where(np.arange(100) < 40, math.nan, 1.0)
    assert interval(samples, 10) == (1.0, 1.0)
    assert interval(np.where(np.arange(100) < 60, math.nan, 1.0), 10) is None
    assert interval(np.ones(100), 1) is None
