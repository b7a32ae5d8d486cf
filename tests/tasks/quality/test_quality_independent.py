"""Each metric against another library or a closed form, on images made here."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage, stats

from ivif_bench.tasks.quality.engine import measure
from ivif_bench.tasks.quality.registry import TEN


@pytest.fixture(scope="module")
def triple():
    generator = np.random.default_rng(7)
    coarse = generator.uniform(0, 255, (3, 24, 28))
    images = [ndimage.zoom(plane, (8.2, 7.5), order=3) for plane in coarse]
    noisy = [image + generator.normal(0, 4, image.shape) for image in images]
    a, b, c = (np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in noisy)
    fused = np.rint(0.45 * a + 0.45 * b + 0.1 * c).astype(np.uint8)
    return a, b, fused


def value(triple, name, convention="reference"):
    return measure(*triple, [name], convention)[name].value


def test_entropy_is_that_of_scikit_image(triple):
    from skimage.measure import shannon_entropy

    assert value(triple, "EN") == pytest.approx(shannon_entropy(triple[2]), abs=1e-12)


def test_mutual_information_is_that_of_scikit_learn(triple):
    from sklearn.metrics import mutual_info_score

    a, b, f = (image.ravel() for image in triple)
    nats = mutual_info_score(a, f) + mutual_info_score(b, f)
    assert value(triple, "MI", "cddfuse") == pytest.approx(nats, abs=1e-12)
    assert value(triple, "MI") == pytest.approx(nats / math.log(2), abs=1e-12)


def test_correlations_are_those_of_scipy(triple):
    a, b, f = (image.ravel().astype(float) for image in triple)
    r = lambda x, y: stats.pearsonr(x, y).statistic  # noqa: E731
    assert value(triple, "CC") == pytest.approx((r(a, f) + r(b, f)) / 2, abs=1e-13)
    assert value(triple, "SCD") == pytest.approx(r(f - b, a) + r(f - a, b), abs=1e-12)


def test_statistics_of_the_fused_image_are_those_of_numpy(triple):
    f = triple[2].astype(float)
    rows, columns = f.shape
    assert value(triple, "SD") == pytest.approx(f.std(), abs=1e-12)
    squares = [np.mean(np.diff(f, axis=axis) ** 2) for axis in (0, 1)]
    assert value(triple, "SF") == pytest.approx(math.sqrt(sum(squares)), abs=1e-12)
    gy, gx = np.gradient(f)
    total = np.sqrt((gx**2 + gy**2) / 2).sum()
    assert value(triple, "AG") == pytest.approx(total / ((rows - 1) * (columns - 1)), rel=1e-13)
    assert value(triple, "AG", "cddfuse") == pytest.approx(total / (rows * columns), rel=1e-13)


def test_ssim_is_that_of_scikit_image(triple):
    from skimage.metrics import structural_similarity

    a, b, f = triple
    gauss = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = sum(structural_similarity(x, f, data_range=255, **gauss) for x in (a, b))
    assert value(triple, "SSIM") == pytest.approx(expected, abs=1e-12)
    floats = [image.astype(np.float64) for image in triple]
    old = sum(structural_similarity(x, floats[2], data_range=2.0) for x in floats[:2])
    assert value(triple, "SSIM", "cddfuse") == pytest.approx(old, abs=1e-9)


def test_qabf_of_every_direction_and_strength_keeps_full_precision():
    """A fused image equal to a source reaches the closed-form maximum whatever its gradients."""
    image = np.random.default_rng(3).integers(0, 256, (40, 50)).astype(np.uint8)
    top = 0.9994 * 0.9879 / (1 + math.exp(-22 * 0.2))
    assert value((image, image, image), "Qabf") == pytest.approx(top, abs=1e-4)


@pytest.fixture(scope="module")
def halving():
    """Sides that stay even at every scale of MS-SSIM, where libraries pool alike."""
    generator = np.random.default_rng(1)
    base = ndimage.gaussian_filter(generator.uniform(-500, 500, (192, 224)), 2)
    noisy = [base * s + 127 + generator.normal(0, 6, base.shape) for s in (1.0, 0.8, 1.1)]
    return tuple(np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in noisy)


def summed(triple, function):
    """A library's two-image function in float64, of the fused image and each source."""
    import torch

    a, b, f = (torch.from_numpy(image.astype(np.float64))[None, None] for image in triple)
    return float(function(f, a) + function(f, b))


@pytest.mark.slow
def test_vif_is_that_of_torchmetrics_and_piq(halving):
    import piq
    from torchmetrics.functional.image import visual_information_fidelity

    found = value(halving, "VIF")
    assert found == pytest.approx(summed(halving, visual_information_fidelity), abs=1e-12)
    # piq adds 1e-8 to both sums.
    assert found == pytest.approx(
        summed(halving, lambda x, y: piq.vif_p(x, y, data_range=255.0)), abs=1e-8
    )


@pytest.mark.slow
def test_ssim_is_that_of_piq_and_of_the_inner_map_of_torchmetrics(halving):
    import piq
    from torchmetrics.functional.image import structural_similarity_index_measure

    def inner(x, y):
        _, full = structural_similarity_index_measure(
            x, y, data_range=255.0, return_full_image=True
        )
        return full[..., 5:-5, 5:-5].mean()  # it pads by reflection; ours has whole windows only

    found = value(halving, "SSIM")
    assert found == pytest.approx(summed(halving, inner), abs=1e-13)
    plain = summed(halving, lambda x, y: piq.ssim(x, y, data_range=255.0, downsample=False))
    assert found == pytest.approx(plain, abs=1e-13)


def test_ms_ssim_is_that_of_piq_and_under_cddfuse_that_of_pytorch_msssim(halving):
    import piq
    import pytorch_msssim

    theirs = summed(halving, lambda x, y: piq.multi_scale_ssim(x, y, data_range=255.0))
    assert value(halving, "MS-SSIM") == pytest.approx(theirs, abs=1e-13)
    theirs = summed(halving, lambda x, y: pytorch_msssim.ms_ssim(x, y, data_range=255.0))
    assert value(halving, "MS-SSIM", "cddfuse") == pytest.approx(theirs, abs=1e-13)
    assert value(halving, "MS-SSIM") != value(halving, "MS-SSIM", "cddfuse")


def test_errors_are_those_of_scikit_image(triple):
    from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

    a, b, f = triple
    mse = (mean_squared_error(a, f) + mean_squared_error(b, f)) / 2
    assert value(triple, "MSE") == pytest.approx(mse, rel=1e-13)
    # Of two equal sources the mean over the sources is the textbook's value.
    assert value((a, a, f), "PSNR") == pytest.approx(peak_signal_noise_ratio(a, f), rel=1e-13)


def test_normalised_information_is_that_of_scikit_learn(triple):
    from sklearn.metrics import normalized_mutual_info_score

    a, b, f = (image.ravel() for image in triple)
    theirs = normalized_mutual_info_score(a, f) + normalized_mutual_info_score(b, f)
    assert value(triple, "Q_MI") == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("width", [161, 319, 320, 321, 640, 657])
def test_tiles_of_columns_do_not_show(width):
    """A wide image of identical columns blocks has the statistics of its transpose, tile or not."""
    generator = np.random.default_rng(width)
    images = [generator.integers(0, 256, (170, width)).astype(np.uint8) for _ in range(3)]
    turned = [np.ascontiguousarray(image.T) for image in images]
    names = ("SF", "AG", "SSIM", "VIF") + (("MS-SSIM",) if width % 2 == 0 else ())
    across, down = measure(*images, names), measure(*turned, names)
    for name in names:
        assert across[name].value == pytest.approx(down[name].value, rel=1e-10, abs=1e-12)


def test_all_values_of_identical_sources_and_fused_image(triple):
    a = triple[0]
    values = {name: v.value for name, v in measure(a, a, a, (*TEN, "SSIM")).items()}
    assert values["CC"] == 1.0
    assert values["MI"] == pytest.approx(2 * values["EN"], abs=1e-12)
    assert values["VIF"] == pytest.approx(2.0, abs=1e-8)
    assert values["MS-SSIM"] == pytest.approx(2.0, abs=1e-12)
    assert values["SSIM"] == pytest.approx(2.0, abs=1e-12)
    assert math.isnan(values["SCD"])
