"""Without rounding: the definitions on real levels, written here with SciPy; nothing for histograms."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from scipy import ndimage, signal, stats

from ivif_bench.errors import UserError
from ivif_bench.tasks.quality import evaluate
from ivif_bench.tasks.quality.engine import metrics_of
from ivif_bench.tasks.quality.registry import METRICS, plain_metric

NAMES = tuple(name for name, spec in METRICS.specs().items() if spec.unrounded)


@pytest.fixture(scope="module")
def triple():
    """Smooth images with values between the levels, float64 in 0..255."""
    generator = np.random.default_rng(7)
    coarse = generator.uniform(80, 170, (3, 24, 26))
    a, b, c = (
        ndimage.zoom(plane, 7, order=3) + generator.normal(0, 4, (168, 182)) for plane in coarse
    )
    return a, b, 0.45 * a + 0.45 * b + 0.1 * c


@pytest.fixture(scope="module")
def found(triple):
    return evaluate(*triple, NAMES, data_range=255, quantise=False)


def test_the_metrics_are_those_that_count_no_levels():
    shipped = {
        *("SF", "AG", "SD", "CC", "SCD", "VIF", "Qabf", "MS-SSIM"),
        *("SSIM", "MSE", "RMSE", "PSNR", "EI"),
    }
    assert shipped <= set(NAMES)  # others may be added
    assert not {"EN", "MI", "NMI", "CE", "FMI"} & set(NAMES)


@pytest.mark.slow
def test_whole_levels_have_the_values_of_uint8(triple):
    levels = [np.rint(image) for image in triple]
    expected = evaluate(*(image.astype(np.uint8) for image in levels), NAMES)
    exact = evaluate(*levels, NAMES, data_range=255, quantise=False)
    assert exact == pytest.approx(expected, abs=1e-9)
    of_bytes = [image.astype(np.uint8) for image in levels]
    assert evaluate(*of_bytes, NAMES, quantise=False) == exact


@pytest.mark.slow
def test_values_are_those_of_the_plain_formulas(triple, found):
    """The formulas in the metrics' files, which are tested themselves, on the same real levels."""
    expected = {name: plain_metric(name)(*triple) for name in NAMES}
    assert found == pytest.approx(expected, rel=1e-9)


def test_rounding_shows_and_fades_as_levels_get_finer(triple, found):
    """An independent limit: uint8 values differ, by less than rounding can make."""
    rounded = evaluate(*triple, NAMES, data_range=255)
    for name in NAMES:
        assert found[name] != rounded[name], name
        assert found[name] == pytest.approx(rounded[name], rel=2e-2), name


def test_ranges_kinds_and_batches_give_the_same(triple, found):
    unit = [image / 255 for image in triple]
    assert evaluate(*unit, NAMES, data_range=1.0, quantise=False) == pytest.approx(found, rel=1e-9)
    tensors = [torch.from_numpy(image) for image in triple]
    assert evaluate(*tensors, NAMES, data_range=255, quantise=False) == found
    batch = [torch.stack([image, image])[:, None] for image in tensors]
    assert evaluate(*batch, NAMES, data_range=255, quantise=False) == [found, found]


def test_statistics_are_those_of_numpy_and_scipy(triple, found):
    a, b, f = triple
    r = lambda x, y: stats.pearsonr(x.ravel(), y.ravel()).statistic  # noqa: E731
    squares = [np.mean(np.diff(f, axis=axis) ** 2) for axis in (0, 1)]
    gy, gx = np.gradient(f)
    errors = [np.mean((x - f) ** 2) for x in (a, b)]
    sobel = np.hypot(*(ndimage.sobel(f, axis, mode="nearest") for axis in (0, 1)))
    expected = {
        "SD": f.std(),
        "SF": math.sqrt(sum(squares)),
        "AG": np.hypot(gx, gy).sum() / math.sqrt(2) / (167 * 181),
        "CC": (r(a, f) + r(b, f)) / 2,
        "SCD": r(f - b, a) + r(f - a, b),
        "MSE": np.mean(errors),
        "RMSE": np.mean(np.sqrt(errors)),
        "PSNR": 10 * math.log10(255**2 / np.mean(errors)),
        "EI": sobel.mean(),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-11)


@pytest.mark.slow  # piq takes seconds to import
def test_vif_and_the_structural_similarities_are_those_of_piq(triple):
    """Of sides that stay even at every scale of MS-SSIM, where libraries pool alike."""
    piq = pytest.importorskip("piq")
    a, b, f = (np.pad(image, ((0, 24), (0, 10)), mode="reflect") for image in triple)
    values = evaluate(a, b, f, ["VIF", "SSIM", "MS-SSIM"], data_range=255, quantise=False)
    x, y, z = (torch.from_numpy(image)[None, None] for image in (a, b, f))

    def summed(function, **options):
        return sum(float(function(z, source, data_range=255.0, **options)) for source in (x, y))

    assert values["SSIM"] == pytest.approx(summed(piq.ssim, downsample=False), abs=1e-12)
    assert values["MS-SSIM"] == pytest.approx(summed(piq.multi_scale_ssim), abs=1e-12)
    assert values["VIF"] == pytest.approx(summed(piq.vif_p), abs=1e-7)  # it adds 1e-8 to both sums


def test_qabf_is_its_formula_written_with_scipy(triple, found):
    def edges(image):
        window = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)
        padded = np.pad(image, 1)
        sx = signal.correlate2d(padded, window, "valid")
        return sx, signal.correlate2d(padded, -window.T, "valid")

    x, y = edges(triple[2])
    g_f, t_f = np.hypot(x, y), np.arctan(y / x)
    kept = present = 0.0
    for source in triple[:2]:
        x, y = edges(source)
        g, t = np.hypot(x, y), np.arctan(y / x)
        ratio, angle = np.minimum(g, g_f) / np.maximum(g, g_f), 1 - np.abs(t - t_f) / (np.pi / 2)
        q = 0.9994 / (1 + np.exp(-15 * (ratio - 0.5))) * 0.9879 / (1 + np.exp(-22 * (angle - 0.8)))
        kept, present = kept + (q * g).sum(), present + g.sum()
    assert found["Qabf"] == pytest.approx(kept / present, rel=1e-10)


def test_colour_is_read_as_luma_that_is_not_rounded(triple):
    colour = np.stack(triple, axis=2)
    luma = 0.299 * triple[0] + 0.587 * triple[1] + 0.114 * triple[2]
    of_colour = evaluate(triple[0], triple[1], colour, NAMES, data_range=255, quantise=False)
    of_luma = evaluate(triple[0], triple[1], luma, NAMES, data_range=255, quantise=False)
    assert of_colour == pytest.approx(of_luma, rel=1e-9)


@pytest.mark.filterwarnings("ignore:.*which is black")
@pytest.mark.parametrize("level", [0.7, 77.3, 200.7])
def test_undefined_values_are_those_of_whole_levels(triple, level):
    """0/0 stays undefined where rounding of float64 would leave 1e-14 over 1e-14."""
    a, b, _ = triple
    flat = np.full_like(a, level)
    cases = {"flat fused": (a, b, flat), "flat source": (flat, b, a), "all flat": (flat,) * 3}
    cases |= {"fused is a source": (a, b, a), "up to a constant": (a, b, b + level / 4)}
    for about, images in cases.items():
        whole = [np.rint(image).astype(np.uint8) for image in images]
        if about == "up to a constant":
            whole = [whole[0], whole[1], whole[1] + np.uint8(9)]
        expected = evaluate(*whole, NAMES)
        values = evaluate(*images, NAMES, data_range=255, quantise=False)
        undefined = {name for name in NAMES if math.isnan(expected[name])}
        assert {name for name in NAMES if math.isnan(values[name])} == undefined, about


def test_half_a_level_beyond_the_range_is_cut_and_more_refused():
    a = np.tile(np.linspace(0, 1, 60), (60, 1))
    beyond = a * (1 + 0.8 / 255) - 0.4 / 255
    options = {"data_range": 1.0, "quantise": False}
    cut = evaluate(a, a, beyond, ["MSE"], **options)
    assert cut == evaluate(a, a, beyond.clip(0, 1), ["MSE"], **options)
    with pytest.raises(UserError, match=r"values from -0\.00196078 to 1\.01\d*; .* clip them"):
        evaluate(a, a, a * 1.012 - 0.5 / 255, ["MSE"], **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "no definition without rounding for EN, MI; metrics=[...] may have AG, CC, "),
        ({"metrics": "all"}, "no definition without rounding for EN, MI, "),
        ({"metrics": ["SF", "Q_MI"]}, "no definition without rounding for Q_MI; "),
        ({"metrics": ["SF"], "convention": "cddfuse"}, "convention 'cddfuse', mode 'exact': only"),
        ({"metrics": ["SF"], "mode": "fast"}, "convention 'reference', mode 'fast': only"),
    ],
)
def test_what_has_no_definition_is_refused_in_one_line(triple, options, message):
    with pytest.raises(UserError, match=re.escape(message)) as raised:
        evaluate(*triple, data_range=255, quantise=False, **options)
    assert str(raised.value).startswith("quantise=False")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", sorted(set(metrics_of("reference")) - set(NAMES)))
def test_every_other_metric_is_refused(triple, name):
    with pytest.raises(UserError, match="no definition without rounding"):
        evaluate(*triple, [name], data_range=255, quantise=False)


def test_sizes_that_differ_are_refused(triple):
    a, b, f = triple
    with pytest.raises(UserError, match="sizes differ: infrared 182x168, visible 182x167"):
        evaluate(a, b[1:], f, ["SF"], data_range=255, quantise=False)
