"""Colour is read as each convention's toolkit reads it."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from PIL import Image

from ivif_bench.data.images import luma
from ivif_bench.errors import UserError
from ivif_bench.tasks.quality.engine import measure, resolve
from ivif_bench.tasks.quality.reading import gray, opencv_float, pillow, read_triple


def colours(seed=0, shape=(50, 60)):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype(np.uint8)


def planes(seed=1, shape=(50, 60)):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def test_pillow_reading_is_that_of_pillow():
    image = colours(shape=(300, 300))
    assert (pillow(image) == np.asarray(Image.fromarray(image).convert("L"))).all()


def test_opencv_reading_is_that_of_a_colour_read_converted_in_single_precision():
    image = colours(shape=(300, 300))
    bgr = np.ascontiguousarray(image[:, :, ::-1]).astype(np.float32)
    assert (opencv_float(image) == np.round(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY))).all()


@pytest.mark.parametrize("other", [pillow, opencv_float])
def test_readings_differ_by_one_level_in_few_colours(other):
    image = colours(shape=(600, 600))
    differing = luma(image) != other(image)
    assert differing.mean() < 1e-3
    assert np.abs(luma(image).astype(int) - other(image)).max() <= 1


@pytest.mark.parametrize("reading", ["luma", "opencv_float", "pillow"])
def test_one_channel_and_three_equal_channels_are_read_alike(reading):
    plane = planes()
    repeated = np.repeat(plane[:, :, None], 3, axis=2)
    assert (gray(repeated, reading) == plane).all()
    assert gray(plane, reading) is plane


def test_each_convention_reads_as_its_toolkit():
    readings = {
        name: resolve(["EN"], name).reading
        for name in ("reference", "cddfuse", "tang-matlab", "tang-python", "zoo", "vifb",
                     "tno42-sheet")
    }  # fmt: skip
    assert readings == {
        "reference": "luma",
        "cddfuse": "opencv_float",
        "tang-matlab": "luma",
        "tang-python": "pillow",
        "zoo": "pillow",
        "vifb": "channels",
        "tno42-sheet": "luma",
    }


def test_a_coloured_fused_image_is_measured_channel_by_channel_under_vifb():
    infrared, visible, fused = planes(1), colours(2), colours(3)
    names = ("EN", "AG", "SD", "MI", "SSIM", "Qabf")
    found = measure(infrared, visible, fused, names, "vifb")
    single = [measure(infrared, visible[:, :, c], fused[:, :, c], names, "vifb") for c in range(3)]
    for name in names:
        expected = np.mean([values[name].value for values in single])
        assert found[name].value == pytest.approx(expected, rel=1e-13), name


def test_three_channels_of_infrared_serve_their_own():
    infrared, visible, fused = colours(1), colours(2), colours(3)
    triples = read_triple(infrared, visible, fused, "channels")
    for channel, triple in enumerate(triples):
        for image, plane in zip((infrared, visible, fused), triple, strict=True):
            assert (plane == image[:, :, channel]).all()


def test_spatial_frequency_under_vifb_takes_the_channels_side_by_side():
    """Its differences cross the joints, and both sums are divided by M times 3N."""
    infrared, visible, fused = planes(1), colours(2), colours(3)
    wide = np.hstack([fused[:, :, c] for c in range(3)]).astype(float)
    sums = sum((np.diff(wide, axis=axis) ** 2).sum() for axis in (0, 1))
    found = measure(infrared, visible, fused, ["SF"], "vifb")["SF"].value
    assert found == pytest.approx(math.sqrt(sums / wide.size), rel=1e-13)


def test_a_gray_fused_image_is_measured_once_against_gray_sources_under_vifb():
    infrared, visible, fused = planes(1), colours(2), planes(3)
    found = measure(infrared, visible, fused, ["MI", "SF"], "vifb")
    assert found == measure(infrared, luma(visible), fused, ["MI", "SF"], "vifb")


def test_one_undefined_channel_makes_the_mean_undefined_and_says_why():
    infrared, visible, fused = planes(1), colours(2), colours(3)
    visible[:, :, 1] = infrared * 0
    infrared = np.stack([infrared, infrared * 0, infrared], axis=2)
    found = measure(infrared, visible, fused, ["Qabf", "EN"], "vifb")
    assert math.isnan(found["Qabf"].value)
    assert found["Qabf"].reason == "constant_source"
    assert found["EN"].reason == ""


@pytest.mark.parametrize("convention", ["reference", "cddfuse", "tang-python", "vifb"])
def test_colour_that_is_not_uint8_is_refused_not_rounded(convention):
    good, bad = colours(1), colours(2).astype(np.float32) / 255
    for triple in ((bad, good, good), (good, good, bad)):
        with pytest.raises(UserError, match="float32; metrics need uint8"):
            measure(*triple, ["EN", "MI"], convention)


def test_a_source_is_converted_once_for_all_methods():
    image = colours()
    assert (resolve(None, "tang-python").prepare(image) == pillow(image)).all()
    assert resolve(None, "vifb").prepare(image) is image
