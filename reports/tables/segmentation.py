"""Segmentation: IoU per class, then the means over classes and the mean accuracy.

Tables of their own: conditions, accuracies, and IoU near the edges of classes, where there are such.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivif_bench.reports.tables import BuilderSpec
from ivif_bench.reports.tables._classes import (
    ClassTable,
    metrics_of,
    number,
    percent,
    tables,
    without_truth,
)

if TYPE_CHECKING:
    from ivif_bench.reports.comparison import Comparison
    from ivif_bench.reports.table import Column, Table

SPECS = (BuilderSpec("segmentation", "build"),)

_CONDITION = re.compile(r"(?P<mean>mIoU[^\[]*)\[(?P<tag>.+)\]")


def build(comparison: Comparison) -> list[Table]:
    """All classes in the dataset's order; percent, one decimal.

    Every metric ``mIoU…`` over classes is a column, the mean over most classes first, then mAcc;
    those of one condition only (``mIoU_9[night]``) come in a table of their own.
    """
    classes = list(comparison.about("classes"))
    found = metrics_of(comparison)
    means = _by_size([name for name in found if re.fullmatch(r"mIoU[^\[]*", name)], len(classes))
    columns = tuple(percent(f"IoU:{name}", name) for name in classes) + tuple(
        percent(name, _title(name, len(classes))) for name in means
    )
    if "class_accuracy" in found:
        columns = (*columns, percent("class_accuracy", "mAcc"))
    what = f"Segmentation on {comparison.dataset_title}"
    measure = (
        "IoU per class, its means and the mean accuracy of the classes that occur (mAcc), in "
        "percent; in brackets, the number of classes in the mean"
    )
    lines = _labels(comparison, classes) if "ignored" in found else ()
    made = tables(comparison, ClassTable(comparison.name, what, measure, columns, lines=lines))
    if comparison.spread == "interval":
        from ivif_bench.reports.segmentations import resampled

        made = [*resampled(made[0], comparison).tables(), *made[1:]]
    parts = _conditions(found, means, len(classes))
    if parts:
        tags = dict.fromkeys(column.key.partition("[")[2].rstrip("]") for column in parts)
        counts = ", ".join(f"{tag} n = {number(comparison, f'n_images[{tag}]')}" for tag in tags)
        measure = f"mean IoU per condition ({counts}), in percent"
        images = {column.key: f"n_images[{column.key.partition('[')[2]}" for column in parts}
        name = f"{comparison.name}-conditions"
        made += tables(
            comparison, ClassTable(name, f"{what} by condition", measure, parts, counts=images)
        )
    for part in (
        _accuracies(comparison.name, what, found, classes),
        _boundaries(comparison.name, what, found, classes),
    ):
        made += tables(comparison, part) if part else []
    return made


def _accuracies(
    name: str, what: str, found: Sequence[str], classes: Sequence[str]
) -> ClassTable | None:
    """Accuracy of each class and over all, if the protocol asked for more than mAcc."""
    means = _by_size([each for each in found if re.fullmatch(r"mAcc[^\[]*", each)], len(classes))
    if not means and "FWIoU" not in found:
        return None
    columns = tuple(percent(f"class_accuracy:{each}", each) for each in classes)
    columns += tuple(percent(each, f"mAcc ({_size(each, len(classes))})") for each in means)
    columns += (percent("accuracy", "aAcc"),)
    columns += (percent("FWIoU", "FWIoU"),) if "FWIoU" in found else ()
    measure = (
        "share of each class's labelled pixels that were found, its means, that of all labelled "
        "pixels (aAcc), and IoU weighted by the classes' pixels (FWIoU), in percent"
    )
    return ClassTable(f"{name}-accuracy", f"{what}, accuracy", measure, columns)


def _boundaries(
    name: str, what: str, found: Sequence[str], classes: Sequence[str]
) -> ClassTable | None:
    """IoU near the edges of classes, if the protocol asked for it."""
    pattern = r"boundary_mIoU[^\[]*"
    means = _by_size([each for each in found if re.fullmatch(pattern, each)], len(classes))
    if not means:
        return None
    columns = tuple(percent(f"boundary_IoU:{each}", each) for each in classes)
    columns += tuple(
        percent(each, f"boundary {_title(each.removeprefix('boundary_'), len(classes))}")
        for each in means
    )
    measure = "IoU of the pixels near the edges of each class and its means, in percent"
    return ClassTable(f"{name}-boundary", f"{what}, edges", measure, columns)


def _labels(comparison: Comparison, classes: Sequence[str]) -> tuple[str, ...]:
    """What the labels themselves leave out: pixels that are ignored, classes that do not occur."""
    line = f"Labels: {number(comparison, 'ignored', '.2%')} of the pixels are ignored"
    if absent := without_truth(comparison, "class_accuracy", classes):
        line += f"; no pixel of {', '.join(absent)}"
    return (f"{line}.",)


def _conditions(found: Sequence[str], means: Sequence[str], classes: int) -> tuple[Column, ...]:
    matches = [match for name in found if (match := _CONDITION.fullmatch(name))]
    tags = sorted({match["tag"] for match in matches})
    known = {match.group() for match in matches}
    return tuple(
        percent(f"{mean}[{tag}]", f"{_title(mean, classes)} {tag}")
        for tag in tags
        for mean in means
        if f"{mean}[{tag}]" in known
    )


def _by_size(means: Sequence[str], classes: int) -> list[str]:
    return sorted(means, key=lambda name: (-_size(name, classes), name))


def _title(mean: str, classes: int) -> str:
    return f"mIoU ({_size(mean, classes)})"


def _size(mean: str, classes: int) -> int:
    """Classes in a mean: the number in its name, all of them if there is none."""
    digits = re.search(r"\d+", mean)
    return int(digits.group()) if digits else classes
