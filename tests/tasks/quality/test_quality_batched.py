"""The torch path gives the CPU engine's values and reasons, whatever the batch."""

from __future__ import annotations

import importlib
import json
import math
import types

import cv2
import numpy as np
import pytest
import torch

from ivif_bench.data.images import read_gray
from ivif_bench.errors import UserError
from ivif_bench.registry import load_entry
from ivif_bench.tasks.quality.batched import FORMS, FormSpec, _batch
from ivif_bench.tasks.quality.decoding import Loaded
from ivif_bench.tasks.quality.engine import metrics_of, resolve
from ivif_bench.tasks.quality.folder import score_folder
from ivif_bench.tasks.quality.on_device import BatchedEvaluator, check_device
from ivif_bench.tasks.quality.registry import CONVENTIONS, METRICS, TEN, MetricSpec

PROMISED = 1e-5  # of every value; most agree to 1e-12
WHOLLY = (*TEN, "SSIM")  # metrics that must not need the CPU under any convention
CUDA = pytest.param(
    "cuda",
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    ],
)


def smooth(seed, size=(171, 180)):
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 24, 22)).astype(np.uint8)
    a, b, c = (cv2.resize(plane, size[::-1], interpolation=cv2.INTER_CUBIC) for plane in coarse)
    return a, b, (a // 2 + b // 4 + c // 4).astype(np.uint8)


def cases():
    a, b, f = smooth(0)
    flat, black, white = (np.full_like(a, level) for level in (77, 0, 255))
    noise = tuple(np.random.default_rng(1).integers(0, 256, (3, *a.shape)).astype(np.uint8))
    few = tuple((plane > 128).astype(np.uint8) * 255 for plane in (a, b, f))
    return {
        "plain": (a, b, f),
        "noise": noise,
        "two levels": few,
        "constant fused": (a, b, flat),
        "black fused": (a, b, black),
        "white fused": (a, b, white),
        "constant source": (flat, b, f),
        "both sources constant": (flat, white, f),
        "fused is infrared": (a, b, a),
        "sources are equal": (a, a, f),
        "all equal": (a, a, a),
        "all constant": (flat, flat, flat),
        "all black": (black, black, black),
    }


CASES = cases()


def loaded(triple):
    return Loaded(*triple, (), {})


def names_of(convention):
    return [name for name in WHOLLY if name in metrics_of(convention)]


def assert_same(found, expected, about):
    for metric, value in expected.items():
        other = found[metric]
        assert other.reason == value.reason, f"{about} {metric}"
        if not value.reason:
            assert other.value == pytest.approx(value.value, abs=PROMISED, rel=PROMISED), (
                f"{about} {metric}"
            )


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("convention", sorted(CONVENTIONS.specs()))
def test_values_and_reasons_are_the_engines_under_every_convention(convention, device):
    evaluator = resolve(names_of(convention), convention)
    measured = BatchedEvaluator(evaluator, device).measure([loaded(t) for t in CASES.values()])
    for (name, triple), (values, on_cpu) in zip(CASES.items(), measured, strict=True):
        assert_same(values, evaluator.measure(*triple), name)
        assert on_cpu == set()


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (5, 3), (11, 11), (41, 43), (64, 161)])
def test_small_and_odd_sizes_have_the_engines_reasons(size, device):
    evaluator = resolve(WHOLLY)
    triple = tuple(np.random.default_rng(3).integers(0, 256, (3, *size)).astype(np.uint8))
    [(values, _)] = BatchedEvaluator(evaluator, device).measure([loaded(triple)])
    assert_same(values, evaluator.measure(*triple), size)


@pytest.mark.parametrize("convention", ["reference", "vifb"])
def test_metrics_without_a_torch_form_come_from_the_engine_and_are_named(convention):
    names = metrics_of(convention)
    cheap = [name for name in names if not name.startswith(("FMI", "Q_P"))]  # seconds each
    evaluator = resolve(cheap, convention)
    triple = smooth(4, (90, 97))
    [(values, on_cpu)] = BatchedEvaluator(evaluator, "cpu").measure([loaded(triple)])
    assert_same(values, evaluator.measure(*triple), convention)
    assert on_cpu
    assert not on_cpu & {*WHOLLY, "MSE", "RMSE", "PSNR", "EI", "CE", "MEF-SSIM"}


def test_colour_is_measured_per_channel_where_the_convention_does():
    evaluator = resolve(("EN", "SF", "AG", "MI", "SSIM", "Qabf"), "vifb")
    colours = [np.dstack(smooth(seed, (60, 66))) for seed in (5, 6, 7)]
    gray = smooth(8, (60, 66))
    images = [loaded(colours), loaded(gray), loaded((gray[0], colours[1], colours[2]))]
    for one, (values, on_cpu) in zip(
        images, BatchedEvaluator(evaluator, "cpu").measure(images), strict=True
    ):
        assert_same(values, evaluator.measure(*one.images), "colour")
        assert on_cpu == set()


def test_an_image_has_the_same_values_in_any_batch():
    evaluator = resolve(WHOLLY)
    batched = BatchedEvaluator(evaluator, "cpu")
    triples = [smooth(seed, (165, 163)) for seed in range(4)]
    together = batched.measure([loaded(triple) for triple in triples])
    for triple, (values, _) in zip(triples, together, strict=True):
        [(alone, _)] = batched.measure([loaded(triple)])
        for name, value in values.items():
            assert alone[name].value == pytest.approx(value.value, rel=1e-13)


def write(folder, stem, images):
    for side, image in zip(("ir", "vi", "out", "two"), (*images, images[2]), strict=True):
        (folder / side).mkdir(exist_ok=True)
        cv2.imwrite(str(folder / side / f"{stem}.png"), image)


def test_folders_of_mixed_sizes_are_scored_like_on_the_cpu(tmp_path, monkeypatch):
    sizes = [(60, 64), (60, 64), (50, 70), (60, 64), (50, 70), (33, 35), (60, 64)]
    for stem, size in enumerate(sizes):
        write(tmp_path, str(stem), smooth(stem, size))
    cv2.imwrite(str(tmp_path / "out" / "4.png"), np.full(sizes[4], 9, np.uint8))
    (tmp_path / "two" / "2.png").unlink()
    arguments = (
        tmp_path / "ir",
        tmp_path / "vi",
        {"one": tmp_path / "out", "two": tmp_path / "two"},
        (*WHOLLY, "Q_S"),
    )
    monkeypatch.setattr("ivif_bench.tasks.quality.on_device._PIXELS", 60 * 64 * 3)
    seen = []
    found = score_folder(*arguments, batched=True, progress=lambda *args: seen.append(args))
    expected = score_folder(*arguments)
    assert [done for done, *_ in seen] == [1, 2, 3, 4, 5, 6, 7]
    for method in ("one", "two"):
        ours, theirs = found.methods[method], expected.methods[method]
        assert list(ours.images) == list(theirs.images)
        assert ours.unmatched == theirs.unmatched
        for stem, scores in theirs.images.items():
            assert_same(ours.images[stem].values, scores.values, stem)
            assert ours.images[stem].notes == scores.notes
            assert ours.images[stem].kinds == scores.kinds
    assert found.on_cpu == ("Q_S",)
    assert found.to_json()["metrics_on_cpu"] == ["Q_S"]
    assert expected.to_json()["metrics_on_cpu"] == []


def test_a_batch_holds_no_more_pixels_than_it_may_and_waits_for_few(monkeypatch):
    batches = []
    original = BatchedEvaluator.measure
    monkeypatch.setattr(
        BatchedEvaluator,
        "measure",
        lambda self, images: (
            batches.append([one.fused.shape for one in images]) or original(self, images)
        ),
    )
    batched = BatchedEvaluator(resolve(["EN"]), "cpu", pixels=1000)
    sizes = [(20, 20)] * 7 + [(30 + n, 30) for n in range(8)]
    stream = ((str(n), {"m": loaded(smooth(n, size))}) for n, size in enumerate(sizes))
    assert sorted(int(stem) for stem, _ in batched.score(stream)) == list(range(15))
    assert [len(batch) for batch in batches[:2]] == [3, 3]
    assert all(len(set(batch)) == 1 for batch in batches)


def test_every_form_replaces_a_part_that_exists_and_has_its_name():
    for name, spec in FORMS.specs().items():
        load_entry(name, "part")
        FORMS.load(name)
        assert name.rpartition(".")[2] == spec.entry.rpartition(".")[2]
        module = importlib.import_module(spec.entry.partition(":")[0])
        assert module.SPECS


def brightest(shared):
    """A part as a third party would write it."""
    return float(shared.fused.max())


def brightest_metric(shared):
    return shared.part(brightest)


def test_a_torch_form_is_added_by_one_file(monkeypatch):
    module = types.ModuleType("third_party_form")
    module.brightest = lambda batch: batch.fused.flatten(1).max(dim=1).values.tolist()
    monkeypatch.setitem(__import__("sys").modules, "third_party_form", module)
    metric = MetricSpec("Bright", f"{__name__}:brightest_metric", "", "up", (0, 255), "", "here")
    monkeypatch.setitem(__import__("sys").modules, __name__, types.SimpleNamespace(**globals()))
    monkeypatch.setattr(METRICS, "_specs", {**METRICS.specs(), "Bright": metric})
    evaluator = resolve(["Bright", "EN"])
    triple = smooth(0, (20, 20))

    def on_cpu():
        _batch._form.cache_clear()
        [(values, found)] = BatchedEvaluator(evaluator, "cpu").measure([loaded(triple)])
        assert values["Bright"].value == triple[2].max()
        return found

    assert on_cpu() == {"Bright"}
    part = f"{brightest.__module__}:brightest"
    form = FormSpec(part, "third_party_form:brightest")
    monkeypatch.setattr(FORMS, "_specs", {**FORMS.specs(), part: form})
    assert on_cpu() == set()
    _batch._form.cache_clear()


def test_a_part_that_was_kept_still_counts_as_computed_on_the_cpu():
    def pixels(shared):
        return shared.fused

    def mean(shared):
        return float(shared.part(pixels).mean())

    batch = _batch.Batch([smooth(0, (9, 9))], "cpu")
    member = _batch.Member(batch, 0)
    for _ in range(2):
        member.touched = False
        mean(member)
        assert member.touched


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_cuda_the_error_is_one_line_that_says_what_to_do(tmp_path):
    write(tmp_path, "0", smooth(0, (20, 20)))
    folders = (tmp_path / "ir", tmp_path / "vi", {"m": tmp_path / "out"})
    with pytest.raises(UserError, match=r"'cuda': torch finds no CUDA device here; use") as caught:
        score_folder(*folders, device="cuda")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "", "meta"])
def test_devices_that_cannot_compute_are_refused_in_one_line(device):
    with pytest.raises(UserError, match="device") as caught:
        check_device(device)
    assert "\n" not in str(caught.value)


def test_the_fast_mode_is_not_offered_on_a_device():
    with pytest.raises(UserError, match="mode 'fast' is available only on the CPU"):
        BatchedEvaluator(resolve(["EN"], mode="fast"), "cpu")


@pytest.mark.golden
@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("convention", ["reference", "cddfuse", "tno42-sheet"])
@pytest.mark.parametrize("name", ["edge_shift1", "road04269_lap_odd", "edge_noise_small"])
def test_golden_triples_have_the_engines_values(name, convention, device, shared):
    check_golden(shared, name, convention, device)


@pytest.mark.slow
@pytest.mark.golden
@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("convention", sorted(CONVENTIONS.specs()))
def test_all_golden_triples_have_the_engines_values(convention, device, shared):
    values = json.loads((shared / "golden" / "metrics" / "golden_metrics.json").read_text())
    for name in values["values"]:
        check_golden(shared, name, convention, device)


def check_golden(shared, name, convention, device):
    folder = shared / "golden" / "metrics"
    triple = tuple(read_gray(folder / f"{name}_{side}.png") for side in ("ir", "vi", "fu"))
    evaluator = resolve(names_of(convention), convention)
    [(values, on_cpu)] = BatchedEvaluator(evaluator, device).measure([loaded(triple)])
    assert_same(values, evaluator.measure(*triple), name)
    assert on_cpu == set()
    assert any(not math.isnan(value.value) for value in values.values())
