"""The kernels behind the ten metrics and SSIM: the fast mode, and threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ivif_bench.tasks.quality.decoding import Loaded
from ivif_bench.tasks.quality.engine import resolve
from ivif_bench.tasks.quality.on_device import BatchedEvaluator
from ivif_bench.tasks.quality.registry import TEN

ELEVEN = (*TEN, "SSIM")
# Largest absolute error of the fast mode; metrics that are not here are the same in both.
FAST = {"VIF": 2e-5, "Qabf": 1e-6, "MS-SSIM": 1e-6, "SSIM": 1e-6}


def _triple(shape: tuple[int, int], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    smooth = gaussian_filter(generator.uniform(0, 255, (3, *shape)), (0, 4, 4)) * 4 - 384
    noisy = smooth + generator.normal(0, 6, smooth.shape)
    infrared, visible, other = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    fused = np.rint((infrared.astype(float) + visible + 0.2 * other) / 2.2).astype(np.uint8)
    return infrared, visible, fused


@pytest.mark.parametrize("shape", [(161, 161), (173, 330), (241, 640), (320, 777)])
def test_fast_mode_stays_within_its_stated_errors_at_any_size(shape: tuple[int, int]) -> None:
    images = _triple(shape, 1)
    exact, fast = (
        resolve(ELEVEN, "reference", mode).measure(*images) for mode in ("exact", "fast")
    )
    for name in ELEVEN:
        assert abs(exact[name].value - fast[name].value) <= FAST.get(name, 0.0), name


def test_fast_mode_is_another_computation() -> None:
    images = _triple((200, 300), 2)
    exact, fast = (
        resolve(("VIF",), "reference", mode).measure(*images) for mode in ("exact", "fast")
    )
    assert exact["VIF"].value != fast["VIF"].value


@pytest.mark.parametrize("level", [0, 77, 255])
@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_flat_areas_carry_no_rounding_noise(level: int, mode: str) -> None:
    """Half of the image is flat; an image keeps all of its own information, and no more."""
    image = _triple((256, 256), 3)[0]
    image[:, 128:] = level
    found = resolve(("VIF", "SSIM"), "reference", mode).measure(image, image, image)  # type: ignore[arg-type]
    allowed = 1e-8 if mode == "exact" else 5e-6
    assert found["VIF"].value == pytest.approx(2.0, abs=allowed)
    assert found["SSIM"].value == pytest.approx(2.0, abs=allowed)


@pytest.mark.parametrize("shape", [(7, 7), (50, 44), (31, 300)])
@pytest.mark.parametrize("level", [3, 187, 247, 255])
def test_ssim_with_small_constants_has_no_rounding_noise(
    level: int, shape: tuple[int, int]
) -> None:
    """CDDFuse's C2 is 0.0036, beside which what rounding leaves of a variance of 0 must not show."""
    flat = np.full(shape, level, np.uint8)
    evaluator = resolve(("SSIM",), "cddfuse")
    assert evaluator.measure(flat, flat, flat)["SSIM"].value == pytest.approx(2.0, abs=1e-13)
    batched = BatchedEvaluator(evaluator, "cpu")
    [(values, _)] = batched.measure([Loaded(flat, flat, flat, (), {})])
    assert values["SSIM"].value == pytest.approx(2.0, abs=1e-13)


def test_threads_give_the_values_of_one_thread() -> None:
    """Kernels keep work arrays per thread: images measured side by side must not meet in them."""
    triples = [_triple((165 + 7 * k, 180 + 11 * k), k) for k in range(6)]
    for mode in ("exact", "fast"):
        evaluator = resolve(ELEVEN, "reference", mode)  # type: ignore[arg-type]
        alone = [evaluator.measure(*images) for images in triples]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda images, e=evaluator: e.measure(*images), triples * 3))
        assert together == alone * 3


def test_values_do_not_depend_on_what_was_measured_before() -> None:
    evaluator = resolve(ELEVEN, "reference", "exact")
    small, large = _triple((170, 190), 4), _triple((400, 700), 5)
    first = evaluator.measure(*small)
    evaluator.measure(*large)
    assert evaluator.measure(*small) == first
