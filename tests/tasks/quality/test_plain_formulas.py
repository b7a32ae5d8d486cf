"""Every kernel against the plain formula in its metric's file, and the formulas' steps against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage, signal, stats

from ivif_bench.data.images import read_gray
from ivif_bench.errors import UserError
from ivif_bench.tasks.quality import plain
from ivif_bench.tasks.quality.engine import measure
from ivif_bench.tasks.quality.registry import METRICS, plain_metric

SHIPPED = [
    name
    for name, spec in METRICS.specs().items()
    if spec.entry.startswith("ivif_bench.tasks.quality.metrics.")
]
WITH_PLAIN = [name for name, spec in METRICS.specs().items() if spec.plain]
ALLOWED = 1e-10  # of the value, or of 1 where it is smaller
# Contrasts of black areas are ratios of what the Fourier transforms' rounding leaves.
ALLOWED_FOR = {"Q_CB": 1e-7}


def _levels(plane):
    return np.clip(np.rint(plane), 0, 255).astype(np.uint8)


def _noise():
    return tuple(np.random.default_rng(1).integers(0, 256, (3, 163, 171)).astype(np.uint8))


def _smooth():
    """Shapes with noise, an area that is saturated in all images, and sides that halve unevenly."""
    generator = np.random.default_rng(2)
    a, b = (
        ndimage.zoom(generator.uniform(-20, 270, (9, 13)), (19, 13.2), order=3) for _ in range(2)
    )
    fused = 0.55 * a + 0.4 * b + generator.normal(0, 3, a.shape)
    for plane in (a, b, fused):
        plane[20:60, 30:90] = 255
    return _levels(a), _levels(b), _levels(fused)


def _blocks():
    """Few levels in squares: flat windows, equal gradients, and shared levels that are rare."""
    generator = np.random.default_rng(3)
    few = generator.choice(np.array([0, 77, 78, 255], np.uint8), (3, 19, 18))
    return tuple(np.kron(plane, np.ones((9, 9), np.uint8))[:167, :161] for plane in few)


def _alike():
    """All images are the same."""
    image = _noise()[0] // 2
    return image, image, image


TRIPLES = {
    "noise": _noise(),
    "smooth": _smooth(),
    "blocks": _blocks(),
    "alike": _alike(),
    "turned": tuple(image.T for image in _smooth()),
    "constant source": (np.full((161, 163), 90, np.uint8), *(x[:161, :163] for x in _noise()[:2])),
    "constant fused image": (*(x[:161, :163] for x in _noise()[:2]), np.full((161, 163), 7, np.uint8)),
    "constant sources": (*np.full((2, 161, 163), 40, np.uint8), _noise()[0][:161, :163]),
    "black": tuple(np.zeros((3, 161, 161), np.uint8)),
}  # fmt: skip


def compare(name, what, triple):
    """Assert that the kernel has the plain formula's value, or that neither has any."""
    if name != "MS-SSIM":  # the only one whose windows need sides of 161 pixels
        triple = tuple(image[:91, :97] for image in triple)
    found = measure(*triple, [name])[name]
    with np.errstate(all="ignore"):
        expected = plain_metric(name)(*triple)
    if found.reason:
        assert not math.isfinite(expected), f"{what}: {found.reason}, but {expected}"
    else:
        allowed = ALLOWED_FOR.get(name, ALLOWED)
        assert found.value == pytest.approx(expected, rel=allowed, abs=allowed), what


@pytest.mark.parametrize("name", WITH_PLAIN)
def test_a_kernel_gives_the_value_of_the_plain_formula(name):
    for what, triple in TRIPLES.items():
        compare(name, what, triple)


@pytest.mark.slow
@pytest.mark.golden
@pytest.mark.parametrize("recorded", ["tno05_max_odd", "road04269_lap_odd", "ddfm03952_avg"])
def test_kernels_give_the_values_of_the_plain_formulas_on_real_images(recorded, shared):
    folder = shared / "golden" / "metrics"
    whole = (read_gray(folder / f"{recorded}_{side}.png") for side in ("ir", "vi", "fu"))
    triple = tuple(image[40:205, 60:233] for image in whole)
    for name in WITH_PLAIN:
        compare(name, f"{name} of {recorded}", triple)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_metric_has_a_plain_formula(name):
    assert plain_metric(name) is not None


def test_a_plain_formula_that_does_not_exist_is_named(monkeypatch):
    from dataclasses import replace

    monkeypatch.setitem(METRICS.specs(), "EN", replace(METRICS.get("EN"), plain="plane"))
    with pytest.raises(UserError, match=r"plain formula of metric 'EN'.*did you mean plain"):
        plain_metric("EN")
    monkeypatch.setitem(METRICS.specs(), "EN", replace(METRICS.get("EN"), plain=""))
    assert plain_metric("EN") is None


@pytest.mark.parametrize(
    ("border", "mode"), [("constant", "constant"), ("edge", "nearest"), ("reflect", "mirror")]
)
def test_sobel_gradients_are_those_of_scipy(border, mode):
    image = TRIPLES["noise"][0]
    across, down = plain.sobel(image, border)
    assert np.array_equal(across, ndimage.sobel(image.astype(float), 1, mode=mode))
    assert np.array_equal(down, ndimage.sobel(image.astype(float), 0, mode=mode))


def test_window_moments_are_those_of_explicit_windows():
    a, b = (image[:30, :25].astype(float) for image in TRIPLES["noise"][:2])
    taps = plain.gaussian(11, 1.5)
    window = np.outer(taps, taps)
    assert window.sum() == pytest.approx(1, abs=1e-15)
    assert window[5, 7] / window[5, 5] == pytest.approx(math.exp(-(2**2) / (2 * 1.5**2)), rel=1e-14)
    mean = signal.convolve2d(a, window, "valid")
    np.testing.assert_allclose(plain.window_means(a, taps), mean, rtol=1e-13)
    mx, my, vx, vy, c = (moment[7, 3] for moment in plain.window_moments(a, b, taps))
    x, y = a[7:18, 3:14].ravel(), b[7:18, 3:14].ravel()
    expected = np.cov(x, y, aweights=window.ravel(), ddof=0)
    np.testing.assert_allclose([[vx, c], [c, vy]], expected, rtol=1e-12)
    means = [np.average(values, weights=window.ravel()) for values in (x, y)]
    assert [mx, my] == pytest.approx(means)


def test_shares_and_bits_are_those_of_scipy():
    a, b, _ = (image // 16 for image in TRIPLES["noise"])
    joint = np.histogram2d(a.ravel(), b.ravel(), bins=16)[0]
    marginals = joint.sum(axis=1), joint.sum(axis=0)
    assert np.array_equal(plain.joint_shares(a, b)[:16, :16], joint / a.size)
    information = sum(stats.entropy(m, base=2) for m in marginals) - stats.entropy(
        joint.ravel(), base=2
    )
    assert plain.shared_bits(a, b) == pytest.approx(information, abs=1e-13)


def test_halves_are_stretched_away_from_zero():
    image = np.array([[0, 1, 2]], np.uint8)
    assert plain.stretched(image).tolist() == [[0, 128, 255]]


def test_a_wave_is_multiplied_by_the_sensitivity_at_its_frequency():
    """Five waves along a side of 20 pixels, of which 10 would be the Nyquist frequency."""
    wave = np.tile(np.cos(2 * np.pi * 5 * np.arange(20) / 20), (30, 1))
    found = plain.seen(wave, lambda r: 1 / (1 + r), 4)  # r = 20/4 at 10 waves
    np.testing.assert_allclose(found, wave / (1 + 2.5), atol=1e-14)
