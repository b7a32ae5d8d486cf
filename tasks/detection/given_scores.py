"""Scores of a user's boxes without a run: rows of one table, and COCO's twelve statistics."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivif_bench.fingerprints import Fingerprints
from ivif_bench.tasks.detection.adapter import DEFAULT_SCORER, DetectionAdapter, scored_by
from ivif_bench.tasks.detection.coco_eval import (
    STATISTICS,
    Evaluator,
    demand_evaluator,
    statistics,
)
from ivif_bench.tasks.detection.given_boxes import FoundBoxes, digest_of, find_boxes
from ivif_bench.tasks.detection.given_ids import GivenBoxes
from ivif_bench.tasks.detection.given_truth import GivenTruth
from ivif_bench.tasks.detection.scoring import coco_documents, score
from ivif_bench.types import About, Record

_METRICS = ("mAP50", "mAP50_95", "mAP75", "mAP50[yolov5]", "mAP50_95[yolov5]", "AP50", "AP50_95")
_COUNTS = ("name", "class", "images", "objects", "boxes")


@dataclass(frozen=True, slots=True)
class GivenScores:
    """The scores of every file of boxes.

    Attributes:
        records: as a run would hold them; the rows of the table by the names given.
        abouts: by the same names.
    """

    records: tuple[Record, ...]
    abouts: Mapping[str, About]
    _found: Mapping[str, FoundBoxes]
    _truth: GivenTruth
    _evaluator: Evaluator

    def statistics_csv(self) -> str:
        """COCO's twelve statistics as CSV: all classes together, then each, for every name.

        ``objects`` counts required ones; -1 is undefined, as COCO prints it.
        """
        truth, text = self._truth, io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*_COUNTS, *STATISTICS])
        for name, found in self._found.items():
            stems = _judged(truth, self.abouts[name])
            real = [truth.objects[stem] for stem in stems]
            mine = [found.boxes[stem] for stem in stems]
            values = statistics(*coco_documents(real, mine, truth.classes), self._evaluator)
            objects = [n for each in real for n in np.array(each.classes)[each.required]]
            boxes = [n for each in mine for n in each.classes]
            for one, row in zip(("all", *truth.classes), values, strict=True):
                counts = (
                    len(each) if one == "all" else each.count(one) for each in (objects, boxes)
                )
                writer.writerow(
                    [name, one, len(stems), *counts, *(f"{row[s]:.6f}" for s in STATISTICS)]
                )
        return text.getvalue()


def score_given(
    truth: GivenTruth, boxes: Mapping[str, GivenBoxes], evaluator: Evaluator
) -> GivenScores:
    """Score files of boxes by name.

    Raises:
        UserError: a file cannot be used, or the evaluator is not installed.
    """
    demand_evaluator(evaluator)
    scorer, judges = scored_by(DEFAULT_SCORER, DetectionAdapter.judges, evaluator)
    fingerprint = Fingerprints(None)
    every = {name: find_boxes(given, truth.images, truth.classes) for name, given in boxes.items()}
    records: list[Record] = []
    abouts: dict[str, About] = {}
    for name, found in every.items():
        given = boxes[name]
        missing = found.lacking if given.missing == "allow" else ()
        digest = digest_of(given, fingerprint)
        stems = [stem for stem in truth.objects if stem not in missing]
        abouts[name] = About(
            split=truth.split,
            split_sha256=truth.split_sha256,
            images=len(stems),
            metrics=dict.fromkeys(_METRICS, "up"),
            classes=truth.classes,
            scorer=scorer,
            missing=missing,
            judges=judges,
            given=f"{Path(given.file).name} (sha256 {digest[:12]}): {'; '.join(found.remarks)}",
        )
        rows = score(
            {stem: truth.objects[stem] for stem in stems},
            {stem: found.boxes[stem] for stem in stems},
            truth.classes,
            evaluator=evaluator,
        )
        records += [
            Record(
                dataset=truth.title,
                method=name,
                task="detection",
                protocol="none",
                seed=0,
                metric=row.metric,
                value=row.value,
                class_name=row.class_name,
                reason=row.reason,
            )
            for row in rows
        ]
    return GivenScores(tuple(records), abouts, every, truth, evaluator)


def _judged(truth: GivenTruth, about: About) -> list[str]:
    return sorted(set(truth.objects) - set(about.missing))
