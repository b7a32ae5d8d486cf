"""MSRS: pairs with nine segmentation classes, day and night, official train and test folders."""

from __future__ import annotations

from ivif_bench.data import known, references
from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.layouts.paired_folders import PairedFolders, PairFolders

SPECS = (
    LayoutSpec(
        name="msrs",
        entry="MSRS",
        title="MSRS",
        summary="1,444 pairs, nine classes, day/night: {train,test}/{ir,vi,Segmentation_labels}",
        source="Tang et al., PIAFusion, Information Fusion 2022; github.com/Linfeng-Tang/MSRS",
        terms="no licence file; derived from MFNet",
        bibtex=references.MSRS,
    ),
)

PARTS = ("train", "test")


def day_or_night(stem: str) -> tuple[str, ...]:
    """Tag from the last letter of a stem: ``00001D`` is day, ``00003N`` is night."""
    return {"D": ("day",), "N": ("night",)}.get(stem[-1:], ())


class MSRS(PairedFolders):
    """Official folders; a copy with only one of the two parts is accepted.

    Neighbouring frames are on both sides of the official split, and some labels are empty where
    there are objects; the audit counts both.
    """

    segmentation_classes = (
        "unlabelled",
        "car",
        "person",
        "bike",
        "curve",
        "car_stop",
        "guardrail",
        "color_cone",
        "bump",
    )
    palette = (
        (0, 0, 0),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
        (0, 0, 192),
        (128, 128, 0),
        (64, 64, 128),
        (192, 128, 128),
        (192, 64, 0),
    )
    known = known.MSRS

    def _find_folders(self) -> list[PairFolders]:
        found = []
        for part in PARTS:
            sides = self.locate([(f"{part}/ir", f"{part}/vi")], inside=(".", "MSRS"))
            if sides is not None:
                infrared, visible = sides
                masks = infrared.parent / "Segmentation_labels"
                found.append(PairFolders(infrared, visible, part=part, masks=masks))
        if not found:
            raise self.no_folders([(f"{part}/ir", f"{part}/vi") for part in PARTS], (".", "MSRS"))
        return found

    def tags_of(self, stem: str) -> tuple[str, ...]:
        return day_or_night(stem)
