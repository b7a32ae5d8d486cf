"""The compiled kernels: against plain NumPy and SciPy, in single precision, in threads, on disk."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from bench.data.images import read_gray
from tasks.quality.engine import resolve
from tasks.quality.kernels import edges, jit, windows
from tasks.quality.kernels.differences import differences
from tasks.quality.kernels.histograms import entropy_bits, histograms
from tasks.quality.kernels.information import information
from tasks.quality.kernels.information_variants import information_variant
from tasks.quality.kernels.moments import moments
from tasks.quality.kernels.structure import structure
from tasks.quality.registry import TEN
from tasks.quality.shared import Shared

ELEVEN = (*TEN, "SSIM")
# Absolute errors of the fast mode; what is not named is the same in both modes.
FAST = {"VIF": 2e-5, "Qabf": 1e-7, "MS-SSIM": 1e-6, "SSIM": 1e-6}


def scene(rows, columns, seed=0, noise=5.0):
    """Infrared, visible and fused with smooth parts, noise, and a saturated corner."""
    generator = np.random.default_rng(seed)
    images = []
    for _ in range(2):
        coarse = generator.uniform(-20, 275, (rows // 16 + 2, columns // 16 + 2)).astype(np.float32)
        smooth = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
        noisy = smooth + generator.normal(0, noise, (rows, columns))
        images.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    images[0][: rows // 3, : columns // 3] = 255
    a, b = images
    return a, b, np.rint(0.6 * a + 0.4 * b).astype(np.uint8)


def errors(triple, convention="reference"):
    exact, fast = (resolve(ELEVEN, convention, m).measure(*triple) for m in ("exact", "fast"))
    for name in ELEVEN:
        assert exact[name].reason == fast[name].reason
    values = {name: (exact[name].value, fast[name].value) for name in ELEVEN}
    return {name: abs(a - b) for name, (a, b) in values.items() if not math.isnan(a)}


# Against plain forms


@pytest.mark.parametrize("side", [3, 5, 7, 9, 11, 17])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_window_sums_are_those_of_scipy(side, dtype):
    generator = np.random.default_rng(side)
    taps = tuple(windows.gaussian_taps(side, side / 5).tolist())
    window = np.array(taps[:0:-1] + taps)
    rows, columns = 29, 45
    images = generator.integers(0, 256, (2, rows + side - 1, columns + side - 1)).astype(np.uint8)
    buffers = windows.workspace(dtype)
    levels = np.full(2, 100.0)
    windows.cut(tuple(images), 0, 0, *images.shape[1:], False, levels, buffers.tiles)
    pairs = np.array([[1, -1], [0, 1], [0, 0]])
    windows.window_sums(
        buffers.tiles, pairs, rows, columns, windows.typed(taps, dtype), *buffers[1:3]
    )
    x, y = images - 100.0
    for plane, found in zip((y, x * y, x * x), buffers.sums, strict=False):
        across = ndimage.correlate1d(plane, window, axis=1, mode="constant")
        both = ndimage.correlate1d(across, window, axis=0, mode="constant")
        r = side // 2
        expected = both[r : r + rows, r : r + columns]
        got = found[: windows.ROWS * windows.WIDTH].reshape(windows.ROWS, windows.WIDTH)
        tolerance = 1e-6 if dtype is np.float32 else 1e-14
        scale = np.abs(plane).max()
        np.testing.assert_allclose(got[:rows, :columns], expected, atol=tolerance * scale)


def test_a_window_with_zeros_at_its_ends_gives_the_same_sums():
    image = np.arange(12.0).reshape(3, 4)
    taps, (framed,) = windows.widened((0.5, 0.25), 4, image)
    assert taps == (0.5, 0.25, 0.0, 0.0)
    assert framed.shape == (7, 8)
    assert (framed[2:5, 2:6] == image).all()
    assert framed.sum() == image.sum()
    assert windows.widened((0.5, 0.25), 2, image)[1][0] is image


@pytest.mark.parametrize(
    ("rows", "columns"), [(41, 41), (47, 149), (150, 144), (81, 273), (176, 401)]
)
def test_information_is_that_of_scipys_filters(rows, columns):
    shared = Shared(*scene(rows, columns, seed=rows))
    np.testing.assert_allclose(
        information(shared), information_variant(shared, False, "gaussian"), rtol=1e-9
    )


def test_information_of_a_flat_source_is_exactly_nothing():
    """Whatever its level: no rounding is taken for variance."""
    _, visible, fused = scene(60, 70)
    for level in (0, 1, 77, 128, 254, 255):
        flat = np.full_like(fused, level)
        (found, present), _ = information(Shared(flat, visible, fused))
        assert (found, present) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("rows", "columns"), [(11, 11), (12, 137), (43, 138), (75, 139), (107, 266)]
)
def test_structure_is_that_of_scipys_filters(rows, columns):
    triple = scene(rows, columns, seed=columns)
    taps = windows.similarity_taps("gaussian")
    found = structure(Shared(*triple), taps, 0, 6.5025, 58.5225, 1.0)
    window = np.array(taps[:0:-1] + taps)

    def mean(plane):
        for axis in (0, 1):
            plane = ndimage.correlate1d(plane, window, axis=axis, mode="constant")
        return plane[5 : rows - 5, 5 : columns - 5]

    f = triple[2].astype(float)
    for k, x in enumerate(image.astype(float) for image in triple[:2]):
        mx, mf = mean(x), mean(f)
        variances = mean(x * x) - mx * mx + mean(f * f) - mf * mf
        contrast = (2 * (mean(x * f) - mx * mf) + 58.5225) / (variances + 58.5225)
        whole = contrast * (2 * mx * mf + 6.5025) / (mx * mx + mf * mf + 6.5025)
        assert found.contrast[k] == pytest.approx(contrast.mean(), abs=1e-13)
        assert found.whole[k] == pytest.approx(whole.mean(), abs=1e-13)


def test_polynomials_of_edges_are_the_functions_they_stand_for():
    x = np.linspace(-math.tan(math.pi / 16), math.tan(math.pi / 16), 2001)
    slope = 44 / math.pi
    direction = np.exp(slope / 4 * np.arctan(x))
    np.testing.assert_allclose(np.polyval(edges._DIRECTION, x), direction, rtol=2e-15)
    ratio = np.linspace(0.0, 2.9, 2001)
    strength = np.exp(-15 * (ratio - 0.5) / 64)
    np.testing.assert_allclose(np.polyval(edges._STRENGTH, ratio - 0.5), strength, rtol=2e-15)
    assert math.exp(-15 * (2.9 - 0.5)) < 3e-16


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 70), st.integers(2, 70), st.integers(0, 2**32), st.integers(1, 255))
def test_counts_moments_and_differences_are_those_of_numpy(rows, columns, seed, levels):
    generator = np.random.default_rng(seed)
    a, b, f = generator.integers(0, levels + 1, (3, rows, columns)).astype(np.uint8)
    shared = Shared(a, b, f)
    counts = histograms(shared)
    expected = np.histogram2d(a.ravel(), f.ravel(), bins=np.arange(257) - 0.5)[0]
    assert (counts.infrared_fused == expected).all()
    p = counts.visible_fused[counts.visible_fused > 0] / f.size
    assert entropy_bits(counts.visible_fused) == pytest.approx(-(p * np.log2(p)).sum(), abs=1e-12)
    x, y, z = (image.astype(object) for image in (a, b, f))
    found = moments(shared)
    assert found.ab == int(f.size * (x * y).sum() - x.sum() * y.sum())
    assert found.ff == int(f.size * (z * z).sum() - z.sum() ** 2)
    signed = f.astype(np.int64)
    d = differences(shared)
    assert d.horizontal == (np.diff(signed, axis=1) ** 2).sum()
    assert d.vertical == (np.diff(signed, axis=0) ** 2).sum()


def test_entropy_of_large_counts_needs_no_table():
    counts = np.array([3_000_000, 1_000_000])
    assert entropy_bits(counts) == pytest.approx(2 - 0.75 * math.log2(3), abs=1e-14)
    assert repr(entropy_bits(np.array([0, 7]))) == "0.0"


# Fast mode


@pytest.mark.parametrize(
    ("rows", "columns", "noise"), [(161, 161, 5.0), (171, 291, 0.0), (240, 320, 20.0)]
)
def test_the_fast_mode_keeps_its_errors(rows, columns, noise):
    for name, error in errors(scene(rows, columns, seed=rows, noise=noise)).items():
        assert error <= FAST.get(name, 0.0), name


def test_the_fast_mode_keeps_its_errors_on_extreme_images():
    generator = np.random.default_rng(2)
    two_levels = 255 * generator.integers(0, 2, (3, 170, 170)).astype(np.uint8)
    any_level = generator.integers(0, 256, (3, 170, 170)).astype(np.uint8)
    half_flat = any_level.copy()
    half_flat[:, :, :90] = np.array([255, 3, 128], np.uint8)[:, None, None]
    for triple in (two_levels, any_level, half_flat):
        for name, error in errors(tuple(triple)).items():
            assert error <= FAST.get(name, 0.0), name


@pytest.mark.golden
def test_the_fast_mode_keeps_its_errors_on_recorded_triples(shared):
    folder = shared / "golden" / "metrics"
    names = json.loads((folder / "golden_metrics.json").read_text())["values"]
    for triple in names:
        images = tuple(read_gray(folder / f"{triple}_{side}.png") for side in ("ir", "vi", "fu"))
        for name, error in errors(images).items():
            assert error <= FAST.get(name, 0.0), (triple, name)


@pytest.mark.parametrize("convention", ["cddfuse", "tang-python"])
def test_the_fast_mode_stays_exact_where_constants_are_too_small_for_it(convention):
    """SSIM with a data range of 2 or 1 divides by variances that float32 cannot tell from 0."""
    found = errors(scene(170, 180), convention)
    assert found["SSIM"] == 0.0


def test_the_fast_mode_of_identical_images_reaches_the_maximum():
    image = scene(170, 170)[0]
    values = resolve(ELEVEN, "reference", "fast").measure(image, image, image)
    assert values["SSIM"].value == pytest.approx(2.0, abs=1e-6)
    assert values["VIF"].value == pytest.approx(2.0, abs=FAST["VIF"])


def test_single_precision_is_compiled_only_when_asked_for():
    code = (
        "import numpy as np; from tasks.quality import evaluate; "
        "from tasks.quality.kernels import edges, information, structure; "
        "image = np.random.default_rng(0).integers(0, 256, (170, 170)).astype(np.uint8); "
        "evaluate(image, image, image); "
        "kernels = (edges._edges, information._information, structure._structure); "
        "used = [str(f.signatures) for f in kernels]; "
        "assert all('float64' in one and 'float32' not in one for one in used), used"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Threads


def test_threads_give_the_values_of_one_thread():
    triples = [scene(161 + 7 * k, 330 - 13 * k, seed=k) for k in range(6)] * 3
    evaluators = [resolve(ELEVEN, "reference", mode) for mode in ("exact", "fast")]
    work = [(e, t) for t in triples for e in evaluators]
    alone = [repr(e.measure(*t)) for e, t in work]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda item: repr(item[0].measure(*item[1])), work))
    assert together == alone


def test_a_value_does_not_depend_on_the_image_before():
    """Buffers are kept between images; what an earlier one left in them must not show."""
    first, second = scene(190, 300, seed=1), scene(161, 170, seed=2)
    evaluator = resolve(ELEVEN)
    with ThreadPoolExecutor(1) as pool:  # a new thread has new buffers
        alone = pool.submit(lambda: repr(evaluator.measure(*second))).result()
    evaluator.measure(*first)
    assert repr(evaluator.measure(*second)) == alone


# Machine code on disk


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_an_edit_in_an_imported_file_moves_the_cache_of_the_importing_one(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    texts = {"top": "from pkg.middle import f", "middle": "from pkg.low import g", "low": "g = 1"}
    before, edited, other = (
        write(tmp_path / name, **{**texts, "alone": "h = 1", **change})
        for name, change in (("a", {}), ("b", {"low": "g = 2"}), ("c", {"alone": "h = 2"}))
    )
    kept = jit.cache_folder(before / "top.py")
    assert jit.cache_folder(edited / "top.py") != kept
    assert jit.cache_folder(edited / "alone.py") == jit.cache_folder(before / "alone.py")
    assert jit.cache_folder(other / "top.py") == kept


def test_caches_lie_where_the_user_says_else_beside_the_code_else_in_the_users_cache(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "said"))
    assert jit.cache_folder(write(tmp_path / "a", k="1") / "k.py").parent == tmp_path / "said"
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    beside = write(tmp_path / "b", k="1")
    assert jit.cache_folder(beside / "k.py").parent == beside / "__pycache__"
    locked = write(tmp_path / "c", k="1")
    (locked / "__pycache__").write_text("a file, so no folder can be made in it")
    assert jit.cache_folder(locked / "k.py").parent == tmp_path / "home" / "ivif-bench"


def test_without_any_writable_place_the_cache_is_temporary(tmp_path, monkeypatch):
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(nowhere))
    found = jit.cache_folder(write(tmp_path / "a", k="1") / "k.py")
    assert found.is_dir()
    assert os.access(found, os.W_OK)
    found.rmdir()


def test_caches_of_older_code_beside_it_are_removed(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    folder = write(tmp_path / "a", k="1", other="1")
    old = folder / "__pycache__" / "ivif-kernels-k-000000000000"
    another = folder / "__pycache__" / "ivif-kernels-other-000000000000"
    for path in (old, another):
        path.mkdir(parents=True)
    jit.cache_folder(folder / "k.py")
    assert not old.exists()
    assert another.exists()
