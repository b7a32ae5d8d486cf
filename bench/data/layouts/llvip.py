"""LLVIP: night street scenes with boxes of persons, in the official and in a per-part layout."""

from __future__ import annotations

from pathlib import Path

from ivif_bench.data import known, references
from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.coco import read_coco
from ivif_bench.data.layouts.paired_folders import CornerOptions, PairedFolders, PairFolders
from ivif_bench.data.voc import read_voc
from ivif_bench.errors import UserError
from ivif_bench.types import Boxes, Pair

SPECS = (
    LayoutSpec(
        name="llvip",
        entry="LLVIP",
        title="LLVIP",
        summary="15,488 pairs, boxes of persons: {infrared,visible}/{train,test} with Annotations",
        source="Jia et al., LLVIP, ICCV workshops 2021; github.com/bupt-ai-cz/LLVIP",
        terms="non-commercial, cite, do not identify people",
        bibtex=references.LLVIP,
        options=CornerOptions,
    ),
)

PARTS = ("train", "test")


class LLVIP(PairedFolders):
    """``{infrared,visible}/{train,test}`` with ``Annotations/*.xml`` (official), or
    ``{train,test}/{ir,vi}`` with ``instances.json`` (COCO) beside the images that have boxes."""

    detection_classes = ("person",)
    known = known.LLVIP
    options: CornerOptions  # by default unshifted: as the published COCO conversion

    def __init__(self, root: Path, name: str, options: CornerOptions) -> None:
        super().__init__(root, name, options)
        self._coco: dict[Path, dict[str, Boxes]] = {}

    def _find_folders(self) -> list[PairFolders]:
        found, choices = [], []
        for part in PARTS:
            official = (f"infrared/{part}", f"visible/{part}")
            plain = (f"{part}/ir", f"{part}/vi")
            choices += [official, plain]
            if (sides := self.locate([official])) is not None:
                found.append(PairFolders(*sides, part=part, annotations=self.root / "Annotations"))
            elif (sides := self.locate([plain])) is not None:
                instances = self.root / part / "instances.json"
                boxes = instances if instances.exists() else None
                found.append(PairFolders(*sides, part=part, annotations=boxes))
        if not found:
            raise self.no_folders(choices)
        return found

    def read_boxes(self, pair: Pair, path: Path) -> Boxes:
        if path.suffix != ".json":
            return read_voc(path, self.options.corner_origin)
        if path not in self._coco:
            self._coco[path] = read_coco(path)
        if pair.stem not in self._coco[path]:
            raise UserError(f"{path}: no entry for image {pair.stem!r} under 'images'")
        return self._coco[path][pair.stem]
