"""Nabf, LABF and Q_SF: against slow transcriptions of their formulas, and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ivif_bench.tasks.quality.metrics.edge_artefacts import added_edges, lost_edges
from ivif_bench.tasks.quality.metrics.spatial_frequency_error import spatial_frequency_error
from ivif_bench.tasks.quality.shared import Shared, Undefined


@pytest.fixture(scope="module")
def triple():
    generator = np.random.default_rng(11)
    images = [ndimage.zoom(generator.uniform(0, 255, (6, 8)), 7, order=3) for _ in range(2)]
    a, b = (np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in images)
    a[:12, :12] = 90  # flat, so that weak gradients take part
    noise = generator.integers(-6, 7, a.shape)
    fused = np.clip((a.astype(int) + b) // 2 + noise, 0, 255).astype(np.uint8)
    return a, b, fused


@st.composite
def triples(draw):
    shape = draw(st.tuples(st.integers(2, 30), st.integers(2, 30)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    smooth = draw(st.sampled_from([0.0, 1.5]))
    images = generator.uniform(0, 256, (3, *shape))
    images = [ndimage.gaussian_filter(image, smooth) for image in images]
    images = [np.floor(image).astype(np.uint8) for image in images]
    images[0].flat[:2] = (0, 255)
    return images


def gradient(image):
    x = image.astype(float)
    gx, gy = (ndimage.sobel(x, axis=axis, mode="mirror") / 8 for axis in (1, 0))
    theta = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        if gy[at] != 0:
            theta[at] = math.atan(gx[at] / gy[at])
        elif gx[at] != 0:
            theta[at] = math.copysign(math.pi / 2, gx[at])
    return np.hypot(gx, gy), theta


def transcription(a, b, f, weak):
    """Per pixel: (1−Q_A) w_A + (1−Q_B) w_B, w_A + w_B, gF > gA, gF > gB."""
    g_f, t_f = gradient(f)
    lost, weights, above = np.zeros(f.shape), np.zeros(f.shape), []
    for source in (a, b):
        g, t = gradient(source)
        strength = np.zeros(f.shape)
        both = (g > 0) & (g_f > 0)
        strength[both] = np.minimum(g, g_f)[both] / np.maximum(g, g_f)[both]
        direction = np.abs(np.abs(t - t_f) - np.pi / 2) * 2 / np.pi
        q = np.sqrt(
            0.9999 / (1 + np.exp(-19 * (strength - 0.5)))
            * (0.9995 / (1 + np.exp(-22 * (direction - 0.5))))
        )  # fmt: skip
        w = np.where(g >= 2, g**1.5, weak)
        lost, weights = lost + (1 - q) * w, weights + w
        above.append(g_f > g)
    return lost, weights, above


@pytest.mark.parametrize("weak", [0.001, 0.0])
def test_added_and_lost_edges_follow_their_formula_written_with_scipy(triple, weak):
    lost, weights, (above_a, above_b) = transcription(*triple, weak)
    shared = Shared(*triple)
    total = weights.sum()
    added = lost[above_a & above_b].sum() / total
    either = lost[~above_a | ~above_b].sum() / total
    both = lost[~above_a & ~above_b].sum() / total
    assert added_edges(shared, weak_weight=weak) == pytest.approx(added, abs=1e-14)
    assert lost_edges(shared, weak_weight=weak) == pytest.approx(either, abs=1e-14)
    assert lost_edges(shared, weak_weight=weak, lost="both") == pytest.approx(both, abs=1e-14)
    assert 0 < both < either


def test_the_swapped_call_measures_the_infrared_image(triple):
    a, b, f = triple
    swapped = added_edges(Shared(a, b, f), judged="infrared")
    assert swapped == pytest.approx(added_edges(Shared(b, f, a)), abs=1e-15)
    assert abs(swapped - added_edges(Shared(a, b, f))) > 1e-3


@settings(max_examples=60, deadline=None)
@given(triples())
def test_kept_added_and_lost_edges_add_up_to_one(images):
    shared = Shared(*images)
    lost, weights, _ = transcription(*images, 0.001)
    kept = (weights - lost).sum() / weights.sum()
    assert kept + added_edges(shared) + lost_edges(shared) == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(triples())
def test_values_are_in_range_symmetric_and_the_same_on_mirrored_images(images):
    """Turned images only for Q_SF: where there is no gradient, θ = 0 prefers an axis."""
    a, b, f = images
    for function in (added_edges, lost_edges, spatial_frequency_error):
        value = function(Shared(a, b, f))
        assert 0.0 <= value <= (math.inf if function is spatial_frequency_error else 1.0)
        assert function(Shared(b, a, f)) == pytest.approx(value, abs=1e-13)
        for axis in (0, 1):
            mirrored = Shared(*(np.flip(image, axis) for image in images))
            assert function(mirrored) == pytest.approx(value, abs=1e-12)
    turned = spatial_frequency_error(Shared(a.T, b.T, f.T))
    assert turned == pytest.approx(value, abs=1e-12)


def test_noise_adds_edges_and_blur_loses_them(triple):
    a = triple[0]
    noisy = np.clip(a + np.random.default_rng(0).normal(0, 20, a.shape), 0, 255).astype(np.uint8)
    blurred = ndimage.gaussian_filter(a, 3)
    same = Shared(a, a, a)
    assert added_edges(same) == 0.0
    assert added_edges(Shared(a, a, noisy)) > 0.05 > added_edges(Shared(a, a, blurred))
    assert lost_edges(Shared(a, a, blurred)) > 0.1 > lost_edges(same)
    assert spatial_frequency_error(Shared(a, a, noisy), signed=True) > 0.5
    assert spatial_frequency_error(Shared(a, a, blurred), signed=True) < -0.05
    assert spatial_frequency_error(same) == 0.0


def test_spatial_frequency_error_follows_its_formula_written_with_numpy(triple):
    def differences(image):
        x = image.astype(float)
        return (
            x[:, 1:] - x[:, :-1],
            x[1:] - x[:-1],
            x[1:, 1:] - x[:-1, :-1],
            x[1:, :-1] - x[:-1, 1:],
        )

    def frequency(parts):
        row, column, main, other = ((part**2).sum() / triple[0].size for part in parts)
        return math.sqrt(row + column + (main + other) / math.sqrt(2))

    a, b, f = map(differences, triple)
    wanted = frequency([np.maximum(np.abs(x), np.abs(y)) for x, y in zip(a, b, strict=True)])
    expected = frequency(f) / wanted - 1
    shared = Shared(*triple)
    assert spatial_frequency_error(shared, signed=True) == pytest.approx(expected, abs=1e-13)
    assert spatial_frequency_error(shared) == pytest.approx(abs(expected), abs=1e-13)


@settings(max_examples=30, deadline=None)
@given(triples(), st.integers(2, 5))
def test_spatial_frequency_error_does_not_depend_on_contrast_common_to_all(images, factor):
    dim = [image // factor for image in images]
    bright = [image * np.uint8(factor) for image in dim]
    if all(image.min() == image.max() for image in dim[:2]):
        return
    assert spatial_frequency_error(Shared(*bright)) == pytest.approx(
        spatial_frequency_error(Shared(*dim)), abs=1e-12
    )


def test_a_constant_fused_image_has_lost_all_and_constant_sources_have_nothing_to_lose(triple):
    a, b, _ = triple
    flat = np.full(a.shape, 9, np.uint8)
    assert spatial_frequency_error(Shared(a, b, flat), signed=True) == -1.0
    assert added_edges(Shared(a, b, flat)) == 0.0
    assert lost_edges(Shared(a, b, flat)) > 0.9
    for function in (added_edges, lost_edges, spatial_frequency_error):
        with pytest.raises(Undefined, match="constant_source"):
            function(Shared(flat, flat, a))
        line = np.array([[1, 9, 4]], np.uint8)
        if function is not spatial_frequency_error:
            with pytest.raises(Undefined, match="too_small"):
                function(Shared(line, line, line))


def test_without_any_edge_that_weighs_there_is_no_share():
    faint = np.full((8, 8), 50, np.uint8)
    faint[4, 4] = 51
    with pytest.raises(Undefined, match="no_features"):
        added_edges(Shared(faint, faint, faint), weak_weight=0.0)
    assert added_edges(Shared(faint, faint, faint)) == 0.0
