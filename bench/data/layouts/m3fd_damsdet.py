"""M3FD in the layout of DAMSDet's code: folders of both parts, boxes as COCO JSON."""

from __future__ import annotations

from pathlib import Path

from ivif_bench.data import known, references
from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.coco import read_coco
from ivif_bench.data.layouts.m3fd import CLASSES
from ivif_bench.data.layouts.paired_folders import BoxOptions, PairedFolders, PairFolders
from ivif_bench.errors import UserError, first_few
from ivif_bench.types import Boxes, Pair

SPECS = (
    LayoutSpec(
        name="m3fd-damsdet",
        entry="M3FDDAMSDet",
        title="M3FD",
        summary="M3FD in DAMSDet's layout: {train,val}_{ir,vis}_img, annotations/*.json; unverified",
        source="Liu et al., TarDAL, CVPR 2022; layout of github.com/gjj45/DAMSDet",
        terms="no licence stated for the images; some labels may be wrong or missing (authors)",
        bibtex=references.M3FD,
        options=BoxOptions,
    ),
)

# DAMSDet's "val" list is the one that its results are reported on.
_PARTS = {"train": "train", "val": "test"}


class M3FDDAMSDet(PairedFolders):
    """Boxes are read by class name from the file in ``annotations`` whose name contains the part.

    The folders are those that the code names; its images were not read here.
    """

    detection_classes = CLASSES
    known = known.M3FD
    options: BoxOptions

    def __init__(self, root: Path, name: str, options: BoxOptions) -> None:
        super().__init__(root, name, options)
        self._boxes: dict[Path, dict[str, Boxes]] = {}

    def _find_folders(self) -> list[PairFolders]:
        found, choices = [], []
        for folder, part in _PARTS.items():
            sides = (f"{folder}_ir_img", f"{folder}_vis_img")
            choices.append(sides)
            if (places := self.locate([sides], inside=(".", "coco_m3fd"))) is not None:
                boxes = self._annotations(places[0].parent / "annotations", folder)
                found.append(PairFolders(*places, part=part, annotations=boxes))
        if not found:
            raise self.no_folders(choices, inside=(".", "coco_m3fd"))
        return found

    def _annotations(self, folder: Path, part: str) -> Path:
        files = sorted(path for path in folder.glob("*.json") if part in path.stem)
        if len(files) != 1:
            names = first_few([path.name for path in files]) or "none"
            raise UserError(
                f"dataset {self.name!r}: {folder} must hold one JSON file with {part!r} in its name, "
                f"found {names}"
            )
        return files[0]

    def read_boxes(self, pair: Pair, path: Path) -> Boxes:
        if path not in self._boxes:
            self._boxes[path] = read_coco(path)
        if pair.stem not in self._boxes[path]:
            raise UserError(f"{path}: no entry for image {pair.stem!r} under 'images'")
        return self._boxes[path][pair.stem]
