"""Order and batches of a training: those of the original's own run (group j), and what resuming needs."""

from __future__ import annotations

import os
import signal
from functools import partial

import cv2
import numpy as np
import pytest
import torch
from yolov5_samples import CLASSES, augmentation, drawn_samples, recorded_samples

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.yolov5.images import TrainingImages
from ivif_bench.tasks.detection.yolov5.loader import Batch, shuffled_order, training_batches
from ivif_bench.tasks.detection.yolov5.samples import ResizedImages

_OPTIONS = augmentation(
    mosaic=0.5, mixup=0.3, scale=0.5, translate=0.1, hsv_h=0.1, hsv_s=0.5, fliplr=0.5, degrees=5.0
)


def _images(**given) -> TrainingImages:
    return TrainingImages(drawn_samples(7), CLASSES, 64, _OPTIONS, 5, **given)


def _batches(images: TrainingImages, workers: int = 0, skip: int = 0) -> list[Batch]:
    order = partial(shuffled_order, len(images), seed=5)
    return list(training_batches(images, 3, range(1, 4), order, workers, skip))


def _assert_equal(found: list[Batch], expected: list[Batch]) -> None:
    assert [batch[:2] for batch in found] == [batch[:2] for batch in expected]
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.targets, other.targets)


@pytest.mark.golden
def test_order_pixels_and_labels_are_those_of_the_recorded_training(recorded):
    steps = recorded.json("j_end_to_end.json")["batches"]
    samples = recorded_samples(recorded.arrays("e_letterbox.npz"))
    images = TrainingImages(samples, CLASSES, 128, augmentation(), 0)
    orders = {epoch: shuffled_order(13, epoch, 0) for epoch in range(4)}
    names = [name for step in steps for name in step["images"]]
    assert names == [f"{index:02d}" for epoch in range(4) for index in orders[epoch]]
    found = training_batches(images, 4, range(4), orders.__getitem__, 0)
    for step, batch in zip(steps, found, strict=True):
        assert batch.epoch * 4 + batch.position == step["ni"]
        assert list(batch.images.shape) == step["shape"]
        assert batch.images.float().mean().item() / 255 == pytest.approx(
            step["image_mean"], abs=1e-6
        )
        assert batch.targets.numpy() == pytest.approx(np.array(step["targets"]), abs=1e-5)


def test_order_of_another_seed_or_epoch_is_another_and_v6_0_has_none():
    orders = [shuffled_order(50, epoch, seed) for epoch, seed in ((0, 0), (1, 0), (0, 1))]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert shuffled_order(50, 3, 0, shuffle=False) == list(range(50))


def test_an_item_depends_on_seed_epoch_and_index_only():
    images, other_seed = _images(), TrainingImages(drawn_samples(7), CLASSES, 64, _OPTIONS, 6)
    keys = [(epoch, index) for epoch in (0, 9) for index in range(7)]
    first = {key: images.item(*key) for key in keys}
    torch.manual_seed(1)
    for key in reversed(keys):
        again = images.item(*key)
        assert torch.equal(again[0], first[key][0])
        assert torch.equal(again[1], first[key][1])
        assert not torch.equal(other_seed.item(*key)[0], first[key][0])
    assert not torch.equal(first[0, 3][0], first[9, 3][0])


def test_workers_change_nothing_and_leave_the_random_numbers_of_the_training():
    cv2.setNumThreads(2)
    images = _images()
    alone = _batches(images)
    assert cv2.getNumThreads() == 2
    assert [len(batch.images) for batch in alone] == [3, 3, 1] * 3
    state = torch.get_rng_state()
    _assert_equal(_batches(images, workers=2), alone)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("workers", [0, 1])
def test_skipped_batches_are_not_made(workers):
    images = _images()
    expected = _batches(images)[2:]
    made = []
    fill = images.fill
    images.fill = lambda planes, epoch, index: made.append(index) or fill(planes, epoch, index)
    _assert_equal(_batches(images, workers, skip=2), expected)
    assert len(made) == (0 if workers else 7 * 3 - 6)  # workers count in their own memory


def test_a_training_that_stops_early_gives_opencv_its_threads_back():
    cv2.setNumThreads(2)
    batches = training_batches(_images(), 3, range(100), lambda epoch: [0, 1, 2, 3], 0)
    next(batches)
    assert cv2.getNumThreads() == 1
    batches.close()
    assert cv2.getNumThreads() == 2


def test_errors_of_samples_reach_the_training():
    class Broken(list):
        def __getitem__(self, index):
            if self.refuse:
                raise UserError("image 'x': damaged")
            return super().__getitem__(index)

    samples = Broken(drawn_samples(3))
    samples.refuse = False
    images = TrainingImages(samples, CLASSES, 64, _OPTIONS, 0, memory=0)
    samples.refuse = True
    for workers in (0, 1):
        with pytest.raises(UserError, match=r"^image 'x': damaged$"):
            list(training_batches(images, 2, range(1), lambda _: [0, 1, 2], workers))


def test_a_worker_that_is_ended_is_reported_in_one_line():
    images = _images()
    images.fill = lambda planes, epoch, index: os.kill(os.getpid(), signal.SIGKILL)
    with pytest.raises(
        UserError, match=r"^a process that makes training images was ended.*'workers'"
    ):
        _batches(images, workers=1)


def test_images_beyond_the_limit_of_memory_are_read_again():
    everything = _images()
    assert everything.images.bytes_in_memory > 4 * 64 * 40 * 3
    limit = everything.images.bytes_in_memory // 2
    some, none = _images(memory=limit), _images(memory=0)
    assert 0 < some.images.bytes_in_memory <= limit
    assert none.images.bytes_in_memory == 0
    expected = _batches(everything)
    _assert_equal(_batches(some), expected)
    _assert_equal(_batches(none), expected)


def test_an_image_in_memory_is_not_changed_by_augmentation():
    images = _images()
    before = [images.images.image(index).copy() for index in range(7)]
    _batches(images)
    assert all(np.array_equal(images.images.image(each), before[each]) for each in range(7))


def test_images_without_any_object_are_refused():
    with pytest.raises(UserError, match="none of the 7 training images has an object of any class"):
        ResizedImages(drawn_samples(7), ("another",), 64)
