"""Detection: AP at IoU 0.5 per class, then the means over classes; AP at 0.75 where it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivif_bench.reports.table import Column
from ivif_bench.reports.tables import BuilderSpec
from ivif_bench.reports.tables._classes import ClassTable, metrics_of, number, percent, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ivif_bench.reports.comparison import Comparison
    from ivif_bench.reports.intervals import Resampled
    from ivif_bench.reports.table import Table

SPECS = (BuilderSpec("detection", "build"),)

_MEANS = {
    "mAP50": "mAP@0.5",
    "mAP50_95": "mAP@[.5:.95]",
    "mAP75": "mAP@0.75",
    "mAP50[all]": "mAP@0.5, all classes",
    "mAP50_95[all]": "mAP@[.5:.95], all classes",
    "mAP75[all]": "mAP@0.75, all classes",
    "mAP50[yolov5]": "mAP@0.5 [yolov5]",
    "mAP50_95[yolov5]": "mAP@[.5:.95] [yolov5]",
}

_NOT_REQUIRED = {
    "n_difficult": "difficult objects {} (one detection each is left out)",
    "n_crowd": "crowd regions {} (all detections inside are left out)",
}


def build(comparison: Comparison) -> list[Table]:
    """The table, with intervals and a table of differences if they are asked for."""
    main, *others = plain(comparison)
    if comparison.spread != "interval":
        return [main, *others]
    return [*resampled(main, comparison).tables(), *others]


def plain(comparison: Comparison) -> list[Table]:
    """Classes in the dataset's order, as in the papers' M3FD table; percent, one decimal.

    A class is ranked if it has enough boxes, the means if all classes together have. Results hold more
    metrics than a protocol asks for. AP at IoU 0.75 per class, if it is asked for, has a table of its own.
    """
    classes = comparison.about("classes")
    found, asked = metrics_of(comparison), comparison.about("metrics")
    means = [
        percent(key, title)
        for key, title in _MEANS.items()
        if key in found and (key in asked or not (asked or "75" in key))
    ]
    means += [
        Column(key, f"MR {key[4:-1]}", "down", decimals=1, scale=100)
        for key in found
        if key.startswith("mMR[")
    ]
    flagged = [
        text.format(number(comparison, key)) for key, text in _NOT_REQUIRED.items() if key in found
    ]
    lines = (f"Not required: {'; '.join(flagged)}.",) if flagged else ()

    def shown(name: str, ap: str, iou: str, means: Sequence[Column]) -> list[Table]:
        columns = (*(percent(f"{ap}:{each}", str(each)) for each in classes), *means)
        boxes = {column.key: f"n_boxes:{column.key.partition(':')[2]}" for column in columns}
        what = f"Detection on {comparison.dataset_title}"
        measure = f"AP@{iou} per class and means over classes, in percent"
        table = ClassTable(name, what, measure, columns, lines, boxes, "boxes")
        return tables(comparison, table)

    made = shown(comparison.name, "AP50", "0.5", means)
    if "AP75" in asked and len(classes) > 1:
        stricter = [column for column in means if column.key.startswith("mAP75")]
        made += shown(f"{comparison.name}-ap75", "AP75", "0.75", stricter)
    return made


def resampled(table: Table, comparison: Comparison) -> Resampled:
    """The resamples of a detection table, from the detections that the run keeps."""
    from ivif_bench.reports.detections import samples_of, stored_of
    from ivif_bench.reports.intervals import Resampled

    stored = stored_of(comparison)
    samples = samples_of(table, comparison, stored)
    images = {len(each.boxes.stems) for name in samples for each in stored[name]}
    return Resampled(table, samples, max(images, default=0), comparison.sources)
