"""One scorer for all detectors: COCO AP, by pycocotools unless said, and the AP of yolov5 beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.coco_eval import BY_DEFAULT, Evaluator, precision
from ivif_bench.tasks.detection.yolov5_ap import in_order, yolov5_ap
from ivif_bench.types import Boxes

_AT_75 = 5  # of the IoU thresholds 0.50, 0.55, ... 0.95
NO_TRUTH = "no_truth"
NO_COUNTERPART = "no_counterpart"
_REMEDY = {
    "truth box": "correct the annotation",
    "detection": "the detector's weights or its code are damaged",
}


@dataclass(frozen=True, slots=True)
class DetectionScore:
    """One number of a scoring: ``value`` is NaN where it is undefined, and ``reason`` says why."""

    metric: str
    class_name: str
    value: float
    reason: str = ""


def score(
    truth: Mapping[str, Boxes],
    found: Mapping[str, Boxes],
    classes: Sequence[str],
    scored: Sequence[str] | None = None,
    once: bool = False,
    evaluator: Evaluator = BY_DEFAULT,
) -> list[DetectionScore]:
    """Score detections against objects; the order of the boxes of an image changes nothing.

    Crowd regions and difficult objects need not be found, and detections of them are not false
    positives: ``coco_ap`` and ``ivif_bench.tasks.detection.yolov5_ap.set_aside`` say which are.

    A class without required objects has no AP: NaN with reason ``no_truth``, and it is left out
    of means. A class that the detector cannot name is NaN with reason ``no_counterpart``; it is left
    out of ``mAP50``, ``mAP75`` and ``mAP50_95`` and counts as 0 in those followed by ``[all]``.

    Args:
        truth: objects by stem; images without objects count, with empty boxes.
        found: scored detections by the same stems.
        classes: names, in the order of the table.
        scored: classes that the detector can name; all by default.
        once: the AP of yolov5 before v6.2, see ``ivif_bench.tasks.detection.yolov5_ap.match``.
        evaluator: what computes COCO's AP, see ``coco_ap``.

    Returns:
        Per class AP50, AP75, AP50_95 and n_boxes; over classes mAP50, mAP75, mAP50_95,
        mAP50[yolov5], mAP50_95[yolov5], n_images, n_boxes. AP is in 0..1. ``n_boxes`` counts required
        objects; where there are others, ``n_crowd`` and ``n_difficult`` count them.

    Raises:
        ValueError: truth and detections are not of the same images, or a class is unknown.
        UserError: a score or a corner is NaN or infinite.
    """
    if set(truth) != set(found):
        raise ValueError("truth and detections are not of the same images")
    scored = classes if scored is None else scored
    stems = sorted(truth)
    real = [_only(truth[stem], classes) for stem in stems]
    mine = [found[stem] for stem in stems]
    for stem in stems:
        _refuse_non_finite(truth[stem], "truth box", stem)
        _refuse_non_finite(found[stem], "detection", stem)
    strange = {name for boxes in mine for name in boxes.classes} - set(classes)
    if strange:
        raise ValueError(f"detections of unknown classes: {sorted(strange)}")
    counts = dict.fromkeys(classes, 0)
    for boxes in real:
        for name in boxes.take(np.flatnonzero(boxes.required).tolist()).classes:
            counts[name] += 1

    coco = coco_ap(real, mine, classes, evaluator)
    yolo = [yolov5_ap(real, mine, name, once) for name in scored]
    yolov5 = np.array([np.full(10, math.nan) if ap is None else ap for ap in yolo]).reshape(-1, 10)
    rows: list[DetectionScore] = []
    for index, name in enumerate(classes):
        if name not in scored and counts[name]:
            ap, reason = np.full(10, math.nan), NO_COUNTERPART
        else:
            ap, reason = coco[index], "" if counts[name] else NO_TRUTH
        rows += [
            DetectionScore("AP50", name, float(ap[0]), reason),
            DetectionScore("AP75", name, float(ap[_AT_75]), reason),
            DetectionScore("AP50_95", name, float(ap.mean()), reason),
        ]
        rows.append(DetectionScore("n_boxes", name, float(counts[name])))

    chosen = [index for index, name in enumerate(classes) if name in scored]
    rows += [
        _mean("mAP50", coco[chosen, 0]),
        _mean("mAP75", coco[chosen, _AT_75]),
        _mean("mAP50_95", coco[chosen].mean(axis=1)),
        _mean("mAP50[yolov5]", yolov5[:, 0]),
        _mean("mAP50_95[yolov5]", yolov5.mean(axis=1)),
        DetectionScore("n_images", "", float(len(stems))),
        DetectionScore("n_boxes", "", float(sum(counts.values()))),
    ]
    for metric, flags in (
        ("n_crowd", [boxes.crowd for boxes in real]),
        ("n_difficult", [boxes.difficult & ~boxes.crowd for boxes in real]),
    ):
        if number := sum(int(each.sum()) for each in flags):
            rows.append(DetectionScore(metric, "", float(number)))
    if len(chosen) < len(classes):
        rows += [
            _mean("mAP50[all]", coco[:, 0]),
            _mean("mAP75[all]", coco[:, _AT_75]),
            _mean("mAP50_95[all]", coco.mean(axis=1)),
        ]
    return rows


def coco_ap(
    truth: Sequence[Boxes],
    found: Sequence[Boxes],
    classes: Sequence[str],
    evaluator: Evaluator = BY_DEFAULT,
) -> np.ndarray:
    """COCO AP per class and IoU threshold; boxes of equal scores go by their corners.

    A detection that gets no required object is left out if a crowd region covers at least the
    threshold of it, any number of them; or if it gets a difficult object by ordinary IoU, one each.

    Args:
        truth, found: objects and scored detections, image by image.
        evaluator: what computes it; the numbers are the same but for rounding in the last bit.

    Returns:
        float64 [classes, 10] for IoU 0.50, 0.55, ... 0.95; NaN for a class without required
        objects.
    """
    curves = precision(*coco_documents(truth, found, classes), evaluator)
    ap: np.ndarray = np.where(curves < 0, math.nan, curves).mean(axis=1).T
    return ap


def coco_documents(
    truth: Sequence[Boxes], found: Sequence[Boxes], classes: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Objects and detections as ``ivif_bench.tasks.detection.coco_eval`` takes them."""
    # Of equal scores and of equal overlaps pycocotools takes the box that comes first or last.
    real = coco_document([in_order(boxes) for boxes in truth], classes)
    mine = coco_document([in_order(boxes) for boxes in found], classes)
    # pycocotools has no word for difficult objects (it writes iscrowd over "ignore"), but a
    # rule that fits them: who is larger than all sizes asked for is neither required nor wrong.
    for annotation in real["annotations"]:
        if annotation["difficult"]:
            annotation["area"] = math.inf
    return real, mine


def coco_document(boxes: Sequence[Boxes], classes: Sequence[str]) -> dict[str, Any]:
    """Boxes in COCO form, with VOC's ``difficult`` as an extra key.

    Ids count from 1, because annotation 0 counts as unmatched.
    """
    ids = {name: index for index, name in enumerate(classes, start=1)}
    annotations: list[dict[str, Any]] = []
    for image_id, each in enumerate(boxes, start=1):
        scores = [None] * len(each.classes) if each.scores is None else each.scores.tolist()
        flags = zip(each.crowd.tolist(), each.difficult.tolist(), strict=True)
        for xyxy, name, value, (crowd, difficult) in zip(
            each.xyxy.tolist(), each.classes, scores, flags, strict=True
        ):
            x, y, width, height = xyxy[0], xyxy[1], xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]
            annotation = {
                "id": len(annotations) + 1,
                "image_id": image_id,
                "category_id": ids[name],
                "bbox": [x, y, width, height],
                "area": width * height,
                "iscrowd": int(crowd),
                "difficult": int(difficult),
            }
            annotations.append(annotation if value is None else {**annotation, "score": value})
    return {
        "info": {},
        "images": [{"id": index} for index in range(1, len(boxes) + 1)],
        "categories": [{"id": number, "name": name} for name, number in ids.items()],
        "annotations": annotations,
    }


def _mean(metric: str, values: np.ndarray) -> DetectionScore:
    defined = values[~np.isnan(values)]
    if len(defined) == 0:
        return DetectionScore(metric, "", math.nan, NO_TRUTH)
    return DetectionScore(metric, "", float(defined.mean()))


def _refuse_non_finite(boxes: Boxes, what: str, stem: str) -> None:
    scores = np.zeros(len(boxes.classes)) if boxes.scores is None else boxes.scores
    for part, numbers in (("score", scores[:, None]), ("corners", boxes.xyxy)):
        wrong = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
        if len(wrong):
            values = ", ".join(f"{value:g}" for value in numbers[wrong[0]])
            raise UserError(
                f"image {stem!r}: the {part} of a {what} ({boxes.classes[wrong[0]]}) must be "
                f"finite, found {values}; {_REMEDY[what]}"
            )


def _only(boxes: Boxes, classes: Sequence[str]) -> Boxes:
    return boxes.take([index for index, name in enumerate(boxes.classes) if name in classes])
