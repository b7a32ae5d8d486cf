"""Nabf, LABF and Q_SF: variants against their plain formulas, and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ivif_bench.tasks.quality.metrics.edge_artefacts import (
    added_edges,
    losses,
    lost_edges,
    plain_labf,
    plain_nabf,
)
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


@pytest.mark.parametrize("weak", [0.001, 0.0])
@pytest.mark.parametrize("lost", ["either", "both"])
def test_edges_that_weigh_otherwise_or_are_lost_to_both_follow_the_plain_formula(
    triple, weak, lost
):
    shared = Shared(*triple)
    found = added_edges(shared, weak_weight=weak)
    assert found == pytest.approx(plain_nabf(*triple, weak_weight=weak), abs=1e-14)
    found = lost_edges(shared, weak_weight=weak, lost=lost)
    assert found == pytest.approx(plain_labf(*triple, weak_weight=weak, lost=lost), abs=1e-14)
    assert 0 < plain_labf(*triple, lost="both") < plain_labf(*triple)


def test_the_swapped_call_measures_the_infrared_image(triple):
    a, b, f = triple
    swapped = added_edges(Shared(a, b, f), judged="infrared")
    assert swapped == pytest.approx(added_edges(Shared(b, f, a)), abs=1e-15)
    assert abs(swapped - added_edges(Shared(a, b, f))) > 1e-3


@settings(max_examples=60, deadline=None)
@given(triples())
def test_kept_added_and_lost_edges_add_up_to_one(images):
    shared = Shared(*images)
    lost, weight, *_ = losses(*images, 0.001)
    kept = 1 - lost.sum() / weight
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
