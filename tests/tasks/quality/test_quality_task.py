"""The quality task: what it plans, and that an interruption changes no byte of its records."""

from __future__ import annotations

import hashlib
import json
import pickle

import cv2
import numpy as np
import pytest
from other_process import become
from pydantic import ValidationError

from ivif_bench.data.base import Dataset
from ivif_bench.errors import UserError
from ivif_bench.store import Store
from ivif_bench.task import TASKS, TaskInputs, Workspace
from ivif_bench.tasks.quality.engine import metrics_of, printed_metrics
from ivif_bench.tasks.quality.registry import CONVENTIONS, TEN, Convention
from ivif_bench.tasks.quality.task import QualitySection, QualityTask
from ivif_bench.types import DatasetRef, FusedSet, Pair

COUNT = 6


class Plain(Dataset):
    def _read_pairs(self):
        return tuple(
            Pair(self.name, f"{n}", self.root / f"ir{n}.png", self.root / f"vi{n}.png")
            for n in range(COUNT)
        )

    def official_splits(self):
        return {"train": ("0", "1"), "test": ("4", "3", "5")}


@pytest.fixture
def root(tmp_path):
    generator = np.random.default_rng(0)
    for n in range(COUNT):
        images = generator.integers(0, 256, (3, 60, 64)).astype(np.uint8)
        for side, image in zip(("ir", "vi", "fu"), images, strict=True):
            cv2.imwrite(str(tmp_path / f"{side}{n}.png"), image)
    cv2.imwrite(str(tmp_path / "fu1.png"), np.full((60, 64), 80, np.uint8))
    return tmp_path


def planning(root, missing=(), methods=("mine", "absent"), seed=3, lacking=()):
    dataset = Plain(root, "d")
    images = {
        f"{n}": root / f"fu{n}.png" for n in range(COUNT) if f"{n}" not in {*missing, *lacking}
    }
    return TaskInputs(
        datasets={"d": dataset},
        refs={"d": DatasetRef("d", "no-such-layout", str(root))},
        fused={("d", "mine"): FusedSet("d", "mine", "k", images, tuple(missing))},
        methods=methods,
        seed=seed,
        fingerprint=lambda path: hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def plan(root, section=None, **options):
    return QualityTask().plan(section or QualitySection(dataset="d"), planning(root, **options))


def run(unit, scratch, seen=None):
    scratch.mkdir(exist_ok=True)
    progress = (lambda *args: seen.append(args)) if seen is not None else lambda *args: None
    workspace = Workspace(scratch, scratch / "shared", scratch / "log", progress)
    return QualityTask().execute(unit, workspace)


def test_it_is_registered_under_its_name():
    assert TASKS.load("quality") is QualityTask


def test_one_unit_for_each_method_with_images(root):
    (unit,) = plan(root)
    assert (unit.task, unit.dataset, unit.method, unit.seed) == ("quality", "d", "mine", 3)
    assert unit.protocol == "quality-reference.v1"
    assert list(unit.about.metrics) == list(TEN)
    assert unit.about.images == COUNT
    assert unit.about.judges == ("numba",)
    assert unit.about.missing == ()
    assert unit.about.scorer == ""
    assert unit.gpus == 0
    assert json.loads(json.dumps(unit.payload)) == unit.payload
    assert pickle.loads(pickle.dumps(unit)) == unit


def test_the_split_decides_which_images_are_judged(root):
    section = QualitySection(dataset="d", split="official")
    assert QualityTask().stems(section, Plain(root, "d")) == ("3", "4", "5")
    (unit,) = plan(root, section)
    assert [row[0] for row in unit.payload["images"]] == ["3", "4", "5"]
    assert unit.about.split == "official"
    train = QualitySection(dataset="d", split="official", part="train")
    assert QualityTask().stems(train, Plain(root, "d")) == ("0", "1")
    with pytest.raises(UserError, match="no part 'val'; it has test, train"):
        plan(root, QualitySection(dataset="d", split="official", part="val"))
    listed = root / "list.txt"
    listed.write_text("2\n5\n")
    section = QualitySection(dataset="d", split={"test": str(listed)})
    assert QualityTask().stems(section, Plain(root, "d")) == ("2", "5")


def test_the_key_changes_with_whatever_decides_the_values(root):
    def key(section=None, **options):
        return plan(root, section, **options)[0].key

    first = key()
    keys = {
        first,
        key(QualitySection(dataset="d", convention="cddfuse")),
        key(QualitySection(dataset="d", mode="fast")),
        key(QualitySection(dataset="d", device="cuda")),
        key(QualitySection(dataset="d", metrics=("EN", "SD"))),
        key(QualitySection(dataset="d", metrics=("SD", "EN"))),
        key(QualitySection(dataset="d", split="official")),
        key(missing=("2",)),
    }
    assert len(keys) == 8
    assert key() == first
    on_device = [key(QualitySection(dataset="d", device=f"cuda{n}")) for n in ("", ":0", ":1")]
    assert len(set(on_device)) == 1  # which of several devices computes changes no value
    for name in ("ir2", "vi2", "fu2"):
        cv2.imwrite(str(root / f"{name}.png"), np.zeros((60, 64), np.uint8))
        assert key() not in keys
        keys.add(key())


def test_missing_images_are_named_and_the_rest_is_measured(root, tmp_path):
    (unit,) = plan(root, missing=("2", "4"))
    assert unit.about.missing == (
        "2",
        "4",
    )
    assert unit.about.images == COUNT - 2
    assert {record.stem for record in run(unit, tmp_path / "w")} == {"0", "1", "3", "5"}
    with pytest.raises(UserError, match="'mine' has no fused image of 'd' for 2"):
        plan(root, lacking=("2",))


def test_a_method_that_may_lack_images_and_has_none_keeps_an_empty_row(root, tmp_path):
    (unit,) = plan(root, missing=tuple("012345"))
    assert unit.about.images == 0
    assert unit.about.missing == tuple("012345")
    assert run(unit, tmp_path / "w") == []


def test_a_footer_says_which_variants_the_metrics_of_its_table_are(root):
    def said(**section):
        return plan(root, QualitySection(dataset="d", **section))[0].about.convention

    toolkit = {"convention": "cddfuse"}
    assert said(**toolkit) == "cddfuse (MI in nats; MS-SSIM: ms_ssim[pytorch-msssim])"
    assert said(**toolkit, metrics=("EN", "MI")) == "cddfuse (MI in nats)"
    assert said(**toolkit, metrics=("EN", "SD")) == "cddfuse"
    assert said() == "reference"
    assert said(mode="fast") == "reference (fast mode)"


def test_metrics_are_those_of_the_convention_unless_named(root):
    def measured(**section):
        return plan(root, QualitySection(dataset="d", **section))[0].about.metrics

    assert list(measured()) == list(TEN)
    assert list(measured(convention="vifb")) == list(printed_metrics("vifb"))
    assert list(measured(metrics="all")) == list(metrics_of("reference"))
    assert measured(metrics=("SD", "MSE")) == {"SD": "up", "MSE": "down"}


def test_results_of_other_modes_and_devices_stand_in_tables_of_their_own_and_say_so(root):
    (fast,) = plan(root, QualitySection(dataset="d", mode="fast"))
    (cuda,) = plan(root, QualitySection(dataset="d", device="cuda:1"))
    assert fast.protocol == "quality-reference-fast.v1"
    assert cuda.protocol == "quality-reference-cuda.v1"
    assert cuda.gpus == 1
    assert cuda.about.scorer.startswith("batches of images by torch on cuda, in float64")


def test_a_device_gives_the_records_of_the_engine(root, tmp_path, monkeypatch):
    (unit,) = plan(root)
    expected = run(unit, tmp_path / "engine")
    from ivif_bench.tasks.quality import task as module

    original = module.batched_evaluator
    monkeypatch.setattr(
        module, "batched_evaluator", lambda evaluator, device: original(evaluator, device, True)
    )
    seen = []
    found = run(unit, tmp_path / "device", seen)
    assert [done for done, *_ in seen] == [1, 2, 3, 4, 5, 6]
    for one, other in zip(expected, found, strict=True):
        assert (one.stem, one.metric, one.reason) == (other.stem, other.metric, other.reason)
        assert one.value == pytest.approx(other.value, abs=1e-5, nan_ok=True)


def test_the_check_finds_an_empty_part_and_metrics_that_the_convention_lacks(root, monkeypatch):
    def check(**section):
        ref = DatasetRef("d", "plain", str(root))
        QualityTask().check(QualitySection(dataset="d", **section), Plain(root, "d"), ref)

    check()
    with pytest.raises(UserError, match="no part 'val'"):
        check(split="official", part="val")
    lacking = Convention(lacks={"SD": "never published"})
    monkeypatch.setattr(type(CONVENTIONS), "load", lambda *_: lacking)
    with pytest.raises(UserError, match="has no SD: never published"):
        check(metrics=("SD",))
    monkeypatch.undo()
    with pytest.raises(UserError, match="device 'nonsense'"):
        check(device="nonsense")
    with pytest.raises(UserError, match="mode 'fast'"):
        check(device="cuda", mode="fast")


def test_records_are_complete_sorted_and_explain_what_is_undefined(root, tmp_path):
    (unit,) = plan(root)
    seen = []
    records = run(unit, tmp_path / "w", seen)
    assert len(records) == COUNT * len(TEN)
    order = [(record.stem, record.metric) for record in records]
    assert order == sorted(order)
    reasons = {(r.stem, r.metric): r.reason for r in records if r.reason}
    small = {(f"{n}", "MS-SSIM"): "too_small" for n in range(COUNT)}
    assert reasons == {**small, ("1", "CC"): "constant_fused"}
    assert all(np.isnan(r.value) == bool(r.reason) for r in records)
    assert seen == [(n + 1, COUNT, f"{n}") for n in range(COUNT)]


@pytest.mark.parametrize("cut", ["between lines", "in a line", "just before a newline", "garbage"])
def test_killed_and_restarted_it_gives_the_same_bytes(root, tmp_path, monkeypatch, cut):
    (unit,) = plan(root)
    whole = run(unit, tmp_path / "whole")
    (kept,) = (tmp_path / "whole").glob("*.jsonl")
    said, *lines = kept.read_bytes().splitlines(keepends=True)
    assert len(lines) == COUNT
    assert b"signature" in said
    tail = {
        "between lines": b"",
        "in a line": lines[3][: len(lines[3]) // 2],
        "just before a newline": lines[3][:-1],
        "garbage": b"\x00\xff\n",
    }[cut]
    scratch = tmp_path / "cut"
    scratch.mkdir()
    (scratch / "before.jsonl").write_bytes(said + b"".join(lines[:3]) + tail)
    measured = []
    from ivif_bench.tasks.quality import task as module

    original = module.score_groups

    def score_groups(jobs, *rest):
        measured.extend(job.stem for job in jobs)
        return original(jobs, *rest)

    monkeypatch.setattr(module, "score_groups", score_groups)
    seen = []
    resumed = run(unit, scratch, seen)
    assert measured == ["3", "4", "5"]
    assert [done for done, *_ in seen] == [4, 5, 6]
    assert repr(resumed) == repr(whole)
    (after,) = set(scratch.glob("*.jsonl")) - {scratch / "before.jsonl"}
    assert after.read_bytes().splitlines(keepends=True)[1:] == lines[3:]
    stores = [Store(tmp_path / name) for name in ("a", "b")]
    written = [
        store.write_result(unit, records, 1.0).read_bytes()
        for store, records in zip(stores, (whole, resumed), strict=True)
    ]
    assert written[0] == written[1]


def test_whoever_measured_images_before_an_interruption_is_named_in_the_result(
    root, tmp_path, monkeypatch
):
    (unit,) = plan(root)

    def attempt(name, dies_after=COUNT + 1, **versions):
        become(monkeypatch, name, **versions)

        def progress(done, total, stem):
            if done >= dies_after:
                raise KeyboardInterrupt

        workspace = Workspace(tmp_path, tmp_path / "shared", tmp_path / "log", progress)
        try:
            QualityTask().execute(unit, workspace)
        except KeyboardInterrupt:
            return None
        return [origin.versions for origin in workspace.origins.earlier]

    attempt("first", dies_after=2, numba="0.60")
    attempt("second", dies_after=COUNT, numba="0.61", torch="2.14")
    # All images are there: nothing that made them is loaded any more.
    assert attempt("third") == [
        {"numba": "0.60"},
        {"numba": "0.61", "torch": "2.14"},
    ]
    for kept in tmp_path.glob("*.jsonl"):
        kept.write_text("")  # nothing of theirs is left
    assert attempt("fourth") == []
    assert attempt("fifth", numba="0.62") == [{}]


def test_an_image_of_another_size_is_refused_by_stem(root, tmp_path):
    cv2.imwrite(str(root / "fu4.png"), np.zeros((60, 63), np.uint8))
    (unit,) = plan(root)
    with pytest.raises(UserError, match=r"'4' .*fu4\.png\): sizes differ"):
        run(unit, tmp_path / "w")
    (kept,) = (tmp_path / "w").glob("*.jsonl")
    assert kept.read_text().count('"stem"') == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metrics": ["Qbaf"]}, "did you mean Qabf"),
        ({"convention": "cdfuse"}, "did you mean cddfuse"),
        ({"metrics": ["EN", "EN"]}, "named twice: EN"),
        ({"convetion": "reference"}, "convetion"),
        ({"mode": "quick"}, "mode"),
    ],
)
def test_a_wrong_section_is_refused_with_a_hint(options, words):
    with pytest.raises(ValidationError, match=words):
        QualitySection(dataset="d", **options)


def test_an_unknown_dataset_is_named(root):
    with pytest.raises(UserError, match="unknown dataset 'e'; the run has d"):
        plan(root, QualitySection(dataset="e"))
