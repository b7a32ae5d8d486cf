"""What segmentation adds to ``ivif_bench.tasks.network``: label images and a confusion matrix."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from ivif_bench.data.base import Dataset
from ivif_bench.data.images import encode_png, read_labels
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import write_bytes, write_json
from ivif_bench.task import Workspace
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.scoring import (
    ABSENT,
    NO_TRUTH,
    confusion,
    ignored_share,
    mean_iou,
    overlap,
    score,
)
from ivif_bench.types import Pair, Record, Unit

PER_IMAGE = "per_image.json"
PSEUDO = "PSEUDO LABELS: measured against a network's output, not ground truth; not comparable"
_SCORER = (
    "own integer confusion matrix over all test pixels; IoU = TP/(TP+FP+FN); classes with neither "
    "truth nor prediction are left out of means; "
)
_VOID = {
    "ignore": "ignored truth dropped",
    "false-positive": "ignored truth counts as false positives",
}


class SegmentationAdapter(TaskAdapter):
    """Segmenters judged by IoU."""

    protocol: ClassVar[type[NetworkProtocol]] = SegmentationProtocol
    version: ClassVar[int] = 2
    training_version: ClassVar[int] = 2

    def truth_file(self, pair: Pair) -> Path | None:
        return pair.mask

    def files_read(self, pair: Pair, fused: Path) -> list[Path]:
        return [fused, pair.visible, pair.infrared]

    def check_truth(
        self, protocol: SegmentationProtocol, dataset: Dataset, pairs: Sequence[Pair]
    ) -> None:
        if dataset.segmentation_classes != protocol.classes:
            raise UserError(
                f"protocol {protocol.name!r} has classes {', '.join(protocol.classes)}; dataset "
                f"{dataset.name!r} has {', '.join(dataset.segmentation_classes) or 'none'}"
            )
        bare = [pair.stem for pair in pairs if pair.mask is None or not pair.mask.is_file()]
        if bare:
            raise UserError(f"dataset {dataset.name!r} has no labels for stems {first_few(bare)}")

    def check_classes(self, protocol: SegmentationProtocol, known: tuple[str, ...]) -> None:
        if known != protocol.classes:
            raise UserError(
                f"protocol {protocol.name!r} has classes {', '.join(protocol.classes)}; the weights "
                f"have {', '.join(known)}"
            )

    def target(
        self, protocol: SegmentationProtocol, dataset: Dataset, pair: Pair, image: np.ndarray
    ) -> np.ndarray:
        mask = dataset.mask(pair)
        if image.shape[:2] != mask.shape:
            raise UserError(
                f"dataset {pair.dataset!r}, stem {pair.stem!r}: the image is "
                f"{image.shape[1]}x{image.shape[0]}, its labels are {mask.shape[1]}x{mask.shape[0]}"
            )
        return mask

    def keep(
        self, protocol: SegmentationProtocol, folder: Path, stem: str, prediction: np.ndarray
    ) -> str:
        path = folder / "predictions" / f"{stem}.png"
        write_bytes(path, encode_png(prediction))
        return str(path)

    def score(
        self,
        protocol: SegmentationProtocol,
        unit: Unit,
        kept: Mapping[str, str],
        dataset: Dataset,
        space: Workspace,
    ) -> list[Record]:
        """Leaves ``segmentation-<key>/`` in ``space.shared``: predictions (PNG, class ids),
        ``confusion.json``, and ``per_image.json``, the pixels that reports resample."""

        counted: list[tuple[dict[str, np.ndarray], dict[str, int]]] = []
        pairs = dataset.select(tuple(kept))

        def collect(partial: Path) -> None:
            for stem, path in kept.items():
                shutil.copyfile(path, partial / f"{stem}.png")
            counted.append(_count(protocol, dataset, pairs, partial))

        folder = space.once(f"segmentation-{unit.key}", collect)
        matrices, images = counted[0] if counted else _count(protocol, dataset, pairs, folder)
        return _records(unit, protocol, matrices, images)

    def metrics(self, protocol: SegmentationProtocol, pairs: Sequence[Pair]) -> list[str]:
        """Conditions have columns only if some test image has the tag."""
        present = {tag for pair in pairs for tag in pair.tags}
        tags = [tag for tag in protocol.conditions if tag in present]
        rows = [f"{mean}[{tag}]" for tag in tags for mean in protocol.means]
        return [*protocol.means, *rows, "accuracy", "class_accuracy", "IoU"]

    def scorer(self, protocol: SegmentationProtocol) -> str:
        return _SCORER + _VOID[protocol.void]

    def warnings(self, protocol: SegmentationProtocol) -> list[str]:
        return [PSEUDO] if protocol.pseudo_labels else []


def _count(
    protocol: SegmentationProtocol, dataset: Dataset, pairs: Sequence[Pair], folder: Path
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Confusion matrices and numbers of images: of all (under ""), and of each condition."""
    classes = len(protocol.classes)
    matrices: dict[str, np.ndarray] = {"": np.zeros((classes + 1, classes + 1), np.int64)}
    images: dict[str, int] = {"": 0}
    per_image: dict[str, dict[str, list[int]]] = {}
    for pair in pairs:
        prediction = read_labels(folder / f"{pair.stem}.png")
        try:
            matrix = confusion(dataset.mask(pair), prediction, classes, protocol.ignore_index)
        except ValueError as problem:
            raise UserError(f"dataset {pair.dataset!r}, stem {pair.stem!r}: {problem}") from problem
        right, union = overlap(matrix, protocol.void)
        per_image[pair.stem] = {"right": right.tolist(), "union": union.tolist()}
        for tag in ("", *(tag for tag in protocol.conditions if tag in pair.tags)):
            matrices[tag] = matrices.get(tag, 0) + matrix
            images[tag] = images.get(tag, 0) + 1
    document = {
        "classes": [*protocol.classes, "void"],
        "rows": "truth",
        "columns": "prediction",
        "matrices": {tag or "all": matrix.tolist() for tag, matrix in matrices.items()},
        "images": {tag or "all": number for tag, number in images.items()},
    }
    write_json(folder / "confusion.json", document)
    means = {name: list(left_out) for name, left_out in protocol.means.items()}
    counts = {"classes": list(protocol.classes), "means": means, "images": per_image}
    write_json(folder / PER_IMAGE, counts)
    return matrices, images


def _records(
    unit: Unit,
    protocol: SegmentationProtocol,
    matrices: Mapping[str, np.ndarray],
    images: Mapping[str, int],
) -> list[Record]:
    rows: list[Record] = []

    def add(metric: str, value: float, class_name: str = "", reason: str = "") -> None:
        why = reason if math.isnan(value) else ""
        rows.append(unit.record(metric, float(value), class_name=class_name, reason=why))

    for tag, matrix in matrices.items():
        scores = score(matrix, protocol.void)
        suffix = f"[{tag}]" if tag else ""
        for label, iou, recall in zip(protocol.classes, scores.iou, scores.recall, strict=True):
            add(f"IoU{suffix}", iou, label, ABSENT)
            if not tag:
                add("class_accuracy", recall, label, NO_TRUTH)
        for name, (value, held) in mean_iou(scores, protocol.classes, protocol.means).items():
            add(f"{name}{suffix}", value, reason=ABSENT)
            add(f"n_classes_{name}{suffix}", held)
        add(f"accuracy{suffix}", scores.accuracy, reason=NO_TRUTH)
        add(f"class_accuracy{suffix}", scores.class_accuracy, reason=NO_TRUTH)
        add(f"n_images{suffix}", images[tag])
        add(f"ignored{suffix}", ignored_share(matrix), reason=NO_TRUTH)
    return rows
