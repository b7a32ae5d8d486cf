"""How a source is stored reaches a method that asks for it, and changes nothing for the others."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ivif_bench.data.images import encode_png
from ivif_bench.fusion import METHODS, FusionMethod
from ivif_bench.pipeline.fuse import fuse_one
from ivif_bench.types import StoredImage


class RoundTrip(FusionMethod):
    """Gray as by programs that turn every colour file into YCrCb: one channel stays as it is."""

    seen: tuple[Path, int]

    def fuse(self, infrared, visible, seeds):
        raise AssertionError("runs call fuse_stored")

    def fuse_stored(self, infrared: StoredImage, visible: StoredImage, seed: int) -> torch.Tensor:
        self.seen = infrared.path, infrared.pixels.ndim
        gray = infrared.pixels
        if gray.ndim == 3:
            colour = cv2.cvtColor(gray, cv2.COLOR_RGB2YCrCb)
            gray = cv2.cvtColor(cv2.cvtColor(colour, cv2.COLOR_YCrCb2RGB), cv2.COLOR_RGB2HLS)[
                ..., 1
            ]
        return torch.from_numpy(gray.copy())[None, None].float() / 255


@pytest.fixture
def pairs(tmp_path: Path):
    """One pair stored twice: infrared as one channel, and as three channels that differ a little."""
    generator = np.random.default_rng(3)
    gray = generator.integers(0, 256, (24, 32), np.uint8)
    visible = generator.integers(0, 256, (24, 32, 3), np.uint8)
    stored = {"one": gray, "three": np.dstack([gray] * 3), "alpha": None}
    jobs = {}
    for name, infrared in stored.items():
        if infrared is None:
            image = np.dstack([gray] * 3 + [np.full_like(gray, 255)])
            data = cv2.imencode(".png", image)[1].tobytes()
        else:
            data = encode_png(infrared)
        (tmp_path / f"{name}-ir.png").write_bytes(data)
        (tmp_path / f"{name}-vi.png").write_bytes(encode_png(visible))
        jobs[name] = {
            "dataset": "d",
            "stem": "s",
            "infrared": str(tmp_path / f"{name}-ir.png"),
            "visible": str(tmp_path / f"{name}-vi.png"),
        }
    return gray, visible, jobs


def test_a_method_sees_the_channels_and_the_file_of_a_source(pairs):
    gray, _, jobs = pairs
    method = RoundTrip()
    fused = {name: fuse_one(method, job, 0) for name, job in jobs.items() if name != "alpha"}
    assert method.seen == (Path(jobs["three"]["infrared"]), 3)
    np.testing.assert_array_equal(fused["one"], gray)
    colour = cv2.cvtColor(np.dstack([gray] * 3), cv2.COLOR_RGB2YCrCb)
    back = cv2.cvtColor(cv2.cvtColor(colour, cv2.COLOR_YCrCb2RGB), cv2.COLOR_RGB2HLS)[..., 1]
    np.testing.assert_array_equal(fused["three"], back)


@pytest.mark.parametrize("name", ["visible", "infrared", "average", "laplacian"])
def test_other_methods_give_the_same_image_however_the_file_stores_gray(pairs, name):
    gray, visible, jobs = pairs
    method = METHODS.load(name)()
    expected = method.fuse(
        torch.from_numpy(gray)[None, None].float() / 255,
        torch.from_numpy(visible).permute(2, 0, 1)[None].float() / 255,
        [0],
    )
    expected = (expected[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    for job in jobs.values():
        fused = fuse_one(method, job, 0)
        np.testing.assert_array_equal(fused.reshape(expected.shape), expected)


def test_stored_pixels_are_rgb_with_the_channels_of_the_file(tmp_path: Path):
    from ivif_bench.data.images import gray_of, read_gray, read_rgb, read_stored, rgb_of

    generator = np.random.default_rng(4)
    for channels in (1, 3, 4):
        pixels = generator.integers(0, 256, (6, 8, channels), np.uint8)
        bgr = pixels[:, :, [2, 1, 0, 3][:channels]] if channels > 1 else pixels[:, :, 0]
        path = tmp_path / f"{channels}.png"
        cv2.imwrite(str(path), bgr)
        stored = read_stored(path)
        np.testing.assert_array_equal(stored.pixels, pixels[:, :, 0] if channels == 1 else pixels)
        np.testing.assert_array_equal(rgb_of(stored), read_rgb(path))
        np.testing.assert_array_equal(gray_of(stored), read_gray(path))
