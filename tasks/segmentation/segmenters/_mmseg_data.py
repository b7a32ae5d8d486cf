"""Training data for mmsegmentation: the whole training as one reproducible sequence.

Imported only after ``import_mmseg``.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import (  # type: ignore[import-untyped]
    Compose,
    RandomFlip,
    RandomResize,
)
from mmengine.structures import PixelData
from mmseg.datasets.transforms import PhotoMetricDistortion, RandomCrop
from mmseg.structures import SegDataSample
from torch.utils.data import Dataset

from ivif_bench.errors import UserError
from ivif_bench.parallel import in_threads
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.segmenters._mmseg_recipe import training_of

_MMSEG_IGNORE = 255
MEMORY = 2 << 30  # bytes of decoded images and labels


class TrainingData(Dataset[dict[str, Any]]):
    """The whole training as one sequence: position p is one augmented sample, always the same one.

    Epochs are permutations drawn from (seed, epoch); augmentation is drawn from (seed, position).

    Args:
        start: positions before it are None: the training has seen them before it was interrupted.
    """

    def __init__(
        self, samples: Sequence[Sample], protocol: SegmentationProtocol, seed: int, start: int = 0
    ) -> None:
        self.start = start
        self.samples = samples
        self.protocol = protocol
        self.seed = seed
        self.metainfo = {"classes": protocol.classes}
        self._order = functools.lru_cache(maxsize=2)(self._permutation)
        self._augment = _augmentation(protocol)

    def __len__(self) -> int:
        recipe = training_of(self.protocol)
        return recipe.iterations * recipe.batch

    def __getitem__(self, position: int) -> Any:
        if position < self.start:
            return None
        epoch, offset = divmod(position, len(self.samples))
        index = int(self._order(epoch)[offset])
        stem, rgb, mask = self.samples[index]
        mark = int(np.random.SeedSequence((self.seed, position)).generate_state(1)[0])
        np.random.seed(mark)  # noqa: NPY002 - what the library's transforms draw from
        random.seed(mark)
        height, width = mask.shape
        packed: dict[str, Any] = self._augment(
            {
                "img": np.ascontiguousarray(rgb[:, :, ::-1]),  # the transforms expect BGR
                "gt_seg_map": labels_of(mask, stem, self.protocol),
                "seg_fields": ["gt_seg_map"],
                "img_shape": (height, width),
                "ori_shape": (height, width),
            }
        )
        return packed

    def _permutation(self, epoch: int) -> np.ndarray:
        return np.random.default_rng((self.seed, epoch)).permutation(len(self.samples))


def labels_of(mask: np.ndarray, stem: str, protocol: SegmentationProtocol) -> np.ndarray:
    """Labels with mmsegmentation's number for pixels that are ignored.

    Raises:
        UserError: a value that is neither a class nor ignored.
    """
    labels = np.where(mask == protocol.ignore_index, np.uint8(_MMSEG_IGNORE), mask)
    wrong = (labels >= len(protocol.classes)) & (labels != _MMSEG_IGNORE)
    if wrong.any():
        raise UserError(
            f"training sample {stem!r}: label value {int(labels[wrong][0])}; the protocol has "
            f"{len(protocol.classes)} classes and ignores {protocol.ignore_index}"
        )
    return labels


def _augmentation(protocol: SegmentationProtocol) -> Compose:
    recipe = training_of(protocol)
    height, width = protocol.inference.image_size
    steps = [
        RandomResize(scale=(width, height), ratio_range=recipe.ratio_range, keep_ratio=False),
        _Crop(crop_size=recipe.crop_size, cat_max_ratio=recipe.cat_max_ratio),
        RandomFlip(prob=recipe.flip),
    ]
    if recipe.photometric_distortion:
        steps.append(PhotoMetricDistortion())
    return Compose([*steps, _packed])


class _Crop(RandomCrop):  # type: ignore[misc]
    """mmsegmentation's crops, with the classes of a crop counted in a tenth of the time."""

    def __init__(self, crop_size: tuple[int, int], cat_max_ratio: float) -> None:
        super().__init__(crop_size=crop_size, cat_max_ratio=cat_max_ratio)
        self._drawn = RandomCrop(crop_size=crop_size, cat_max_ratio=1.0)  # never draws again

    def crop_bbox(self, results: dict[str, Any]) -> Any:
        box = self._drawn.crop_bbox(results)
        for _ in range(10 if self.cat_max_ratio < 1 else 0):
            labels = np.ascontiguousarray(self.crop(results["gt_seg_map"], box))
            counts = cv2.calcHist([labels], [0], None, [256], [0, 256]).ravel()
            counts[self.ignore_index] = 0
            if (counts > 0).sum() > 1 and counts.max() / counts.sum() < self.cat_max_ratio:
                break
            box = self._drawn.crop_bbox(results)
        return box


def _packed(results: dict[str, Any]) -> dict[str, Any]:
    """Image and labels as tensors, as PackSegInputs makes them; it copies pixel by pixel."""
    planes = np.stack(cv2.split(results["img"]))
    labels = np.ascontiguousarray(results["gt_seg_map"][None], dtype=np.int64)
    shape = results["img"].shape[:2]
    sample = SegDataSample(
        gt_sem_seg=PixelData(data=torch.from_numpy(labels)), metainfo={"img_shape": shape}
    )
    return {"inputs": torch.from_numpy(planes), "data_samples": sample}


class SamplesInMemory(Sequence[Sample]):
    """Samples whose images stay in memory as far as they fit; the others are read again each time.

    Every sample is read once when this is made. Worker processes that are forked afterwards share what
    is in memory.

    Args:
        memory: limit in bytes.

    Raises:
        UserError: a label that is neither a class nor ignored.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        protocol: SegmentationProtocol,
        memory: int = MEMORY,
    ) -> None:
        self._samples = samples
        self._protocol = protocol
        self._kept: dict[int, Sample] = {}
        self._names: dict[int, str] = {}
        self._left, self._lock = memory, Lock()
        in_threads(self._keep, range(len(samples)))

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        kept = self._kept.get(index)
        return self._samples[index] if kept is None else kept

    @property
    def stems(self) -> list[str]:
        """Their names, in their order."""
        return [self._names[index] for index in range(len(self))]

    def only(self, positions: Sequence[int]) -> Sequence[Sample]:
        """Some of the samples, read as these are."""
        return _Chosen(self, tuple(positions))

    def _keep(self, index: int) -> None:
        sample = self._samples[index]
        labels_of(sample.target, sample.stem, self._protocol)
        self._names[index] = sample.stem
        size = sample.image.nbytes + sample.target.nbytes
        with self._lock:
            keep = size <= self._left
            self._left -= size if keep else 0
        if keep:
            self._kept[index] = sample


@dataclass(frozen=True)
class _Chosen(Sequence[Sample]):
    """Some of the samples."""

    samples: Sequence[Sample]
    positions: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        return self.samples[self.positions[index]]
