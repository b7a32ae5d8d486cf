"""Q_MI, NMI, NCIE, Q_TE: against scikit-learn, closed forms, and what must hold for any images."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.metrics import mutual_info_score

from ivif_bench.tasks.quality.metrics import tsallis_information as tsallis
from ivif_bench.tasks.quality.metrics.mutual_information import mutual_information
from ivif_bench.tasks.quality.metrics.nonlinear_correlation import nonlinear_correlation
from ivif_bench.tasks.quality.metrics.normalised_information import (
    information_per_source_entropy,
    normalised_information,
)
from ivif_bench.tasks.quality.metrics.tsallis_information import tsallis_information
from ivif_bench.tasks.quality.registry import METRICS
from ivif_bench.tasks.quality.shared import Shared, Undefined

FUNCTIONS = {
    "Q_MI": normalised_information,
    "NMI": information_per_source_entropy,
    "NCIE": nonlinear_correlation,
    "Q_TE": tsallis_information,
}
FLAT = np.full((6, 7), 40, np.uint8)


@st.composite
def triples(draw):
    shape = draw(st.tuples(st.integers(2, 24), st.integers(2, 24)))
    levels = draw(st.sampled_from([st.integers(0, 255), st.sampled_from([3, 90, 91, 251])]))
    images = [draw(arrays(np.uint8, shape, elements=levels)) for _ in range(3)]
    for image in images:
        image.flat[:2] = (3, 251)  # constant images have tests of their own
    return images


@pytest.fixture(scope="module")
def triple():
    generator = np.random.default_rng(5)
    a, b = generator.integers(20, 230, (2, 40, 50)) // 4 * 4
    f = np.clip((a + b) // 2 + generator.integers(-3, 4, a.shape), 0, 255)
    return [image.astype(np.uint8) for image in (a, b, f)]


def bits(x, y):
    return mutual_info_score(x.ravel(), y.ravel()) / math.log(2)


def entropy(x):
    return stats.entropy(np.bincount(x.ravel()), base=2)


def test_normalised_information_follows_its_formula_with_scikit_learn(triple):
    a, b, f = triple
    shared = Shared(*triple)
    hossny = 2 * sum(bits(x, f) / (entropy(x) + entropy(f)) for x in (a, b))
    assert normalised_information(shared) == pytest.approx(hossny, abs=1e-12)
    nmi = 2 * (bits(a, f) + bits(b, f)) / (entropy(a) + entropy(b))
    assert information_per_source_entropy(shared) == pytest.approx(nmi, abs=1e-12)


def test_nonlinear_correlation_follows_its_formula_with_scikit_learn(triple):
    matrix = np.array([[1 if x is y else bits(x, y) / 8 for x in triple] for y in triple])
    shares = np.linalg.eigvals(matrix).real / 3
    expected = 1 + (shares * np.log(shares)).sum() / math.log(256)
    assert nonlinear_correlation(Shared(*triple)) == pytest.approx(expected, abs=1e-13)


def test_nonlinear_correlation_of_equal_images_has_its_closed_form(triple):
    """Eigenvalues 1 + 2r, 1 − r, 1 − r with r = H/8."""
    a = triple[0]
    r = entropy(a) / 8
    shares = np.array([1 + 2 * r, 1 - r, 1 - r]) / 3
    expected = 1 + (shares * np.log2(shares)).sum() / 8
    assert nonlinear_correlation(Shared(a, a, a)) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("order", [1.85, 0.5, 2.0])
def test_tsallis_information_of_any_order_follows_the_plain_formula(triple, order):
    expected = tsallis.plain(*triple, order=order)
    assert tsallis_information(Shared(*triple), order) == pytest.approx(expected, rel=1e-12)


def test_tsallis_information_near_order_one_is_mutual_information_in_nats(triple):
    shared = Shared(*triple)
    nats = mutual_information(shared, unit="nats")
    above, below = tsallis_information(shared, 1 + 1e-6), tsallis_information(shared, 1 - 1e-6)
    assert (above + below) / 2 == pytest.approx(nats, rel=1e-6)


def test_tsallis_information_of_equal_images_reaches_the_top_of_its_range():
    every_level = np.arange(256, dtype=np.uint8).reshape(16, 16)
    top = METRICS.get("Q_TE").range[1]
    assert tsallis_information(Shared(*[every_level] * 3)) == pytest.approx(top, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(triples())
def test_stretching_the_levels_first_changes_no_value(images):
    """Published programs stretch to 0..255, halves away from zero: that keeps levels apart."""
    stretched = []
    for image in images:
        low, high = int(image.min()), int(image.max())
        scaled = 255 * (image.astype(np.float64) - low) / (high - low)
        stretched.append(np.floor(scaled + 0.5).astype(np.uint8))
    for name, function in FUNCTIONS.items():
        expected = function(Shared(*images))
        assert function(Shared(*stretched)) == pytest.approx(expected, abs=1e-11), name


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(triples())
def test_values_are_in_range_symmetric_and_blind_to_positions(images):
    a, b, f = images
    order = np.random.default_rng(0).permutation(a.size)
    moved = [image.ravel()[order].reshape(image.shape) for image in images]
    for name, function in FUNCTIONS.items():
        value = function(Shared(a, b, f))
        low, high = METRICS.get(name).range
        assert low - 1e-12 <= value <= high + 1e-9, name
        assert function(Shared(b, a, f)) == pytest.approx(value, rel=1e-12, abs=1e-13), name
        assert function(Shared(*moved)) == pytest.approx(value, rel=1e-12, abs=1e-13), name


@settings(max_examples=30, deadline=None)
@given(triples())
def test_equal_images_share_all_there_is(images):
    a = images[0]
    shared = Shared(a, a, a)
    assert normalised_information(shared) == pytest.approx(2.0, abs=1e-12)
    assert information_per_source_entropy(shared) == pytest.approx(2.0, abs=1e-12)


def test_images_of_which_every_two_are_independent_share_nothing():
    row = np.repeat(np.arange(4, dtype=np.uint8)[None], 4, axis=0)
    column = row.T
    latin = (row + column) % 4
    shared = Shared(row, column, latin)
    lowest = METRICS.get("NCIE").range[0]
    assert nonlinear_correlation(shared) == pytest.approx(lowest, abs=1e-14)
    for name in ("Q_MI", "NMI", "Q_TE"):
        assert FUNCTIONS[name](shared) == pytest.approx(0.0, abs=1e-14), name


def test_constant_images_have_a_value_or_a_reason(triple):
    a = triple[0]
    flat = np.full(a.shape, 40, np.uint8)
    assert normalised_information(Shared(a, a, flat)) == 0.0
    assert tsallis_information(Shared(a, a, flat)) == 0.0
    assert information_per_source_entropy(Shared(a, flat, flat)) == 0.0
    lowest = METRICS.get("NCIE").range[0]
    assert nonlinear_correlation(Shared(FLAT, FLAT, FLAT)) == pytest.approx(lowest, abs=1e-15)
    with pytest.raises(Undefined, match="constant_fused"):
        normalised_information(Shared(a, flat, flat))
    with pytest.raises(Undefined, match="constant_source"):
        information_per_source_entropy(Shared(flat, flat, a))
