"""Fused images from memory: rounded once, and refused where their meaning would be a guess."""

from __future__ import annotations

import numpy as np
import pytest

from ivif_bench.api.arrays import as_pixels
from ivif_bench.errors import UserError

SIZE = (4, 64)
LEVELS = np.arange(256, dtype=np.uint8).reshape(SIZE)


def test_uint8_is_taken_as_it_is():
    assert as_pixels(LEVELS, SIZE, "here") is LEVELS
    colour = np.stack([LEVELS, LEVELS[::-1], LEVELS], axis=2)
    assert as_pixels(colour, SIZE, "here") is colour


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_level_comes_back_from_its_fraction(dtype):
    """A float16 in 0..1 is off by at most 2**-12, which is 0.06 of a level."""
    fractions = (LEVELS / 255).astype(dtype)
    found = as_pixels(fractions, SIZE, "here")
    assert found.dtype == np.uint8
    assert np.array_equal(found, LEVELS)


def test_the_nearest_level_is_taken_at_both_ends_too():
    below = (LEVELS - 0.49) / 255
    above = (LEVELS + 0.49) / 255
    assert np.array_equal(as_pixels(below, SIZE, "here"), LEVELS)
    assert np.array_equal(as_pixels(above, SIZE, "here"), LEVELS)


def test_a_half_goes_to_the_even_level():
    # 255 * 0.5 = 127.5 is exact, and 127 and 128 are equally near
    assert as_pixels(np.full(SIZE, 0.5), SIZE, "here").max() == 128
    assert as_pixels(np.full(SIZE, 0.5, np.float32), SIZE, "here").min() == 128


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (LEVELS.tolist(), "list instead of a NumPy array; convert it"),
        (None, "NoneType instead of a NumPy array"),
        (LEVELS.T, r"shape \[64, 4\]; .* here \[4, 64\], or \[4, 64, 3\] for RGB"),
        (LEVELS[:, :, None], r"shape \[4, 64, 1\]"),
        (np.zeros((3, *SIZE)), r"shape \[3, 4, 64\]"),
        (LEVELS.astype(np.int64), "int64 array; give uint8 in 0..255, or floating point in 0..1"),
        (LEVELS.astype(bool), "bool array"),
        (LEVELS.astype(np.uint16), "uint16 array"),
        (LEVELS.astype(np.complex64), "complex64 array"),
        (np.where(LEVELS == 3, np.nan, 0.5), "NaN or infinity"),
        (np.where(LEVELS == 3, np.inf, 0.5), "NaN or infinity"),
        (LEVELS.astype(float), "values from 0 to 255; .* divide by 255"),
        (np.where(LEVELS == 3, -0.01, 0.5), "values from -0.01 to 0.5; .* clip them"),
        (np.where(LEVELS == 3, 1.01, 0.5), "values from 0.5 to 1.01"),
    ],
)
def test_what_would_be_a_guess_is_refused_in_one_line(image, message):
    with pytest.raises(UserError, match=f"^stem '7': {message}") as raised:
        as_pixels(image, SIZE, "stem '7'")
    assert "\n" not in str(raised.value)
