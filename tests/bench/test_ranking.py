"""Ranks, against scipy."""

from __future__ import annotations

import numpy as np
from scipy import stats

from ivif_bench.ranking import ranks


def test_ranks_are_those_of_scipy_with_and_without_ties() -> None:
    rng = np.random.default_rng(0)
    for size, values in ((2, 2), (5, 3), (8, 4), (12, 1000)):
        drawn = rng.integers(0, values, size).astype(float).tolist()
        assert ranks(drawn) == stats.rankdata([-value for value in drawn]).tolist()
