"""MSRS detection subset: 80 images with boxes of persons and cars."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ivif_bench.data import known, references
from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.layouts.msrs import day_or_night
from ivif_bench.data.layouts.paired_folders import BoxOptions, PairedFolders, PairFolders
from ivif_bench.data.yolo_text import read_yolo
from ivif_bench.errors import UserError
from ivif_bench.files import read_text
from ivif_bench.types import Boxes, Pair

SPECS = (
    LayoutSpec(
        name="msrs-detection",
        entry="MSRSDetection",
        title="MSRS (detection)",
        summary="80 pairs, boxes of person and car: detection/{ir,vi,labels} with YOLO text",
        source="Tang et al., PIAFusion, Information Fusion 2022; github.com/Linfeng-Tang/MSRS",
        terms="no licence file; derived from MFNet",
        bibtex=references.MSRS,
        options=BoxOptions,
    ),
)

# The label files keep COCO-80 numbers: a reader that expects 0 and 1 finds no car.
COCO_NUMBERS = {0: "person", 2: "car"}


class MSRSDetection(PairedFolders):
    """``root`` is MSRS or MSRS/detection.

    Files are named by bare numbers (``1.png`` is ``00001D.png``); day and night are known only
    where ``meta/detection_names.csv`` (columns ``detection``, ``image``) lies beside.
    """

    detection_classes = ("person", "car")
    known = known.MSRS_DETECTION

    def __init__(self, root: Path, name: str, options: BoxOptions) -> None:
        super().__init__(root, name, options)
        base = self.folders[0].infrared.parent
        self._images = read_names(base.parent / "meta" / "detection_names.csv")

    def _find_folders(self) -> list[PairFolders]:
        infrared, visible = self.demand([("ir", "vi")], inside=("detection", "."))
        labels = infrared.parent / "labels"
        return [PairFolders(infrared, visible, annotations=labels, suffix=".txt")]

    def read_boxes(self, pair: Pair, path: Path) -> Boxes:
        from ivif_bench.data.images import size_of

        return read_yolo(path, COCO_NUMBERS, size_of(pair.visible))

    def tags_of(self, stem: str) -> tuple[str, ...]:
        return day_or_night(self._images.get(stem, stem))


def read_names(path: Path) -> dict[str, str]:
    """Stem in the full set (``00001D``) by detection number (``1``); empty without the file."""
    if not path.exists():
        return {}
    try:
        lines = io.StringIO(read_text(path), newline="")
        return {row["detection"]: row["image"] for row in csv.DictReader(lines)}
    except (OSError, UnicodeDecodeError, KeyError, csv.Error) as problem:
        raise UserError(
            f"{path}: expected CSV columns 'detection' and 'image' ({problem!r})"
        ) from problem
