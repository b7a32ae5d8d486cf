"""FLIR-aligned: both sides in one folder, boxes of persons, cars and bicycles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.layouts.paired_folders import CornerOptions, PairedFolders, PairFolders
from ivif_bench.data.patterns import parse_pattern
from ivif_bench.data.split_lists import read_list
from ivif_bench.data.voc import read_voc
from ivif_bench.types import Boxes, Pair

SPECS = (
    LayoutSpec(
        name="flir",
        entry="FLIR",
        title="FLIR-aligned",
        summary="boxes of three classes: JPEGImages, Annotations, align_*.txt; unverified",
        source="Zhang et al., ICIP 2020 (aligned copy of the FLIR ADAS set)",
        terms="FLIR's terms",
        options=CornerOptions,
    ),
)

_INFRARED = "_PreviewData"
_LISTS = {"train": "align_train.txt", "test": "align_validation.txt"}


class FLIR(PairedFolders):
    """``JPEGImages/{stem}_PreviewData.jpeg`` is infrared, ``{stem}_RGB.jpg`` visible; boxes are those
    of ``Annotations/{stem}_PreviewData.xml``, drawn on the infrared image.

    Some copies have boxes of ``dog``: leave them out by ``ignore_classes``, as published results do.
    Names are as public code reads them; no file of the set was read here.
    """

    detection_classes = ("person", "car", "bicycle")
    options: CornerOptions

    def _find_folders(self) -> list[PairFolders]:
        images, _ = self.demand([("JPEGImages", "JPEGImages")], inside=(".", "align"))
        return [
            PairFolders(
                images,
                images,
                annotations=images.parent / "Annotations",
                suffix=f"{_INFRARED}.xml",
                infrared_names=parse_pattern(str(images / f"{{stem}}{_INFRARED}.jpeg")),
                visible_names=parse_pattern(str(images / "{stem}_RGB.jpg")),
            )
        ]

    def official_splits(self) -> Mapping[str, tuple[str, ...]]:
        """``align_train.txt`` and ``align_validation.txt``, which is the test part."""
        base = self.folders[0].infrared.parent
        return {
            part: tuple(name.removesuffix(_INFRARED) for name in read_list(base / name_of_list))
            for part, name_of_list in _LISTS.items()
            if (base / name_of_list).is_file()
        }

    def read_boxes(self, pair: Pair, path: Path) -> Boxes:
        return read_voc(path, self.options.corner_origin)
