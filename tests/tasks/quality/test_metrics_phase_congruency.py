"""Q_P: recorded values of the public program, its plain formula, and properties."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from scipy import ndimage

from ivif_bench.tasks.quality.kernels.phase_congruency import phase_maps
from ivif_bench.tasks.quality.metrics.phase_congruency import phase_congruency_agreement, plain
from ivif_bench.tasks.quality.shared import Shared, Undefined


@pytest.fixture(scope="module")
def triple():
    generator = np.random.default_rng(2)
    images = [ndimage.zoom(generator.uniform(0, 255, (9, 11)), 5, order=1) for _ in range(2)]
    a, b = (np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in images)
    a[20:30, 10:30] = 250
    return a, b, ((a.astype(int) + b) // 2).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.golden
@pytest.mark.parametrize(
    "name",
    [
        "tno10_avg",
        "tno05_max_odd",
        "road04269_lap_odd",
        "ddfm03952_avg",
        "ddfm04598_lap",
        "edge_identical",
        "edge_shift1",
        "edge_noise_small",
    ],
)
def test_it_agrees_with_the_public_program(name, shared):
    folder = shared / "golden" / "metrics"
    recorded = json.loads((folder / "golden_metrics.json").read_text())["values"][name]["Liu_m"]
    images = [cv2.imread(str(folder / f"{name}_{side}.png"), 0) for side in ("ir", "vi", "fu")]
    value = phase_congruency_agreement(Shared(*images))
    assert value == pytest.approx(recorded["Q_P"], abs=1e-11)


@pytest.mark.parametrize("kovesi", ["published", "exact"])
@pytest.mark.parametrize("size", [(45, 55), (44, 54)])
def test_it_follows_the_plain_formula(triple, kovesi, size):
    images = [image[: size[0], : size[1]] for image in triple]
    expected = plain(*images, kovesi=kovesi)
    found = phase_congruency_agreement(Shared(*images), kovesi=kovesi)
    assert found == pytest.approx(expected, abs=1e-12)


def test_swapping_the_sources_or_turning_the_images_changes_nothing(triple):
    a, b, f = triple
    value = phase_congruency_agreement(Shared(a, b, f))
    assert phase_congruency_agreement(Shared(b, a, f)) == pytest.approx(value, abs=1e-12)
    exact = phase_congruency_agreement(Shared(a, b, f), kovesi="exact")
    turned = phase_congruency_agreement(Shared(a.T, b.T, f.T), kovesi="exact")
    assert turned == pytest.approx(exact, abs=1e-9)
    assert abs(exact - value) > 1e-4


def test_brightness_does_not_matter_and_contrast_hardly(triple):
    a, b, f = (image // 2 for image in triple)
    value = phase_congruency_agreement(Shared(a, b, f))
    assert phase_congruency_agreement(Shared(a, b, f + np.uint8(90))) == pytest.approx(value)
    assert phase_congruency_agreement(Shared(a, b, f * np.uint8(2))) == pytest.approx(
        value, abs=1e-3
    )


def test_it_falls_as_the_fused_image_departs_from_the_sources(triple):
    a = triple[0]
    generator = np.random.default_rng(0)
    values = [phase_congruency_agreement(Shared(a, a, a))]
    for sigma in (10, 40):
        noisy = np.clip(a + generator.normal(0, sigma, a.shape), 0, 255).astype(np.uint8)
        values.append(phase_congruency_agreement(Shared(a, a, noisy)))
    assert 0.9 < values[0] <= 1.0
    assert values[0] > values[1] > values[2] > -1.0


def test_congruency_is_a_share_and_moments_are_ordered(triple):
    for exact in (True, False):
        maps = phase_maps(triple[0], exact)
        assert maps.congruency.min() >= 0.0
        assert maps.congruency.max() <= 1.0
        assert (maps.largest >= maps.smallest).all()


def test_a_lone_edge_is_congruent_on_itself_and_nowhere_far():
    image = np.full((64, 64), 20, np.uint8)
    image[:, 32:] = 200
    congruency = phase_maps(image, True).congruency
    assert congruency[32, 31:33].min() > 0.5  # the periodic border is an edge, too
    assert congruency[32, 14:18].max() < 0.2


def test_images_without_features_have_a_reason(triple):
    a, b, _ = triple
    flat = np.full(a.shape, 70, np.uint8)
    with pytest.raises(Undefined, match="constant_fused"):
        phase_congruency_agreement(Shared(a, b, flat))
    with pytest.raises(Undefined, match="constant_source"):
        phase_congruency_agreement(Shared(a, flat, b))
    small = a[:10, :40]
    with pytest.raises(Undefined, match="too_small"):
        phase_congruency_agreement(Shared(small, small, small))
