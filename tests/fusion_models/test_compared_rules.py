"""Reading, colour and output rules of the authors' programs, against what those programs gave."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from ivif_bench.data.images import encode_png, read_stored
from ivif_bench.fusion_models.compared import colour, reading, saving
from ivif_bench.types import StoredImage


@pytest.fixture(scope="module")
def recorded(shared):
    return np.load(shared / "golden/compared/torch/post.npz")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("cast_wrap_u8", saving.wrap),
        ("cv_imwrite_u8", saving.round_half_even),
        ("clip_trunc_u8", saving.clip_truncate),
        ("save_image_u8", saving.clip_add_half),
        ("scipy_save_u8", saving.scipy_stretch),
        ("lrr_save_u8", lambda values: saving.stretch_truncate(values, 1e-5)),
        ("skimage_u8", saving.round_half_even),
    ],
)
def test_output_rules_give_what_the_programs_wrote(recorded, name, rule):
    values = recorded["unit_values" if name == "skimage_u8" else "values"]
    assert np.array_equal(rule(values), recorded[name])


def test_gray_and_colour_of_given_values_are_those_of_the_programs(recorded):
    image = StoredImage(reading.NO_FILE, recorded["rgb"])
    assert np.array_equal(reading.pil_l(image), recorded["gray_pil_L"])
    assert np.array_equal(reading.cv(image), recorded["gray_cv"])
    assert np.array_equal(colour.opencv_split(recorded["rgb"]), recorded["ycrcb_cv"])


def test_the_reading_through_ycbcr_lowers_22_of_the_256_levels_by_one():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    one = reading.y1(StoredImage(reading.NO_FILE, levels))
    three = reading.y1(StoredImage(reading.NO_FILE, np.repeat(levels[:, :, None], 3, 2)))
    assert np.array_equal(one, levels)
    lowered = np.flatnonzero((one - three).ravel())
    assert lowered.tolist() == [
        11, 18, 25, 32, 55, 62, 69, 76, 99, 106, 113, 136, 143, 150, 157, 180, 187, 194, 201, 224,
        231, 238,
    ]  # fmt: skip
    assert set((one - three).ravel().tolist()) == {0.0, 1.0}


def test_readings_leave_one_channel_alone_and_drop_transparency(tmp_path):
    generator = np.random.default_rng(0)
    gray = generator.integers(0, 256, (9, 11), np.uint8)
    rgb = generator.integers(0, 256, (9, 11, 3), np.uint8)
    opaque = np.dstack([rgb, np.full((9, 11), 255, np.uint8)])
    path = tmp_path / "rgba.png"
    Image.fromarray(opaque).save(path)
    stored = read_stored(path)
    for name, rule in reading.READINGS.items():
        assert np.array_equal(rule(StoredImage(reading.NO_FILE, gray)), gray), name
        if name != "CV-read":  # which decodes the file again
            assert np.array_equal(rule(stored), rule(StoredImage(path, rgb))), name


def test_the_decoders_gray_is_taken_from_the_file(tmp_path):
    rgb = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    path = tmp_path / "colour.png"
    path.write_bytes(encode_png(rgb))
    stored = read_stored(path)
    assert np.array_equal(reading.cv_read(stored), cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    in_memory = StoredImage(reading.NO_FILE, rgb)
    assert np.array_equal(reading.cv_read(in_memory), reading.cv(in_memory))


def test_a_constant_picture_becomes_black_by_every_stretch():
    constant = np.full((3, 4), 0.7, np.float32)
    assert not saving.scipy_stretch(constant).any()
    assert not saving.stretch_truncate(constant).any()
    assert not saving.scale_from_zero(np.zeros((3, 4), np.float32)).any()


@pytest.mark.parametrize(
    ("split", "join"),
    [
        (colour.u2fusion_split, colour.u2fusion_join),
        (colour.mufusion_split, colour.mufusion_join),
        (colour.seafusion_split, colour.t403_join),
    ],
)
def test_colour_comes_back_within_a_gray_level(split, join):
    rgb = np.random.default_rng(2).random((32, 32, 3)).astype(np.float32)
    back = join(split(rgb))
    assert back.dtype == np.float32
    assert np.abs(back - rgb).max() < 1 / 255


def test_colour_of_vif_benchmark_is_pillows(shared):
    arrays = np.load(shared / "golden/compared/tf/SDNet.npz")
    ycbcr = colour.pillow_split(arrays["d/vi_u8"])
    ycbcr[:, :, 0] = arrays["d/u8"]
    assert np.array_equal(colour.pillow_join(ycbcr), arrays["d/rgb_u8_vifbenchmark"])
