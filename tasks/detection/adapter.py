"""What detection adds to ``ivif_bench.tasks.network``: boxes as truth, kept boxes, AP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ivif_bench.data.base import Dataset
from ivif_bench.data.images import size_in_header
from ivif_bench.detections.stored import name_of
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import write_json
from ivif_bench.store import key_of
from ivif_bench.task import Workspace
from ivif_bench.tasks.detection.checkpoint import refuse_seen
from ivif_bench.tasks.detection.coco_eval import BY_DEFAULT, Evaluator
from ivif_bench.tasks.detection.miss_rate import Subset, log_average_miss_rate
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.detection.scoring import (
    NO_COUNTERPART,
    NO_TRUTH,
    DetectionScore,
    coco_document,
    score,
)
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.types import Boxes, Pair, Record, Unit

_SCORER = (
    "COCO AP by pycocotools (101 recalls, 100 boxes per image and class); [yolov5]: AP of yolov5's "
    "val.py {}, whose curve ends in a straight line to (1, 0)"
)
_MISS_RATE = (
    "log-average miss rate at IoU 0.5 over nine points from 0.01 to 1 false positives per image"
)
_FORMS = {
    "coco+yolov5": "since v6.2 (paired anew at each IoU threshold)",
    "coco+yolov5-before-v6.2": "before v6.2 (paired once, at IoU 0.5)",
}
DEFAULT_SCORER = _SCORER.format(_FORMS["coco+yolov5"])


class DetectionAdapter(TaskAdapter):
    """Detectors judged by AP."""

    protocol: ClassVar[type[NetworkProtocol]] = DetectionProtocol
    version: ClassVar[int] = 2
    training_version: ClassVar[int] = 1
    judges: ClassVar[tuple[str, ...]] = ("pycocotools",)

    def truth_file(self, pair: Pair) -> Path | None:
        return pair.annotation

    def check_truth(
        self, protocol: DetectionProtocol, dataset: Dataset, pairs: Sequence[Pair]
    ) -> None:
        absent = [each for each in protocol.classes if each not in dataset.detection_classes]
        if absent:
            raise UserError(
                f"protocol {protocol.name!r} scores {first_few(absent)}; dataset {dataset.name!r} "
                f"has {', '.join(dataset.detection_classes) or 'no boxes'}; protocol and dataset must "
                "use the same names (dataset option rename_classes)"
            )
        for pair in pairs:
            if pair.annotation is None or not pair.annotation.is_file():
                dataset.boxes(pair)  # raises: its layout knows best what is missing where

    def check_weights(self, weights: Path, layout: str, test: Sequence[Pair]) -> None:
        refuse_seen(weights, layout, test)

    def check_classes(self, protocol: DetectionProtocol, known: tuple[str, ...]) -> None:
        wanted = protocol.classes if protocol.class_map is None else tuple(protocol.class_map)
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise UserError(
                f"protocol {protocol.name!r}: the weights know no class {', '.join(unknown)}, only "
                f"{first_few(known, 10)}; set 'class_map'"
            )

    def target(
        self, protocol: DetectionProtocol, dataset: Dataset, pair: Pair, image: np.ndarray
    ) -> Boxes:
        """Objects without crowd regions: trainings cannot leave a region out, they learn it as
        background."""
        boxes = truth_of(dataset, pair, protocol.classes)
        return boxes.take(np.flatnonzero(~boxes.crowd).tolist())

    def keep(
        self, protocol: DetectionProtocol, folder: Path, stem: str, prediction: Boxes
    ) -> dict[str, Any]:
        return values_of(rename_classes(prediction, protocol.class_map, protocol.classes))

    def score(
        self,
        protocol: DetectionProtocol,
        unit: Unit,
        kept: Mapping[str, Any],
        dataset: Dataset,
        space: Workspace,
    ) -> list[Record]:
        """Leaves ``detections-<key>.json`` in ``space.shared``: boxes and truth in COCO form."""
        pairs = dataset.select(tuple(kept))
        truth = {pair.stem: truth_of(dataset, pair, protocol.classes) for pair in pairs}
        found = {stem: boxes_of(kept[stem]) for stem in truth}
        write_detections(space.shared / name_of(unit.key), truth, found, protocol.classes, pairs)
        once = protocol.scorer == "coco+yolov5-before-v6.2"
        evaluator = unit.payload.get("evaluator", BY_DEFAULT)
        rows = score(truth, found, protocol.classes, protocol.scored_classes, once, evaluator)
        rows += miss_rates(protocol, truth, found, pairs)
        return [
            unit.record(row.metric, row.value, class_name=row.class_name, reason=row.reason)
            for row in rows
        ]

    def metrics(self, protocol: DetectionProtocol, pairs: Sequence[Pair]) -> list[str]:
        shown = protocol.shown
        means = [f"m{name}" for name in shown]
        yolov5 = [f"{name}[yolov5]" for name in means if name != "mAP75"]
        every = [f"{name}[all]" for name in means] if left_out(protocol) else []
        missed = [
            f"{prefix}MR[{name}]" for name in protocol.miss_rate or () for prefix in ("m", "")
        ]
        return [*means, *yolov5, *shown, *every, *missed]

    def direction(self, metric: str) -> str:
        return "down" if "MR[" in metric else "up"

    def scorer(self, protocol: DetectionProtocol) -> str:
        boxes = getattr(protocol.inference, "boxes", "")  # not every network has thresholds
        subsets = [f"{name} {each.text}" for name, each in (protocol.miss_rate or {}).items()]
        return (
            scorer_line(protocol)
            + (f"; MR: {_MISS_RATE} ({'; '.join(subsets)})" if subsets else "")
            + (f"; boxes: {boxes}" if boxes else "")
        )

    def warnings(self, protocol: DetectionProtocol) -> list[str]:
        if not left_out(protocol):
            return []
        return [
            f"{', '.join(left_out(protocol))}: unknown to the detector; mAP is the mean over the "
            f"other {len(protocol.scored_classes)} classes, [all] counts it as 0"
        ]


def miss_rates(
    protocol: DetectionProtocol,
    truth: Mapping[str, Boxes],
    found: Mapping[str, Boxes],
    pairs: Sequence[Pair],
) -> list[DetectionScore]:
    """``MR[subset]`` of each class and ``mMR[subset]``, their mean, as ``protocol.miss_rate`` asks.

    A class without objects that must be found is NaN with reason ``no_truth``, and left out of means.
    """
    rows: list[DetectionScore] = []
    for name, subset in (protocol.miss_rate or {}).items():
        stems = [pair.stem for pair in pairs if subset.tag is None or subset.tag in pair.tags]
        limits = subset.model_dump(exclude={"tag"}, exclude_none=True)
        rates = dict.fromkeys(protocol.classes, float("nan"))
        if stems:
            rates = log_average_miss_rate(
                {stem: truth[stem] for stem in stems},
                {stem: found[stem] for stem in stems},
                protocol.classes,
                Subset(**limits),
            )
        defined = []
        for class_name, rate in rates.items():
            if class_name not in protocol.scored_classes:
                rows.append(DetectionScore(f"MR[{name}]", class_name, float("nan"), NO_COUNTERPART))
                continue
            reason = NO_TRUTH if np.isnan(rate) else ""
            rows.append(DetectionScore(f"MR[{name}]", class_name, rate, reason))
            defined += [] if reason else [rate]
        mean = float(np.mean(defined)) if defined else float("nan")
        rows.append(DetectionScore(f"mMR[{name}]", "", mean, "" if defined else NO_TRUTH))
    return rows


def scorer_line(protocol: DetectionProtocol) -> str:
    """Who computes AP, and how, whatever the boxes are."""
    return _SCORER.format(_FORMS[protocol.scorer])


def evaluated_by(unit: Unit, evaluator: Evaluator) -> Unit:
    """A unit whose COCO AP another package computes; its result stands beside that of pycocotools."""
    if evaluator == BY_DEFAULT:
        return unit
    scorer, judges = scored_by(unit.about.scorer, unit.about.judges, evaluator)
    about = replace(unit.about, scorer=scorer, judges=judges)
    payload = {**unit.payload, "evaluator": evaluator}
    return replace(unit, key=key_of(unit.key, evaluator), payload=payload, about=about)


def scored_by(
    scorer: str, judges: Sequence[str], evaluator: Evaluator
) -> tuple[str, tuple[str, ...]]:
    """The line "Scorer" and the distributions, with the evaluator in the place of pycocotools."""
    line = scorer.replace(BY_DEFAULT, evaluator, 1)
    return line, tuple(evaluator if name == BY_DEFAULT else name for name in judges)


def left_out(protocol: DetectionProtocol) -> list[str]:
    """Classes that the detector cannot name."""
    return [name for name in protocol.classes if name not in protocol.scored_classes]


def truth_of(dataset: Dataset, pair: Pair, classes: Sequence[str]) -> Boxes:
    """Objects of a pair, of the protocol's classes only."""
    boxes = dataset.boxes(pair)
    return boxes.take([index for index, name in enumerate(boxes.classes) if name in classes])


def rename_classes(boxes: Boxes, class_map: dict[str, str] | None, known: Sequence[str]) -> Boxes:
    """Detections under the dataset's names; those of other classes are dropped."""
    mapping = {name: name for name in known} if class_map is None else class_map
    kept = [index for index, name in enumerate(boxes.classes) if name in mapping]
    return replace(boxes.take(kept), classes=tuple(mapping[boxes.classes[i]] for i in kept))


def values_of(boxes: Boxes) -> dict[str, Any]:
    """Detections as JSON values."""
    assert boxes.scores is not None
    return {
        "xyxy": boxes.xyxy.tolist(),
        "classes": list(boxes.classes),
        "scores": boxes.scores.tolist(),
    }


def boxes_of(kept: Mapping[str, Any]) -> Boxes:
    """The boxes that ``values_of`` made JSON values of, bit for bit."""
    scores = np.asarray(kept["scores"], np.float64)
    corners = np.asarray(kept["xyxy"], np.float64).reshape(len(scores), 4)
    return Boxes(corners, tuple(map(str, kept["classes"])), scores)


def write_detections(
    path: Path,
    truth: Mapping[str, Boxes],
    found: Mapping[str, Boxes],
    classes: Sequence[str],
    pairs: Sequence[Pair] = (),
) -> None:
    """Write detections and truth, so that any other scorer can be run on the same boxes.

    The truth has COCO's ``iscrowd``, and ``difficult``, which pycocotools does not look at. The
    images have the ``tags`` of their pair, and the size that the header of its visible file says.
    """
    stems = sorted(truth)
    by_stem = {pair.stem: pair for pair in pairs}
    document: dict[str, Any] = coco_document([truth[stem] for stem in stems], classes)
    for image, stem in zip(document["images"], stems, strict=True):
        image["file_name"] = f"{stem}.png"
        if stem in by_stem:
            image |= _described(by_stem[stem])
    boxes = coco_document([_rounded(found[stem]) for stem in stems], classes)
    keys = ("image_id", "category_id", "bbox", "score")
    results = [{key: each[key] for key in keys} for each in boxes["annotations"]]
    write_json(path, {"truth": document, "detections": results})


def _described(pair: Pair) -> dict[str, Any]:
    size = size_in_header(pair.visible)
    sides = {} if size is None else {"height": size[0], "width": size[1]}
    return {**sides, "tags": list(pair.tags)}


def _rounded(boxes: Boxes) -> Boxes:
    assert boxes.scores is not None
    return replace(boxes, xyxy=np.round(boxes.xyxy, 3), scores=np.round(boxes.scores, 6))
