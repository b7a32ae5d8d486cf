"""Rank statistics are those of scipy and scikit-posthocs; associations those of a hand calculation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scikit_posthocs
import scipy.stats
from statsmodels.stats.multitest import multipletests

from ivif_bench.reports.statistics import ranks
from ivif_bench.reports.statistics.association import associate, rhos, taus
from ivif_bench.reports.statistics.blocks import Blocks
from ivif_bench.resampling import tail


def _scores(images: int, methods: int, decimals: int) -> np.ndarray:
    random = np.random.default_rng([images, methods])
    return np.round(random.normal(size=(images, methods)) + 0.3 * np.arange(methods), decimals)


@pytest.mark.parametrize("images", [11, 40])
@pytest.mark.parametrize("decimals", [6, 0])
def test_friedman_and_nemenyi_are_those_of_scipy_and_scikit_posthocs(images, decimals):
    scores = _scores(images, 6, decimals)
    statistic, p = ranks.friedman(scores)
    assert (statistic, p) == pytest.approx(scipy.stats.friedmanchisquare(*scores.T), rel=1e-12)
    theirs = scikit_posthocs.posthoc_nemenyi_friedman(scores).to_numpy()
    mine = ranks.nemenyi(ranks.ranks(scores).mean(axis=0), images)
    assert np.abs(mine - theirs).max() < 1e-12


def test_methods_are_apart_by_the_critical_difference_where_nemenyis_p_is_below_alpha():
    scores = _scores(15, 7, 6)
    means = ranks.ranks(scores).mean(axis=0)
    apart = np.abs(means[:, None] - means) > ranks.critical_difference(7, 15)
    assert apart.any()
    assert not apart.all()
    assert ((ranks.nemenyi(means, 15) < 0.05) == apart).all()


@pytest.mark.parametrize("images", [2, 9, 14, 60])
@pytest.mark.parametrize("decimals", [6, 1, 0])
def test_wilcoxon_is_scipys_for_each_pair_with_ties_and_zeros(images, decimals):
    """Ties of printed decimals are those that scipy finds in the same values as whole numbers."""
    scores = _scores(images, 4, decimals)
    scores[:, 3] = scores[:, 0]
    p = ranks.wilcoxon(scores)
    for first, second in itertools.combinations(range(4), 2):
        apart = np.round((scores[:, first] - scores[:, second]) * 10**decimals)
        expected = scipy.stats.wilcoxon(apart).pvalue if apart.any() else 1.0
        assert p[first, second] == p[second, first] == pytest.approx(expected, rel=1e-9)


def test_a_method_is_itself_whatever_the_number_of_its_equal_seeds():
    values = np.round(np.random.default_rng(1).random(2000), 4)
    of = {"one": values[None], "three": np.repeat(values[None], 3, axis=0)}
    blocks = Blocks("EN", "up", tuple(map(str, range(2000))), of)
    assert (blocks.means[:, 0] != blocks.means[:, 1]).any()
    assert ranks.wilcoxon(blocks.scores)[0, 1] == 1


def test_holm_is_that_of_statsmodels():
    p = np.random.default_rng(3).random(30) ** 3
    assert ranks.holm(p) == pytest.approx(multipletests(p, method="holm")[1], rel=1e-12)


def test_the_bars_of_a_diagram_are_the_largest_groups_that_are_not_apart():
    assert ranks.groups(np.array([1.0, 1.5, 2.1, 4.0, 4.2]), 1.2) == [(0, 2), (3, 4)]
    assert ranks.groups(np.array([1.0, 2.0, 3.0]), 1.5) == [(0, 1), (1, 2)]
    assert ranks.groups(np.array([1.0, 3.0]), 1.5) == []


def test_borda_counts_the_methods_beaten_and_half_of_the_ties():
    votes = np.array([[3.0, 2.0, 1.0], [1.0, 1.0, 0.0]])
    assert ranks.borda(votes).tolist() == [2 + 1.5, 1 + 1.5, 0.0]


def test_resampled_tau_and_rho_are_those_of_scipy_on_the_repeated_methods():
    random = np.random.default_rng(0)
    first, second = random.normal(size=9), random.normal(size=9).round(1)
    counts = np.stack([np.bincount(random.integers(0, 9, 9), minlength=9) for _ in range(20)])
    repeated = [(np.repeat(first, row), np.repeat(second, row)) for row in counts]
    expected = [scipy.stats.kendalltau(*pair).statistic for pair in repeated]
    assert taus(first, second, counts) == pytest.approx(expected, rel=1e-12)
    expected = [scipy.stats.spearmanr(*pair).statistic for pair in repeated]
    assert rhos(first, second, counts) == pytest.approx(expected, rel=1e-12)


def test_tau_and_its_interval_are_those_of_a_hand_calculation():
    """Six methods in the orders 1 2 3 4 5 6 and 2 1 3 4 5 6: of 15 pairs one is turned, tau = 13/15.

    All 46656 resamples are counted pair by pair; the drawn 2000 have nearly the same percentiles.
    """
    first, second = np.arange(6.0), np.array([1.0, 0.0, 2.0, 3.0, 4.0, 5.0])
    every = []
    for drawn in itertools.product(range(6), repeat=6):
        held = [drawn.count(method) for method in range(6)]
        pairs = (36 - sum(n * n for n in held)) // 2  # of two different methods
        if pairs:
            every.append(1 - 2 * held[0] * held[1] / pairs)
    low, high = np.quantile(every, [tail(6), 1 - tail(6)])
    assert -1 < low < 0
    assert high == 1
    found = associate(first, second)
    assert found.tau == pytest.approx(13 / 15)
    assert found.rho == pytest.approx(1 - 6 * 2 / (6 * 35))
    assert found.tau_interval == pytest.approx((low, high), abs=0.1)
    # Of 720 orders, 1 has no turned pair and 5 have one; as many have fifteen or fourteen.
    assert found.p == pytest.approx(12 / 720)


def test_a_perfect_order_has_no_interval_and_equal_values_no_tau():
    rising = np.arange(5.0)
    assert associate(rising, rising**2).tau_interval is None
    assert associate(rising, rising**2).tau == 1
    assert associate(rising, np.ones(5)).tau is None
