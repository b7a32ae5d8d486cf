"""Training data for mmsegmentation: the whole training as one reproducible sequence.

Imported only after ``import_mmseg``.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import (  # type: ignore[import-untyped]
    Compose,
    RandomFlip,
    RandomResize,
)
from mmseg.datasets.transforms import PackSegInputs, PhotoMetricDistortion, RandomCrop
from torch.utils.data import Dataset

from ivif_bench.errors import UserError
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.segmenters._mmseg_recipe import training_of

_MMSEG_IGNORE = 255


class TrainingData(Dataset[dict[str, Any]]):
    """The whole training as one sequence: position p is one augmented sample, always the same one.

    Epochs are permutations drawn from (seed, epoch); augmentation is drawn from (seed, position).
    """

    def __init__(
        self, samples: Sequence[Sample], protocol: SegmentationProtocol, seed: int
    ) -> None:
        self.samples = samples
        self.protocol = protocol
        self.seed = seed
        self.metainfo = {"classes": protocol.classes}
        self._order = functools.lru_cache(maxsize=2)(self._permutation)
        self._augment = _augmentation(protocol)

    def __len__(self) -> int:
        recipe = training_of(self.protocol)
        return recipe.iterations * recipe.batch

    def __getitem__(self, position: int) -> dict[str, Any]:
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
                "gt_seg_map": self._labels(mask, stem),
                "seg_fields": ["gt_seg_map"],
                "img_shape": (height, width),
                "ori_shape": (height, width),
            }
        )
        return packed

    def _labels(self, mask: np.ndarray, stem: str) -> np.ndarray:
        labels = np.where(mask == self.protocol.ignore_index, np.uint8(_MMSEG_IGNORE), mask)
        wrong = (labels >= len(self.protocol.classes)) & (labels != _MMSEG_IGNORE)
        if wrong.any():
            raise UserError(
                f"training sample {stem!r}: label value {int(labels[wrong][0])}; the protocol has "
                f"{len(self.protocol.classes)} classes and ignores {self.protocol.ignore_index}"
            )
        return labels

    def _permutation(self, epoch: int) -> np.ndarray:
        return np.random.default_rng((self.seed, epoch)).permutation(len(self.samples))


def _augmentation(protocol: SegmentationProtocol) -> Compose:
    recipe = training_of(protocol)
    height, width = protocol.inference.image_size
    steps = [
        RandomResize(scale=(width, height), ratio_range=recipe.ratio_range, keep_ratio=False),
        RandomCrop(crop_size=recipe.crop_size, cat_max_ratio=recipe.cat_max_ratio),
        RandomFlip(prob=recipe.flip),
    ]
    if recipe.photometric_distortion:
        steps.append(PhotoMetricDistortion())
    return Compose([*steps, PackSegInputs()])
