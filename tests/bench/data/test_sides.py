"""One image on both sides of a pair: found in whatever form the two files are, and nothing else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ivif_bench.data.sides import equal_pixels
from ivif_bench.errors import UserError
from ivif_bench.pipeline.fuse import read_pair

COLOUR = np.random.default_rng(3).integers(0, 256, (16, 20, 3), dtype=np.uint8)
GRAY = COLOUR[:, :, 0].copy()


def pair(folder: Path, infrared: np.ndarray, visible: np.ndarray) -> tuple[str, str]:
    paths = folder / "ir.png", folder / "vi.png"
    for path, pixels in zip(paths, (infrared, visible), strict=True):
        assert cv2.imwrite(str(path), pixels)
    return str(paths[0]), str(paths[1])


@pytest.mark.parametrize(
    ("infrared", "visible"),
    [
        (COLOUR, COLOUR),
        (GRAY, np.dstack([GRAY] * 3)),
        (np.dstack([COLOUR, GRAY[::-1]]), COLOUR),  # what is in a fourth channel is never read
        (cv2.cvtColor(COLOUR, cv2.COLOR_BGR2GRAY), cv2.cvtColor(COLOUR, cv2.COLOR_BGR2GRAY)),
    ],
)
def test_a_pair_of_equal_pixels_is_not_read(
    infrared: np.ndarray, visible: np.ndarray, tmp_path: Path
) -> None:
    files = pair(tmp_path, infrared, visible)
    with pytest.raises(UserError, match=r"'set', stem 's': infrared .*ir\.png and .* same pixels"):
        read_pair("set", "s", *files)


@pytest.mark.parametrize("level", [0, 1, 128])
def test_one_level_in_one_pixel_makes_two_images(level: int, tmp_path: Path) -> None:
    other = GRAY.copy()
    other[-1, -1] = level if GRAY[-1, -1] != level else level + 1
    infrared, visible = read_pair("set", "s", *pair(tmp_path, GRAY, np.dstack([other] * 3)))
    assert np.array_equal(infrared.pixels, GRAY)
    assert np.array_equal(visible.pixels[:, :, 0], other)


def test_frames_of_one_level_say_nothing_about_where_they_come_from() -> None:
    black = np.zeros((16, 20), np.uint8)
    assert not equal_pixels(black, np.dstack([black] * 3))
    black[0, 0] = 1
    assert equal_pixels(black, np.dstack([black] * 3))


def test_images_of_two_sizes_are_two_images() -> None:
    assert not equal_pixels(GRAY, COLOUR[:, :10])
