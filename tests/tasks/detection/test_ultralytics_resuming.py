"""A training of ultralytics that was killed ends with the weights that it would have had."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from ultralytics_trainings import COSTS, Killed, fit, protocol, samples

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.detectors._hermetic import engine
from ivif_bench.tasks.detection.detectors.ultralytics_yolo import write_yolo_layout
from ivif_bench.tasks.network.curves import CURVES, Curves
from ivif_bench.tasks.network.training_state import STATE, read_state, write_state

pytest.importorskip("ultralytics")
pytestmark = pytest.mark.ultralytics


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Bytes of the weights of an uninterrupted training, and its curves without what it cost."""
    folder = tmp_path_factory.mktemp("whole") / "a"
    return fit(folder).read_bytes(), _curves(folder)


def _curves(folder):
    rows = Curves(folder).rows()
    assert all(row["seconds"] > 0 for row in rows)
    assert all(row["memory_mb"] > 100 for row in rows)
    return [{k: v for k, v in row.items() if k not in COSTS} for row in rows]


@pytest.mark.parametrize(("epochs", "workers"), [(1, (2, 0)), (2, (0, 0)), (3, (0, 2))])
@pytest.mark.slow
def test_interrupted_at_any_epoch_and_resumed_equals_uninterrupted(
    tmp_path, whole, epochs, workers
):
    """Before and within the epochs without mosaic; steps take two batches, an epoch has three."""
    with pytest.raises(Killed):
        fit(tmp_path / "a", workers=workers[0], stop_after=epochs)
    assert (tmp_path / "a" / STATE).is_file()
    seen = []
    checkpoint = fit(tmp_path / "a", workers=workers[1], progress=lambda *step: seen.append(step))
    assert [done for done, _, _ in seen] == list(range(epochs + 1, 5))
    assert checkpoint.read_bytes() == whole[0]
    assert _curves(tmp_path / "a") == whole[1]
    left = {path.name for path in (tmp_path / "a").rglob("*")}
    assert left == {"detector.safetensors", CURVES, "origins.json"}


@pytest.mark.slow
def test_curves_have_losses_and_the_learning_rate_of_every_epoch(whole):
    rows = whole[1]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert set(rows[0]) == {"epoch", "box_loss", "cls_loss", "dfl_loss", "lr"}
    falling = [row["lr"] for row in rows]
    assert falling == sorted(falling, reverse=True)


@pytest.mark.slow
def test_another_recipe_or_a_damaged_state_in_the_folder_is_refused(tmp_path):
    folder = tmp_path / "a"
    with pytest.raises(Killed):
        fit(folder, stop_after=1)
    with pytest.raises(UserError, match=r"made with recipe\.epochs 4, now 5; delete it to start"):
        fit(folder, epochs=5)
    with pytest.raises(UserError, match="made with seed 0, now 1"):
        fit(folder, seed=1)
    with safe_open(folder / STATE, "pt") as file:
        identity = json.loads(file.metadata()["state"])["identity"]
    whole_state = read_state(folder, identity)
    (folder / STATE).write_bytes((folder / STATE).read_bytes()[:1000])
    with pytest.raises(UserError, match="not the state of a training"):
        fit(folder)
    for content in ({}, {**whole_state, "weights": {}}, {**whole_state, "epochs": 4}):
        write_state(folder, content, identity)
        with pytest.raises(UserError, match="not a state of this network"):
            fit(folder)


def test_weights_that_were_finished_before_a_kill_are_used(tmp_path, whole):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "detector.safetensors").write_bytes(whole[0])
    (folder / STATE).write_bytes(b"left behind")
    (folder / "work").mkdir()
    assert fit(folder, stop_after=1).read_bytes() == whole[0]
    assert [path.name for path in folder.iterdir()] == ["detector.safetensors"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Makes the training images of a seed, each time anew."""
    from ultralytics.cfg import get_cfg
    from ultralytics.data.build import build_yolo_dataset

    recipe = protocol()
    engine()
    from ivif_bench.tasks.detection.detectors import _ultralytics_data as data

    folder = tmp_path_factory.mktemp("layout")
    layout = write_yolo_layout(samples(), recipe.classes, folder / "data")
    augmentation = recipe.training.augmentation.model_dump()
    options = get_cfg(overrides={"imgsz": 64, "cutmix": 0.0, "copy_paste": 0.0, **augmentation})
    names = dict(enumerate(recipe.classes))
    about = {"names": names, "nc": len(names), "channels": 3}

    def make(seed, kept=data._KEPT_BYTES):
        path = str(layout.parent / "images" / "train")
        dataset = build_yolo_dataset(options, path, 4, about, mode="train")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(data, "_KEPT_BYTES", kept)
            return data.TrainingImages(dataset, options, seed, plain_from=2, workers=0)

    return make


def _same(one, two):
    return torch.equal(one["img"], two["img"]) and torch.equal(one["bboxes"], two["bboxes"])


def test_an_image_depends_on_seed_epoch_and_index_not_on_what_was_seen_before(images):
    fresh, used, kept_none = images(0), images(0), images(0, kept=0)
    for key in ((0, 5), (1, 5), (0, 9), (1, 2), (3, 3)):
        used[key]
    random.seed(5)
    for key in ((1, 3), (3, 3), (0, 0)):
        assert _same(fresh[key], used[key])
        assert _same(fresh[key], kept_none[key])
    assert not _same(fresh[1, 3], fresh[0, 3])
    assert not _same(fresh[1, 3], images(1)[1, 3])


def test_generators_of_the_process_are_as_before_an_image(images):
    made = images(0)
    random.seed(1)
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(3)
    expected = random.Random(1).random(), np.random.RandomState(2).rand(), torch.rand(1)
    torch.manual_seed(3)
    made[0, 0]
    assert (random.random(), np.random.rand()) == expected[:2]  # noqa: NPY002
    assert torch.rand(1) == expected[2]


def test_mosaics_are_made_of_all_images_and_only_before_they_are_closed(images):
    """Each image has one object, so that their number is that of the images in it."""
    made = images(0)
    counts = {epoch: [len(made[epoch, index]["cls"]) for index in range(10)] for epoch in (0, 2)}
    assert max(counts[0]) > 1
    assert max(counts[2]) == 1


def test_the_order_of_an_epoch_is_a_permutation_by_seed_and_epoch():
    engine()
    from ivif_bench.tasks.detection.detectors._ultralytics_data import Order

    def keys(seed, epoch):
        order = Order(10, seed)
        list(order)
        order.epoch = epoch
        return list(order)

    assert sorted(keys(0, 3)) == [(3, index) for index in range(10)]
    assert keys(0, 3) == keys(0, 3)
    assert len({tuple(i for _, i in keys(*each)) for each in ((0, 3), (0, 4), (1, 3))}) == 3


@pytest.mark.parametrize(
    ("wanted", "batches", "batch_bytes", "on_cpu", "expected"),
    [
        (8, 1, 1, False, 0),
        (0, 9, 1, False, 0),
        (8, 3, 1, False, 3),
        (8, 9, 1, True, 2),
        (1, 9, 1, True, 1),
        (8, 9, 1 << 60, True, 0),
    ],
)
def test_number_of_loading_processes(monkeypatch, wanted, batches, batch_bytes, on_cpu, expected):
    engine()
    from ivif_bench.tasks.detection.detectors._ultralytics_data import loading_processes

    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert loading_processes(wanted, batches, batch_bytes, on_cpu) == expected


def _start(folder: Path, workers: int) -> subprocess.Popen[bytes]:
    script = Path(__file__).resolve().parents[2] / "support" / "ultralytics_trainings.py"
    return subprocess.Popen([sys.executable, str(script), str(folder), str(workers)])


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_three_times_in_mid_epoch_the_weights_are_the_same(tmp_path, whole, workers):
    folder = tmp_path / "a"
    state, moments = folder / STATE, random.Random(workers)
    for _ in range(3):
        before = state.stat().st_mtime_ns if state.exists() else 0
        process = _start(folder, workers)
        deadline = time.monotonic() + 120
        while not state.exists() or state.stat().st_mtime_ns == before:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.25))  # an epoch takes 0.3 s and more
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (folder / "detector.safetensors").exists()
    last = _start(folder, workers)
    assert last.wait(120) == 0
    assert (folder / "detector.safetensors").read_bytes() == whole[0]
    assert _curves(folder) == whole[1]
