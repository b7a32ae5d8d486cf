"""Training images: the same crops as mmsegmentation's, in memory, by any number of workers; kill -9."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys

import numpy as np
import pytest
import yaml

from ivif_bench.errors import UserError
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.segmentation.protocol import SHIPPED_PROTOCOLS, SegmentationProtocol
from ivif_bench.tasks.segmentation.registry import SEGMENTERS

pytest.importorskip("mmseg")
pytestmark = pytest.mark.mmseg

TINY = {
    "initial": "scratch",
    "image_size": (64, 96),
    "crop_size": (64, 64),
    "iterations": 5,
    "warmup": 1,
    "batch": 2,
    "photometric_distortion": True,
}


def protocol(**changes):
    content = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-seg.v1.yaml").read_text())
    return SegmentationProtocol.from_file(content | TINY | changes)


def samples(count=5):
    generator = np.random.default_rng(3)
    masks = generator.choice([0, 0, 0, 0, 1, 2], (count, 8, 12)).repeat(8, 1).repeat(8, 2)
    images = generator.integers(0, 256, (count, 64, 96, 3), dtype=np.uint8)
    masks[:, :4] = 255
    return [Sample(str(at), images[at], masks[at].astype(np.uint8)) for at in range(count)]


def fit(folder, workers=0, restart_seconds=1e9, progress=lambda *_: None, **changes):
    folder.mkdir(exist_ok=True)
    made = protocol(**changes)
    network = SEGMENTERS.load(made.network)(made.network, made, workers=workers)
    network.restart_seconds = restart_seconds
    done = network.fit(samples(), 0, folder, folder / "log.txt", None, progress)
    return hashlib.sha256(done.read_bytes()).hexdigest()


def imported():
    from ivif_bench.tasks.segmentation.segmenters._mmseg import import_mmseg

    import_mmseg()
    from ivif_bench.tasks.segmentation.segmenters import _mmseg_data

    return _mmseg_data


@pytest.mark.parametrize("ratio", [0.6, 1.0])
def test_crops_and_tensors_are_those_of_mmsegmentations_own_steps(ratio):
    data = imported()
    from mmcv.transforms import Compose, RandomFlip, RandomResize
    from mmseg.datasets.transforms import PackSegInputs, PhotoMetricDistortion, RandomCrop

    theirs = Compose(
        [
            RandomResize(scale=(96, 64), ratio_range=(0.8, 1.25), keep_ratio=False),
            RandomCrop(crop_size=(64, 64), cat_max_ratio=ratio),
            RandomFlip(prob=0.5),
            PhotoMetricDistortion(),
            PackSegInputs(),
        ]
    )
    ours = data.TrainingData(samples(), protocol(cat_max_ratio=ratio, iterations=20), seed=1)
    for position in range(20):
        mine = ours[position]
        own, ours._augment = ours._augment, theirs
        other = ours[position]
        ours._augment = own
        labels = [each["data_samples"].gt_sem_seg.data for each in (mine, other)]
        for first, second in ((mine["inputs"], other["inputs"]), labels):
            assert first.dtype == second.dtype
            assert first.shape == second.shape
            assert (first == second).all()


def test_every_sample_is_read_once_and_kept_as_far_as_it_fits():
    data, read = imported(), []

    class Reading(list):
        def __getitem__(self, at):
            read.append(at)
            return super().__getitem__(at)

    size = samples()[0].image.nbytes + samples()[0].target.nbytes
    kept = data.SamplesInMemory(Reading(samples()), protocol(), memory=3 * size)
    assert sorted(read) == [0, 1, 2, 3, 4]
    for at in range(5):
        np.testing.assert_array_equal(kept[at].image, samples()[at].image)
    assert len(read) == 5 + 2
    wrong = Sample("bad", samples()[0].image, np.full((64, 96), 9, np.uint8))
    with pytest.raises(UserError, match="'bad': label value 9"):
        data.SamplesInMemory([wrong], protocol())


def test_positions_before_the_start_are_not_made():
    data = imported()
    late = data.TrainingData(samples(), protocol(), seed=1, start=4)
    assert late[3] is None
    random.seed(0)
    fresh = data.TrainingData(samples(), protocol(), seed=1)[4]
    assert (late[4]["inputs"] == fresh["inputs"]).all()


@pytest.mark.slow
def test_workers_and_kill_9_change_no_weight(tmp_path, repository):
    whole = fit(tmp_path / "whole")
    assert fit(tmp_path / "workers", workers=2) == whole
    script = (
        "import sys, runpy, time; from pathlib import Path\n"
        f"names = runpy.run_path({__file__!r})\n"
        "def slow(done, total, what):\n"
        "    print(done, flush=True, file=sys.__stdout__)\n"
        "    time.sleep(30 if done == 3 else 0)\n"
        "names['fit'](Path(sys.argv[1]), workers=1, restart_seconds=0, progress=slow)\n"
    )
    import torch

    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "killed")],
        stdout=subprocess.PIPE, text=True, cwd=repository,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "3":
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / "killed" / "state.safetensors").is_file()
    steps = []
    assert fit(tmp_path / "killed", progress=lambda done, *_: steps.append(done)) == whole
    assert steps == [4, 5]


@pytest.mark.slow
def test_a_training_that_is_asked_to_end_saves_its_state(tmp_path, monkeypatch):
    def ask(done, *_):
        if done == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(signal, "raise_signal", lambda number: None)  # the test goes on
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "asked", progress=ask)
    assert (tmp_path / "asked" / "state.safetensors").is_file()
    assert fit(tmp_path / "asked") == fit(tmp_path / "whole")


def test_a_damaged_state_and_one_of_another_training_are_named(tmp_path):
    (tmp_path / "state.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}")
    with pytest.raises(UserError, match=r"state\.safetensors: not the state of a training"):
        fit(tmp_path)
    from ivif_bench.tasks.network.training_state import write_state

    write_state(tmp_path, {"iteration": 1}, {"training": "other", "seed": 0, "images": 5})
    with pytest.raises(UserError, match="was made with training 'other'"):
        fit(tmp_path)


def test_a_batch_too_small_for_the_network_is_one_line(tmp_path):
    with pytest.raises(UserError, match="batch 1 is too small for deeplabv3plus-r18"):
        fit(tmp_path, segmenter="deeplabv3plus-r18", batch=1)
