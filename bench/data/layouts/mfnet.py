"""MFNet: images of four channels (RGB and infrared) with nine segmentation classes, day and night."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ivif_bench.data import known
from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.layouts.msrs import MSRS, day_or_night
from ivif_bench.data.layouts.paired_folders import PairedFolders, PairFolders, lists_in
from ivif_bench.errors import UserError
from ivif_bench.types import Progress

SPECS = (
    LayoutSpec(
        name="mfnet",
        entry="MFNet",
        title="MFNet",
        summary="1,569 pairs, nine classes, day/night: images (four channels), labels, lists",
        source="Ha et al., MFNet, IROS 2017; mi.t.u-tokyo.ac.jp/static/projects/mil_multispectral",
        terms="see the authors' page",
    ),
)

SIDES = "channels"


class MFNet(PairedFolders):
    """``data prepare`` writes the two sides of ``images`` into ``channels/{ir,vi}``, without loss.

    Folders and lists are as public loaders read them; no file of the set was read here.
    """

    segmentation_classes = MSRS.segmentation_classes
    palette = MSRS.palette
    known = known.MFNET

    @classmethod
    def complete(cls, root: Path, progress: Progress) -> str:
        """Write the infrared and the visible side of every image of four channels, once."""
        from ivif_bench.data.channels import split_channels

        images = root / "images"
        if not images.is_dir():
            return ""
        written = split_channels(images, root / SIDES / "ir", root / SIDES / "vi", progress)
        return f"{root / SIDES}: {written} images of four channels split into ir and vi"

    def _find_folders(self) -> list[PairFolders]:
        inside = (SIDES, ".")
        if self.locate([("ir", "vi")], inside) is None and (self.root / "images").is_dir():
            raise UserError(
                f"dataset {self.name!r}: {self.root / 'images'} holds images of four channels; "
                f"'ivif-bench data prepare mfnet --root {self.root}' writes the two sides into "
                f"{self.root / SIDES}"
            )
        infrared, visible = self.demand([("ir", "vi")], inside)
        return [PairFolders(infrared, visible, masks=self.root / "labels")]

    def official_splits(self) -> Mapping[str, tuple[str, ...]]:
        """The published lists ``train.txt``, ``val.txt`` and ``test.txt``."""
        return lists_in(self.root)

    def tags_of(self, stem: str) -> tuple[str, ...]:
        return day_or_night(stem)
