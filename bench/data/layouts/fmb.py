"""FMB: pairs with fourteen segmentation classes, official train and test folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ivif_bench.data import known
from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.label_map import label_map
from ivif_bench.data.layouts.paired_folders import PairedFolders, PairFolders
from ivif_bench.options import NoOptions
from ivif_bench.types import Pair

SPECS = (
    LayoutSpec(
        name="fmb",
        entry="FMB",
        title="FMB",
        summary="1,500 pairs, fourteen classes: {train,test}/{Infrared,Visible,Label}; unverified",
        source="Liu et al., SegMiF, ICCV 2023; github.com/JinyuanLiu-CV/SegMiF",
        terms="no licence stated for the images",
    ),
)

PARTS = ("train", "test")


class FMB(PairedFolders):
    """Label values 1 to 14 are the classes; 0 has no label and is not judged (read as 255).

    Folders, order of the classes and colours are those that two public loaders agree on; no file of
    the set was read here.
    """

    segmentation_classes = (
        "road",
        "sidewalk",
        "building",
        "lamp",
        "sign",
        "vegetation",
        "sky",
        "person",
        "car",
        "truck",
        "bus",
        "motorcycle",
        "bicycle",
        "pole",
    )
    palette = (
        (228, 228, 179),
        (133, 57, 181),
        (177, 162, 67),
        (50, 178, 200),
        (199, 45, 132),
        (84, 172, 66),
        (79, 73, 179),
        (166, 99, 76),
        (253, 121, 66),
        (91, 165, 137),
        (152, 97, 155),
        (140, 153, 105),
        (158, 215, 222),
        (90, 113, 135),
    )
    known = known.FMB

    def __init__(self, root: Path, name: str, options: NoOptions) -> None:
        super().__init__(root, name, options)
        values = {each: value for value, each in enumerate(self.segmentation_classes, start=1)}
        self._labels = label_map(values, [0])

    def _find_folders(self) -> list[PairFolders]:
        return parts_of(self, "Infrared", "Visible", "Label", (".", "FMB"))

    def stored_mask(self, pair: Pair) -> np.ndarray:
        return super().stored_mask(pair) if pair.mask is None else self._labels.read(pair.mask)


def parts_of(
    dataset: PairedFolders, infrared: str, visible: str, labels: str, inside: tuple[str, ...]
) -> list[PairFolders]:
    """``{train,test}/{infrared,visible,labels}``; a copy with one of the two parts is accepted."""
    found = []
    for part in PARTS:
        sides = dataset.locate([(f"{part}/{infrared}", f"{part}/{visible}")], inside)
        if sides is not None:
            masks = sides[0].parent / labels
            found.append(PairFolders(*sides, part=part, masks=masks))
    if not found:
        raise dataset.no_folders([(f"{p}/{infrared}", f"{p}/{visible}") for p in PARTS], inside)
    return found
