"""RMSE, PSNR, EI, CE, Q_CB and Q_CV: VIFB's published values, and properties."""

from __future__ import annotations

import csv
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ivif_bench.data.images import read_rgb
from ivif_bench.tasks.quality.engine import measure
from ivif_bench.tasks.quality.metrics.chen_blum import perceived_contrast_quality
from ivif_bench.tasks.quality.metrics.chen_varshney import perceived_difference
from ivif_bench.tasks.quality.metrics.cross_entropy import cross_entropy
from ivif_bench.tasks.quality.metrics.edge_intensity import edge_intensity
from ivif_bench.tasks.quality.metrics.squared_error import (
    peak_signal_to_noise,
    root_mean_squared_error,
)
from ivif_bench.tasks.quality.shared import Shared

PUBLISHED = {
    "Rmse": lambda shared: root_mean_squared_error(shared, form="vifb"),
    "Psnr": lambda shared: peak_signal_to_noise(shared, form="vifb"),
    "Edge_intensity": edge_intensity,
    "Cross_entropy": cross_entropy,
    "Qcb": perceived_contrast_quality,
    "Qcv": perceived_difference,
}
APART = ("SwinFusion", "YDTR")  # the stored images are not those that were measured


@pytest.fixture(scope="module")
def vifb(shared):
    """Folder, and by (scene, method) what was published for the images that are there."""
    root = shared / "data" / "VIFB"
    rows = defaultdict(dict)
    with (root / "metrics_matlab.csv").open() as file:
        for row in csv.DictReader(file):
            if (root / "fused" / f"{row['image']}_{row['method']}.jpg").exists():
                rows[row["image"], row["method"]][row["metric"]] = row["value"]
    return root, rows


def half_a_unit(printed):
    """Of the fifth significant digit: the sheet drops zeros at the end, 1.52 stands for 1.5200."""
    return 0.5 * 10.0 ** (math.floor(math.log10(float(printed))) - 4) * (1 + 1e-9)


def differing(root, scene, method, published):
    """The metrics that are off by more than half a unit of the fifth digit."""
    files = root / "IR" / scene, root / "VI" / scene, root / "fused" / f"{scene}_{method}"
    colour = [read_rgb(path.with_name(f"{path.name}.jpg")) for path in files]
    channels = [Shared(*(np.ascontiguousarray(x[:, :, c]) for x in colour)) for c in range(3)]
    found = {name: np.mean([f(shared) for shared in channels]) for name, f in PUBLISHED.items()}
    return [
        name
        for name, value in found.items()
        if abs(value - float(published[name])) > half_a_unit(published[name])
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.golden
def test_published_values_are_reproduced_to_the_fifth_digit_on_one_method_per_scene(vifb):
    """Of all scenes and methods: tests/benchmarks/test_published_sheets.py."""
    root, rows = vifb
    scenes = sorted({scene for scene, _ in rows})
    methods = sorted({method for _, method in rows} - set(APART))
    assert (len(scenes), len(methods)) == (11, 23)
    for k, scene in enumerate(scenes[::2]):
        method = methods[5 * k % 23]
        assert differing(root, scene, method, rows[scene, method]) == [], (scene, method)


@pytest.mark.parametrize(
    ("printed", "allowed"), [("19.123", 5e-4), ("5.5", 5e-5), ("61", 5e-4), ("0.0499", 5e-7)]
)
def test_zeros_that_are_not_printed_give_no_slack(printed, allowed):
    assert half_a_unit(printed) == pytest.approx(allowed)


@pytest.fixture(scope="module")
def triple():
    """Odd sides that are no multiple of a block, and levels that need stretching."""
    generator = np.random.default_rng(3)
    planes = [ndimage.zoom(generator.uniform(20, 180, (9, 7)), 11, order=3) for _ in range(3)]
    a, b, c = (plane + generator.normal(0, 5, plane.shape) for plane in planes)
    fused = 0.5 * a + 0.4 * b + 0.1 * c
    return tuple(np.clip(np.rint(x), 10, 200).astype(np.uint8) for x in (a, b, fused))


@pytest.mark.parametrize("seed", range(3))
def test_halves_are_stretched_away_from_zero(seed):
    from ivif_bench.tasks.quality.kernels.perception import stretched as stretch

    generator = np.random.default_rng(seed)
    for span in (2, 34, 102, 170, 254):  # 255 k / span has halves
        low = int(generator.integers(0, 256 - span))
        image = (low + generator.integers(0, span + 1, (20, 20))).astype(np.uint8)
        image[0, :2] = low, low + span
        exact = [[(2 * 255 * (int(x) - low) + span) // (2 * span) for x in row] for row in image]
        assert (stretch(Shared(image, image, image))[0] == exact).all()


@st.composite
def triples(draw):
    shape = draw(st.tuples(st.integers(2, 40), st.integers(2, 40)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    levels = draw(st.sampled_from([np.arange(256), np.array([0, 255]), np.array([7, 8, 9])]))
    return tuple(generator.choice(levels, shape).astype(np.uint8) for _ in range(3))


@settings(max_examples=60, deadline=None)
@given(triples())
def test_perceived_qualities_keep_their_bounds_and_ignore_order_and_turning(triple):
    a, b, f = triple
    one = measure(a, b, f, ["Q_CB", "Q_CV"])
    for other in (measure(b, a, f, ["Q_CB", "Q_CV"]), measure(a.T, b.T, f.T, ["Q_CB", "Q_CV"])):
        for name in ("Q_CB", "Q_CV"):
            assert one[name].reason == other[name].reason
            assert one[name].value == pytest.approx(other[name].value, rel=1e-6, nan_ok=True)
    if not one["Q_CB"].reason:
        assert 0.0 <= one["Q_CB"].value <= 1.0
        assert one["Q_CV"].value >= 0.0


def test_identical_images_are_perfect_and_constant_ones_have_no_value():
    image = np.random.default_rng(0).integers(0, 256, (40, 52)).astype(np.uint8)
    found = measure(image, image, image, ["Q_CB", "Q_CV"])
    assert found["Q_CB"].value == pytest.approx(1.0, abs=1e-12)
    assert found["Q_CV"].value == 0.0
    for level in (0, 128):
        flat = np.full_like(image, level)
        for triple, reason in (
            ((image, image, flat), "constant_fused"),
            ((flat, image, image), "constant_source"),
            ((image, flat, image), "constant_source"),
        ):
            outcome = measure(*triple, ["Q_CB", "Q_CV"])
            assert [one.reason for one in outcome.values()] == [reason, reason]
            assert all(math.isnan(one.value) for one in outcome.values())


def test_stretching_makes_brightness_and_contrast_irrelevant():
    generator = np.random.default_rng(2)
    a, b, f = generator.integers(0, 2, (3, 40, 40)).astype(np.uint8) * 100
    names = ["Q_CB", "Q_CV"]
    one, other = measure(a, b, f, names), measure(a, b // 2 + 20, f + 30, names)
    for name in names:
        assert one[name].value == pytest.approx(other[name].value, rel=1e-12)


def test_black_areas_do_not_hang_on_the_rounding_of_transforms():
    """Far from anything visible, contrast is a ratio of rounding errors unless it is defined."""
    generator = np.random.default_rng(6)
    a, b, f = np.zeros((3, 96, 640), np.uint8)
    for image in (a, b, f):
        image[:, :60] = generator.integers(0, 256, (96, 60))
    turned = (image[::-1, ::-1].copy() for image in (a, b, f))
    here, there = (perceived_contrast_quality(Shared(*x)) for x in ((a, b, f), turned))
    assert here == pytest.approx(there, abs=1e-6)


def test_blur_lowers_perceived_quality(triple):
    a = triple[0]
    blurred = [ndimage.gaussian_filter(a.astype(float), s) for s in (1, 3)]
    first, second = (
        measure(a, a, np.rint(image).astype(np.uint8), ["Q_CB", "Q_CV"]) for image in blurred
    )
    assert first["Q_CB"].value > second["Q_CB"].value
    assert first["Q_CV"].value < second["Q_CV"].value
