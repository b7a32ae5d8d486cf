"""Training images are written once for all seeds of a method, and removed when no unit needs them."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from fake_detector import TRAIN, FakeDetector
from small_runs import ivif_here

from ivif_bench.data.chroma import fused_rgb
from ivif_bench.data.images import read_rgb
from ivif_bench.pipeline import work
from ivif_bench.tasks.detection.detectors.ultralytics_yolo import write_yolo_layout
from ivif_bench.tasks.detection.task import DetectionTask
from ivif_bench.tasks.network import samples
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.types import Boxes


@pytest.fixture
def seen(monkeypatch):
    """Stem, pixels and file of every sample that a network was trained on, by training."""
    trainings = []
    fit = FakeDetector.fit

    def watched(self, train, seed, folder, *rest):
        trainings.append([(s.stem, s.image, s.path, read_rgb(s.path)) for s in train])
        return fit(self, train, seed, folder, *rest)

    monkeypatch.setattr(FakeDetector, "fit", watched)
    return trainings


@pytest.fixture
def coloured(monkeypatch):
    """Fused files that were read and coloured for a training."""
    read = []

    def watched(path, pair, chroma):
        read.append(path)
        return fused_rgb(path, pair, chroma)

    monkeypatch.setattr(samples, "fused_rgb", watched)
    return read


def test_seeds_of_a_method_share_them_and_methods_do_not(bench, seen, coloured):
    units = bench.plan(protocol=bench.protocol(seeds=[0, 1]))
    for unit in units:
        bench.execute(unit)
    assert len(seen) == 4  # two methods, two seeds
    assert len(coloured) == 2 * len(TRAIN)
    names = [DetectionTask().temporary(unit) for unit in units]
    assert names[0] == names[1] != names[2] == names[3]
    for (name,), trained in zip(names, seen, strict=True):
        assert {path.parent.name for _, _, path, _ in trained} == {name}


def test_a_training_sees_the_pixels_of_the_fused_files_in_the_protocols_colour(bench, seen):
    unit = bench.plan(protocol=bench.protocol(chroma="visible"))[0]
    bench.execute(unit)
    for stem, image, path, stored in seen[0]:
        (pair,) = bench.dataset.select((stem,))
        expected = fused_rgb(bench.fused["data", "good"].images[stem], pair, "visible")
        assert np.ptp(expected, axis=2).any()  # it has colour
        assert np.array_equal(image, expected)
        assert np.array_equal(stored, expected)
        assert path.name == f"{stem}.png"


def test_names_follow_the_pixels_and_keys_of_results_do_not_follow_names(bench):
    def named(**changes):
        unit = bench.plan(protocol=bench.protocol(**changes))[0]
        return unit.payload["prepared"], unit.key

    first, key = named()
    assert named(training={"rounds": 3})[0] == first
    assert named(chroma="none")[0] != first
    bench.method("good", 199)
    assert named()[0] != first
    bench.method("good", 200)
    assert named() == (first, key)


def test_a_network_that_is_not_trained_needs_none(bench):
    weights = bench.folder / "w.safetensors"
    weights.write_bytes(b"x")
    section = {"protocol": bench.protocol(mode="released", initial=str(weights))}
    (unit, _) = bench.plan(**section)
    assert DetectionTask().temporary(unit) == ()


def test_what_a_killed_process_has_written_is_used(bench, seen, coloured, monkeypatch):
    unit = bench.plan(protocol=bench.protocol())[0]
    write = samples.write_bytes

    def cut(path, data):
        write(path, data)
        if len(coloured) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(samples, "write_bytes", cut)
    with pytest.raises(KeyboardInterrupt):
        bench.execute(unit)
    monkeypatch.setattr(samples, "write_bytes", write)
    bench.execute(unit)
    assert len(coloured) == len(TRAIN)
    assert [stem for stem, *_ in seen[0]] == list(TRAIN)


def test_ultralytics_gets_links_to_them(tmp_path):
    prepared, image = tmp_path / "kept.png", np.zeros((20, 30, 3), np.uint8)
    prepared.write_bytes(b"as it is")
    sample = Sample("a", image, Boxes(np.array([[0, 0, 30, 20.0]]), ("Car",)), prepared)
    write_yolo_layout([sample], ("Car",), tmp_path / "work")
    assert (tmp_path / "work/images/train/a.png").samefile(prepared)


def test_a_sample_is_still_a_tuple_of_three():
    stem, image, target = Sample("a", np.zeros(1), 3, None)
    assert (stem, image.shape, target) == ("a", (1,), 3)
    assert Sample("a", image, 3).path is None


@pytest.fixture
def config(bench):
    """A run of two methods and two seeds."""
    content = {
        "name": "small",
        "runs": str(bench.folder / "runs"),
        "datasets": {"data": {"layout": "m3fd", "root": str(bench.folder / "M3FD_Detection")}},
        "methods": ["visible", "average"],
        "detection": {"dataset": "data", "protocol": bench.protocol(), "seeds": [0, 1]},
        "report": {"panels": 0},
    }
    path = bench.folder / "run.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def _kept(config):
    places = (config.parent / "runs" / "small" / "checkpoints").glob("images-*")
    return [path for path in places if path.is_dir()]


@pytest.mark.slow
def test_a_run_removes_them_after_the_last_seed_of_a_method(config, monkeypatch):
    there = []
    fit = FakeDetector.fit

    def watched(self, train, seed, *rest):
        there.append((seed, train[0].path.parent in _kept(config), len(_kept(config))))
        return fit(self, train, seed, *rest)

    monkeypatch.setattr(FakeDetector, "fit", watched)
    done = ivif_here("run", config)
    assert done.returncode == 0, done.stderr
    assert sorted(seed for seed, _, _ in there) == [0, 0, 1, 1]
    assert all(own and count <= 2 for _, own, count in there)
    assert _kept(config) == []
    assert len(list((config.parent / "runs/small/checkpoints").glob("detector-*/"))) == 4


@pytest.mark.slow
def test_gc_removes_what_a_kill_left_only_when_the_units_are_finished(config, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(work.shutil, "rmtree", lambda *_, **__: None)
        assert ivif_here("run", config).returncode == 0
    assert len(_kept(config)) == 2
    result = next((config.parent / "runs/small/results").rglob("average-*.parquet"))
    beside = result.with_suffix(".json")
    stored = beside.read_bytes()
    beside.unlink()  # one unit of a method is no longer finished
    listed = ivif_here("gc", config)
    assert listed.returncode == 0, listed.stderr
    assert sum("images-" in line for line in listed.stdout.splitlines()) == 1
    beside.write_bytes(stored)
    removed = ivif_here("gc", config, "--remove")
    assert removed.stdout.count("images-") == 2
    assert _kept(config) == []
    again = ivif_here("run", config)
    assert "0 results computed, 4 already finished" in again.stderr
