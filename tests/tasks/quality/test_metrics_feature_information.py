"""FMI: recorded values, windows and features against plain formulas, and properties."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from ivif_bench.tasks.quality.kernels import feature_images
from ivif_bench.tasks.quality.kernels.feature_windows import window_information
from ivif_bench.tasks.quality.metrics.feature_information import (
    SPECS,
    bands_of_columns,
    cosine_transform,
    plain_information,
)
from ivif_bench.tasks.quality.registry import METRICS
from ivif_bench.tasks.quality.shared import Shared, Undefined

FUNCTIONS = {spec.name: METRICS.load(spec.name) for spec in SPECS}


@st.composite
def triples(draw):
    shape = draw(st.tuples(st.integers(3, 9), st.integers(3, 9)))
    levels = draw(st.sampled_from([st.integers(0, 255), st.sampled_from([0, 4, 250, 255])]))
    return [draw(arrays(np.uint8, shape, elements=levels)) for _ in range(3)]


@pytest.fixture(scope="module")
def triple():
    generator = np.random.default_rng(4)
    images = [ndimage.zoom(generator.uniform(0, 255, (5, 6)), 5, order=3) for _ in range(2)]
    a, b = (np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in images)
    return a, b, np.maximum(a, b)


@pytest.mark.golden
@pytest.mark.parametrize(("name", "key"), [("pixel", "FMI_none"), ("gradient", "FMI_gradient")])
def test_it_agrees_with_the_authors_program(name, key, shared):
    folder = shared / "golden" / "metrics"
    recorded = json.loads((folder / "golden_metrics.json").read_text())["values"]
    paths = [folder / f"edge_noise_small_{side}.png" for side in ("ir", "vi", "fu")]
    value = FUNCTIONS[f"FMI-{name}"](Shared(*(cv2.imread(str(path), 0) for path in paths)))
    assert value == pytest.approx(recorded["edge_noise_small"]["Tang_m"][key], abs=1e-13)


@settings(max_examples=60, deadline=None)
@given(triples())
def test_windows_follow_the_plain_formula(images):
    a, b, f = (image.astype(np.float64) for image in images)
    expected = [plain_information(x, f) for x in (a, b)]
    assert window_information(a, b, f) == pytest.approx(expected, abs=1e-12)


def test_windows_of_features_that_are_no_whole_numbers_follow_the_formula(triple):
    generator = np.random.default_rng(0)
    planes = [image * 0.37 + generator.normal(0, 3, image.shape) for image in triple]
    expected = [plain_information(x, planes[2]) for x in planes[:2]]
    assert window_information(*planes) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(triples(), st.sampled_from(sorted(FUNCTIONS)))
def test_values_are_shares_and_symmetric(images, name):
    a, b, f = images
    if any(image.min() == image.max() for image in images):
        return
    function = FUNCTIONS[name]
    value = function(Shared(a, b, f))
    assert 0.0 <= value <= 1.0
    assert function(Shared(b, a, f)) == pytest.approx(value, abs=1e-12)
    both = function(Shared(a, a, f))
    assert function(Shared(f, f, a)) == pytest.approx(both, abs=1e-9)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_equal_images_share_everything_and_others_less(triple, name):
    a, b, _ = triple
    assert FUNCTIONS[name](Shared(a, a, a)) == 1.0
    assert FUNCTIONS[name](Shared(a, a, b)) < 0.97


def test_brightness_and_contrast_of_pixels_do_not_matter(triple):
    a, b, f = (image // 3 for image in triple)
    value = FUNCTIONS["FMI-pixel"](Shared(a, b, f))
    changed = FUNCTIONS["FMI-pixel"](Shared(a * np.uint8(3), b + np.uint8(70), f + np.uint8(9)))
    assert changed == pytest.approx(value, abs=2e-3)  # equal windows count 1 only as they are
    gradients = FUNCTIONS["FMI-gradient"]
    assert gradients(Shared(a, b, f)) == pytest.approx(gradients(Shared(a, b, f + np.uint8(9))))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_constant_and_small_images_have_a_reason(triple, name):
    a, b, _ = triple
    flat = np.full(a.shape, 8, np.uint8)
    with pytest.raises(Undefined, match="constant_fused"):
        FUNCTIONS[name](Shared(a, b, flat))
    with pytest.raises(Undefined, match="constant_source"):
        FUNCTIONS[name](Shared(flat, b, a))
    with pytest.raises(Undefined, match="too_small"):
        FUNCTIONS[name](Shared(a[:2], b[:2], a[:2]))


def test_the_dct_of_an_image_is_that_of_its_cosine_matrix(triple):
    image = triple[0].astype(float)
    found = feature_images.cosine_transforms(Shared(*triple))[0]
    assert np.allclose(found, cosine_transform(image), atol=1e-7)


def test_the_wavelet_filter_is_the_published_table_of_dmey():
    """The taps that wavelet libraries hold for MATLAB's 102-tap filter, centre outwards."""
    table = [
        0.743751004903787, 0.444095030766529, -0.035048287390595, -0.132696615358862,
        0.030621243943425, 0.063667300884468, -0.024321783959519, -0.032094063354505,
        0.017403888210177, 0.015250913158586, -0.011044641900539, -0.006386728618548,
    ]  # fmt: skip
    taps = feature_images.meyer_filter()
    assert taps.size == 101
    assert np.allclose(taps[50:62], table, rtol=0, atol=4e-10)
    assert np.allclose(taps, taps[::-1], rtol=0, atol=1e-15)
    assert taps[0] == pytest.approx(-0.000001509740857, abs=1e-10)


@pytest.mark.parametrize("length", [3, 64, 65, 300])
def test_wavelet_bands_have_matlabs_size_and_split_constant_and_alternating_signals(length):
    matrix = feature_images.meyer_matrix(length)
    count = (length + 101) // 2
    assert matrix.shape == (2 * count, length)
    low, high = matrix[:count], matrix[count:]
    assert np.allclose(low @ np.ones(length), np.sqrt(2), atol=1e-12)
    assert np.allclose(high @ np.ones(length), 0, atol=1e-5)
    if length == 300:
        alternating = (-1.0) ** np.arange(length)
        inside = slice(60, count - 60)
        assert np.allclose(np.abs(high @ alternating)[inside], np.sqrt(2), atol=1e-5)
        rows = np.concatenate([low[inside], high[inside]])
        assert np.allclose(rows @ rows.T, np.eye(len(rows)), atol=2e-5)


def test_wavelet_rows_are_mirrored_signals_filtered_and_thinned_out():
    signal = np.random.default_rng(1).normal(size=37)
    taps = feature_images.meyer_filter()
    mirrored = np.pad(signal, 101, mode="symmetric")
    everywhere = np.convolve(mirrored, np.concatenate([[0.0], taps]), mode="valid")
    alternate = np.concatenate([taps * (-1.0) ** np.arange(101), [0.0]])
    detail = np.convolve(mirrored, alternate, mode="valid")
    matrix = feature_images.meyer_matrix(37)
    count = matrix.shape[0] // 2
    expected = np.concatenate([everywhere[1::2][:count], detail[1::2][:count]])
    assert np.allclose(matrix @ signal, expected, atol=1e-12)
    assert np.allclose(bands_of_columns(signal[:, None])[:, 0], expected, atol=1e-12)


def test_edges_are_strong_ridges_of_scikit_images_sobel(triple):
    from skimage.filters import sobel_h, sobel_v

    for smooth in triple:
        image = np.uint8(100) * (smooth > 140) + smooth // 8
        across, down = np.abs(sobel_v(image.astype(float))), np.abs(sobel_h(image.astype(float)))
        strength = across**2 + down**2
        expected = np.zeros(image.shape)
        for i, j in np.ndindex(image.shape):
            here, ridge = strength[i, j], False
            if across[i, j] >= down[i, j] - 1e-9:
                row = np.pad(strength[i], 1, constant_values=-1)
                ridge |= row[j] <= here + 1e-9 and row[j + 2] < here - 1e-9
            if down[i, j] >= across[i, j] - 1e-9:
                column = np.pad(strength[:, j], 1, constant_values=-1)
                ridge |= column[i] <= here + 1e-9 and column[i + 2] < here - 1e-9
            expected[i, j] = ridge and here > 4 * strength.mean()
        assert expected.sum() > 5
        assert np.array_equal(feature_images.edge_map(image), expected)


def test_a_step_is_one_thin_line_and_a_ramp_none():
    step = np.full((20, 30), 10, np.uint8)
    step[:, 15:] = 200
    expected = np.zeros(step.shape)
    expected[:, 15] = 1.0
    assert np.array_equal(feature_images.edge_map(step), expected)
    assert np.array_equal(feature_images.edge_map(step.T.copy()), expected.T)
    ramp = np.repeat(np.arange(0, 180, 6, dtype=np.uint8)[None], 20, axis=0)
    assert not feature_images.edge_map(ramp).any()


def test_rounding_noise_of_flat_areas_is_no_feature():
    """Otherwise windows of 1e-14 would be scaled to 0..1 and count like any other."""
    a = np.zeros((120, 120), np.uint8)
    a[:, 60:] = np.random.default_rng(0).integers(0, 256, (120, 60))
    bands = feature_images.wavelet_bands(Shared(a, a, a))[0]
    smallest = np.abs(bands[bands != 0]).min()
    assert smallest >= 1e-8
    assert (bands == 0).mean() > 0.05


def test_every_feature_is_a_metric_of_its_own():
    assert set(FUNCTIONS) <= set(METRICS.specs())
