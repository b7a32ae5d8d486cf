"""Execution of one unit: train once per training key, predict, count, score."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from ivif_bench.data.base import Dataset, open_ref
from ivif_bench.data.images import encode_png, read_labels
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes, write_json
from ivif_bench.kept import keeping, read_kept
from ivif_bench.task import Workspace
from ivif_bench.tasks.segmentation.inputs import Samples
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.registry import SEGMENTERS, Segmenter
from ivif_bench.tasks.segmentation.scoring import (
    ABSENT,
    NO_TRUTH,
    SegmentationScores,
    confusion,
    ignored_share,
    mean_iou,
    score,
)
from ivif_bench.types import DatasetRef, Record, Unit

_TRAINED = "trained.json"  # names the checkpoint in its folder; written last


def train(unit: Unit, workspace: Workspace) -> None:
    """Train the network that the unit's method is judged by, unless it is there."""
    protocol, dataset = _opened(unit)
    _checkpoint(unit, protocol, dataset, _segmenter(protocol), workspace)


def segment(unit: Unit, stems: Collection[str], workspace: Workspace) -> Path:
    """Folder with the predictions of all images that are finished when these are, as PNG files."""
    protocol, dataset = _opened(unit)
    folder = workspace.scratch / "predictions"
    folder.mkdir(parents=True, exist_ok=True)
    kept = read_kept(folder, str, workspace.origins)
    finished = {stem for stem, name in kept.items() if (folder / name).exists()}
    wanted = tuple(stem for stem in unit.payload["test"] if stem in stems and stem not in finished)
    if not wanted:
        return folder
    segmenter = _segmenter(protocol)
    segmenter.load(_checkpoint(unit, protocol, dataset, segmenter, workspace))
    images = _samples(unit, protocol, dataset, wanted)
    done = len(stems) - len(wanted)
    with keeping(folder, workspace.origins) as keep:
        for index, pair in enumerate(images.pairs):
            rgb, _ = images[index]
            name = f"{pair.stem}.png"
            write_bytes(folder / name, encode_png(segmenter.predict(rgb)))
            keep(pair.stem, name)
            workspace.progress(done + index + 1, len(stems), "segment")
    return folder


def execute(unit: Unit, workspace: Workspace) -> list[Record]:
    """Do what is left of one unit of work, and score it.

    Leaves in ``workspace.shared``: ``segmenter-<key>/`` with the checkpoint and
    ``segmentation-<key>/`` with predictions (PNG, class ids) and ``confusion.json``.
    """
    if not unit.payload["test"]:
        return []
    protocol, dataset = _opened(unit)

    def collect(partial: Path) -> None:
        # Some may be there from an attempt that was stopped here.
        wanted = [stem for stem in unit.payload["test"] if not (partial / f"{stem}.png").exists()]
        predictions = segment(unit, wanted, workspace)
        for stem in wanted:
            name = f"{stem}.png"
            (predictions / name).replace(partial / name)

    folder = workspace.once(f"segmentation-{unit.key}", collect)
    matrices, tags = _count(unit, protocol, dataset, folder)
    return _records(unit, protocol, matrices, tags)


def _opened(unit: Unit) -> tuple[SegmentationProtocol, Dataset]:
    protocol = SegmentationProtocol(**unit.payload["protocol"])
    if unit.payload["initial"] is not None:  # the plan found the file, wherever this runs
        protocol = protocol.override(initial=unit.payload["initial"])
    return protocol, open_ref(DatasetRef(**unit.payload["dataset"]))


def _segmenter(protocol: SegmentationProtocol) -> Segmenter:
    segmenter: Segmenter = SEGMENTERS.load(protocol.segmenter)(protocol)
    return segmenter


def _checkpoint(
    unit: Unit,
    protocol: SegmentationProtocol,
    dataset: Dataset,
    segmenter: Segmenter,
    workspace: Workspace,
) -> Path:
    """The weights to judge with; trained by whoever needs them first."""
    if protocol.train_on == "nothing":
        return Path(unit.payload["initial"])
    train = _samples(unit, protocol, dataset, unit.payload["train"], training=True)

    def fit(partial: Path) -> None:
        done = segmenter.fit(train, unit.seed, partial, workspace.log, workspace.progress)
        write_json(partial / _TRAINED, {"checkpoint": str(done.relative_to(partial))})

    folder = workspace.once(f"segmenter-{unit.payload['training_key']}", fit)
    return folder / str(json.loads((folder / _TRAINED).read_text())["checkpoint"])


def _samples(
    unit: Unit,
    protocol: SegmentationProtocol,
    dataset: Dataset,
    stems: Sequence[str],
    training: bool = False,
) -> Samples:
    pairs = dataset.select(tuple(stems))
    if training and protocol.train_on in ("visible", "infrared"):
        return Samples(dataset, pairs, protocol.chroma, side=protocol.train_on)
    files = unit.payload["fused"]
    fused = tuple(Path(files[pair.stem]) for pair in pairs)
    return Samples(dataset, pairs, protocol.chroma, fused)


def _count(
    unit: Unit, protocol: SegmentationProtocol, dataset: Dataset, folder: Path
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Confusion matrices and numbers of images: of all (under ""), and of each condition."""
    side = len(protocol.classes) + 1
    matrices: dict[str, np.ndarray] = {"": np.zeros((side, side), np.int64)}
    images: dict[str, int] = {"": 0}
    for pair in dataset.select(tuple(unit.payload["test"])):
        prediction = read_labels(folder / f"{pair.stem}.png")
        try:
            matrix = confusion(
                dataset.mask(pair), prediction, len(protocol.classes), protocol.ignore_index
            )
        except ValueError as problem:
            raise UserError(f"dataset {pair.dataset!r}, stem {pair.stem!r}: {problem}") from problem
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
    return matrices, images


def _records(
    unit: Unit,
    protocol: SegmentationProtocol,
    matrices: Mapping[str, np.ndarray],
    images: Mapping[str, int],
) -> list[Record]:
    rows: list[Record] = []

    def add(metric: str, value: float, class_name: str = "", reason: str = "") -> None:
        why = reason if np.isnan(value) else ""
        rows.append(
            Record(
                dataset=unit.dataset,
                method=unit.method,
                task=unit.task,
                protocol=unit.protocol,
                seed=unit.seed,
                metric=metric,
                value=float(value),
                class_name=class_name,
                reason=why,
            )
        )

    for tag, matrix in matrices.items():
        scores: SegmentationScores = score(matrix, protocol.void)
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
