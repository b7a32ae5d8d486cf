"""PST900: underground scenes with four object classes, official train and test folders."""

from __future__ import annotations

from ivif_bench.data import known
from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.layouts.fmb import parts_of
from ivif_bench.data.layouts.paired_folders import PairedFolders, PairFolders, voc_palette

SPECS = (
    LayoutSpec(
        name="pst900",
        entry="PST900",
        title="PST900",
        summary="894 pairs, four object classes: {train,test}/{rgb,thermal,labels}; unverified",
        source="Shivakumar et al., PST900, ICRA 2020; github.com/ShreyasSkandanS/pst900_thermal_rgb",
        terms="see the authors' repository",
    ),
)


class PST900(PairedFolders):
    """The 8-bit ``thermal`` images are used, not ``thermal_raw`` (16 bits).

    Class ids are in the order of the paper's table, by which a third party checked the numbers of
    objects. Some public loaders name 1 hand drill and 3 fire extinguisher instead, which changes the
    names of two rows but not the mean. No file of the set was read here.
    """

    segmentation_classes = ("background", "fire_extinguisher", "backpack", "hand_drill", "survivor")
    palette = voc_palette(5)
    known = known.PST900

    def _find_folders(self) -> list[PairFolders]:
        return parts_of(self, "thermal", "rgb", "labels", (".", "PST900_RGBT_Dataset"))
