"""Trainings of YOLOv5 that are killed, and trainings by two processes."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import small_yolov5
import torch
from torch import distributed, multiprocessing, nn

from ivif_bench.errors import UserError
from ivif_bench.processes import Processes
from ivif_bench.tasks.detection.detectors.yolov5_original import OriginalYolov5
from ivif_bench.tasks.detection.yolov5.building import STRIDES, build
from ivif_bench.tasks.detection.yolov5.loss import Loss
from ivif_bench.tasks.detection.yolov5.optimization import Average, Stepper, make_optimizer
from ivif_bench.tasks.detection.yolov5.schedule import Rates
from ivif_bench.tasks.detection.yolov5.settings import LossSettings
from ivif_bench.tasks.detection.yolov5.training import launch

CLASSES, SIDE, BATCH = 3, 96, 4
_RATES = Rates(0.01, 0.01, 0.9, 1.0)
# A training in a process of its own, so that it can be killed: folder, number of workers.
_TRAINING = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import small_yolov5 as small
folder, workers = Path(sys.argv[1]), int(sys.argv[2])
small.fit(folder, small.made(), recipe=small.protocol({"epochs": 6}), workers=workers)
"""


def _network(dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(3)
    return build(0.33, 0.0625, CLASSES).to(dtype)


def _batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Three batches of images and targets; the halves have different numbers of objects."""
    random_numbers = np.random.default_rng(5)
    found = []
    for _ in range(3):
        images = torch.from_numpy(random_numbers.random((BATCH, 3, SIDE, SIDE)))
        rows = [(i, i % CLASSES, *random_numbers.uniform(0.2, 0.6, 4)) for i in (0, 0, 0, 1, 2)]
        found.append((images, torch.tensor(rows)))
    return found


def _part(images: torch.Tensor, targets: torch.Tensor, rank: int):
    """The images and targets of one of two processes."""
    mine = targets[:, 0] % 2 == rank
    rows = targets[mine].clone()
    rows[:, 0] = (rows[:, 0] - rank) / 2
    return images[rank::2], rows


def _loss(network: nn.Module, processes: Processes) -> Loss:
    anchors = network.detect.anchors
    return Loss(LossSettings(), anchors, STRIDES, CLASSES, SIDE, total=processes.total)


def _stepper(network: nn.Module) -> Stepper:
    optimizer = make_optimizer(network, "SGD", 0.01, 0.9, 0.0005)
    return Stepper(network, optimizer, Average(network), clip=10.0)


def _process(rank: int, port: int, training: bool, folder: str) -> None:
    distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    torch.set_num_threads(1)
    processes = Processes(rank, 2)
    network = _network().train(training)
    loss, stepper = _loss(network, processes), _stepper(network)
    for step, batch in enumerate(_batches()):
        images, targets = _part(*batch, rank)
        loss(network(images), targets)[0].backward()
        processes.sum_gradients(network.parameters())
        stepper.step(step, _RATES)
    torch.save([each.detach() for each in network.parameters()], f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def _by_two(tmp_path: Path, training: bool) -> list[torch.Tensor]:
    port = random.SystemRandom().randrange(20000, 60000)
    multiprocessing.spawn(_process, (port, training, str(tmp_path)), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)
    return first


@pytest.mark.slow
def test_two_processes_train_as_one_where_statistics_are_fixed(tmp_path):
    network = _network().eval()
    loss, stepper = _loss(network, Processes()), _stepper(network)
    for step, (images, targets) in enumerate(_batches()):
        loss(network(images), targets)[0].backward()
        stepper.step(step, _RATES)
    for found, expected in zip(_by_two(tmp_path, False), network.parameters(), strict=True):
        np.testing.assert_allclose(found, expected.detach(), rtol=1e-9, atol=1e-12)


class _Both:
    """What ``total`` is to one process that has both halves: the values of both, summed."""

    def __init__(self, values: list[list[torch.Tensor]], rank: int) -> None:
        self.values, self.rank, self.call = values, rank, 0

    def record(self, value: torch.Tensor) -> torch.Tensor:
        self.values[self.rank].append(value)
        return value

    def replay(self, value: torch.Tensor) -> torch.Tensor:
        self.call += 1
        return self.values[0][self.call - 1] + self.values[1][self.call - 1]


@pytest.mark.slow
def test_two_processes_train_as_one_that_sees_the_halves_with_their_own_statistics(tmp_path):
    network = _network().train()
    stepper = _stepper(network)
    anchors, settings = network.detect.anchors, LossSettings()
    for step, batch in enumerate(_batches()):
        values: list[list[torch.Tensor]] = [[], []]
        levels = []
        for rank in (0, 1):
            images, targets = _part(*batch, rank)
            levels.append((network(images), targets))
            note = _Both(values, rank).record
            Loss(settings, anchors, STRIDES, CLASSES, SIDE, total=note)(*levels[-1])
        for rank in (0, 1):
            total = _Both(values, rank).replay
            loss = Loss(settings, anchors, STRIDES, CLASSES, SIDE, total=total)
            loss(*levels[rank])[0].backward()
        stepper.step(step, _RATES)
    for found, expected in zip(_by_two(tmp_path, True), network.parameters(), strict=True):
        np.testing.assert_allclose(found, expected.detach(), rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_three_times_in_mid_epoch_it_ends_at_the_same_weights(tmp_path, workers):
    support = Path(small_yolov5.__file__).parent

    def run(folder: Path) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", _TRAINING, str(folder), str(workers), str(support)]
        )

    began = time.monotonic()
    assert run(tmp_path / "whole").wait() == 0
    seconds = time.monotonic() - began
    whole = (tmp_path / "whole/detector.safetensors").read_bytes()
    folder, drawn, kills = tmp_path / "killed", random.Random(workers), 0
    while kills < 3:
        process = run(folder)
        curves, before = folder / "curves.csv", _size(folder / "curves.csv")
        while process.poll() is None and _size(curves) == before:
            time.sleep(0.01)  # until an epoch has ended
        time.sleep(drawn.uniform(0, seconds / 40))
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
    assert kills == 3
    assert run(folder).wait() == 0
    assert (folder / "detector.safetensors").read_bytes() == whole


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _job(folder: Path, **changes):
    recipe = small_yolov5.protocol({"epochs": 2, "batch": 5, **changes})
    folder.mkdir()
    detector = OriginalYolov5("yolov5n-original", recipe)
    return detector._job(0, folder, folder.parent / "log.txt", None), small_yolov5.made()


@pytest.mark.slow
def test_torchs_launcher_runs_a_whole_training_and_passes_errors_on(tmp_path):
    weights = [launch(*_job(tmp_path / name), 2) for name in ("a", "b")]
    assert len(weights[0]) == 349
    for key, value in weights[0].items():
        assert torch.isfinite(value.float()).all()
        assert torch.equal(value, weights[1][key]), key
    with pytest.raises(UserError, match="a batch of 1, fewer than the 2 GPUs"):
        launch(*_job(tmp_path / "c", batch=3), 2)
