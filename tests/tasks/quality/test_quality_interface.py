"""The Python interface: arrays or paths, no silent change of what is given, quick in a loop."""

from __future__ import annotations

import doctest
import time
import warnings

import cv2
import numpy as np
import pytest
from PIL import Image

from ivif_bench.data.images import luma
from ivif_bench.errors import UserError
from ivif_bench.tasks.quality import evaluate, interface
from ivif_bench.tasks.quality.engine import measure, metrics_of, resolve
from ivif_bench.tasks.quality.registry import TEN


@pytest.fixture(scope="module")
def triple():
    generator = np.random.default_rng(5)
    coarse = generator.integers(0, 256, (3, 22, 24)).astype(np.uint8)
    a, b, c = (cv2.resize(plane, (176, 168), interpolation=cv2.INTER_CUBIC) for plane in coarse)
    return a, b, (a // 2 + b // 4 + c // 4).astype(np.uint8)


def test_the_ten_under_the_reference_convention_are_the_default(triple):
    found = evaluate(*triple)
    assert tuple(found) == TEN
    assert found == {name: value.value for name, value in measure(*triple).items()}
    assert all(type(value) is float for value in found.values())


def test_metrics_convention_and_mode_are_passed_on(triple):
    found = evaluate(*triple, metrics=["MI", "SSIM"], convention="cddfuse", mode="fast")
    expected = measure(*triple, ["MI", "SSIM"], "cddfuse", "fast")
    assert found == {name: value.value for name, value in expected.items()}
    assert tuple(evaluate(*triple, metrics="all")) == metrics_of("reference")


def test_colour_arrays_are_read_as_luma(triple):
    colour = np.stack([triple[2], triple[1], triple[0]], axis=2)
    assert evaluate(*triple[:2], colour) == evaluate(*triple[:2], luma(colour))


def test_paths_and_arrays_give_the_same(triple, tmp_path):
    paths = [tmp_path / f"{side}.png" for side in "abf"]
    for path, image in zip(paths, triple, strict=True):
        cv2.imwrite(str(path), image)
    assert evaluate(paths[0], str(paths[1]), triple[2]) == evaluate(*triple)


def test_undefined_values_are_nan(triple):
    flat = np.full_like(triple[0], 9)
    found = evaluate(*triple[:2], flat, metrics=["CC", "EN"])
    assert np.isnan(found["CC"])
    assert found["EN"] == 0.0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((9, 9), np.uint16), r"fused image: uint16 array"),
        (np.zeros((9, 9), bool), r"fused image: bool array"),
        ([[0]], r"fused image: list"),
        (np.zeros((9, 9, 4), np.uint8), r"fused image: shape \(9, 9, 4\)"),
        (np.zeros((9, 8), np.uint8), r"sizes differ: infrared 9x9, visible 9x9, fused 8x9"),
    ],
)
def test_other_arrays_are_refused_with_what_to_do(bad, words):
    good = np.zeros((9, 9), np.uint8)
    with pytest.raises(UserError, match=words):
        evaluate(good, good, bad)


def test_files_that_are_not_plain_warn(triple, tmp_path):
    Image.fromarray(np.dstack([triple[2]] * 4)).save(tmp_path / "f.png")
    with pytest.warns(UserWarning, match=r"f\.png: alpha channel ignored") as caught:
        found = evaluate(*triple[:2], tmp_path / "f.png")
    assert caught[0].filename == __file__
    assert found == evaluate(*triple)
    cv2.imwrite(str(tmp_path / "g.png"), triple[2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(*triple[:2], tmp_path / "g.png")


def test_unknown_names_are_refused_with_a_hint(triple):
    with pytest.raises(UserError, match="did you mean Qabf"):
        evaluate(*triple, metrics=["Qbaf"])
    with pytest.raises(UserError, match="did you mean cddfuse"):
        evaluate(*triple, convention="cdfuse")


def test_a_loop_pays_less_than_a_third_of_a_millisecond_for_the_interface():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    evaluator = resolve(["EN"])

    def best(call):
        times = []
        for _ in range(60):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return min(times)

    through = best(lambda: evaluate(image, image, image, ["EN"]))
    assert through - best(lambda: evaluator.measure(image, image, image)) < 0.3e-3


def test_the_example_in_the_docstring_is_true():
    assert doctest.testmod(interface).failed == 0
