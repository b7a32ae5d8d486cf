"""MSE, RMSE, PSNR, CE and EI against other libraries, a published sheet and closed forms."""

from __future__ import annotations

import csv
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from ivif_bench.data.images import find_image, read_gray
from ivif_bench.tasks.quality.metrics.cross_entropy import cross_entropy
from ivif_bench.tasks.quality.metrics.edge_intensity import edge_intensity
from ivif_bench.tasks.quality.metrics.squared_error import (
    mean_squared_error,
    peak_signal_to_noise,
    root_mean_squared_error,
)
from ivif_bench.tasks.quality.shared import Shared, Undefined


@st.composite
def triples(draw):
    """Three images of few or many levels, so that constant and equal ones occur."""
    shape = draw(st.tuples(st.integers(1, 24), st.integers(1, 24)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    levels = draw(st.sampled_from([np.arange(256), np.array([0, 255]), np.array([7])]))
    return tuple(generator.choice(levels, shape).astype(np.uint8) for _ in range(3))


@pytest.fixture(scope="module")
def triple():
    generator = np.random.default_rng(5)
    a, b = (ndimage.zoom(generator.uniform(0, 255, (9, 11)), 8, order=1) for _ in range(2))
    noisy = 0.6 * a + 0.4 * b + generator.normal(0, 9, a.shape)
    return tuple(np.clip(np.rint(x), 0, 255).astype(np.uint8) for x in (a, b, noisy))


def test_errors_are_those_of_scikit_image(triple):
    from skimage.metrics import mean_squared_error as mse
    from skimage.metrics import peak_signal_noise_ratio as psnr

    a, b, f = triple
    shared = Shared(a, b, f)
    one, other = mse(a, f), mse(b, f)
    assert mean_squared_error(shared) == pytest.approx((one + other) / 2, rel=1e-14)
    assert root_mean_squared_error(shared) == pytest.approx(
        (math.sqrt(one) + math.sqrt(other)) / 2, rel=1e-14
    )
    for source in (a, b):
        alone = peak_signal_to_noise(Shared(source, source, f))
        assert alone == pytest.approx(psnr(source, f, data_range=255), rel=1e-14)


@settings(max_examples=100, deadline=None)
@given(triples())
def test_error_is_the_exact_quotient_of_whole_numbers(triple):
    a, b, f = (image.astype(int) for image in triple)
    total = int(((a - f) ** 2).sum() + ((b - f) ** 2).sum())
    shared = Shared(*triple)
    assert mean_squared_error(shared) == total / (2 * f.size)
    if total == 0:
        with pytest.raises(Undefined, match="identical"):
            peak_signal_to_noise(shared)
    else:
        assert peak_signal_to_noise(shared) == pytest.approx(
            20 * math.log10(255) - 10 * math.log10(total / (2 * f.size)), abs=1e-12
        )


def test_large_images_of_the_largest_error_do_not_overflow():
    black, white = np.zeros((1500, 1400), np.uint8), np.full((1500, 1400), 255, np.uint8)
    assert mean_squared_error(Shared(black, black, white)) == 65025.0
    assert root_mean_squared_error(Shared(white, white, black)) == 255.0


def test_an_error_on_the_unit_range_under_a_peak_of_255_is_48_decibels_too_high(triple):
    shared = Shared(*triple)
    excess = peak_signal_to_noise(shared, white=1.0) - peak_signal_to_noise(shared)
    assert excess == pytest.approx(20 * math.log10(255), abs=1e-12)
    assert mean_squared_error(shared, white=1.0) == pytest.approx(
        np.mean(
            [np.mean((x / 255.0 - triple[2] / 255.0) ** 2) for x in triple[:2]], dtype=np.float64
        ),
        rel=1e-13,
    )


def test_the_peak_may_be_that_of_the_fused_image(triple):
    shared = Shared(*triple)
    lower = 20 * math.log10(255 / int(triple[2].max()))
    expected = peak_signal_to_noise(shared) - lower
    assert peak_signal_to_noise(shared, peak="fused") == pytest.approx(expected, abs=1e-12)
    black = np.zeros_like(triple[0])
    with pytest.raises(Undefined, match="constant_fused"):
        peak_signal_to_noise(Shared(triple[0], triple[1], black), peak="fused")


@pytest.mark.slow
@pytest.mark.golden
def test_published_errors_of_tno_pairs_are_reproduced(shared):
    """One method per pair, each in turn."""
    root = shared / "data" / "TNO42"
    published = defaultdict(dict)
    with (root / "metrics_matlab.csv").open() as file:
        for row in csv.DictReader(file):
            published[row["image"], row["method"]][row["metric"]] = float(row["value"])
    stems, methods = (sorted({key[k] for key in published}) for k in (0, 1))
    assert (len(stems), len(methods)) == (16, 4)
    for k, stem in enumerate(stems):
        method = methods[k % 4]
        folders = (root / "ir", root / "vi", root / "fused" / method)
        images = Shared(*(read_gray(find_image(folder, stem)) for folder in folders))
        values = published[stem, method]
        assert mean_squared_error(images, white=1.0) == pytest.approx(values["MSE"], rel=1e-13)
        assert peak_signal_to_noise(images, white=1.0) == pytest.approx(values["PSNR"], rel=1e-13)


def test_cross_entropy_is_the_divergence_of_scipy_where_all_levels_are_present():
    generator = np.random.default_rng(0)
    a, b, f = (
        np.concatenate([np.arange(256), generator.binomial(255, p, 2304)]).astype(np.uint8)
        for p in (0.3, 0.6, 0.5)
    )
    counts = [np.bincount(x, minlength=256) for x in (a, b, f)]
    expected = (stats.entropy(counts[0], counts[2], 2) + stats.entropy(counts[1], counts[2], 2)) / 2
    images = (x.reshape(40, 64) for x in (a, b, f))
    assert cross_entropy(Shared(*images)) == pytest.approx(expected, abs=1e-13)


@settings(max_examples=100, deadline=None)
@given(triples(), st.integers(0, 2**32))
def test_cross_entropy_depends_on_histograms_only_and_keeps_its_bound(triple, seed):
    order = np.random.default_rng(seed).permutation(triple[0].size)
    mixed = [triple[0], triple[1], triple[2].ravel()[order].reshape(triple[2].shape)]
    levels = [set(image.ravel().tolist()) for image in triple]
    if len(levels[2]) == 1 or not (levels[0] & levels[2] and levels[1] & levels[2]):
        with pytest.raises(Undefined, match=r"constant_fused|no_common_levels"):
            cross_entropy(Shared(*triple))
        return
    found = cross_entropy(Shared(*triple))
    assert found >= -math.log2(math.e) / math.e - 1e-12
    assert found == cross_entropy(Shared(*mixed))
    assert found == cross_entropy(Shared(triple[1], triple[0], triple[2]))


def test_cross_entropy_has_no_value_without_levels_to_compare():
    image = np.arange(16, dtype=np.uint8).reshape(4, 4)
    with pytest.raises(Undefined, match="no_common_levels"):
        cross_entropy(Shared(image, image, image + 100))
    with pytest.raises(Undefined, match="constant_fused"):
        cross_entropy(Shared(image, image, np.full_like(image, 3)))


def test_edge_intensity_is_that_of_scipys_sobel(triple):
    f = triple[2].astype(float)
    expected = np.hypot(ndimage.sobel(f, 0, mode="nearest"), ndimage.sobel(f, 1, mode="nearest"))
    assert edge_intensity(Shared(*triple)) == pytest.approx(expected.mean(), rel=1e-14)


@settings(max_examples=60, deadline=None)
@given(triples())
def test_edge_intensity_ignores_sources_and_negation(triple):
    a, b, f = triple
    found = edge_intensity(Shared(a, b, f))
    assert 0.0 <= found <= 255 * math.sqrt(20)
    for other in (f.T, f[::-1], 255 - f):
        assert edge_intensity(Shared(other, other, other)) == pytest.approx(found, rel=1e-13)
