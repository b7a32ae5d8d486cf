"""A part of the training images that is kept apart: the curve of its mIoU, and the best weights by it.

Test images never select anything. Imported only after ``import_mmseg``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ivif_bench.data.splits import numbered
from ivif_bench.errors import UserError
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.scoring import confusion, mean_defined, score

_RUNS = 5  # the numbers of MSRS run through day, night and day: its last tenth is all day


def kept_apart(stems: Sequence[str], share: float) -> list[int]:
    """Positions of the images for validation, in the order of their numbers.

    Neighbouring numbers are often the same scene, so they stay together: all images, in the order of
    their numbers, are divided into five equal sections, and the last images of each are kept.

    Args:
        share: of the images, 0 to 1, rounded to a number of images.

    Raises:
        UserError: no image is left on one side.
    """
    count = round(len(stems) * share)
    if not share:
        return []
    if not 0 < count < len(stems):
        raise UserError(
            f"'validation' {share:g} of {len(stems)} training images leaves no image on one side"
        )
    order = sorted(range(len(stems)), key=lambda at: (numbered(stems[at]) or ("", -1), stems[at]))
    runs = min(_RUNS, count)
    found = []
    for run in range(runs):
        size = (run + 1) * count // runs - run * count // runs
        end = (run + 1) * len(stems) // runs
        found += order[end - size : end]
    return found


class Validation:
    """Measures a network on images that it is not trained on.

    Args:
        images: kept apart; none for a training without validation.
        every: passes over the training images between two measurements.
        select: whether the best weights are kept.
        predict: from a network and an image, RGB uint8 [H, W, 3], to class ids, uint8 [H, W].

    Attributes:
        best: ``epoch``, ``mIoU`` and ``state`` (weights) of the best measurement so far.
    """

    def __init__(
        self,
        images: Sequence[Sample],
        protocol: SegmentationProtocol,
        every: int,
        select: bool,
        predict: Callable[[Any, np.ndarray], np.ndarray],
    ) -> None:
        self.images = images
        self.protocol = protocol
        self.every = every
        self.select = select
        self.predict = predict
        self.best: dict[str, Any] | None = None

    def __bool__(self) -> bool:
        return len(self.images) > 0

    def measure(self, model: Any, epoch: int) -> dict[str, float]:
        """mIoU over the classes that occur and accuracy, in 0..1; keeps the weights if they are best."""
        classes, ignored = len(self.protocol.classes), self.protocol.ignore_index
        matrix = np.zeros((classes + 1, classes + 1), np.int64)
        model.eval()
        for sample in self.images:
            found = self.predict(model, sample.image)
            matrix += confusion(sample.target, found, classes, ignored)
        model.train()
        scores = score(matrix)
        values = {"val_mIoU": mean_defined(scores.iou), "val_accuracy": scores.accuracy}
        value = values["val_mIoU"]
        if self.select and (self.best is None or value > self.best["mIoU"]):
            weights = {name: each.detach().clone() for name, each in model.state_dict().items()}
            self.best = {"epoch": epoch, "mIoU": value, "state": weights}
        return values

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the best measurement from the state of an interrupted training."""
        self.best = state.get("best")
