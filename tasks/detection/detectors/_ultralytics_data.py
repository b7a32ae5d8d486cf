"""Training images for ultralytics: order and augmentation are functions of (seed, epoch, index).

ultralytics draws from generators whose state is that of all images before, and its mosaics from images
that were read lately. Here neither a restart nor the number of loading processes changes an image.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler
from ultralytics.data.augment import Albumentations, Mosaic
from ultralytics.data.dataset import YOLODataset

_KEPT_BYTES = 512_000_000  # of decoded images, over all loading processes
_SHARED_MEMORY = "/dev/shm"  # through which loading processes pass batches, on Linux


class TrainingImages(Dataset[dict[str, Any]]):
    """Augmented training images by (epoch, index).

    Args:
        dataset: ultralytics' own, with its augmentation.
        options: ultralytics' arguments, which the augmentation was built from.
        plain_from: the first epoch without mosaic and mixup.
        workers: number of processes that will load images.
    """

    def __init__(
        self, dataset: YOLODataset, options: Any, seed: int, plain_from: int, workers: int
    ) -> None:
        self._dataset = dataset
        self._seed = seed
        self._plain_from = plain_from
        self._full = dataset.transforms
        dataset.close_mosaic(copy(options))
        self._plain = dataset.transforms
        for transform in (*_inside(self._full), *_inside(self._plain)):
            if isinstance(transform, Mosaic):
                transform.buffer_enabled = False  # any image, not one that was read lately
            if isinstance(transform, Albumentations):
                transform.transform = None  # it would augment where that package is installed
        dataset.load_image = _Images(dataset, _KEPT_BYTES // max(1, workers))
        self.labels = dataset.labels
        self.collate_fn = dataset.collate_fn

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        epoch, index = key
        transforms = self._plain if epoch >= self._plain_from else self._full
        with _drawn_from(self._seed, epoch, index):
            found: dict[str, Any] = transforms(self._dataset.get_image_and_label(index))
        return found


class Order(Sampler[tuple[int, int]]):
    """The order of images in an epoch, as pairs (epoch, index); ``epoch`` is set from outside."""

    def __init__(self, count: int, seed: int) -> None:
        self._count = count
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng([self._seed, self.epoch]).permutation(self._count)
        return iter([(self.epoch, int(index)) for index in order])


class TrainingLoader(DataLoader[dict[str, Any]]):
    """Batches of ``TrainingImages``, with the methods that ultralytics' trainer calls on its loader."""

    sampler: Order

    def __init__(
        self, images: TrainingImages, order: Order, batch: int, workers: int, pin: bool
    ) -> None:
        super().__init__(
            images,
            batch_size=min(batch, len(images)),
            sampler=order,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=2 if workers else None,
            pin_memory=pin,
            collate_fn=images.collate_fn,
            generator=torch.Generator(),  # leaves torch's own alone
        )

    def reset(self) -> None:
        """Nothing: images know by their epoch whether there are mosaics."""

    def close(self) -> None:
        """End the loading processes, also while somebody holds an iterator over batches."""
        if self._iterator is not None and self.num_workers:
            self._iterator._shutdown_workers()  # type: ignore[attr-defined]
        self._iterator = None


def loading_processes(wanted: int, batches: int, batch_bytes: int, on_cpu: bool) -> int:
    """Number of processes that load images; batches do not depend on it.

    Beside a training on a CPU two are enough to keep ahead, and they are left out where the shared
    memory is too small, as it often is in a container.

    Args:
        wanted: the protocol's number.
        batches: batches of an epoch; a single one is loaded by the training itself.
        batch_bytes: size of a batch.
    """
    if batches <= 1:
        return 0
    number = min(wanted, batches, os.cpu_count() or 1)
    if not on_cpu:
        return number
    number = min(number, 2)
    try:
        place = os.statvfs(_SHARED_MEMORY)
    except OSError:
        return number
    return number if 4 * number * batch_bytes < place.f_bavail * place.f_frsize else 0


class _Images:
    """``load_image`` of a dataset: decoded images as copies, kept in memory up to a limit.

    ultralytics would pass on the arrays that it keeps, and some of its transforms write into them.
    """

    def __init__(self, dataset: YOLODataset, most: int) -> None:
        self._dataset = dataset
        self._free = most
        self._kept: dict[int, tuple[np.ndarray, tuple[int, int], tuple[int, int]]] = {}

    def __call__(self, index: int) -> tuple[np.ndarray, tuple[int, int], tuple[int, int]]:
        if index not in self._kept:
            dataset = self._dataset
            found = type(dataset).load_image(dataset, index)  # RT-DETR's stretches images
            dataset.ims[index] = dataset.im_hw0[index] = dataset.im_hw[index] = None
            dataset.buffer.clear()
            if found[0].nbytes > self._free:
                return found
            self._free -= found[0].nbytes
            self._kept[index] = found
        image, original, resized = self._kept[index]
        return image.copy(), original, resized


@contextmanager
def _drawn_from(seed: int, epoch: int, index: int) -> Iterator[None]:
    """All generators that a transform may draw from are functions of these; as before afterwards."""
    first, second, third = np.random.SeedSequence([seed, epoch, index]).generate_state(3)
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    random.seed(int(first))
    np.random.seed(second)  # noqa: NPY002 - what the library's transforms draw from
    torch.default_generator.manual_seed(int(third))
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        torch.set_rng_state(before[2])


def _inside(transform: Any) -> Iterator[Any]:
    """A transform and all those inside it."""
    yield transform
    for part in (*getattr(transform, "transforms", ()), getattr(transform, "pre_transform", None)):
        if part is not None:
            yield from _inside(part)
