"""One integer confusion matrix scores every segmenter.

Rows are the truth, columns the prediction. The last row and column hold what is not a class:
truth that is to be ignored, and predictions of "void" by networks that have such an output.
Conventions: IoU = TP / (TP + FP + FN) per class over all pixels of all images together (never a
mean over images); accuracy and class accuracy are over labelled pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ivif_bench.tasks.segmentation.pairs import LEVELS, pairs_of_values

Void = Literal["ignore", "false-positive", "mfnet", "class"]

# Why a class has no number. Such classes are left out of means and are named, never set to 0.
ABSENT = "no_truth_no_prediction"
NO_TRUTH = "no_truth"
DROPPED = "left_out"


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
    for what, image in (("label", truth), ("predicted", prediction)):
        if image.dtype != np.uint8:
            raise ValueError(f"{what} image is {image.dtype}, expected uint8")
    # All pairs of values are counted in one pass; unknown ones show in the sum afterwards.
    counts = pairs_of_values(truth, prediction)
    known = [*range(classes), ignore_index]
    matrix = counts[np.ix_(known, known)]
    if matrix.sum() != truth.size:
        unknown = np.setdiff1d(np.arange(LEVELS), known)
        for what, totals in (("label", counts.sum(axis=1)), ("predicted", counts.sum(axis=0))):
            if (found := totals[unknown]).any():
                raise ValueError(
                    f"{what} value {unknown[found > 0][0]} on {found.sum()} pixels; known: "
                    f"0..{classes - 1} and {ignore_index} (ignored)"
                )
    return matrix


@dataclass(frozen=True, slots=True)
class SegmentationScores:
    """Numbers of one confusion matrix; NaN where a quantity is undefined.

    Attributes:
        iou: float64 [classes], in 0..1.
        recall: float64 [classes], share of a class's labelled pixels that were found.
        accuracy: share of labelled pixels that are right.
        pixels: number of labelled pixels.
        share: float64 [classes], of the labelled pixels; NaN without any.
        void_iou: IoU of void as a class of its own; NaN unless it is one.
    """

    iou: np.ndarray
    recall: np.ndarray
    accuracy: float
    pixels: int
    share: np.ndarray
    void_iou: float = float("nan")

    @property
    def class_accuracy(self) -> float:
        """Mean recall over the classes that occur in the truth: mAcc."""
        return mean_defined(self.recall)

    @property
    def weighted_iou(self) -> float:
        """Frequency-weighted IoU: the sum of IoU times share of the labelled pixels."""
        if not self.pixels:
            return float("nan")
        return float(np.nansum(self.iou * self.share))  # a class without truth has no share


def score(
    matrix: np.ndarray, void: Void = "ignore", left_out: Collection[int] = ()
) -> SegmentationScores:
    """IoU and accuracies of a confusion matrix.

    Args:
        matrix: integer [classes + 1, classes + 1] of ``confusion``; sums of it are fine.
        void: what void does. ``ignore`` drops pixels whose truth is ignored; ``false-positive``
            counts them as false positives of the class predicted there; ``class`` does so too, and
            gives void an IoU of its own. In these three, predicted void is a miss. ``mfnet`` drops
            the row and the column of void, and those of ``left_out``: what is predicted as, or
            labelled as, such a class is no error of the others.
        left_out: ids of classes that ``mfnet`` drops; the other conventions keep their pixels.
    """
    classes = matrix.shape[0] - 1
    matrix = _without(matrix, void, left_out)
    right, union = overlap(matrix, void)
    labelled = matrix[:classes].sum(axis=1)
    total = int(labelled.sum())
    iou = _ratio(right, union)
    return SegmentationScores(
        iou=iou[:classes],
        recall=_ratio(right[:classes], labelled),
        accuracy=float(right[:classes].sum() / total) if total else float("nan"),
        pixels=total,
        share=_ratio(labelled, np.full(classes, total)),
        void_iou=float(iou[classes]),
    )


def overlap(
    matrix: np.ndarray, void: Void = "ignore", left_out: Collection[int] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of truth and prediction, and pixels of one of them: integer [classes + 1] each.

    IoU is their ratio; the last is that of void, 0 unless it is a class. Both add up over images,
    and the ratio does not. Arguments as for ``score``.
    """
    classes = matrix.shape[0] - 1
    matrix = _without(matrix, void, left_out)
    right = np.diag(matrix).copy()
    rows = matrix[:classes] if void == "ignore" else matrix
    union = matrix.sum(axis=1) + rows.sum(axis=0) - right
    if void != "class":
        right[classes] = union[classes] = 0
    return right, union


def _without(matrix: np.ndarray, void: Void, left_out: Collection[int]) -> np.ndarray:
    """The matrix without what ``mfnet`` drops."""
    if void != "mfnet":
        return matrix
    matrix = matrix.copy()
    for index in (matrix.shape[0] - 1, *left_out):
        matrix[index] = 0
        matrix[:, index] = 0
    return matrix


def ignored_share(matrix: np.ndarray) -> float:
    """Share of all pixels whose truth is ignored, in 0..1; NaN without pixels."""
    total = int(matrix.sum())
    return int(matrix[-1].sum()) / total if total else float("nan")


def mean_defined(values: np.ndarray) -> float:
    """Mean over the values that are defined; NaN if none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def mean_over(
    values: np.ndarray, classes: Sequence[str], left_out: Collection[str]
) -> tuple[float, int]:
    """Mean of the defined values of all classes but some, and their number."""
    kept = values[[label not in left_out for label in classes]]
    return mean_defined(kept), int((~np.isnan(kept)).sum())


def mean_iou(
    scores: SegmentationScores, classes: Sequence[str], means: Mapping[str, Sequence[str]]
) -> dict[str, tuple[float, int]]:
    """Means over classes, each with the number of classes it holds.

    Void counts where it is a class of its own.

    Args:
        means: name of a mean to the classes left out of it. Only the mean leaves them out: their
            pixels stay in the matrix and still make false positives and negatives.
    """
    values, names = np.append(scores.iou, scores.void_iou), (*classes, "")
    return {name: mean_over(values, names, left_out) for name, left_out in means.items()}


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    result = np.full(part.shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
