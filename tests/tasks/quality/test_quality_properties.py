"""What must hold for any images: symmetry, bounds, undefined cases with their reason."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from metrics_page import documented

from ivif_bench.errors import UserError
from ivif_bench.tasks.quality.engine import measure, metrics_of, resolve
from ivif_bench.tasks.quality.registry import CONVENTIONS, TEN
from ivif_bench.tasks.quality.shared import REASONS, Shared

NAMES = (*TEN, "SSIM")


@st.composite
def triples(draw, smallest=1, largest=48):
    shape = draw(st.tuples(*[st.integers(smallest, largest)] * 2))
    kind = draw(st.sampled_from(["any", "few", "noise"]))
    if kind == "noise":
        generator = np.random.default_rng(draw(st.integers(0, 2**32)))
        return tuple(generator.integers(0, 256, (3, *shape)).astype(np.uint8))
    levels = st.integers(0, 255) if kind == "any" else st.sampled_from([0, 77, 78, 255])
    return tuple(draw(arrays(np.uint8, shape, elements=levels)) for _ in range(3))


def check_ranges(triple, convention):
    evaluator = resolve(metrics_of(convention), convention)
    found = evaluator.measure(*triple)
    for measurement in evaluator.measurements:
        low, high = measurement.range
        value = found[measurement.name]
        if math.isnan(value.value):
            assert value.reason in REASONS, measurement.name
        else:
            assert low - 1e-9 <= value.value <= high * (1 + 1e-9) + 1e-9, measurement.name
            assert value.reason == "", measurement.name


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(triples(), st.sampled_from(sorted(CONVENTIONS.specs())))
def test_every_value_is_in_its_range_or_has_a_reason(triple, convention):
    check_ranges(triple, convention)


@pytest.mark.parametrize("convention", sorted(CONVENTIONS.specs()))
@pytest.mark.parametrize(
    "levels", [(0, 0, 0), (255, 255, 255), (9, 9, 9), (0, 255, 128), (7, 7, 8)]
)
def test_constant_images_of_any_level_have_values_in_range_or_a_reason(levels, convention):
    check_ranges([np.full((170, 161), level, np.uint8) for level in levels], convention)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(triples(smallest=41, largest=60))
def test_swapping_the_sources_changes_nothing(triple):
    """Not so for VIFF and Q_G, whose definitions favour one source where both are alike.

    A metric that docs/metrics.md does not describe may favour one, too.
    """
    a, b, f = triple
    names = [name for name in documented() if name not in ("VIFF", "Q_G")]
    one, other = measure(a, b, f, names), measure(b, a, f, names)
    for name in names:
        assert one[name].value == pytest.approx(
            other[name].value, rel=1e-10, abs=1e-12, nan_ok=True
        ), name
        assert one[name].reason == other[name].reason, name


@settings(max_examples=60, deadline=None)
@given(triples(smallest=2, largest=40))
def test_turning_the_images_on_their_side_changes_nothing(triple):
    """Not so for Qabf, whose angle has a preferred axis."""
    names = ("EN", "SF", "AG", "SD", "CC", "SCD", "MI", "SSIM", "EI", "CE", "MSE", "Q_MI", "NCIE")
    turned = tuple(image.T for image in triple)  # not contiguous: also a test of that
    one, other = measure(*triple, names), measure(*turned, names)
    for name in names:
        assert one[name].value == pytest.approx(
            other[name].value, rel=1e-11, abs=1e-12, nan_ok=True
        )


@settings(max_examples=40, deadline=None)
@given(triples(smallest=3, largest=30), st.integers(0, 2**32))
def test_pixel_statistics_ignore_where_pixels_are(triple, seed):
    names = (
        "EN",
        "SD",
        "CC",
        "SCD",
        "MI",
        "CE",
        "MSE",
        "PSNR",
        "RMSE",
        "Q_MI",
        "NMI",
        "NCIE",
        "Q_TE",
    )
    order = np.random.default_rng(seed).permutation(triple[0].size)
    mixed = tuple(image.ravel()[order].reshape(image.shape) for image in triple)
    one, other = measure(*triple, names), measure(*mixed, names)
    for name in names:
        assert one[name].value == pytest.approx(other[name].value, abs=1e-12, nan_ok=True)


IDENTITY = {
    "CC": 1.0, "MSE": 0.0, "RMSE": 0.0, "CE": 0.0, "Q_MI": 2.0, "NMI": 2.0, "VIF": 2.0,
    "VIFF": 1.0, "SSIM": 2.0, "MS-SSIM": 2.0, "MEF-SSIM": 1.0, "Q_S": 1.0, "Q_W": 1.0, "Q_E": 1.0,
    "Q_C": 1.0, "Q_Y": 1.0, "Q_CB": 1.0, "Q_CV": 0.0, "Q_SF": 0.0, "FMI-pixel": 1.0,
    "FMI-gradient": 1.0, "Nabf": 0.0,
}  # fmt: skip


def test_a_fused_image_equal_to_both_sources_has_the_best_value_of_each_metric():
    generator = np.random.default_rng(11)
    image = np.cumsum(generator.normal(0, 9, (170, 176)), axis=1) + generator.normal(0, 4, (170, 1))
    same = np.clip(np.rint(image + 127), 0, 255).astype(np.uint8)
    for name, found in measure(same, same, same, tuple(IDENTITY)).items():
        assert found.value == pytest.approx(IDENTITY[name], abs=1e-6), name


@settings(max_examples=40, deadline=None)
@given(triples(smallest=2, largest=30))
def test_values_do_not_depend_on_which_metrics_are_asked_for(triple):
    together = measure(*triple, NAMES)
    for name in NAMES:
        alone = measure(*triple, [name])[name]
        assert repr(alone) == repr(together[name])


def test_mean_square_error_like_blur_lowers_what_it_must():
    generator = np.random.default_rng(0)
    a = generator.integers(0, 256, (200, 200)).astype(np.uint8)
    half = ((a.astype(int) + np.roll(a, 1, 1)) // 2).astype(np.uint8)
    sharp, blurred = measure(a, a, a), measure(a, a, half)
    for name in ("SF", "AG", "SD", "CC", "MI", "VIF", "Qabf", "MS-SSIM"):
        assert blurred[name].value < sharp[name].value, name


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((20, 20), np.uint16), "uint16"),
        (np.zeros((20, 20), np.float32), "float32"),
        (np.zeros((20, 20, 4), np.uint8), r"one channel \[H, W\] or RGB"),
        (np.zeros((20,), np.uint8), "one channel"),
        (np.zeros((0, 20), np.uint8), "shape"),
        (np.zeros((20, 21), np.uint8), "sizes differ"),
    ],
)
def test_other_input_is_refused_in_words(bad, words):
    good = np.zeros((20, 20), np.uint8)
    with pytest.raises(UserError, match=words):
        measure(good, good, bad)


def test_read_only_and_strided_images_are_measured_like_any():
    image = np.random.default_rng(0).integers(0, 256, (44, 90)).astype(np.uint8)
    view = image[:, ::2]
    frozen = view.copy()
    frozen.setflags(write=False)
    assert repr(measure(view, view, view)) == repr(measure(frozen, frozen, frozen))
    assert not frozen.flags.writeable


def test_a_part_is_computed_once_for_each_set_of_arguments():
    calls = []

    def part(shared, factor=1):
        calls.append(factor)
        return factor * int(shared.fused[0, 0])

    image = np.full((2, 2), 5, np.uint8)
    shared = Shared(image, image, image)
    assert [shared.part(part), shared.part(part), shared.part(part, 3), shared.part(part, 3)] == [
        5, 5, 15, 15,
    ]  # fmt: skip
    assert calls == [1, 3]


def test_ssim_costs_nothing_beside_ms_ssim():
    from ivif_bench.tasks.quality.kernels.structure import structure
    from ivif_bench.tasks.quality.metrics.ms_ssim import multiscale_structural_similarity
    from ivif_bench.tasks.quality.metrics.ssim import structural_similarity

    image = np.random.default_rng(0).integers(0, 256, (170, 170)).astype(np.uint8)
    shared = Shared(image, image, image)
    multiscale_structural_similarity(shared)
    structural_similarity(shared)
    assert sum(key[0] is structure for key in shared._parts) == 5
