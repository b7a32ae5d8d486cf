"""One integer confusion matrix scores every segmenter.

Rows are the truth, columns the prediction. The last row and column hold what is not a class:
truth that is to be ignored, and predictions of "void" by networks that have such an output.
Conventions: IoU = TP / (TP + FP + FN) per class over all pixels of all images together (never a
mean over images); accuracy and class accuracy are over labelled pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Void = Literal["ignore", "false-positive"]

# Why a class has no number. Such classes are left out of means and are named, never set to 0.
ABSENT = "no_truth_no_prediction"
NO_TRUTH = "no_truth"


def confusion(
    truth: np.ndarray, prediction: np.ndarray, classes: int, ignore_index: int = 255
) -> np.ndarray:
    """Count pixels of one image by true and predicted class.

    Args:
        truth: uint8 [H, W] class ids, or ``ignore_index``.
        prediction: uint8 [H, W] class ids; ``ignore_index`` means that void was predicted.
        classes: number of scored classes; ids run from 0.

    Returns:
        int64 [classes + 1, classes + 1], truth by prediction; the last index is void.

    Raises:
        ValueError: shapes differ, images are not uint8, or a value is neither a class nor
            ``ignore_index``.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"truth has shape {truth.shape}, prediction {prediction.shape}")
    rows = _indices(truth, classes, ignore_index, "label")
    columns = _indices(prediction, classes, ignore_index, "predicted")
    side = classes + 1
    counts = np.bincount(rows * side + columns, minlength=side * side)
    return counts.reshape(side, side).astype(np.int64)


def _indices(image: np.ndarray, classes: int, ignore_index: int, what: str) -> np.ndarray:
    if image.dtype != np.uint8:
        raise ValueError(f"{what} image is {image.dtype}, expected uint8")
    index = np.full(256, -1, np.int64)
    index[:classes] = np.arange(classes)
    index[ignore_index] = classes
    found = index[image.ravel()]
    if (found < 0).any():
        value = int(image.ravel()[found < 0][0])
        raise ValueError(
            f"{what} value {value} on {int((found < 0).sum())} pixels; known: 0..{classes - 1} "
            f"and {ignore_index} (ignored)"
        )
    return found


@dataclass(frozen=True, slots=True)
class SegmentationScores:
    """Numbers of one confusion matrix; NaN where a quantity is undefined.

    Attributes:
        iou: float64 [classes], in 0..1.
        recall: float64 [classes], share of a class's labelled pixels that were found.
        accuracy: share of labelled pixels that are right.
        pixels: number of labelled pixels.
    """

    iou: np.ndarray
    recall: np.ndarray
    accuracy: float
    pixels: int

    @property
    def class_accuracy(self) -> float:
        """Mean recall over the classes that occur in the truth."""
        return mean_defined(self.recall)


def score(matrix: np.ndarray, void: Void = "ignore") -> SegmentationScores:
    """IoU and accuracies of a confusion matrix.

    Args:
        matrix: integer [classes + 1, classes + 1] of ``confusion``; sums of it are fine.
        void: what ignored truth does. ``ignore`` drops its pixels; ``false-positive`` counts them
            as false positives of the class predicted there. Predicted void is a miss in both.
    """
    classes = matrix.shape[0] - 1
    right, union = overlap(matrix, void)
    labelled = matrix[:classes].sum(axis=1)
    total = int(labelled.sum())
    return SegmentationScores(
        iou=_ratio(right, union),
        recall=_ratio(right, labelled),
        accuracy=float(right.sum() / total) if total else float("nan"),
        pixels=total,
    )


def overlap(matrix: np.ndarray, void: Void = "ignore") -> tuple[np.ndarray, np.ndarray]:
    """Pixels that are right, and pixels of truth or prediction: integer [classes] each.

    IoU is their ratio. Both add up over images, and the ratio does not.
    """
    classes = matrix.shape[0] - 1
    right = np.diag(matrix)[:classes]
    rows = matrix[:classes] if void == "ignore" else matrix
    return right, matrix[:classes].sum(axis=1) + rows.sum(axis=0)[:classes] - right


def ignored_share(matrix: np.ndarray) -> float:
    """Share of all pixels whose truth is ignored, in 0..1; NaN without pixels."""
    total = int(matrix.sum())
    return int(matrix[-1].sum()) / total if total else float("nan")


def mean_defined(values: np.ndarray) -> float:
    """Mean over the values that are defined; NaN if none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def mean_iou(
    scores: SegmentationScores, classes: Sequence[str], means: Mapping[str, Sequence[str]]
) -> dict[str, tuple[float, int]]:
    """Means over classes, each with the number of classes it holds.

    Args:
        means: name of a mean to the classes left out of it. Only the mean leaves them out: their
            pixels stay in the matrix and still make false positives and negatives.
    """
    result = {}
    for name, left_out in means.items():
        kept = np.array([label not in left_out for label in classes])
        values = scores.iou[kept]
        result[name] = (mean_defined(values), int((~np.isnan(values)).sum()))
    return result


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    result = np.full(part.shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
