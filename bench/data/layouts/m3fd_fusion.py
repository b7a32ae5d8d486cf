"""M3FD fusion set: 300 pairs without boxes. Its stems collide with those of the detection set."""

from __future__ import annotations

from ivif_bench.data import known, references
from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.layouts.m3fd import FOLDERS
from ivif_bench.data.layouts.paired_folders import PairedFolders, PairFolders

SPECS = (
    LayoutSpec(
        name="m3fd-fusion",
        entry="M3FDFusion",
        title="M3FD-Fusion",
        summary="300 pairs without boxes: {Ir,Vis}",
        source="Liu et al., TarDAL, CVPR 2022; github.com/JinyuanLiu-CV/TarDAL",
        terms="no licence stated; overlap with the detection set is likely: not held out from it",
        bibtex=references.M3FD,
    ),
)


class M3FDFusion(PairedFolders):
    """The official archive, with or without its top folder."""

    known = known.M3FD_FUSION

    def _find_folders(self) -> list[PairFolders]:
        infrared, visible = self.demand(FOLDERS, inside=(".", "M3FD_Fusion"))
        return [PairFolders(infrared, visible)]
