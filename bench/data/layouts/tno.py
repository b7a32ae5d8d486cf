"""TNO: gray pairs of many sizes. There is no fixed subset, so state which list was used."""

from __future__ import annotations

from ivif_bench.data import known, references
from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.layouts.paired_folders import PairedFolders, PairFolders

SPECS = (
    LayoutSpec(
        name="tno",
        entry="TNO",
        title="TNO",
        summary="pairs without boxes: {ir,vi}; the pack of 42 or any other choice",
        source="Toet, The TNO multiband image data collection, Data in Brief 2017",
        terms="free for research with citation; packs differ, so tables must name theirs",
        bibtex=references.TNO,
    ),
)


class TNO(PairedFolders):
    """Plain folders, as in the pack of 42 pairs."""

    known = known.TNO

    def _find_folders(self) -> list[PairFolders]:
        infrared, visible = self.demand([("ir", "vi")])
        return [PairFolders(infrared, visible)]
