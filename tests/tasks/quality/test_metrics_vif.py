"""VIF and VIFF against exact arithmetic, at many sizes, where images are flat, almost flat or steep."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from exact_windows import moments
from scipy import ndimage

from ivif_bench.tasks.quality.engine import measure, resolve

# The sums of the published program's windows, less 1: part of the definition of VIF here.
EXCESS = (-(2.0**-52), 2.0**-52, 2.0**-52, 0.0)
# A variance that is used as "mean of squares less squared mean" has an error below 24·2⁻⁵³/10⁻⁶ of
# itself, 3e-9, and only where it is next to that 10⁻⁶ of the squared mean; the others are summed
# anew, to 1e-14. So few windows are so close that their errors are far below 1e-11 of a sum.
ALLOWED = 1e-11

SIZES = [(41, 41), (42, 57), (43, 41), (41, 146), (47, 301), (301, 44), (97, 131), (64, 65)]
CONTENTS = ("noise", "smooth", "dark", "gray", "white", "saturated", "black and white", "blocks")


@cache
def triple(content, size):
    generator = np.random.default_rng([*size, CONTENTS.index(content)])
    noise = generator.integers(0, 256, (3, *size)).astype(np.uint8)
    if content == "noise":
        return tuple(noise)
    rough = ndimage.gaussian_filter(generator.uniform(-600, 900, (3, *size)), (0, 2, 2))
    if content in ("smooth", "saturated"):
        steeper = 8 if content == "saturated" else 1
        return tuple(np.clip(np.rint(steeper * rough), 0, 255).astype(np.uint8))
    if content == "black and white":
        return tuple((rough > 150).astype(np.uint8) * 255)
    if content == "blocks":
        levels = generator.integers(0, 2, (3, 9, 20)) * 255
        blocks = np.kron(levels, np.ones((40, 40))).astype(np.uint8)
        return tuple(block[: size[0], : size[1]] for block in blocks)
    # Two thirds of the infrared image have one level, and in few places the next one.
    level, step = {"dark": (0, 1), "gray": (128, 1), "white": (255, -1)}[content]
    infrared, visible, _ = noise
    specks = generator.random(size) < 0.002
    infrared[size[0] // 3 :] = np.where(specks, level + step, level)[size[0] // 3 :]
    return infrared, visible, ((infrared.astype(int) + visible) // 2).astype(np.uint8)


def information(vx, vy, c, noise=2.0):
    """Information per window that is kept, and that there is; in the order of the definition."""
    vx, vy = np.maximum(vx, 0.0), np.maximum(vy, 0.0)
    g = c / (vx + 1e-10)
    rest = vy - g * c
    flat = vx < 1e-10
    g, rest, vx = np.where(flat, 0, g), np.where(flat, vy, rest), np.where(flat, 0, vx)
    flat = vy < 1e-10
    g, rest = np.where(flat, 0, g), np.where(flat, 0, rest)
    rest, g = np.where(g < 0, vy, rest), np.maximum(g, 0)
    return g, np.log1p(g * g * vx / (np.maximum(rest, 1e-10) + noise)), np.log1p(vx / noise)


@cache
def exact_moments(content, size, source, top=None):
    """Of a source, 0 or 1, and the fused image; they take longer than anything else here."""
    images = triple(content, size)
    return tuple(moments(images[source], images[2], top))


def vif(content, size, excess=EXCESS, top=None):
    total = 0.0
    for source in (0, 1):
        kept = present = 0.0
        scales = exact_moments(content, size, source, top)
        for (mx, my, vx, vy, c), e in zip(scales, excess, strict=True):
            _, k, p = information(vx - e * mx * mx, vy - e * my * my, c - e * mx * my)
            kept, present = kept + k.sum(), present + p.sum()
        total += kept / present if present > 0 else np.nan
    return total


def assert_vif(found, expected):
    assert found.value == pytest.approx(expected, rel=ALLOWED, abs=1e-14, nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("content", CONTENTS)
def test_vif_is_that_of_exact_arithmetic_at_any_size(content, size):
    images = triple(content, size)
    assert_vif(measure(*images, ["VIF"])["VIF"], vif(content, size))


@pytest.mark.slow
@pytest.mark.parametrize("content", CONTENTS)
def test_vif_of_batches_is_that_of_exact_arithmetic(content):
    from ivif_bench.tasks.quality.on_device import BatchedEvaluator

    for convention, excess, top in (("reference", EXCESS, None), ("tno42-sheet", (0,) * 4, 255)):
        images = triple(content, (97, 131))
        expected = vif(content, (97, 131), excess, top)
        evaluator = BatchedEvaluator(resolve(("VIF",), convention), "cpu")
        [(values, _)] = evaluator.measure([loaded(images)])
        assert_vif(values["VIF"], expected)


def loaded(images):
    from ivif_bench.tasks.quality.decoding import Loaded

    return Loaded(*images, (), {})


@pytest.mark.slow
@pytest.mark.parametrize("size", [(41, 146), (97, 131)])
@pytest.mark.parametrize("content", CONTENTS)
def test_vif_with_products_that_stop_at_255_is_that_of_exact_arithmetic(content, size):
    images = triple(content, size)
    expected = vif(content, size, excess=(0, 0, 0, 0), top=255)
    assert_vif(measure(*images, ["VIF"], "tno42-sheet")["VIF"], expected)


def viff(content, size):
    """Per window from the source with the smaller gain; base 10, weights 1, 0, 0.15 and 1."""
    total = weights = 0.0
    pairs = (exact_moments(content, size, source) for source in (0, 1))
    for weight, *scale in zip((1, 0, 0.15, 1), *pairs, strict=True):
        (ga, ka, pa), (gb, kb, pb) = (information(*m[2:], noise=0.005 * 255**2) for m in scale)
        kept, present = (np.log10(np.e) * np.where(gb <= ga, b, a) for a, b in ((ka, kb), (pa, pb)))
        total += weight * (kept + 1e-7).sum() / (present + 1e-7).sum()
        weights += weight
    return total / weights


@pytest.mark.slow
@pytest.mark.parametrize("size", [(43, 41), (41, 146), (301, 44), (97, 131)])
@pytest.mark.parametrize("content", CONTENTS)
def test_viff_is_that_of_exact_arithmetic(content, size):
    images = triple(content, size)
    found = measure(*images, ["VIFF"])["VIFF"]
    if (size, content) == ((41, 146), "blocks"):
        assert found.reason == "constant_source"
    else:
        assert found.value == pytest.approx(viff(content, size), abs=ALLOWED)
