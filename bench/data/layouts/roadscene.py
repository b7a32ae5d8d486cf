"""RoadScene: 221 pairs of driving video, nearly all of different sizes."""

from __future__ import annotations

from ivif_bench.data import known, references
from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.layouts.paired_folders import PairedFolders, PairFolders

SPECS = (
    LayoutSpec(
        name="roadscene",
        entry="RoadScene",
        title="RoadScene",
        summary="221 pairs without boxes: {cropinfrared,crop_LR_visible} or {ir,vi}",
        source="Xu et al., U2Fusion, TPAMI 2020; github.com/hanna-xu/RoadScene",
        terms="no licence; derived from FLIR video, FLIR terms apply",
        bibtex=references.ROADSCENE,
    ),
)


class RoadScene(PairedFolders):
    """``cropinfrared`` fits ``crop_LR_visible``; the other official folders differ in size."""

    known = known.ROADSCENE

    def _find_folders(self) -> list[PairFolders]:
        infrared, visible = self.demand([("cropinfrared", "crop_LR_visible"), ("ir", "vi")])
        return [PairFolders(infrared, visible)]
