"""Ranks and Kendall's tau, against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ivif_bench.ranking import kendall_tau, ranks


def test_ranks_and_tau_are_those_of_scipy_with_and_without_ties() -> None:
    rng = np.random.default_rng(0)
    for size, values in ((2, 2), (5, 3), (8, 4), (12, 1000)):
        first, second = (rng.integers(0, values, size).astype(float).tolist() for _ in range(2))
        assert ranks(first) == stats.rankdata([-value for value in first]).tolist()
        expected = stats.kendalltau(first, second).statistic
        assert kendall_tau(first, second) == pytest.approx(expected, nan_ok=True)


def test_tau_is_undefined_where_one_side_has_no_order() -> None:
    assert math.isnan(kendall_tau([1, 1, 1], [1, 2, 3]))
