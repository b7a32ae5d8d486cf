"""Execution of one unit: train once per training key, predict, keep the boxes, score."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.data.base import Dataset, open_ref
from ivif_bench.data.chroma import fused_rgb
from ivif_bench.errors import UserError
from ivif_bench.files import write_json
from ivif_bench.kept import keeping, read_kept
from ivif_bench.task import Workspace
from ivif_bench.tasks.detection.check import check_names
from ivif_bench.tasks.detection.geometry import rename_classes
from ivif_bench.tasks.detection.inputs import truth_of, write_training_images
from ivif_bench.tasks.detection.protocol import TRAINED_MODES, DetectionProtocol
from ivif_bench.tasks.detection.registry import DETECTORS, Detector
from ivif_bench.tasks.detection.scoring import coco_document, score
from ivif_bench.types import Boxes, DatasetRef, Record, Unit

_TRAINED = "trained.json"  # names the checkpoint in its folder; written last


def train(unit: Unit, workspace: Workspace) -> None:
    """Train the detector that the unit's method is judged by, unless it is there."""
    protocol, dataset = _opened(unit)
    _checkpoint(unit, protocol, dataset, _detector(unit, protocol), workspace)


def detect(unit: Unit, stems: Collection[str], workspace: Workspace) -> dict[str, Boxes]:
    """Detections by stem under the dataset's class names, of all images that are finished then.

    Each finished image is kept in the scratch folder at once.
    """
    protocol, dataset = _opened(unit)
    files: Mapping[str, str] = unit.payload["test"]
    found = read_kept(workspace.scratch, _boxes, workspace.origins)
    pairs = dataset.select(tuple(stem for stem in files if stem in stems and stem not in found))
    if not pairs:
        return found
    detector = _detector(unit, protocol)
    names = detector.load(_checkpoint(unit, protocol, dataset, detector, workspace))
    check_names(protocol, names)
    done = len(stems) - len(pairs)
    with keeping(workspace.scratch, workspace.origins) as keep:
        for pair in pairs:
            image = fused_rgb(Path(files[pair.stem]), pair, protocol.chroma)
            try:
                boxes = detector.predict([image])[0]
            except UserError as problem:
                raise UserError(f"image {pair.stem!r}: {problem}") from problem
            found[pair.stem] = rename_classes(boxes, protocol.class_map, protocol.classes)
            keep(pair.stem, _plain(found[pair.stem]))
            done += 1
            workspace.progress(done, len(stems), "detecting")
    return found


def execute(unit: Unit, workspace: Workspace) -> list[Record]:
    """Do what is left of one unit of work, and score it.

    Leaves in ``workspace.shared``: ``detector-<key>/`` with the checkpoint, for every unit that
    has the same training, and ``detections-<key>.json`` with boxes and truth in COCO form.
    """
    files: Mapping[str, str] = unit.payload["test"]
    if not files:
        return []
    protocol, dataset = _opened(unit)
    detections = detect(unit, files, workspace)
    pairs = dataset.select(tuple(files))
    truth = {pair.stem: truth_of(dataset, pair, protocol.classes) for pair in pairs}
    found = {stem: detections[stem] for stem in truth}
    _keep(workspace.shared / f"detections-{unit.key}.json", truth, found, protocol)
    once = protocol.scorer == "coco+yolov5-before-v6.2"
    return [
        Record(
            dataset=unit.dataset,
            method=unit.method,
            task=unit.task,
            protocol=unit.protocol,
            seed=unit.seed,
            metric=row.metric,
            value=row.value,
            class_name=row.class_name,
            reason=row.reason,
        )
        for row in score(truth, found, protocol.classes, protocol.scored_classes, once)
    ]


def _opened(unit: Unit) -> tuple[DetectionProtocol, Dataset]:
    protocol = DetectionProtocol.model_validate(unit.payload["protocol"])
    return protocol, open_ref(DatasetRef(**unit.payload["dataset"]))


def _detector(unit: Unit, protocol: DetectionProtocol) -> Detector:
    detector: Detector = DETECTORS.load(protocol.detector)(
        protocol.detector, protocol, _device(), unit.threads
    )
    return detector


def _checkpoint(
    unit: Unit,
    protocol: DetectionProtocol,
    dataset: Dataset,
    detector: Detector,
    workspace: Workspace,
) -> Path:
    """The weights to judge with; trained by whoever needs them first."""
    weights = None if unit.payload["weights"] is None else Path(unit.payload["weights"])
    if protocol.mode not in TRAINED_MODES:
        assert weights is not None
        return weights

    def fit(partial: Path) -> None:
        images = workspace.scratch / "training-images"
        files: Mapping[str, str | None] = unit.payload["train"]
        pairs = dataset.select(tuple(files))
        fused = [
            None if files[pair.stem] is None else Path(str(files[pair.stem])) for pair in pairs
        ]
        samples = list(zip(pairs, fused, strict=True))
        train = write_training_images(
            samples, dataset, protocol.classes, protocol.train_on, protocol.chroma, images
        )
        done = detector.fit(train, unit.seed, partial, workspace.log, weights, workspace.progress)
        write_json(partial / _TRAINED, {"checkpoint": str(done.relative_to(partial))})
        shutil.rmtree(images)

    folder = workspace.once(f"detector-{unit.payload['training_key']}", fit)
    return folder / str(json.loads((folder / _TRAINED).read_text())["checkpoint"])


def _plain(boxes: Boxes) -> dict[str, Any]:
    """Boxes as JSON values; ``_boxes`` reads them back bit for bit."""
    assert boxes.scores is not None
    return {
        "xyxy": boxes.xyxy.tolist(),
        "classes": list(boxes.classes),
        "scores": boxes.scores.tolist(),
    }


def _boxes(kept: Mapping[str, Any]) -> Boxes:
    scores = np.asarray(kept["scores"], np.float64)
    corners = np.asarray(kept["xyxy"], np.float64).reshape(len(scores), 4)
    return Boxes(corners, tuple(map(str, kept["classes"])), scores)


def _keep(
    path: Path,
    truth: Mapping[str, Boxes],
    found: Mapping[str, Boxes],
    protocol: DetectionProtocol,
) -> None:
    """Write detections and truth, so that any other scorer can be run on the same boxes.

    The truth has COCO's ``iscrowd``, and ``difficult``, which pycocotools does not look at.
    """
    stems = sorted(truth)
    document: dict[str, Any] = coco_document([truth[stem] for stem in stems], protocol.classes)
    for image, stem in zip(document["images"], stems, strict=True):
        image["file_name"] = f"{stem}.png"
    boxes = coco_document([_rounded(found[stem]) for stem in stems], protocol.classes)
    keys = ("image_id", "category_id", "bbox", "score")
    results = [{key: each[key] for key in keys} for each in boxes["annotations"]]
    write_json(path, {"truth": document, "detections": results})


def _rounded(boxes: Boxes) -> Boxes:
    assert boxes.scores is not None
    return replace(boxes, xyxy=np.round(boxes.xyxy, 3), scores=np.round(boxes.scores, 6))


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
