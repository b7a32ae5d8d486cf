"""Batches: the order of a training, its loader, and the rectangles of the validation."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.geometry import Letterbox, letterbox
from ivif_bench.tasks.detection.yolov5.images import TrainingImages
from ivif_bench.tasks.detection.yolov5.labels import in_fractions, in_pixels, of_batch
from ivif_bench.tasks.detection.yolov5.letterboxing import batch_shape, by_aspect
from ivif_bench.tasks.detection.yolov5.samples import ResizedImages

_SEED = 6148914691236517205 - 1  # the original's constant, and its rank of a single process
_AHEAD = 2  # batches that are made in advance

_Key = tuple[int, int, list[int]]  # epoch, position of the batch in it, numbers of the images


class Batch(NamedTuple):
    """A batch of training images.

    Attributes:
        epoch: number of the epoch.
        position: of the batch in its epoch.
        images: uint8 [B, 3, S, S] RGB.
        targets: float32 [M, 6] image in the batch, class number, x, y, width, height as fractions.
    """

    epoch: int
    position: int
    images: Tensor
    targets: Tensor


class ValidationBatch(NamedTuple):
    """A batch of validation images.

    Attributes:
        indices: numbers of the images.
        images: uint8 [B, 3, H, W] RGB.
        targets: float32 [M, 6] as of ``Batch``.
        places: how each image was put into the rectangle; takes boxes back to its pixels.
    """

    indices: list[int]
    images: Tensor
    targets: Tensor
    places: list[Letterbox]


def shuffled_order(count: int, epoch: int, seed: int, shuffle: bool = True) -> list[int]:
    """Numbers of the images in the order of one epoch, as the original's loader gives on one process.

    Args:
        count: of the images.
        epoch: counted from 0.
        seed: of the training.
        shuffle: False gives the order of the files, as up to v6.0.
    """
    if not shuffle:
        return list(range(count))
    generator = torch.Generator().manual_seed(_SEED + seed)
    torch.empty((), dtype=torch.int64).random_(generator=generator)  # its loader's own seed
    for _ in range(2 * epoch):  # its sampler draws a second permutation, of which it takes nothing
        torch.randperm(count, generator=generator)
    order: list[int] = torch.randperm(count, generator=generator).tolist()
    return order


def training_batches(
    images: TrainingImages,
    batch: int,
    epochs: range,
    order: Callable[[int], list[int]],
    workers: int,
    skip: int = 0,
    part: tuple[int, int] = (0, 1),
) -> Generator[Batch, None, None]:
    """All batches of some epochs; the last one of each may be short.

    OpenCV uses one thread meanwhile: images are augmented beside the training, one at a time in this
    process or in each worker.

    Args:
        images: read before; workers share them.
        batch: number of images in each.
        epochs: their numbers.
        order: gives the numbers of the images of an epoch, in their order. It is called in advance,
            while the batches of the epoch before are used.
        workers: processes; with 0, a thread of this process makes batches in advance.
        skip: batches of the first epoch that are left out, and not made.
        part: rank and number of the processes that divide every batch among them.
    """
    keys = islice(_keys(batch, epochs, order, part), skip, None)
    return _by_processes(images, keys, workers) if workers else _by_thread(images, keys)


def _keys(
    batch: int, epochs: range, order: Callable[[int], list[int]], part: tuple[int, int]
) -> Iterator[_Key]:
    rank, count = part
    for epoch in epochs:
        numbers = order(epoch)
        for position, first in enumerate(range(0, len(numbers), batch)):
            yield epoch, position, numbers[first : first + batch][rank::count]


def _made(images: TrainingImages, key: _Key) -> Batch:
    epoch, position, numbers = key
    planes = torch.empty((len(numbers), 3, images.image_size, images.image_size), dtype=torch.uint8)
    rows = [
        images.fill(each, epoch, number)
        for each, number in zip(planes.numpy(), numbers, strict=True)
    ]
    return Batch(epoch, position, planes, torch.from_numpy(of_batch(rows)))


def _by_thread(images: TrainingImages, keys: Iterator[_Key]) -> Generator[Batch, None, None]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(1) as pool:
        try:
            waiting: deque[Future[Batch]] = deque()
            for key in keys:
                waiting.append(pool.submit(_made, images, key))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
            cv2.setNumThreads(threads)


class _Keyed:
    """What a loader sees: a key gives a whole batch, or why there is none."""

    def __init__(self, images: TrainingImages) -> None:
        self._images = images

    def __getitem__(self, key: _Key) -> Batch | UserError:
        try:
            return _made(self._images, key)
        except UserError as problem:  # as an error it would bring a traceback of the worker along
            return problem


def _by_processes(
    images: TrainingImages, keys: Iterator[_Key], workers: int
) -> Generator[Batch, None, None]:
    loader: DataLoader[Batch | UserError] = DataLoader(
        _Keyed(images),  # type: ignore[arg-type]
        batch_size=None,
        sampler=keys,  # type: ignore[arg-type]
        generator=torch.Generator(),  # else a number is drawn from the training's
        num_workers=workers,
        prefetch_factor=_AHEAD,
        worker_init_fn=_one_thread,
        multiprocessing_context="fork",  # shares the images in memory
    )
    batches = iter(loader)
    try:
        while (batch := _next(batches)) is not None:
            if isinstance(batch, UserError):
                raise batch
            yield batch
    finally:
        del batches  # ends the workers now, and not when an error is forgotten


def _next(batches: Iterator[Batch | UserError]) -> Batch | UserError | None:
    """The next batch, why there is none, or None at the end."""
    try:
        return next(batches, None)
    except RuntimeError as problem:
        if "DataLoader worker (pid" not in str(problem):
            raise
    return UserError(
        "a process that makes training images was ended, mostly for want of memory (each keeps "
        f"{_AHEAD} batches in /dev/shm): use fewer 'workers', or 0"
    )


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)  # in this thread; the parent's pool does not survive the fork


def validation_batches(images: ResizedImages, batch: int) -> Iterator[ValidationBatch]:
    """Rectangular batches, the flattest images first.

    Args:
        images: made with ``augment=False``.
        batch: number of images in each.
    """
    order = by_aspect(images.sizes).tolist()
    for first in range(0, len(order), batch):
        numbers = order[first : first + batch]
        shape = batch_shape(images.sizes[numbers], images.image_size)
        parts = [validation_item(images, number, shape) for number in numbers]
        yield ValidationBatch(
            numbers,
            torch.from_numpy(np.stack([image.transpose(2, 0, 1) for image, _, _ in parts])),
            torch.from_numpy(of_batch([rows for _, rows, _ in parts])),
            [place for _, _, place in parts],
        )


def validation_item(
    images: ResizedImages, number: int, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, Letterbox]:
    """One image in a rectangle: RGB uint8 [H, W, 3], rows float32 [N, 5] in fractions, its place."""
    image = images.image(number)
    padded, inner = letterbox(image, shape, enlarge=False)
    height, width = (inner.scale * each for each in image.shape[:2])
    rows = in_pixels(images.rows[number], width, height, inner.left, inner.top)
    full_height, full_width = images.sizes[number].tolist()
    # Whole pixels make the scales of the two axes differ; exact ones leave overlaps as they are.
    scale, across = height / full_height, width / full_width
    place = Letterbox(scale, inner.left, inner.top, full_height, full_width, across)
    return padded, in_fractions(rows, shape[1], shape[0]), place
