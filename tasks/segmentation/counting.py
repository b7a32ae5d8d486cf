"""From label images to records: confusion matrices of all images and of each condition, and scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ivif_bench.tasks.segmentation.boundary import boundary_counts, boundary_iou
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.scoring import (
    ABSENT,
    DROPPED,
    NO_TRUTH,
    confusion,
    ignored_share,
    mean_iou,
    mean_over,
    overlap,
    score,
)
from ivif_bench.types import Record, Unit

ALL = ""


@dataclass
class Counts:
    """What the scores of one method are made of; sums of integers only.

    Attributes:
        by_image: int64 [classes + 1, classes + 1] of each image, by stem.
        matrices: the same, summed over all images (under "") and over those of each condition.
        images: number of images, by the same names.
        boundaries: int64 [2, classes] by the same names, if the protocol asks for boundary IoU.
    """

    protocol: SegmentationProtocol
    by_image: dict[str, np.ndarray] = field(default_factory=dict)
    matrices: dict[str, np.ndarray] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    boundaries: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        side = len(self.protocol.classes) + 1
        self.matrices[ALL], self.images[ALL] = np.zeros((side, side), np.int64), 0

    def add(
        self, stem: str, tags: Sequence[str], truth: np.ndarray, prediction: np.ndarray
    ) -> None:
        """Count one image.

        Args:
            truth, prediction: uint8 [H, W], class ids or the protocol's ``ignore_index``.

        Raises:
            ValueError: as ``ivif_bench.tasks.segmentation.scoring.confusion``.
        """
        protocol, classes = self.protocol, len(self.protocol.classes)
        matrix = confusion(truth, prediction, classes, protocol.ignore_index)
        self.by_image[stem] = matrix
        edges = None
        if "boundary" in protocol.scores:
            edges = boundary_counts(truth, prediction, classes, protocol.ignore_index)
        for tag in (ALL, *(tag for tag in protocol.conditions if tag in tags)):
            self.matrices[tag] = self.matrices.get(tag, 0) + matrix
            self.images[tag] = self.images.get(tag, 0) + 1
            if edges is not None:
                self.boundaries[tag] = self.boundaries.get(tag, 0) + edges

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: the matrices and what their rows and columns are."""
        return {
            "classes": [*self.protocol.classes, "void"],
            "rows": "truth",
            "columns": "prediction",
            "matrices": {tag or "all": matrix.tolist() for tag, matrix in self.matrices.items()},
            "images": {tag or "all": number for tag, number in self.images.items()},
            "by_image": {stem: matrix.tolist() for stem, matrix in self.by_image.items()},
        }

    def per_image(self) -> dict[str, Any]:
        """Plain JSON values that reports resample: for each IoU over classes, pixels by image.

        ``right`` and ``union`` are lists [images][classes] whose sums over images have that IoU as
        their ratio; ``iou`` is of the classes, each of ``means`` of those it holds.
        """
        protocol, stems = self.protocol, sorted(self.by_image)
        main = next(iter(protocol.means.values()))
        names = (*protocol.classes, "")

        def of(left_out: Sequence[str], kept: Sequence[int]) -> dict[str, list[list[int]]]:
            ids = _ids(protocol.classes, left_out)
            counts = [overlap(self.by_image[stem], protocol.void, ids) for stem in stems]
            return {
                "right": [right[kept].tolist() for right, _ in counts],
                "union": [union[kept].tolist() for _, union in counts],
            }

        return {
            "stems": stems,
            "classes": list(protocol.classes),
            "iou": of(main, range(len(protocol.classes))),
            "means": {
                mean: of(left_out, [at for at, name in enumerate(names) if name not in left_out])
                for mean, left_out in protocol.means.items()
            },
        }

    def records(self, unit: Unit) -> list[Record]:
        """All scores of a unit, those of the conditions included."""
        rows: list[Record] = []

        def add(metric: str, value: float, class_name: str = "", reason: str = "") -> None:
            why = reason if math.isnan(value) else ""
            rows.append(unit.record(metric, float(value), class_name=class_name, reason=why))

        for tag in self.matrices:
            self._scores(tag, add)
        return rows

    def _scores(self, tag: str, add: Callable[..., None]) -> None:
        protocol, matrix = self.protocol, self.matrices[tag]
        classes, suffix = protocol.classes, f"[{tag}]" if tag else ""
        main = next(iter(protocol.means.values()))
        scores = score(matrix, protocol.void, _ids(classes, main))
        dropped = set(main) if protocol.void == "mfnet" else set()
        for label, iou, recall in zip(classes, scores.iou, scores.recall, strict=True):
            add(f"IoU{suffix}", iou, label, DROPPED if label in dropped else ABSENT)
            if not tag:
                add("class_accuracy", recall, label, DROPPED if label in dropped else NO_TRUTH)
        for name, left_out in protocol.means.items():
            own = score(matrix, protocol.void, _ids(classes, left_out))
            value, held = mean_iou(own, classes, {name: left_out})[name]
            add(f"{name}{suffix}", value, reason=ABSENT)
            add(f"n_classes_{name}{suffix}", held)
            if "mAcc" in protocol.scores:
                value, held = mean_over(own.recall, classes, left_out)
                add(f"{accuracy_of(name)}{suffix}", value, reason=NO_TRUTH)
                add(f"n_classes_{accuracy_of(name)}{suffix}", held)
        add(f"accuracy{suffix}", scores.accuracy, reason=NO_TRUTH)
        add(f"class_accuracy{suffix}", scores.class_accuracy, reason=NO_TRUTH)
        if "FWIoU" in protocol.scores:
            add(f"FWIoU{suffix}", scores.weighted_iou, reason=NO_TRUTH)
        if tag in self.boundaries:
            self._boundary(tag, suffix, add)
        add(f"n_images{suffix}", self.images[tag])
        add(f"ignored{suffix}", ignored_share(matrix), reason=NO_TRUTH)

    def _boundary(self, tag: str, suffix: str, add: Callable[..., None]) -> None:
        values = boundary_iou(self.boundaries[tag])
        for label, value in zip(self.protocol.classes, values, strict=True):
            add(f"boundary_IoU{suffix}", value, label, ABSENT)
        for name, left_out in self.protocol.means.items():
            value, held = mean_over(values, self.protocol.classes, left_out)
            add(f"boundary_{name}{suffix}", value, reason=ABSENT)
            add(f"n_classes_boundary_{name}{suffix}", held)


def metric_names(protocol: SegmentationProtocol, present: Sequence[str]) -> list[str]:
    """Metrics in the order of columns; conditions only if some test image has the tag."""
    means = list(protocol.means)
    more = [accuracy_of(name) for name in means] if "mAcc" in protocol.scores else []
    more += ["FWIoU"] if "FWIoU" in protocol.scores else []
    if "boundary" in protocol.scores:
        more += [*(f"boundary_{name}" for name in means), "boundary_IoU"]
    tags = [tag for tag in protocol.conditions if tag in present]
    rows = [f"{mean}[{tag}]" for tag in tags for mean in means]
    return [*means, *rows, "accuracy", "class_accuracy", "IoU", *more]


def accuracy_of(mean: str) -> str:
    """Name of the mean accuracy over the classes of a mean IoU: mAcc9 of mIoU9."""
    return mean.replace("mIoU", "mAcc") if "mIoU" in mean else f"mAcc_{mean}"


def _ids(classes: Sequence[str], names: Sequence[str]) -> tuple[int, ...]:
    return tuple(classes.index(name) for name in names)
