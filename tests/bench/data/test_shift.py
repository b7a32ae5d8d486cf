"""The shift between two sides: known shifts of real and drawn images are found, noise is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ivif_bench.data.images import decode
from ivif_bench.data.shift import estimated_shift


def scene(seed: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of other grays on both sides, as a warm object that is dark in visible light."""
    random = np.random.default_rng(seed)
    sides = np.full(size, 90, np.uint8), np.full(size, 140, np.uint8)
    for _ in range(25):
        x, y = random.integers(20, size[1] - 60), random.integers(20, size[0] - 60)
        w, h = random.integers(12, 40, 2)
        for side in sides:
            cv2.rectangle(
                side, (int(x), int(y)), (int(x + w), int(y + h)), int(random.integers(256)), -1
            )
    return tuple(side + random.integers(0, 8, size, dtype=np.uint8) for side in sides)  # type: ignore[return-value]


def moved(image: np.ndarray, right: int, down: int) -> np.ndarray:
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float32)
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize("size", [(192, 256), (480, 640), (768, 1024)])
@pytest.mark.parametrize("shift", [(0, 0), (5, -3), (-8, 8), (0, 14), (13, -12)])
def test_a_known_shift_is_found_to_two_pixels(size, shift):
    infrared, visible = scene(1, size)
    found = estimated_shift(infrared, moved(visible, *shift))
    assert found is not None
    assert np.abs(np.subtract(found, shift)).max() <= (2 if size[1] > 768 else 1)


def test_colour_and_inverted_gray_have_the_same_edges():
    infrared, visible = scene(2, (192, 256))
    colour = np.stack([moved(visible, 4, 1)] * 3, axis=2)
    assert estimated_shift(255 - infrared, colour) == (4, 1)


@pytest.mark.parametrize("kind", ["noise", "constant", "tiny"])
def test_images_without_common_edges_have_no_shift(kind):
    random = np.random.default_rng(0)
    size = (12, 16) if kind == "tiny" else (192, 256)
    one = random.integers(0, 256, size, dtype=np.uint8)
    other = (
        np.full(size, 7, np.uint8)
        if kind == "constant"
        else random.integers(0, 256, size, np.uint8)
    )
    assert estimated_shift(one, other) is None


@pytest.mark.golden
@pytest.mark.parametrize("stem", ["00004N", "00085D", "00151D"])
def test_a_real_pair_that_is_moved_moves_its_estimate(shared, stem):
    folder = shared / "cases" / "_lib" / "base"
    infrared, visible = (decode(folder / side / f"{stem}.png") for side in ("ir", "vi"))
    before = estimated_shift(infrared, visible)
    after = estimated_shift(infrared, moved(visible, 6, -4))
    assert before is not None
    assert after is not None
    assert np.abs(np.subtract(after, before) - (6, -4)).max() <= 1
