"""Q_P: recorded values of the public program, a slow transcription, and properties."""

from __future__ import annotations

import json
import math

import cv2
import numpy as np
import pytest
from scipy import fft, ndimage

from ivif_bench.tasks.quality.kernels.phase_congruency import phase_maps
from ivif_bench.tasks.quality.metrics.phase_congruency import phase_congruency_agreement
from ivif_bench.tasks.quality.shared import Shared, Undefined

EPSILON = 1e-4


@pytest.fixture(scope="module")
def triple():
    generator = np.random.default_rng(2)
    images = [ndimage.zoom(generator.uniform(0, 255, (9, 11)), 5, order=1) for _ in range(2)]
    a, b = (np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in images)
    a[20:30, 10:30] = 250
    return a, b, ((a.astype(int) + b) // 2).astype(np.uint8)


def centred(length, shift):
    """Frequencies as a centred row, moved so that 0 comes first by that shift."""
    steps = np.arange(length) - length // 2
    return shift(steps / length)


def transcription(image, exact):
    """Congruency and moments, filter by filter, with the noise of filters summed in space."""
    rows, columns = image.shape

    def plane(shift, stretch):
        y, x = (
            centred(n, shift) * (n / (n - 1) if stretch and n % 2 else 1) for n in (rows, columns)
        )
        return np.meshgrid(y, x, indexing="ij")

    y, x = plane(np.fft.ifftshift, not exact)
    radius, theta = np.hypot(x, y), np.arctan2(-y, x)
    radius[0, 0] = 1
    yl, xl = plane(np.fft.ifftshift if exact else np.fft.fftshift, False)
    low_pass = 1 / (1 + (np.hypot(xl, yl) / 0.45) ** 30)
    spectrum = fft.fft2(image)
    energy, amplitude = 0, 0
    xx, yy, xy = 0, 0, 0
    for angle in np.arange(6) * np.pi / 6:
        ds = np.sin(theta) * np.cos(angle) - np.cos(theta) * np.sin(angle)
        dc = np.cos(theta) * np.cos(angle) + np.sin(theta) * np.sin(angle)
        spread = np.exp(-(np.arctan2(ds, dc) ** 2) / (2 * (np.pi / 6 / 1.2) ** 2))
        filters = []
        for wave in 3 * 2.1 ** np.arange(4):
            radial = np.exp(-(np.log(radius * wave) ** 2) / (2 * np.log(0.55) ** 2)) * low_pass
            radial[0, 0] = 0
            filters.append(radial * spread)
        found = [fft.ifft2(spectrum * one) for one in filters]
        sizes = [np.abs(one) for one in found]
        total, norm = sum(sizes), np.abs(sum(found)) + EPSILON
        unit = sum(found) / norm
        local = sum((z * unit.conj()).real - np.abs((z * unit.conj()).imag) for z in found)
        spatial = [fft.ifft2(one).real * math.sqrt(image.size) for one in filters]
        power = np.median(sizes[0] ** 2) / math.log(2) / (filters[0] ** 2).sum()
        noise = 2 * power * sum((one**2).sum() for one in spatial)
        noise += 4 * power * sum(
            (spatial[i] * spatial[j]).sum() for i in range(4) for j in range(i + 1, 4)
        )  # fmt: skip
        tau = math.sqrt(noise / 2)
        threshold = tau * (math.sqrt(math.pi / 2) + 2 * math.sqrt(2 - math.pi / 2)) / 1.7
        width = total / (np.maximum.reduce(sizes) + EPSILON) / 4
        local = np.maximum(local - threshold, 0) / (1 + np.exp((0.5 - width) * 10))
        energy, amplitude, pc = energy + local, amplitude + total, local / total
        xx, yy = xx + (pc * np.cos(angle)) ** 2, yy + (pc * np.sin(angle)) ** 2
        xy = xy + pc**2 * np.cos(angle) * np.sin(angle)
    xx, yy, xy = xx / 3, yy / 3, xy * (4 if exact else 1) / 6
    root = np.sqrt(xy**2 + (xx - yy) ** 2) + EPSILON
    return energy / (amplitude + EPSILON), (xx + yy + root) / 2, (xx + yy - root) / 2


def agreement(a, b, f):
    def mean(plane):
        taps = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
        return ndimage.correlate(plane, np.outer(taps, taps) / taps.sum() ** 2, mode="constant")

    larger = [np.where(a[0] > b[0], x, y) for x, y in zip(a, b, strict=True)]
    result = 1.0
    for k in range(3):
        best = []
        for source in (a, b, larger):
            mask = source[0] > 0.1
            x, y = source[k] * mask, f[k]
            c = mean(x * y) - mean(x) * mean(y)
            vx = np.maximum(mean(x * x) - mean(x) ** 2, 0)
            vy = np.maximum(mean(y * y) - mean(y) ** 2, 0)
            best.append((c + 1e-4) / (np.sqrt(vx * vy) + 1e-4) * mask)
        result *= np.maximum.reduce(best).sum() / (larger[0] > 0.1).sum()
    return result


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
def test_it_follows_its_formula_written_with_numpy(triple, kovesi, size):
    images = [image[: size[0], : size[1]] for image in triple]
    expected = agreement(*(transcription(image, kovesi == "exact") for image in images))
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
