"""COCO's evaluation of boxes, by pycocotools or by faster-coco-eval, which computes the same in C++."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from ivif_bench.errors import UserError

Evaluator = Literal["pycocotools", "faster-coco-eval"]
BY_DEFAULT: Evaluator = "pycocotools"
EVALUATORS: Mapping[str, tuple[str, str]] = {
    "pycocotools": ("pycocotools.cocoeval", "COCOeval"),
    "faster-coco-eval": ("faster_coco_eval", "COCOeval_faster"),
}
STATISTICS = (
    "AP", "AP50", "AP75", "APsmall", "APmedium", "APlarge",
    "AR1", "AR10", "AR100", "ARsmall", "ARmedium", "ARlarge",
)  # fmt: skip
_ALL, _SMALL, _MEDIUM, _LARGE = range(4)  # sizes of objects, in the order of both packages
_1, _10, _100 = range(3)  # detections per image and class, likewise


def demand_evaluator(evaluator: Evaluator) -> None:
    """Refuse an evaluator that is not installed.

    Raises:
        UserError: naming what to install.
    """
    if importlib.util.find_spec(EVALUATORS[evaluator][0].partition(".")[0]) is None:
        _loaded(evaluator)


def precision(
    truth: dict[str, Any], found: dict[str, Any], evaluator: Evaluator = BY_DEFAULT
) -> np.ndarray:
    """Precision over objects of all sizes, with 100 detections per image and class.

    Args:
        truth, found: objects and scored detections as COCO documents; ids count from 1. They may get
            new keys.

    Returns:
        float64 [10 IoU thresholds, 101 recalls, classes]; -1 where a class has no required object.

    Raises:
        UserError: the evaluator is not installed.
    """
    evaluation = _evaluated(truth, found, evaluator, every=False)
    values: np.ndarray = evaluation["precision"][:, :, :, 0, 0]
    return values


def statistics(
    truth: dict[str, Any], found: dict[str, Any], evaluator: Evaluator = BY_DEFAULT
) -> list[dict[str, float]]:
    """COCO's twelve statistics: of all classes together, then of each class in its order.

    Args:
        truth, found: as for ``precision``; sizes of objects go by ``area``.

    Returns:
        Values in 0..1 by the names of ``STATISTICS``; -1 where there is no required object.

    Raises:
        UserError: the evaluator is not installed.
    """
    evaluation = _evaluated(truth, found, evaluator, every=True)
    curves, recall = evaluation["precision"], evaluation["recall"]
    classes = curves.shape[2]
    return [
        _summary(curves[:, :, chosen], recall[:, chosen])
        for chosen in (slice(None), *([index] for index in range(classes)))
    ]


def _summary(curves: np.ndarray, recall: np.ndarray) -> dict[str, float]:
    """The statistics of [10, 101, classes, sizes, detections] and [10, classes, sizes, detections]."""
    values = [
        curves[..., _ALL, _100],
        curves[0, ..., _ALL, _100],
        curves[5, ..., _ALL, _100],
        *(curves[..., size, _100] for size in (_SMALL, _MEDIUM, _LARGE)),
        *(recall[..., _ALL, most] for most in (_1, _10, _100)),
        *(recall[..., size, _100] for size in (_SMALL, _MEDIUM, _LARGE)),
    ]
    return {name: _mean(each) for name, each in zip(STATISTICS, values, strict=True)}


def _mean(values: np.ndarray) -> float:
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else -1.0


def _loaded(evaluator: Evaluator) -> tuple[Any, Any]:
    """The classes COCO and COCOeval of a package."""
    module, name = EVALUATORS[evaluator]
    try:
        evaluation = getattr(importlib.import_module(module), name)
        package = "pycocotools.coco" if evaluator == "pycocotools" else module
        return importlib.import_module(package).COCO, evaluation
    except ImportError as problem:
        extra = "detection" if evaluator == "pycocotools" else "fast-scoring"
        raise UserError(
            f"{evaluator} is not installed ({problem}); install 'ivif-bench[{extra}]'"
        ) from problem


def _evaluated(
    truth: dict[str, Any], found: dict[str, Any], evaluator: Evaluator, every: bool
) -> dict[str, Any]:
    """``precision`` and ``recall`` as the packages give them; of all sizes together unless ``every``."""
    documents, evaluation_of = _loaded(evaluator)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        real, mine = documents(), documents()
        real.dataset, mine.dataset = truth, found
        real.createIndex()
        # Not loadRes: that one raises IndexError when nothing was found.
        mine.createIndex()
        evaluation = evaluation_of(real, mine, "bbox")
        if not every:  # each size costs as much as all together
            parameters = evaluation.params
            parameters.areaRng, parameters.areaRngLbl = parameters.areaRng[:1], ["all"]
            parameters.maxDets = parameters.maxDets[-1:]
        evaluation.evaluate()
        evaluation.accumulate()
    result: dict[str, Any] = evaluation.eval
    return result
