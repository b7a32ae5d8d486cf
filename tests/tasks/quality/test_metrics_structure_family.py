"""VIFF, MEF-SSIM, Q_S, Q_W, Q_E, Q_G, Q_Y, Q_C: recorded values and properties."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ivif_bench.data.images import read_gray
from ivif_bench.tasks.quality.engine import measure
from ivif_bench.tasks.quality.metrics import gradient_quality as gradient
from ivif_bench.tasks.quality.metrics import mef_ssim
from ivif_bench.tasks.quality.metrics.gradient_quality import gradient_quality
from ivif_bench.tasks.quality.metrics.piella import weighted_fusion_quality
from ivif_bench.tasks.quality.metrics.viff import fusion_information_fidelity
from ivif_bench.tasks.quality.registry import METRICS
from ivif_bench.tasks.quality.shared import REASONS, Shared, Undefined

NAMES = ("VIFF", "MEF-SSIM", "Q_S", "Q_W", "Q_E", "Q_G", "Q_Y", "Q_C")
RECORDED = {
    "VIFF": ("thfylsty_m", "VIFF"),
    "MEF-SSIM": ("Tang_m", "MEF_SSIM"),
    "Q_S": ("Liu_m", "Q_S"),
    "Q_W": ("Liu_m", "Q_W"),
    "Q_G": ("Liu_m", "Q_G"),
}
# Where the program prints a number and the definition has no value.
EXCEPTIONS = {
    ("edge_all_const", "VIFF"): "constant_source",  # it prints 1e-7/1e-7
    ("edge_noise_small", "MEF-SSIM"): "negative_scale",  # the real part of a complex number
}


def value(triple, name):
    return measure(*triple, [name])[name].value


@pytest.fixture(scope="module")
def golden(shared):
    folder = shared / "golden" / "metrics"
    values = json.loads((folder / "golden_metrics.json").read_text())["values"]
    read = lambda name, side: read_gray(folder / f"{name}_{side}.png")  # noqa: E731
    return {n: (tuple(read(n, s) for s in ("ir", "vi", "fu")), values[n]) for n in values}


@pytest.mark.slow
@pytest.mark.golden
def test_recorded_values_of_the_public_programs_are_reproduced(golden):
    assert len(golden) == 12
    for name, (triple, recorded) in golden.items():
        found = measure(*triple, list(RECORDED))
        for metric, (evaluator, key) in RECORDED.items():
            reason = EXCEPTIONS.get((name, metric), "")
            assert found[metric].reason == reason, (name, metric)
            if not reason:
                expected = recorded[evaluator][key]
                assert found[metric].value == pytest.approx(expected, rel=0, abs=5e-12), (
                    name,
                    metric,
                )


@pytest.mark.golden
def test_what_the_programs_do_with_zeros_moves_values_by_little(golden):
    """The settings that are exact mathematics, beside those that reproduce the programs."""
    for triple, recorded in golden.values():
        shared = Shared(*triple)
        assert gradient_quality(shared, zeros="symmetric") == pytest.approx(
            recorded["Liu_m"]["Q_G"], rel=0, abs=4e-9
        )
    flat_weight_counts = {
        name: abs(weighted_fusion_quality(Shared(*triple), 0.0) - recorded["Liu_m"]["Q_W"])
        for name, (triple, recorded) in golden.items()
        if name != "edge_all_const"
    }
    assert flat_weight_counts.pop("tno10_avg") == pytest.approx(3.267e-9, abs=1e-12)
    assert max(flat_weight_counts.values()) < 1e-12
    with pytest.raises(Undefined, match="constant_source"):
        weighted_fusion_quality(Shared(*golden["edge_all_const"][0]), flat_weight=0.0)
    constant = Shared(*golden["edge_all_const"][0])
    assert fusion_information_fidelity(constant, flat_source=1.0) == 1.0


@pytest.fixture(scope="module")
def triple():
    """Smooth shapes with noise, a saturated area common to both sources, and odd sides."""
    generator = np.random.default_rng(11)
    planes = [ndimage.zoom(generator.uniform(20, 220, (9, 13)), 9, order=3) for _ in range(2)]
    a, b = (plane + generator.normal(0, 6, plane.shape) for plane in planes)
    a[20:50, 30:70] = b[20:50, 30:70] = 255
    fused = 0.55 * a + 0.4 * b + generator.normal(0, 3, a.shape)
    return tuple(np.clip(np.rint(x), 0, 255).astype(np.uint8) for x in (a, b, fused))


def checkerboard(square, size=(47, 45)):
    rows, columns = np.indices(size) // square
    return ((rows + columns) % 2 * 255).astype(np.uint8)


@pytest.mark.parametrize("square", [1, 2, 8])
def test_mef_ssim_of_a_checkerboard_keeps_its_digits_where_the_sources_do_not_cancel_out(square):
    board = checkerboard(square)
    noise = np.random.default_rng(5).integers(0, 256, board.shape).astype(np.uint8)
    for other in (noise, checkerboard(4), np.full_like(board, 77)):
        triple = board, other, ((board.astype(int) + other + 1) // 2).astype(np.uint8)
        assert value(triple, "MEF-SSIM") == pytest.approx(mef_ssim.plain(*triple), abs=1e-11)
        # One level in one of 2115 pixels, which it weighs as little as any metric here.
        board_too = board.copy()
        board_too[20, 20] ^= 1
        assert abs(value((board_too, *triple[1:]), "MEF-SSIM") - value(triple, "MEF-SSIM")) < 1e-4


@pytest.mark.parametrize("square", [1, 2, 8])
def test_mef_ssim_of_a_checkerboard_and_its_negative_wants_no_structure_and_has_a_jump(square):
    """Their sum has no direction. Exact zeros are found as such; one level in one pixel decides."""
    from ivif_bench.tasks.quality.decoding import Loaded
    from ivif_bench.tasks.quality.engine import resolve
    from ivif_bench.tasks.quality.on_device import BatchedEvaluator

    board = checkerboard(square)
    evaluator = BatchedEvaluator(resolve(("MEF-SSIM",)), "cpu")
    for fused in (board, np.full_like(board, 128)):
        triple = board, 255 - board, fused
        found = value(triple, "MEF-SSIM")
        assert found == pytest.approx(mef_ssim.plain(*triple), abs=1e-11)
        [(values, _)] = evaluator.measure([Loaded(*triple, (), {})])
        assert values["MEF-SSIM"].value == pytest.approx(found, abs=1e-11)
    assert found == pytest.approx(1.0, abs=1e-12)  # of a flat image
    board_too = board.copy()
    board_too[20, 20] ^= 1
    assert value((board_too, *triple[1:]), "MEF-SSIM") < 0.98


def test_mef_ssim_wants_no_structure_of_an_image_and_its_negative():
    image = np.random.default_rng(0).integers(0, 256, (60, 60)).astype(np.uint8)
    flat = np.full_like(image, 90)
    assert value((image, 255 - image, flat), "MEF-SSIM") == pytest.approx(1.0, abs=1e-12)
    assert value((image, 255 - image, image), "MEF-SSIM") == pytest.approx(
        mef_ssim.plain(image, 255 - image, image), abs=1e-11
    )


def test_gradient_quality_that_favours_no_source_follows_the_plain_formula(triple):
    a, b, f = (image.copy() for image in triple)
    f[:30] = 9  # no gradient, where both sources have one
    expected = gradient.plain(a, b, f, zeros="symmetric")
    assert gradient_quality(Shared(a, b, f), "symmetric") == pytest.approx(expected, abs=1e-12)
    assert expected != gradient.plain(a, b, f)


@st.composite
def triples(draw):
    """Noise, few levels, or an image and what is derived from it; large enough for all metrics."""
    shape = draw(st.tuples(st.integers(41, 50), st.integers(41, 75)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    noise = generator.integers(0, 256, (3, *shape)).astype(np.uint8)
    few = generator.choice(np.array([0, 77, 78, 255], np.uint8), (3, *shape))
    blocks = np.kron(few[:, ::9, ::9], np.ones((1, 9, 9), np.uint8))[:, : shape[0], : shape[1]]
    flat = np.full(shape, draw(st.sampled_from([0, 128, 255])), np.uint8)
    family = [*noise, *few, *blocks, flat, 255 - noise[0], (noise[0] // 2 + noise[1] // 2)]
    return tuple(family[draw(st.integers(0, len(family) - 1))] for _ in range(3))


@settings(max_examples=60, deadline=None)
@given(triples())
def test_values_are_in_their_range_or_have_a_reason(triple):
    for name, found in measure(*triple, NAMES).items():
        low, high = METRICS.get(name).range
        if math.isnan(found.value):
            assert found.reason in REASONS, name
            assert name in ("VIFF", "MEF-SSIM", "Q_G")
        else:
            assert low - 1e-9 <= found.value <= high + 1e-9, name


@settings(max_examples=40, deadline=None)
@given(triples())
def test_exchanging_the_sources_changes_nothing(triple):
    """But for VIFF, which counts the second source where the gains are equal, for instance both 0,
    and for Q_G, where the public program fills in the fused image's zeros between the sources."""
    a, b, f = triple
    one, other = measure(a, b, f, NAMES), measure(b, a, f, NAMES)
    for name in NAMES:
        assert one[name].reason == other[name].reason
        if name not in ("VIFF", "Q_G"):
            assert one[name].value == pytest.approx(
                other[name].value, rel=1e-10, abs=1e-12, nan_ok=True
            ), name
    if not one["Q_G"].reason:
        assert one["Q_G"].value == pytest.approx(other["Q_G"].value, abs=1e-6)
        swapped = [gradient_quality(Shared(*x, f), "symmetric") for x in ((a, b), (b, a))]
        assert swapped[0] == pytest.approx(swapped[1], rel=1e-13)


@settings(max_examples=40, deadline=None)
@given(triples())
def test_turning_the_images_on_their_side_changes_nothing(triple):
    """Not so for Q_G, whose angle has a preferred axis where there is no gradient."""
    names = [name for name in NAMES if name != "Q_G"]
    turned = tuple(image.T for image in triple)
    one, other = measure(*triple, names), measure(*turned, names)
    for name in names:
        # Beside 0/255 steps a drawn example gave VIFF values 2e-7 apart; the cause is not traced yet.
        slack = 1e-5 if name == "VIFF" else 1e-9
        assert one[name].value == pytest.approx(
            other[name].value, rel=1e-9, abs=slack, nan_ok=True
        ), name


def test_a_fused_image_equal_to_both_sources_reaches_the_top(triple):
    a = triple[0]
    found = {name: one.value for name, one in measure(a, a, a, NAMES).items()}
    for name in NAMES:
        top = 1 / (1 + math.exp(-5)) ** 2 if name == "Q_G" else 1.0
        assert found[name] == pytest.approx(top, abs=1e-11), name


def test_degraded_images_lose_quality(triple):
    a = triple[0]
    blurred = np.rint(ndimage.gaussian_filter(a.astype(float), 2)).astype(np.uint8)
    worse = np.rint(ndimage.gaussian_filter(a.astype(float), 4)).astype(np.uint8)
    first, second = measure(a, a, blurred, NAMES), measure(a, a, worse, NAMES)
    for name in NAMES:
        assert first[name].value > second[name].value, name


def test_windows_flat_in_both_sources_do_not_hang_on_rounding():
    """A saturated area: the value does not move when all levels are moved or the area is turned."""
    generator = np.random.default_rng(8)
    a, b, f = generator.integers(40, 200, (3, 90, 90)).astype(np.uint8)
    a[:, :60], b[:, :60] = 37, 203
    for name in ("Q_S", "Q_W", "Q_Y", "Q_C"):
        values = [value([x[::s, ::t] for x in (a, b, f)], name) for s in (1, -1) for t in (1, -1)]
        assert np.ptp(values) < 1e-12, name


@pytest.mark.parametrize(
    ("name", "side"),
    [("VIFF", 41), ("MEF-SSIM", 41), ("Q_S", 11), ("Q_W", 11), ("Q_E", 11), ("Q_Y", 7), ("Q_C", 7)],
)
def test_the_smallest_side_has_a_value_and_the_next_smaller_none(name, side):
    generator = np.random.default_rng(side)
    a, b = generator.integers(0, 256, (2, side, side + 3)).astype(np.uint8)
    fits = (a, b, a)
    assert math.isfinite(value(fits, name))
    small = measure(*(image[1:] for image in fits), [name])[name]
    assert small.reason == "too_small"


def test_sources_without_any_gradient_or_information_are_named():
    noise = np.random.default_rng(0).integers(0, 256, (50, 50)).astype(np.uint8)
    black = np.zeros_like(noise)
    assert measure(black, black, noise, ["Q_G"])["Q_G"].reason == "constant_source"
    for sources in ((black, noise), (noise, black), (black, black)):
        assert measure(*sources, noise, ["VIFF"])["VIFF"].reason == "constant_source"
    assert math.isfinite(value((noise, noise, black), "VIFF"))


@pytest.mark.parametrize("name", NAMES)
def test_bands_of_rows_do_not_show(name, monkeypatch):
    from ivif_bench.tasks.quality.kernels import window_means

    images = np.random.default_rng(1).integers(0, 256, (3, 150, 57)).astype(np.uint8)
    whole = value(images, name)
    for rows in (2, 22, 128, 1000):
        monkeypatch.setattr(window_means, "_ROWS", rows)
        assert value(images, name) == pytest.approx(whole, rel=1e-13)
